//! `envoy.filters.http.ratelimit`: asks a service about each request whether it may go on.

mod proto;
mod quota;

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::base::random;
use crate::config::http_filter as config;
use crate::config::http_filter::{Requests, VirtualHostLimits};
use crate::config::rate_limit::RateLimit as Limit;
use crate::config::route::Fraction;
use crate::formatter::Notes;
use crate::message::header_parser::HeaderParser;
use crate::message::local_reply::LocalReply;
use crate::message::{Request, Response, headers, hop_by_hop};
use crate::upstream::stats::Origin;
use crate::upstream::{Local, grpc};

use self::proto::Code;
use super::{Context, Flow, Override, descriptors};

const METHOD: &str = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";

/// How many headers a service may add to a message, and of how many limits it may tell. What goes beyond is left out: a
/// head has room for so many by default, and nobody reads more.
const MOST: usize = 100;

/// `status` of gRPC for what is exhausted.
const RESOURCE_EXHAUSTED: u8 = 8;

/// The filter.
#[derive(Debug)]
pub(super) struct RateLimit {
    config: config::RateLimit,
    response_headers: Option<Arc<HeaderParser>>,
}

/// What the service made of a request.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// What is added to its response.
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Whether the response says `x-envoy-ratelimited`.
    says_limited: bool,
    /// Whether it is refused, and so has what is to be added already.
    refused: bool,
    /// What the file adds to its refusal.
    refusal: Option<(Arc<HeaderParser>, Notes)>,
}

// === impl RateLimit ===

impl RateLimit {
    pub(super) fn new(config: &config::RateLimit) -> Self {
        let response_headers = HeaderParser::new(&config.response_headers);
        Self { config: config.clone(), response_headers }
    }

    pub(super) async fn decode(
        &self,
        request: &mut Request,
        verdict: &mut Verdict,
        cx: &mut Context<'_, '_>,
    ) -> Flow {
        let Some((question, cluster)) = self.question(request, cx) else { return Flow::Continue };
        let asked = cx.around.and_then(|around| around.locals.get(&*self.config.cluster));
        let answer = match asked {
            // Boxed: it is large, and would be room in every request.
            Some(local) => {
                Box::pin(grpc::call(local, METHOD, &question, self.config.timeout)).await
            }
            None => Err(grpc::CallError::Malformed("there is no such cluster")),
        };
        match answer {
            Ok(answer) => self.judge(answer, request, verdict, &cluster),
            Err(error) => {
                tracing::debug!(cluster = &*self.config.cluster, %error, "no rate limit service");
                self.fail(&cluster)
            }
        }
    }

    /// What the service is asked, and the cluster that the request goes to; none if there is nothing to ask.
    fn question(
        &self,
        request: &Request,
        cx: &Context<'_, '_>,
    ) -> Option<(proto::Request, Rc<Local>)> {
        let wanted = match self.config.requests {
            Requests::Internal => cx.info.internal,
            Requests::External => !cx.info.internal,
            Requests::Both => true,
        };
        if !wanted || !is_hit(self.config.enabled) {
            return None;
        }
        let cluster = cx.routed.and_then(|routed| routed.cluster)?;
        let cluster = cx.around?.locals.get(cluster)?.clone();
        let said = cx.overrides().find_map(|said| match said {
            Override::RateLimit(said) => Some(&**said),
            _ => None,
        });
        let descriptors = self.describe(said, request, cx);
        if descriptors.is_empty() {
            return None;
        }
        let domain = said.and_then(|said| said.domain.as_ref()).unwrap_or(&self.config.domain);
        Some((proto::Request { domain: domain.clone(), descriptors }, cluster))
    }

    fn describe(
        &self,
        said: Option<&config::RateLimitPerRoute>,
        request: &Request,
        cx: &Context<'_, '_>,
    ) -> Vec<proto::Descriptor> {
        let stage = self.config.stage;
        let described = match said {
            Some(said) if !said.limits.is_empty() => {
                descriptors::counted(said.limits.iter(), stage, request, cx)
            }
            _ => {
                let Some(limits) = cx.routed.and_then(|routed| routed.limits) else {
                    return Vec::new();
                };
                let host = said.map_or_else(VirtualHostLimits::default, |said| said.virtual_host);
                let with_host = limits.includes_host
                    || match host {
                        VirtualHostLimits::Include => true,
                        VirtualHostLimits::Ignore => false,
                        VirtualHostLimits::Override => limits.route.is_empty(),
                    };
                let host: &[Limit] = if with_host { limits.virtual_host } else { &[] };
                descriptors::counted(limits.route.iter().chain(host), stage, request, cx)
            }
        };
        let descriptors = described.into_iter().map(|(entries, hits_addend)| {
            let entry = |entry: crate::config::rate_limit::Entry| proto::Entry {
                key: entry.key,
                value: entry.value,
            };
            proto::Descriptor { entries: entries.into_iter().map(entry).collect(), hits_addend }
        });
        descriptors.collect()
    }

