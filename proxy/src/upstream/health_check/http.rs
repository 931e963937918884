//! Checks a host by an HTTP request.

use std::sync::Arc;

use ::http::header::{CONTENT_LENGTH, HOST, HeaderValue, USER_AGENT};
use ::http::uri::{Authority, Scheme, Uri};
use ::http::{HeaderMap, HeaderName, Version, response};
use http_body_util::BodyExt;

use crate::base::clock;
use crate::config::health_check::Http;
use crate::message::header_parser::HeaderParser;
use crate::message::{Body, Request};
use crate::stream_info::{Downstream, Protocol, StreamInfo};
use crate::upstream::pool::ExchangeError;

use super::checker::Target;
use super::link::Link;
use super::payload;
use super::progress::{Failed, Failure, Outcome};

/// Who asks.
pub(super) const AGENT: HeaderValue = HeaderValue::from_static("Envoy/HC");

const IMMEDIATE_FAIL: HeaderName = HeaderName::from_static("x-envoy-immediate-health-check-fail");
const DEGRADED: HeaderName = HeaderName::from_static("x-envoy-degraded");
const CLUSTER: HeaderName = HeaderName::from_static("x-envoy-upstream-healthchecked-cluster");

/// One host's checks.
pub(super) struct Client {
    target: Target,
    config: Arc<Http>,
    headers: Option<Arc<HeaderParser>>,
    link: Option<Link>,
}

// === impl Client ===

impl Client {
    pub(super) fn new(target: Target, config: Arc<Http>) -> Self {
        let headers = HeaderParser::new(&config.headers);
        Self { target, config, headers, link: None }
    }

    /// Forgets the connection.
    pub(super) fn reset(&mut self) {
        self.link = None;
    }

    pub(super) async fn check(&mut self) -> Outcome {
        let outcome = self.exchange().await.unwrap_or_else(|error| {
            tracing::debug!(address = %self.target.address, %error, "health check: no answer");
            self.link = None;
            Outcome::failed(Failure::Network)
        });
        if !self.target.reuse {
            self.link = None;
        }
        outcome
    }

    async fn exchange(&mut self) -> Result<Outcome, Box<dyn std::error::Error>> {
        let version = if self.config.http2 { Version::HTTP_2 } else { Version::HTTP_11 };
        let request = self.request(version);
        let link = self.link.take().filter(|link| !link.is_ended());
        let link = match link {
            Some(link) => link,
            None => Link::open(&self.target, version).await?,
        };
        let reply = self.link.insert(link).send(request).await;
        let mut reply = reply.map_err(|error: ExchangeError| error)?;
        let body = self.body(reply.response.body_mut()).await?;
        let (head, _rest) = reply.response.into_parts();
        Ok(self.judge(&head, &body))
    }

    fn request(&self, version: Version) -> Request {
        let mut request = Request::new(match self.config.send.is_empty() {
            true => Body::empty(),
            false => Body::full(self.config.send.clone()),
        });
        *request.version_mut() = version;
        // The loader has checked the method and the path.
        *request.method_mut() = self.config.method.parse().unwrap_or_default();
        *request.uri_mut() = self.config.path.parse().unwrap_or_default();
        let headers = request.headers_mut();
        if let Ok(host) = HeaderValue::from_str(&self.target.authority) {
            headers.insert(HOST, host);
        }
        headers.insert(USER_AGENT, AGENT);
        if let Some(parser) = &self.headers {
            parser.change_request(&mut request, &self.target.info(version));
        }
        if !self.config.send.is_empty() {
            let length = HeaderValue::from(self.config.send.len());
            request.headers_mut().insert(CONTENT_LENGTH, length);
        }
        if version == Version::HTTP_2 {
            request.headers_mut().remove(HOST);
            *request.uri_mut() = absolute(&self.target.authority, request.uri());
        }
        request
    }

    /// The part of the body that is looked at; all of it is received.
    async fn body(&self, body: &mut Body) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
        let most = match self.config.response_buffer {
            0 => usize::MAX,
            most => usize::try_from(most).unwrap_or(usize::MAX),
        };
        let most = if self.config.receive.is_empty() { 0 } else { most };
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                let room = most.saturating_sub(bytes.len()).min(data.len());
                bytes.extend_from_slice(&data[..room]);
            }
        }
        Ok(bytes)
    }

    fn judge(&self, head: &response::Parts, body: &[u8]) -> Outcome {
        let status = head.status.as_u16();
        let has = |name| head.headers.contains_key(name);
        let failed = Failed { status, ..Failed::of(Failure::Active) };
        let excluded = has(IMMEDIATE_FAIL);
        let within = |ranges: &[std::ops::Range<u16>]| ranges.iter().any(|it| it.contains(&status));
        if !payload::contains(body, &self.config.receive) {
            return Outcome::Failed(Failed { excluded, ..failed });
        }
        if !within(&self.config.expected) {
            let retriable = within(&self.config.retriable);
            return Outcome::Failed(Failed { retriable, excluded, ..failed });
        }
        if let Some(wanted) = &self.config.service_name {
            self.target.verified.inc();
            if !wanted.matches(text(&head.headers, &CLUSTER)) {
                return Outcome::Failed(failed);
            }
        }
        Outcome::Passed { degraded: has(DEGRADED) }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h [u8] {
    headers.get(name).map_or(b"", HeaderValue::as_bytes)
}

/// The URI of an HTTP/2 request, which has its authority in there.
pub(super) fn absolute(authority: &str, path: &Uri) -> Uri {
    let mut parts = ::http::uri::Parts::default();
    parts.scheme = Some(Scheme::HTTP);
    // What no URI can say is the name of a cluster; `localhost` stands for "here" (RFC 6761).
    let authority = authority.parse().unwrap_or_else(|_| Authority::from_static("localhost"));
    parts.authority = Some(authority);
    parts.path_and_query = path.path_and_query().cloned();
    Uri::from_parts(parts).unwrap_or_default()
}

// === impl Target ===

impl Target {
    /// What formats in added headers can print of a check.
    pub(super) fn info(&self, version: Version) -> StreamInfo {
        let here = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
        let protocol = if version == Version::HTTP_2 { Protocol::Http2 } else { Protocol::Http11 };
        let downstream = Downstream::new(here, here);
        let mut info = StreamInfo::new(clock::now(), protocol, downstream);
        info.upstream_host = Some(self.host);
        info
    }
}
