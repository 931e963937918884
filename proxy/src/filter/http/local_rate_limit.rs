//! `envoy.filters.http.local_ratelimit`: refuses requests for which no token is left, in this process.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode};

use crate::base::{clock, random};
use crate::config::http_filter as config;
use crate::config::http_filter::VirtualHostLimits;
use crate::config::rate_limit::{Descriptor, RateLimit};
use crate::config::route::Fraction;
use crate::message::header_parser::HeaderParser;
use crate::message::local_reply::LocalReply;
use crate::message::{Request, Response, hop_by_hop};
use crate::stats::{Scope, stats};

use super::token_bucket::TokenBucket;
use super::{Context, Flow, Override, descriptors};

stats! {
    /// Stats of a local rate limit, under `<stat_prefix>.http_local_rate_limit.`
    struct LimitStats {
        /// Requests that the limit looked at
        enabled: Counter,
        /// Requests that were refused
        enforced: Counter,
        /// Requests that got a token
        ok: Counter,
        /// Requests that got no token
        rate_limited: Counter,
    }
}

/// `status` of gRPC for what is exhausted.
const RESOURCE_EXHAUSTED: u8 = 8;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// The filter, or what a level of a route table has in its place.
#[derive(Debug)]
pub(super) struct LocalRateLimit {
    config: config::LocalRateLimit,
    status: StatusCode,
    /// For all connections, unless each has its own.
    buckets: Buckets,
    request_headers: Option<Arc<HeaderParser>>,
    response_headers: Option<Arc<HeaderParser>>,
    stats: LimitStats,
}

/// The buckets of a limit.
#[derive(Debug)]
pub(super) struct Buckets {
    default: Option<Arc<TokenBucket>>,
    descriptors: Vec<(Descriptor, Arc<TokenBucket>)>,
}

/// What became of a request.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// The bucket that its response tells of.
    bucket: Option<Arc<TokenBucket>>,
    /// What is added to its refusal.
    refusal: Option<Arc<HeaderParser>>,
}

// === impl LocalRateLimit ===

impl LocalRateLimit {
    /// Its stats are below `root`.
    pub(super) fn new(config: &config::LocalRateLimit, root: &Scope) -> Self {
        let scope = root.scope(&config.stat_prefix).scope("http_local_rate_limit");
        Self {
            status: StatusCode::from_u16(config.status).unwrap_or(StatusCode::TOO_MANY_REQUESTS),
            buckets: Buckets::new(config),
            request_headers: HeaderParser::new(&config.request_headers),
            response_headers: HeaderParser::new(&config.response_headers),
            stats: LimitStats::register(&scope),
            config: config.clone(),
        }
    }

    pub(super) fn decode(
        &self,
        request: &mut Request,
        verdict: &mut Verdict,
        cx: &Context<'_, '_>,
    ) -> Flow {
        let said = cx.overrides().find_map(|said| match said {
            Override::LocalRateLimit(limit) => Some(&**limit),
            _ => None,
        });
        said.unwrap_or(self).limit(request, verdict, cx)
    }

    fn limit(&self, request: &mut Request, verdict: &mut Verdict, cx: &Context<'_, '_>) -> Flow {
        if !is_hit(self.config.enabled) {
            return Flow::Continue;
        }
        self.stats.enabled.inc();
        let buckets = match cx.around.filter(|_| self.config.per_connection) {
            Some(around) => around.kept.buckets.get_or_init(|| Buckets::new(&self.config)),
            None => &self.buckets,
        };
        let (bucket, allowed) = self.take(buckets, request, cx);
        // Of a bucket that never holds a token Envoy says nothing.
        let says = |bucket: &&Arc<TokenBucket>| self.config.says_limits && bucket.most() > 0.0;
        verdict.bucket = bucket.filter(says).cloned();
        if allowed {
            self.stats.ok.inc();
            return Flow::Continue;
        }
        self.stats.rate_limited.inc();
        if !is_hit(self.config.enforced) {
            if let Some(parser) = &self.request_headers {
                parser.change_request(request, cx.info);
                hop_by_hop::strip_response(request.headers_mut());
            }
            return Flow::Continue;
        }
        self.stats.enforced.inc();
        tracing::debug!(limit = self.config.stat_prefix, "rate limited");
        verdict.refusal.clone_from(&self.response_headers);
        let mut reply = LocalReply::rate_limited(self.status, "local_rate_limited");
        reply.grpc_status = self.config.resource_exhausted.then_some(RESOURCE_EXHAUSTED);
        Flow::Reply(reply)
    }

