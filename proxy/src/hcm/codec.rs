//! HTTP/1 and HTTP/2 on a downstream connection: hyper's codecs with our settings, and when they end.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::time::{Sleep, sleep};

use crate::base::clock;
use crate::base::drain::Phase;
use crate::base::task::Local;
use crate::config::hcm::DEFAULT_MAX_HEADERS_COUNT;
use crate::transport::Stream;

use super::connection::{Connection, End};
use super::refusal::Refusing;
use super::{Hcm, linger, stream};

/// Waits for `future`, but no longer than an idle connection may last or a drain may take.
pub(super) async fn patiently<T>(hcm: &Hcm, future: impl Future<Output = T>) -> Option<T> {
    let idle = async {
        match hcm.config.idle_timeout {
            Some(limit) => sleep(limit).await,
            None => std::future::pending().await,
        }
        hcm.stats.downstream_cx_idle_timeout.inc();
    };
    let drained = async {
        hcm.ending.drain.until(Phase::Draining).await;
        sleep(hcm.config.drain_timeout).await;
    };
    tokio::select! {
        biased;
        done = future => Some(done),
        () = idle => None,
        () = drained => None,
    }
}

/// Speaks HTTP/1 until the connection ends.
pub(super) async fn http1(hcm: &Rc<Hcm>, connection: &Rc<Connection>, stream: Stream) -> End {
    let mut builder = http1::Builder::new();
    builder
        .auto_date_header(false)
        .max_header_size(hcm.config.max_request_headers_kb as usize * 1024);
    if hcm.config.max_headers_count != DEFAULT_MAX_HEADERS_COUNT {
        builder.max_headers(hcm.config.max_headers_count as usize);
    }
    let io = TokioIo::new(Refusing::new(stream, hcm.clone(), connection.clone()));
    let (of, on) = (hcm.clone(), connection.clone());
    let service = service_fn(move |request| stream::serve(of.clone(), on.clone(), request));
    let mut codec = builder.serve_connection(io, service);
    let ended = Ending::new(hcm, connection, false)
        .watch(
            &mut codec,
            |codec, cx| Pin::new(codec).poll(cx),
            |codec| {
                Pin::new(codec).graceful_shutdown();
            },
        )
        .await;
    let end = ended.unwrap_or_else(|error| broken(hcm, &error));
    let mut io = codec.into_parts().io.into_inner();
    if end != End::Remote && linger::until_client_closes(&mut io).await == linger::Gave::Up {
        hcm.stats.downstream_cx_delayed_close_timeout.inc();
    }
    end
}

/// Speaks HTTP/2 until the connection ends.
pub(super) async fn http2(hcm: &Rc<Hcm>, connection: &Rc<Connection>, stream: Stream) -> End {
    let settings = &hcm.config.http2;
    let (of, on) = (hcm.clone(), connection.clone());
    let service = service_fn(move |request| stream::serve(of.clone(), on.clone(), request));
    let codec = http2::Builder::new(Local)
        .auto_date_header(false)
        .max_header_list_size(hcm.config.max_request_headers_kb.saturating_mul(1024))
        .max_concurrent_streams(settings.max_concurrent_streams)
        .initial_stream_window_size(settings.initial_stream_window)
        .initial_connection_window_size(settings.initial_connection_window)
        .header_table_size(settings.hpack_table_size)
        .serve_connection(TokioIo::new(stream), service);
    let mut codec = Box::pin(codec);
    let ended = Ending::new(hcm, connection, true)
        .watch(
            &mut codec,
            |codec, cx| codec.as_mut().poll(cx),
            |codec| codec.as_mut().graceful_shutdown(),
        )
        .await;
    ended.unwrap_or_else(|error| broken(hcm, &error))
}

fn broken(hcm: &Hcm, error: &hyper::Error) -> End {
    let library = std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<h2::Error>())
        .is_some_and(|error| error.is_library() && !error.is_io());
    if error.is_parse() || library {
        hcm.stats.downstream_cx_protocol_error.inc();
        tracing::debug!(%error, "downstream broke its protocol");
        return End::Protocol;
    }
    tracing::debug!(%error, "downstream connection broke");
    End::Remote
}

/// Watches for the reasons to end a connection beside its codec's own.
struct Ending<'a> {
    hcm: &'a Hcm,
    connection: &'a Connection,
    http2: bool,
    idle: Option<Pin<Box<Sleep>>>,
    /// Whether the codec was told to end.
    told: bool,
    /// Whether the drain timer runs.
    draining: bool,
}

// === impl Ending ===

impl<'a> Ending<'a> {
    fn new(hcm: &'a Hcm, connection: &'a Connection, http2: bool) -> Self {
        let idle = hcm.config.idle_timeout.map(|limit| Box::pin(sleep(limit)));
        Self { hcm, connection, http2, idle, told: false, draining: false }
    }

    /// Runs `codec` to its end, telling it to end in time.
    async fn watch<C>(
        mut self,
        codec: &mut C,
        poll: impl Fn(&mut C, &mut Context<'_>) -> Poll<hyper::Result<()>>,
        tell: impl Fn(&mut C),
    ) -> hyper::Result<End> {
        let drain = &self.hcm.ending.drain;
        let mut drained = pin!(drain.until(Phase::Draining));
        let mut closed = pin!(drain.until(Phase::Closing));
        // A task's waker stays the same, so the drain needs to be asked again only when it has something to say.
        let mut asked = false;
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(ended) = poll(codec, cx) {
                    return Poll::Ready(ended.map(|()| self.end()));
                }
                if (!asked || drain.reached(Phase::Closing)) && closed.as_mut().poll(cx).is_ready()
                {
                    return Poll::Ready(Ok(End::Local));
                }
                if !self.draining
                    && (!asked || drain.reached(Phase::Draining))
                    && drained.as_mut().poll(cx).is_ready()
                {
                    self.begin_drain();
                }
                asked = true;
                if self.told || !self.must_end(cx) {
                    return Poll::Pending;
                }
                self.told = true;
                tell(codec);
            }
        })
        .await
    }

    /// An HTTP/2 client learns of a drain at once, by GOAWAY. An HTTP/1 client cannot be told but with a response:
    /// closing an idle connection could cross its next request, so it gets the time to send one.
    fn begin_drain(&mut self) {
        self.draining = true;
        if !self.http2 {
            self.idle = Some(Box::pin(sleep(self.hcm.config.drain_timeout)));
        }
    }

    fn must_end(&mut self, cx: &mut Context<'_>) -> bool {
        if self.http2 && (self.draining || self.connection.closes()) {
            return true;
        }
        let Some(timer) = &mut self.idle else { return false };
        while timer.as_mut().poll(cx).is_ready() {
            let left = match self.hcm.config.idle_timeout {
                _ if self.draining => Duration::ZERO,
                Some(limit) => limit.saturating_sub(self.connection.idle_for()),
                None => return false,
            };
            if left.is_zero() {
                if !self.draining {
                    self.hcm.stats.downstream_cx_idle_timeout.inc();
                }
                return true;
            }
            timer.as_mut().reset((clock::now() + left).into());
        }
        false
    }

    /// The codec has ended without an error: whose doing was it?
    fn end(&self) -> End {
        if self.told || self.connection.closes() { End::Local } else { End::Remote }
    }
}