    fn judge(
        &self,
        answer: proto::Response,
        request: &mut Request,
        verdict: &mut Verdict,
        cluster: &Local,
    ) -> Flow {
        let is_over = answer.overall_code() == Code::OverLimit;
        let stats = cluster.rate_limit_stats(&self.config.stat_prefix);
        if is_over { &stats.over_limit } else { &stats.ok }.inc();
        verdict.headers = lines(&answer.response_headers_to_add).collect();
        if self.config.says_limits {
            verdict.headers.extend(quota::headers(&answer.statuses));
        }
        if !is_over {
            add_all(request, &answer.request_headers_to_add);
            return Flow::Continue;
        }
        cluster.charge(self.config.limited_status, Origin::Internal);
        verdict.says_limited = self.config.says_limited;
        if !is_hit(self.config.enforced) {
            add_all(request, &answer.request_headers_to_add);
            return Flow::Continue;
        }
        verdict.refused = true;
        verdict.refusal = self.response_headers.as_ref().map(|parser| {
            let mut notes = Notes::default();
            parser.note_request(request, &mut notes);
            (parser.clone(), notes)
        });
        tracing::debug!(domain = self.config.domain, "over its limit, by the service");
        let status = status(self.config.limited_status);
        let mut reply = LocalReply::over_limit(status, answer.raw_body);
        reply.grpc_status = self.config.resource_exhausted.then_some(RESOURCE_EXHAUSTED);
        Flow::Reply(reply)
    }

    fn fail(&self, cluster: &Local) -> Flow {
        let stats = cluster.rate_limit_stats(&self.config.stat_prefix);
        stats.error.inc();
        if self.config.failure_denies.includes(random::number()) {
            return Flow::Reply(LocalReply::rate_limiter_error(status(self.config.error_status)));
        }
        stats.failure_mode_allowed.inc();
        Flow::Continue
    }
}

/// The loader lets only numbers of three digits through.
fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// None is all.
fn is_hit(fraction: Option<Fraction>) -> bool {
    fraction.is_none_or(|fraction| fraction.includes(random::number()))
}

/// A header that a service wants added, if it can be one. What only a connection may say is none.
fn header(said: &proto::HeaderValue) -> Option<(HeaderName, HeaderValue)> {
    let name = HeaderName::from_bytes(said.key.as_bytes()).ok()?;
    let value = if said.value.is_empty() {
        said.raw_value.clone()
    } else {
        Bytes::from(said.value.clone())
    };
    let value = HeaderValue::from_maybe_shared(value).ok()?;
    (name != http::header::HOST && name != http::header::CONTENT_LENGTH).then_some((name, value))
}

fn lines(said: &[proto::HeaderValue]) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
    said.iter().take(MOST).filter_map(header)
}

fn add_all(request: &mut Request, said: &[proto::HeaderValue]) {
    if said.is_empty() {
        return;
    }
    append(request.headers_mut(), lines(said));
    hop_by_hop::strip_response(request.headers_mut());
}

/// Adds lines, and takes none away.
fn append(fields: &mut HeaderMap, lines: impl IntoIterator<Item = (HeaderName, HeaderValue)>) {
    for (name, value) in lines {
        fields.append(name, value);
    }
}

// === impl Verdict ===

impl Verdict {
    /// Changes the refusal.
    pub(super) fn refuse(&mut self, reply: &mut Response, cx: &Context<'_, '_>) {
        if !self.refused {
            return;
        }
        self.add(reply);
        if let Some((parser, notes)) = &mut self.refusal {
            parser.change_response(reply, cx.info, notes);
        }
    }

    pub(super) fn encode(&mut self, response: &mut Response) {
        if !self.refused {
            self.add(response);
        }
    }

    fn add(&mut self, response: &mut Response) {
        let fields = response.headers_mut();
        if self.says_limited {
            fields.insert(headers::X_ENVOY_RATELIMITED, HeaderValue::from_static("true"));
        }
        if self.headers.is_empty() {
            return;
        }
        append(fields, self.headers.drain(..));
        hop_by_hop::strip_response(fields);
    }
}