    /// Takes a token out of each bucket that is for this request, the one that fills slowest first. Says which bucket
    /// decided.
    fn take<'b>(
        &self,
        buckets: &'b Buckets,
        request: &Request,
        cx: &Context<'_, '_>,
    ) -> (Option<&'b Arc<TokenBucket>>, bool) {
        let now = clock::now();
        let mut matching: Vec<&Arc<TokenBucket>> = Vec::new();
        if !buckets.descriptors.is_empty() {
            for descriptor in self.describe(request, cx) {
                let found = buckets.descriptors.iter().find(|(known, _)| *known == descriptor);
                matching.extend(found.map(|(_, bucket)| bucket));
            }
            matching.sort_by(|a, b| a.rate().total_cmp(&b.rate()));
        }
        if let Some(empty) = matching.iter().find(|bucket| !bucket.take(now)) {
            return (Some(*empty), false);
        }
        if (matching.is_empty() || self.config.always_consume_default)
            && let Some(bucket) = &buckets.default
            && !bucket.take(now)
        {
            return (Some(bucket), false);
        }
        (matching.first().copied().or(buckets.default.as_ref()), true)
    }

    fn describe(&self, request: &Request, cx: &Context<'_, '_>) -> Vec<Descriptor> {
        let Some(limits) = cx.routed.and_then(|routed| routed.limits) else { return Vec::new() };
        let with_host = limits.includes_host
            || match self.config.virtual_host {
                VirtualHostLimits::Include => true,
                VirtualHostLimits::Ignore => false,
                VirtualHostLimits::Override => limits.route.is_empty(),
            };
        let host: &[RateLimit] = if with_host { limits.virtual_host } else { &[] };
        descriptors::of(limits.route.iter().chain(host), self.config.stage, request, cx)
    }
}

// === impl Buckets ===

impl Buckets {
    /// Full ones.
    fn new(config: &config::LocalRateLimit) -> Self {
        let now = clock::now();
        let bucket = |config: config::TokenBucket| Arc::new(TokenBucket::new(config, now));
        let own = config.descriptors.iter();
        Self {
            default: config.bucket.map(bucket),
            descriptors: own.map(|(descriptor, own)| (descriptor.clone(), bucket(*own))).collect(),
        }
    }
}

// === impl Verdict ===

impl Verdict {
    /// Changes the refusal.
    pub(super) fn refuse(&self, reply: &mut Response, cx: &Context<'_, '_>) {
        if let Some(parser) = &self.refusal {
            parser.change_response(reply, cx.info, &mut crate::formatter::Notes::default());
        }
    }

    pub(super) fn encode(&self, response: &mut Response) {
        let Some(bucket) = &self.bucket else { return };
        let now = clock::now();
        let headers = response.headers_mut();
        let whole = |number: f64| HeaderValue::from_str(&format!("{number:.0}"));
        if let (Ok(most), Ok(left)) = (whole(bucket.most()), whole(bucket.remaining(now))) {
            headers.append(LIMIT, most);
            headers.append(REMAINING, left);
        }
        headers.append(RESET, HeaderValue::from(seconds(bucket.next(now))));
    }
}

/// Seconds, a part of one counting as one.
fn seconds(time: Duration) -> u64 {
    time.as_secs().saturating_add(u64::from(time.subsec_nanos() > 0))
}

fn is_hit(fraction: Option<Fraction>) -> bool {
    fraction.is_some_and(|fraction| fraction.includes(random::number()))
}
