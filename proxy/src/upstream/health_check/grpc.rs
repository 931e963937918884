//! Checks a host by `grpc.health.v1.Health/Check`.

use std::sync::Arc;
use std::time::Duration;

use ::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, TE, USER_AGENT};
use ::http::uri::Uri;
use ::http::{HeaderName, Method, StatusCode, Version};
use http_body_util::BodyExt;

use crate::config::health_check::Grpc;
use crate::message::header_parser::HeaderParser;
use crate::message::{Body, Request};

use super::checker::Target;
use super::http::{AGENT, absolute};
use super::link::Link;
use super::progress::{Failure, Outcome};

const PATH: &str = "/grpc.health.v1.Health/Check";
const GRPC: &str = "application/grpc";
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// `HealthCheckResponse.ServingStatus.SERVING`.
const SERVING: u64 = 1;

/// A flag and the length stand before each message.
const PREFIX: usize = 5;

/// An answer is a number. What is longer than this is none, and is not kept.
const MOST_ANSWERED: usize = 4096;

/// The largest number that a `grpc-timeout` may have.
const MOST_TIMEOUT: u128 = 99_999_999;

/// One host's checks.
pub(super) struct Client {
    target: Target,
    headers: Option<Arc<HeaderParser>>,
    question: Vec<u8>,
    timeout: HeaderValue,
    link: Option<Link>,
}

// === impl Client ===

impl Client {
    pub(super) fn new(target: Target, config: &Grpc, timeout: Duration) -> Self {
        let headers = HeaderParser::new(&config.metadata);
        let question = question(config.service.as_deref().unwrap_or_default());
        let timeout = HeaderValue::from_str(&grpc_timeout(timeout));
        let timeout = timeout.unwrap_or_else(|_| HeaderValue::from_static("1S"));
        Self { target, headers, question, timeout, link: None }
    }

    /// Forgets the connection.
    pub(super) fn reset(&mut self) {
        self.link = None;
    }

    pub(super) async fn check(&mut self) -> Outcome {
        let outcome = match self.exchange().await {
            Ok(true) => Outcome::Passed { degraded: false },
            Ok(false) => Outcome::failed(Failure::Active),
            Err(error) => {
                tracing::debug!(address = %self.target.address, %error, "health check: no answer");
                self.link = None;
                Outcome::failed(Failure::Network)
            }
        };
        if !self.target.reuse {
            self.link = None;
        }
        outcome
    }

    /// Whether the host serves.
    async fn exchange(&mut self) -> Result<bool, Box<dyn std::error::Error>> {
        let request = self.request();
        let link = match self.link.take().filter(|link| !link.is_ended()) {
            Some(link) => link,
            None => Link::open(&self.target, Version::HTTP_2).await?,
        };
        let mut reply = self.link.insert(link).send(request).await?;
        let response = &mut reply.response;
        let kind = response.headers().get(CONTENT_TYPE);
        let is_grpc = kind.is_some_and(|kind| kind.as_bytes().starts_with(GRPC.as_bytes()));
        if response.status() != StatusCode::OK || response.body().is_empty() || !is_grpc {
            // With a head alone there may be a status, and there is no answer.
            return Ok(false);
        }
        let body = response.body_mut();
        let (mut answer, mut ended_well) = (Vec::new(), false);
        while let Some(frame) = body.frame().await {
            match frame?.into_data() {
                Ok(data) if answer.len() + data.len() > MOST_ANSWERED => return Ok(false),
                Ok(data) => answer.extend_from_slice(&data),
                Err(frame) => ended_well = frame.trailers_ref().is_some_and(is_ok),
            }
        }
        Ok(ended_well && status(&answer) == Some(SERVING))
    }

    fn request(&self) -> Request {
        let mut request = Request::new(Body::full(self.question.clone()));
        *request.version_mut() = Version::HTTP_2;
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from_static(PATH);
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(GRPC));
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(USER_AGENT, AGENT);
        if let Some(parser) = &self.headers {
            parser.change_request(&mut request, &self.target.info(Version::HTTP_2));
        }
        request.headers_mut().insert(GRPC_TIMEOUT, self.timeout.clone());
        *request.uri_mut() = absolute(&self.target.authority, request.uri());
        request
    }
}

