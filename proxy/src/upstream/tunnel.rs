//! A connection to a host that has become a pair of bodies: what was asked for was not a response but the connection.

use std::cell::RefCell;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::base::task::{self, Guarded};
use crate::message::Body;
use crate::message::body::BodyError;
use crate::transport::Stream;

/// How much is read at once.
const CHUNK: usize = 16 * 1024;

/// The books of a connection that is a tunnel; dropped when both its directions are.
pub(super) trait Books: fmt::Debug {
    /// It is the host who ends it.
    fn ended_by_host(&self);

    /// Whether the host's end is the end of its bytes; otherwise it breaks the tunnel off.
    fn ends_in_order(&self) -> bool;
}

/// The connection, of which both directions have a part.
#[derive(Debug)]
struct Shared<B> {
    stream: RefCell<Stream>,
    books: B,
}

/// From the host.
#[derive(Debug)]
struct Download<B> {
    shared: Rc<Shared<B>>,
    ended: bool,
    _upload: Guarded,
}

/// Sends `up` to the host, and gives what comes from it.
pub(super) fn open<B: Books + 'static>(stream: Stream, books: B, up: Body) -> Body {
    let shared = Rc::new(Shared { stream: RefCell::new(stream), books });
    let upload = task::spawn_guarded(upload(shared.clone(), up));
    Body::other(Download { shared, ended: false, _upload: upload })
}

async fn upload<B: Books>(shared: Rc<Shared<B>>, mut body: Body) {
    while let Some(frame) = body.frame().await {
        // A body that breaks off takes the response with it, and that this task.
        let Ok(frame) = frame else { return };
        let Ok(mut data) = frame.into_data() else { continue };
        if let Err(error) = poll_fn(|cx| shared.poll_write_all(cx, &mut data)).await {
            // Who reads learns of it, too.
            tracing::debug!(%error, "upstream connection broke");
            return;
        }
    }
    let ended = poll_fn(|cx| Pin::new(&mut *shared.stream.borrow_mut()).poll_shutdown(cx)).await;
    if let Err(error) = ended {
        tracing::debug!(%error, "upstream connection broke");
    }
}

// === impl Shared ===

impl<B> Shared<B> {
    fn poll_write_all(&self, cx: &mut Context<'_>, data: &mut Bytes) -> Poll<io::Result<()>> {
        let mut stream = self.stream.borrow_mut();
        while !data.is_empty() {
            match ready!(Pin::new(&mut *stream).poll_write(cx, data))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => drop(data.split_to(written)),
            }
        }
        // TLS keeps what the system does not take.
        Pin::new(&mut *stream).poll_flush(cx)
    }

    fn poll_read(&self, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        let mut chunk = [0; CHUNK];
        let mut buffer = ReadBuf::new(&mut chunk);
        ready!(Pin::new(&mut *self.stream.borrow_mut()).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(Bytes::copy_from_slice(buffer.filled())))
    }
}

// === impl Download ===

impl<B: Books> http_body::Body for Download<B> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let read = ready!(self.shared.poll_read(cx));
        if let Ok(bytes) = &read
            && !bytes.is_empty()
        {
            return Poll::Ready(Some(Ok(Frame::data(bytes.clone()))));
        }
        self.ended = true;
        self.shared.books.ended_by_host();
        let in_order = read.is_ok() && self.shared.books.ends_in_order();
        Poll::Ready((!in_order).then_some(Err(BodyError::Closed)))
    }
}
