//! Holds the body of a response until it has come in whole, for filters that put into its head what comes at its end.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body as _;

use crate::message::Body;
use crate::message::body::BodyError;

/// All of a body.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// What came, or what of it was to be kept.
    pub(super) chunks: VecDeque<Bytes>,
    /// The length of the chunks together.
    pub(super) length: usize,
    /// What came after it.
    pub(super) trailers: Option<HeaderMap>,
}

/// Why there is no such body.
#[derive(Debug)]
pub enum Gap {
    /// It is longer than may be held.
    TooLong,
    /// It broke off.
    Broken(BodyError),
}

/// What is done with what goes beyond the limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Beyond {
    /// The body is given up.
    Refuse,
    /// It is thrown away.
    Drop,
}

/// Holds a body, of which at most `most` bytes are kept.
pub(super) async fn gather(body: &mut Body, most: usize, beyond: Beyond) -> Result<Gathered, Gap> {
    let mut gathered = Gathered::default();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
        match frame.map_err(Gap::Broken)?.into_data() {
            Ok(data) => {
                let room = most - gathered.length;
                if data.len() > room && beyond == Beyond::Refuse {
                    return Err(Gap::TooLong);
                }
                let kept = data.slice(..data.len().min(room));
                gathered.length += kept.len();
                gathered.chunks.push_back(kept);
            }
            Err(frame) => gathered.trailers = frame.into_trailers().ok(),
        }
    }
    Ok(gathered)
}

// === impl Gathered ===

impl Gathered {
    /// All of it in one piece.
    pub(super) fn concat(&self) -> Vec<u8> {
        let mut whole = Vec::with_capacity(self.length);
        self.chunks.iter().for_each(|chunk| whole.extend_from_slice(chunk));
        whole
    }

    /// Takes the first bytes away.
    pub(super) fn skip(&mut self, mut bytes: usize) {
        bytes = bytes.min(self.length);
        self.length -= bytes;
        for chunk in &mut self.chunks {
            let here = bytes.min(chunk.len());
            drop(chunk.split_to(here));
            bytes -= here;
        }
    }
}
