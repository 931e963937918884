//! HTTP/1 on a downstream connection: hyper's codec with our settings, and when it ends.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, sleep_until};

use crate::base::drain::Phase;
use crate::config::hcm::DEFAULT_MAX_HEADERS_COUNT;
use crate::message::Body;
use crate::transport::Stream;

use super::connection::{Connection, End};
use super::ending::Ending;
use super::refusal::{self, Refusing};
use super::upgrade::{self, Tunnel};
use super::{Hcm, finish, linger, stream};

/// The least that hyper's HTTP/1 codec takes for a buffer.
const LEAST_BUFFER: usize = 8192;

/// Waits for `future`, but no longer than a connection, or an idle one, may last or a drain may take.
pub(super) async fn patiently<T>(
    hcm: &Hcm,
    connection: &Connection,
    future: impl Future<Output = T>,
) -> Option<T> {
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
    let lived = async {
        match hcm.config.max_connection_duration {
            Some(most) => sleep_until((connection.since + most).into()).await,
            None => std::future::pending().await,
        }
        hcm.stats.downstream_cx_max_duration_reached.inc();
    };
    tokio::select! {
        biased;
        done = future => Some(done),
        () = lived => None,
        () = idle => None,
        () = drained => None,
    }
}

/// Speaks HTTP/1 until the connection ends.
pub(super) async fn http1(hcm: &Rc<Hcm>, connection: &Rc<Connection>, stream: Stream) -> End {
    let mut builder = http1::Builder::new();
    builder
        .auto_date_header(false)
        .max_header_size(hcm.config.max_request_headers_kb as usize * 1024)
        .max_buf_size(buffer(hcm));
    if hcm.config.max_headers_count != DEFAULT_MAX_HEADERS_COUNT {
        builder.max_headers(hcm.config.max_headers_count as usize);
    }
    let io = TokioIo::new(Refusing::new(stream, hcm.clone(), connection.clone()));
    let (of, on) = (hcm.clone(), connection.clone());
    let service = service_fn(move |request: http::Request<Incoming>| {
        stream::serve(of.clone(), on.clone(), request.map(Body::incoming))
    });
    let mut codec = builder.serve_connection(io, service);
    let mut ending = Ending::new(hcm, connection, false);
    let ended = ending
        .watch(
            &mut codec,
            |codec, cx| Pin::new(codec).poll(cx),
            |codec| {
                Pin::new(codec).graceful_shutdown();
            },
        )
        .await;
    let end = ended.unwrap_or_else(|error| broken(hcm, &error));
    let parts = codec.into_parts();
    let mut io = parts.io.into_inner();
    if let Some(tunnel) = connection.take_tunnel()
        && end != End::Protocol
    {
        // Boxed: it is rare, and would be room in every connection.
        return Box::pin(upgraded(hcm, &mut ending, tunnel, (io, parts.read_buf))).await;
    }
    if let Some(reply) = ending.late_head() {
        let bytes = refusal::head_and_body(finish::refused(hcm, connection, reply), hcm);
        if io.write_all(&bytes).await.is_err() {
            return End::Remote;
        }
    }
    let patience = hcm.config.delayed_close_timeout;
    if end != End::Remote
        && linger::until_client_closes(&mut io, patience).await == linger::Gave::Up
    {
        hcm.stats.downstream_cx_delayed_close_timeout.inc();
    }
    end
}

/// Carries the bytes of a connection that was upgraded.
async fn upgraded(
    hcm: &Hcm,
    ending: &mut Ending<'_>,
    tunnel: Box<Tunnel>,
    (io, ahead): (Refusing, Bytes),
) -> End {
    let mut stream = io.into_stream();
    stream.put_back(ahead.to_vec());
    let end = upgrade::run(ending, tunnel, &mut stream).await;
    let patience = hcm.config.delayed_close_timeout;
    if end != End::Remote
        && linger::until_client_closes(&mut stream, patience).await == linger::Gave::Up
    {
        hcm.stats.downstream_cx_delayed_close_timeout.inc();
    }
    end
}

/// How much hyper may hold of a connection, either way: the listener's limit, but a whole head in any case.
fn buffer(hcm: &Hcm) -> usize {
    hcm.buffer_limit.max(hcm.config.max_request_headers_kb as usize * 1024).max(LEAST_BUFFER)
}

fn broken(hcm: &Hcm, error: &hyper::Error) -> End {
    ended(hcm, error, error.is_parse())
}

/// What an error of a codec makes of the connection's end.
pub(super) fn ended(hcm: &Hcm, error: &dyn std::error::Error, protocol: bool) -> End {
    if protocol {
        hcm.stats.downstream_cx_protocol_error.inc();
        tracing::debug!(%error, "downstream broke its protocol");
        return End::Protocol;
    }
    tracing::debug!(%error, "downstream connection broke");
    End::Remote
}
