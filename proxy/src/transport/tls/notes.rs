//! What a handshake learns where rustls has no way to say it.
//!
//! rustls asks a verifier that all connections share, and tells it nothing of the connection. But it asks in the middle
//! of a poll of that connection's handshake, on the same thread; so the verifier leaves here what it found, and the
//! handshake takes it as soon as that poll returns.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::SignatureScheme;

use super::verify::Refusal;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Why the peer's certificate is not good.
    pub(super) refusal: Option<Refusal>,
    /// Whether it was looked at and is.
    pub(super) validated: bool,
    /// How the peer has signed.
    pub(super) scheme: Option<SignatureScheme>,
}

thread_local! {
    static NOTES: RefCell<Notes> = RefCell::default();
}

/// Leaves a note.
pub(super) fn leave(note: impl FnOnce(&mut Notes)) {
    NOTES.with_borrow_mut(note);
}

/// Runs a handshake, and gives what was left on the way.
pub(super) async fn gather<F: Future + Unpin>(mut handshake: F) -> (F::Output, Notes) {
    let mut notes = Notes::default();
    let done = std::future::poll_fn(|cx| poll(&mut handshake, cx, &mut notes)).await;
    (done, notes)
}

fn poll<F: Future + Unpin>(
    handshake: &mut F,
    cx: &mut Context<'_>,
    notes: &mut Notes,
) -> Poll<F::Output> {
    NOTES.take();
    let polled = Pin::new(handshake).poll(cx);
    let new = NOTES.take();
    notes.refusal = new.refusal.or_else(|| notes.refusal.take());
    notes.validated |= new.validated;
    notes.scheme = new.scheme.or(notes.scheme);
    polled
}
