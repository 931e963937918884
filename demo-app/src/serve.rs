//! Serves the routes on a socket until told to stop, then finishes what runs.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::failure::MAX_DELAY;

/// The longest drain: any request that is running may take [`MAX_DELAY`], and then its answer still has to be read.
const MAX_DRAIN: Duration = MAX_DELAY.saturating_add(Duration::from_secs(5));

/// How long to leave the listening socket alone when it reports that the process has no descriptors left.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// In a response's extensions: end the connection instead of sending the response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CloseConnection;

/// A handler asked for [`CloseConnection`].
#[derive(Debug, Error)]
#[error("the failure mode closed the connection")]
struct Closed;

/// Serves `app` on `listener` until `stop` completes, then answers every request that has begun, and returns when all
/// connections have ended.
///
/// HTTP/1.1 with keep-alive, or HTTP/2 where a client begins with that; an idle connection is left open for as long as its client likes.
pub async fn serve(listener: TcpListener, app: Router, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, app.clone(), graceful.watcher()));
                }
                Err(error) => rest_after(&error).await,
            },
            // Only to forget it: how it ended concerns its client, who has seen it end.
            Some(_ended) = connections.join_next() => {}
        }
    }
    drop(listener);
    // What is still open after the longest drain is a client that neither sends nor leaves; the process ends with it.
    let _outcome = tokio::time::timeout(MAX_DRAIN, graceful.shutdown()).await;
}

/// Serves one connection from its first request to its end.
async fn converse(stream: TcpStream, app: Router, watcher: Watcher) {
    // Without it a response that follows another waits for the client's delayed acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        eprintln!("cannot switch off Nagle's algorithm: {error}");
    }
    let service = service_fn(move |request| answer(app.clone(), request));
    let builder = auto::Builder::new(TokioExecutor::new());
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    // A connection that ends badly concerns its client only, who has seen it end.
    let _ended = watcher.watch(connection).await;
}

async fn answer(app: Router, request: Request<Incoming>) -> Result<Response<Body>, Closed> {
    let answered: Result<_, Infallible> = app.oneshot(request.map(Body::new)).await;
    let Ok(response) = answered;
    if response.extensions().get::<CloseConnection>().is_some() {
        return Err(Closed);
    }
    Ok(response)
}

/// A client that went away before it was accepted is nothing to wait for; a lack of descriptors is, and nothing says
/// when it ends.
async fn rest_after(error: &io::Error) {
    let about_the_client = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    );
    if !about_the_client {
        eprintln!("cannot accept a connection: {error}");
        tokio::time::sleep(ACCEPT_BACKOFF).await;
    }
}