fn is_ok(trailers: &HeaderMap) -> bool {
    trailers.get(GRPC_STATUS).is_some_and(|status| status == "0")
}

/// `HealthCheckRequest` as a message on the wire.
fn question(service: &str) -> Vec<u8> {
    let mut message = Vec::new();
    if !service.is_empty() {
        // Field 1, of text.
        message.push(1 << 3 | 2);
        let mut length = service.len();
        while length >= 0x80 {
            message.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
            length >>= 7;
        }
        message.push(u8::try_from(length).unwrap_or_default());
        message.extend_from_slice(service.as_bytes());
    }
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut framed = vec![0];
    framed.extend_from_slice(&length.to_be_bytes());
    framed.append(&mut message);
    framed
}

/// `HealthCheckResponse.status` of the one message on the wire; none if it is no such message.
fn status(answer: &[u8]) -> Option<u64> {
    let (prefix, message) = answer.split_at_checked(PREFIX)?;
    let length = u32::from_be_bytes(prefix[1..].try_into().ok()?);
    // Not compressed, and nothing after it.
    if prefix[0] != 0 || message.len() != usize::try_from(length).ok()? {
        return None;
    }
    let (mut rest, mut status) = (message, 0);
    while !rest.is_empty() {
        let tag = number(&mut rest)?;
        match tag & 7 {
            0 => {
                let value = number(&mut rest)?;
                status = if tag >> 3 == 1 { value } else { status };
            }
            1 => rest = rest.get(8..)?,
            2 => {
                let length = usize::try_from(number(&mut rest)?).ok()?;
                rest = rest.get(length..)?;
            }
            5 => rest = rest.get(4..)?,
            _ => return None,
        }
    }
    Some(status)
}

/// A number in seven bits a byte.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// As many milliseconds as the header's eight digits can say, or else larger units.
fn grpc_timeout(timeout: Duration) -> String {
    let mut time = timeout.as_millis();
    let mut unit = 'm';
    for (larger, factor) in [('S', 1000), ('M', 60), ('H', 60)] {
        if time <= MOST_TIMEOUT {
            break;
        }
        time /= factor;
        unit = larger;
    }
    format!("{}{unit}", time.min(MOST_TIMEOUT))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{SERVING, grpc_timeout, question, status};

    #[test]
    fn the_question_names_the_service() {
        assert_eq!(question(""), [0, 0, 0, 0, 0]);
        assert_eq!(question("ab"), [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        let long = question(&"x".repeat(200));
        assert_eq!(long[..8], [0, 0, 0, 0, 203, 0x0a, 0xc8, 1]);
    }

    #[test]
    fn the_answer_is_field_1() {
        assert_eq!(status(&[0, 0, 0, 0, 2, 8, 1]), Some(SERVING));
        assert_eq!(status(&[0, 0, 0, 0, 2, 8, 2]), Some(2));
        // Unknown fields of every type are passed over.
        let others = [0x12, 1, 9, 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x25, 1, 2, 3, 4, 0x28, 7];
        let mut answer = vec![0, 0, 0, 0, 21, 8, 1];
        answer.extend_from_slice(&others);
        assert_eq!(status(&answer), Some(SERVING));
        assert_eq!(status(&[0, 0, 0, 0, 0]), Some(0));
        for bad in [&[1, 0, 0, 0, 2, 8, 1][..], &[0, 0, 0, 0, 3, 8, 1], &[0, 0, 0, 0, 2, 8, 0x80]] {
            assert_eq!(status(bad), None);
        }
    }

    #[test]
    fn a_timeout_has_eight_digits_at_most() {
        let text = |seconds| grpc_timeout(Duration::from_secs(seconds));
        assert_eq!(text(1), "1000m");
        assert_eq!(text(100_000), "100000S");
        assert_eq!(text(u64::MAX), "99999999H");
    }

    proptest! {
        #[test]
        fn no_answer_is_a_panic(answer: Vec<u8>) {
            let _ = status(&answer);
        }
    }
}
