//! HTTP/2 on a downstream connection.
//!
//! This speaks to the h2 library itself, as our upstream side does: hyper's server would wrap each stream into two more
//! layers for every frame to pass.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::server::{self, SendResponse};
use h2::{Reason, RecvStream};
use http::{HeaderMap, StatusCode};

use crate::base::{random, task};
use crate::message::{Body, Request, body, headers, hop_by_hop};
use crate::transport::Stream;

use super::connection::{Connection, End};
use super::ending::Ending;
use super::stream::Unanswered;
use super::{Hcm, codec, pulse, stream};

/// How many streams a client may open and reset before we have looked at them (CVE-2023-44487); hyper's number.
const MOST_RESET_BEFORE_ACCEPT: usize = 20;

/// How many streams a client may make us reset by its mistakes (CVE-2025-8671); hyper's number.
const MOST_RESET_FOR_ERRORS: usize = 1024;

/// One in how many upstream times that hardly repeat is remembered all the same.
const PUT_IN_TABLE_ANYWAY: usize = 64;

/// Speaks HTTP/2 until the connection ends.
pub(super) async fn serve(hcm: &Rc<Hcm>, connection: &Rc<Connection>, stream: Stream) -> End {
    let settings = &hcm.config.http2;
    let mut builder = server::Builder::new();
    if settings.allow_connect {
        builder.enable_connect_protocol();
    }
    let handshake = builder
        .max_header_list_size(hcm.config.max_request_headers_kb.saturating_mul(1024))
        .max_concurrent_streams(settings.max_concurrent_streams)
        .initial_window_size(settings.initial_stream_window)
        .initial_connection_window_size(settings.initial_connection_window)
        .header_table_size(settings.hpack_table_size)
        .max_send_buffer_size(hcm.buffer_limit)
        .max_pending_accept_reset_streams(MOST_RESET_BEFORE_ACCEPT)
        .max_local_error_reset_streams(Some(MOST_RESET_FOR_ERRORS))
        .handshake(stream);
    let mut streams = match codec::patiently(hcm, connection, handshake).await {
        Some(Ok(streams)) => streams,
        Some(Err(error)) => return broken(hcm, &error),
        None => return End::Local,
    };
    let ended = Ending::new(hcm, connection, true)
        .watch(
            &mut streams,
            |streams, cx| poll_streams(streams, cx, hcm, connection),
            server::Connection::graceful_shutdown,
        )
        .await;
    ended.unwrap_or_else(|error| broken(hcm, &error))
}

/// Begins a task for every stream that comes, until none will any more.
fn poll_streams(
    streams: &mut server::Connection<Stream, Bytes>,
    cx: &mut Context<'_>,
    hcm: &Rc<Hcm>,
    connection: &Rc<Connection>,
) -> Poll<Result<(), h2::Error>> {
    while let Poll::Ready(next) = streams.poll_accept(cx) {
        let Some(next) = next else { return Poll::Ready(Ok(())) };
        let (request, respond) = next?;
        // Boxed, since a task's future is moved several times on its way into the task and, spent, out of it.
        let answer = Box::pin(answer(hcm.clone(), connection.clone(), request, respond));
        let counts = hcm.clone();
        let count = move |late| counts.stats.count_late(late);
        task::spawn(pulse::in_time(connection.clone(), answer, count));
    }
    Poll::Pending
}

/// Answers one stream's request.
async fn answer(
    hcm: Rc<Hcm>,
    connection: Rc<Connection>,
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) {
    let (parts, stream) = request.into_parts();
    let body = Body::received(stream, &parts.headers);
    let served = {
        let serving = stream::serve(hcm, connection, Request::from_parts(parts, body));
        let mut serving = pin!(serving);
        poll_fn(|cx| unless_reset(serving.as_mut().poll(cx), &mut respond, cx)).await
    };
    let response = match served {
        Some(Ok(response)) => response,
        Some(Err(Unanswered::Refused | Unanswered::Broken)) => {
            return respond.send_reset(Reason::INTERNAL_ERROR);
        }
        Some(Err(Unanswered::Gone)) | None => return,
    };
    let (mut parts, body) = response.into_parts();
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        // What HTTP/1.1 calls so is here the success of an extended CONNECT (RFC 8441 §5).
        parts.status = StatusCode::OK;
        hop_by_hop::strip_response(&mut parts.headers);
    }
    keep_out_of_table(&mut parts.headers);
    let head = http::Response::from_parts(parts, ());
    // A client that is gone needs no answer; the body's guards tell the stats and the log.
    if let Ok(stream) = respond.send_response(head, body.is_empty())
        && !body.is_empty()
    {
        body::send(body, stream).await;
    }
}

/// Keeps upstream times that hardly repeat out of the table of headers that both ends remember (RFC 7541 §2.3.2): there
/// they would drive out what does, and the codec looks through all values of a name for each response. Those of one
/// digit do repeat, and put the name there, for the others to refer to; one in so many others does, too, in case
/// none is so short.
fn keep_out_of_table(fields: &mut HeaderMap) {
    if let Some(time) = fields.get_mut(headers::X_ENVOY_UPSTREAM_SERVICE_TIME)
        && time.len() > 1
        && random::below(PUT_IN_TABLE_ANYWAY) != 0
    {
        time.set_sensitive(true);
    }
}

/// What serving comes to, unless the client resets the stream before that.
fn unless_reset<T>(
    polled: Poll<T>,
    respond: &mut SendResponse<Bytes>,
    cx: &mut Context<'_>,
) -> Poll<Option<T>> {
    match polled {
        Poll::Ready(served) => Poll::Ready(Some(served)),
        Poll::Pending => respond.poll_reset(cx).map(|_reason| None),
    }
}

fn broken(hcm: &Hcm, error: &h2::Error) -> End {
    codec::ended(hcm, error, error.is_library() && !error.is_io())
}
