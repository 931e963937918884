//! Questions to services over gRPC: one message there, one back.

use std::rc::Rc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue, TE};
use http::{HeaderName, Method, Uri};
use http_body_util::BodyExt as _;
use prost::Message;

use crate::message::body::BodyError;
use crate::message::{Body, Request, grpc, headers};

use super::connect::millis;
use super::failure::Failure;
use super::{Local, client};

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// A flag and the length stand before each message.
const PREFIX: usize = 5;

/// The largest answer that is kept: what gRPC's own clients take where nobody says otherwise.
const MOST_ANSWERED: usize = 4 * 1024 * 1024;

/// The largest number that a `grpc-timeout` may have.
const MOST_TIMEOUT: u64 = 99_999_999;

/// Why there is no answer to a question.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The question was not answered at all.
    #[error("no answer: {0:?}")]
    Failed(Failure),
    /// The answer broke off.
    #[error("the answer broke off: {0}")]
    BrokeOff(#[from] BodyError),
    /// The service answered that it cannot.
    #[error("the call ended with the status {0}")]
    Status(String),
    /// What it answered is no answer.
    #[error("the answer is none: {0}")]
    Malformed(&'static str),
}

/// Asks `path` of a cluster's hosts for an answer within the timeout, none of which is for ever.
///
/// # Errors
/// There is no answer.
pub async fn call<Q: Message, A: Message + Default>(
    local: &Rc<Local>,
    path: &'static str,
    question: &Q,
    timeout: Option<Duration>,
) -> Result<A, CallError> {
    let request = request(local, path, question, timeout);
    let response = client::send(local, request, timeout).await.map_err(CallError::Failed)?;
    let status = response.status();
    let (head, mut body) = response.into_parts();
    if !status.is_success() {
        return Err(CallError::Status(format!("{status} of HTTP")));
    }
    let (mut answer, mut trailers) = (BytesMut::new(), None);
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) if answer.len() + data.len() > MOST_ANSWERED => {
                return Err(CallError::Malformed("it is too long"));
            }
            Ok(data) => answer.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    // With a head alone, that is the end too.
    ended_well(trailers.as_ref().unwrap_or(&head.headers))?;
    decode(answer.freeze())
}

fn request<Q: Message>(
    local: &Local,
    path: &'static str,
    question: &Q,
    timeout: Option<Duration>,
) -> Box<Request> {
    let mut request = Request::new(Body::full(encode(question)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = Uri::from_static(path);
    let fields = request.headers_mut();
    // What is no host is left out; the codec then says another one.
    if let Ok(host) = HeaderValue::from_str(&local.cluster.name) {
        fields.insert(HOST, host);
    }
    fields.insert(TE, HeaderValue::from_static("trailers"));
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    if let Some(timeout) = timeout {
        let millis = millis(timeout);
        if let Ok(text) = HeaderValue::from_str(&format!("{}m", millis.min(MOST_TIMEOUT))) {
            fields.insert(GRPC_TIMEOUT, text);
        }
        fields.insert(headers::X_ENVOY_EXPECTED_RQ_TIMEOUT_MS, HeaderValue::from(millis));
    }
    client::mark(fields);
    Box::new(request)
}

fn encode<Q: Message>(question: &Q) -> Bytes {
    let length = question.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX + length);
    bytes.put_u8(0);
    // Nothing that is asked is longer than what a length can say.
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    bytes.extend_from_slice(&question.encode_to_vec());
    bytes.freeze()
}

fn ended_well(fields: &HeaderMap) -> Result<(), CallError> {
    match fields.get(grpc::GRPC_STATUS) {
        Some(status) if status == "0" => Ok(()),
        Some(status) => Err(CallError::Status(String::from_utf8_lossy(status.as_bytes()).into())),
        None => Err(CallError::Malformed("it has no status")),
    }
}

fn decode<A: Message + Default>(mut answer: Bytes) -> Result<A, CallError> {
    if answer.len() < PREFIX {
        return Err(CallError::Malformed("it has no message"));
    }
    if answer.get_u8() != 0 {
        return Err(CallError::Malformed("it is compressed, which nobody asked for"));
    }
    let length = answer.get_u32() as usize;
    if answer.len() != length {
        return Err(CallError::Malformed("it is not one message"));
    }
    A::decode(answer).map_err(|_error| CallError::Malformed("it is of another type"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{CallError, decode, encode, ended_well};

    #[test]
    fn what_is_encoded_is_decoded() {
        let question = String::from("who");
        assert_eq!(encode(&question)[..5], [0, 0, 0, 0, 5]);
        assert_eq!(decode::<String>(encode(&question)).unwrap(), question);
        assert_eq!(decode::<()>(encode(&())).unwrap(), ());
    }

    #[test]
    fn only_zero_is_well() {
        let fields = |status: &str| [("grpc-status".parse().unwrap(), status.parse().unwrap())];
        assert!(ended_well(&fields("0").into_iter().collect()).is_ok());
        let failed = ended_well(&fields("14").into_iter().collect());
        assert!(matches!(failed, Err(CallError::Status(status)) if status == "14"));
        assert!(matches!(ended_well(&Default::default()), Err(CallError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn no_answer_is_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            // Whatever comes of it, it comes back.
            let _decoded = decode::<String>(bytes.into());
        }
    }
}
