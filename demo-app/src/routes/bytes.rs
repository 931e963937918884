//! `/bytes/{count}`: so many bytes, as fast as somebody reads them.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};

use crate::error::Error;

/// How much of it there is at a time.
const CHUNK: usize = 64 * 1024;

/// What it is made of: lines of 64 characters.
static LINES: [u8; CHUNK] = lines();

/// What is still to come.
struct Rest(u64);

/// Answers with `count` bytes of text. None of them is there before it is asked for.
pub(crate) async fn counted(Path(given): Path<String>) -> Result<Response, Error> {
    let Ok(count) = given.parse() else { return Err(Error::Bytes { given }) };
    let body = Body::new(Rest(count).map_err(|never| match never {}));
    Ok(([(CONTENT_TYPE, "text/plain")], body).into_response())
}

const fn lines() -> [u8; CHUNK] {
    let mut lines = [b'.'; CHUNK];
    let mut end = 63;
    while end < CHUNK {
        lines[end] = b'\n';
        end += 64;
    }
    lines
}

// === impl Rest ===

impl hyper::body::Body for Rest {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let length = usize::try_from(self.0).unwrap_or(CHUNK).min(CHUNK);
        if length == 0 {
            return Poll::Ready(None);
        }
        self.0 -= length as u64;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&LINES[..length])))))
    }

    fn is_end_stream(&self) -> bool {
        self.0 == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
}
