//! A body whose bytes come from elsewhere on the same thread, a chunk at a time.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::Frame;

use super::{Body, BodyError};

/// Where the bytes are put. Dropping it ends the body, in order.
#[derive(Debug)]
pub struct Sender(Rc<Pipe>);

/// Where they come out.
#[derive(Debug)]
struct Receiver(Rc<Pipe>);

#[derive(Debug, Default)]
struct Pipe {
    /// What was put in and not taken out yet.
    chunk: RefCell<Option<Bytes>>,
    sender: RefCell<Option<Waker>>,
    receiver: RefCell<Option<Waker>>,
    is_sender_gone: Cell<bool>,
    is_receiver_gone: Cell<bool>,
}

/// Both ends of one.
pub fn pipe() -> (Sender, Body) {
    let pipe = Rc::new(Pipe::default());
    (Sender(pipe.clone()), Body::other(Receiver(pipe)))
}

fn wake(waker: &RefCell<Option<Waker>>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

// === impl Sender ===

impl Sender {
    /// Whether there is room for a chunk. False once nobody takes any more.
    pub fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<bool> {
        if self.0.is_receiver_gone.get() {
            return Poll::Ready(false);
        }
        if self.0.chunk.borrow().is_none() {
            return Poll::Ready(true);
        }
        self.0.sender.replace(Some(cx.waker().clone()));
        Poll::Pending
    }

    /// Puts a chunk in, for which there must be room.
    pub fn send(&self, chunk: Bytes) {
        self.0.chunk.replace(Some(chunk));
        wake(&self.0.receiver);
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.is_sender_gone.set(true);
        wake(&self.0.receiver);
    }
}

// === impl Receiver ===

impl http_body::Body for Receiver {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(chunk) = self.0.chunk.take() {
            wake(&self.0.sender);
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        if self.0.is_sender_gone.get() {
            return Poll::Ready(None);
        }
        self.0.receiver.replace(Some(cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.0.is_receiver_gone.set(true);
        wake(&self.0.sender);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use http_body_util::BodyExt as _;

    use super::pipe;

    #[tokio::test]
    async fn a_chunk_waits_for_the_one_before() {
        let (sender, mut body) = pipe();
        assert!(poll_fn(|cx| sender.poll_ready(cx)).await);
        sender.send("one".into());
        assert!(poll_fn(|cx| Poll::Ready(sender.poll_ready(cx))).await.is_pending());
        let (ready, frame) = tokio::join!(poll_fn(|cx| sender.poll_ready(cx)), body.frame());
        assert!(ready);
        assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), "one");
        drop(sender);
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn who_sends_learns_that_nobody_takes() {
        let (sender, body) = pipe();
        sender.send("one".into());
        let (ready, ()) = tokio::join!(poll_fn(|cx| sender.poll_ready(cx)), async { drop(body) });
        assert!(!ready);
    }
}
