//! A connection that health checks speak HTTP over; none of the cluster's stats or limits know of it.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;

use ::http::Version;
use bytes::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use crate::base::task::{self, Guarded};
use crate::message::{Body, Request, Response, body};
use crate::upstream::connect::ConnectError;
use crate::upstream::pool::ExchangeError;

use super::checker::Target;

/// A connection to one host. It closes when this is dropped.
pub(super) struct Link {
    sender: Sender,
    ended: Rc<Cell<bool>>,
    _driver: Guarded,
}

enum Sender {
    Http1(http1::SendRequest<Body>),
    Http2(h2::client::SendRequest<Bytes>),
}

/// A response that is under way, with what must stay as long as it is.
pub(super) struct Reply {
    pub(super) response: Response,
    /// Ends with this: the rest of a request that nobody wants.
    _upload: Option<Guarded>,
}

// === impl Link ===

impl Link {
    /// Connects.
    pub(super) async fn open(target: &Target, version: Version) -> Result<Self, ConnectError> {
        let stream = target.connect().await?;
        let broken = |error: ExchangeError| ConnectError::Handshake(Arc::new(error));
        let ended = Rc::new(Cell::new(false));
        let (sender, driver) = if version == Version::HTTP_2 {
            let (sender, connection) =
                h2::client::handshake(stream).await.map_err(|error| broken(error.into()))?;
            (Sender::Http2(sender), drive(connection, ended.clone()))
        } else {
            let (sender, connection) = http1::handshake(TokioIo::new(stream))
                .await
                .map_err(|error| broken(error.into()))?;
            (Sender::Http1(sender), drive(connection, ended.clone()))
        };
        Ok(Self { sender, ended, _driver: driver })
    }

    /// Whether it has ended.
    pub(super) fn is_ended(&self) -> bool {
        self.ended.get()
    }

    /// Sends a request and waits for the head of its response.
    pub(super) async fn send(&mut self, request: Request) -> Result<Reply, ExchangeError> {
        match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                let response = sender.send_request(request).await?.map(Body::incoming);
                Ok(Reply { response, _upload: None })
            }
            Sender::Http2(sender) => {
                poll_fn(|cx| sender.poll_ready(cx)).await?;
                let (parts, body) = request.into_parts();
                let head = ::http::Request::from_parts(parts, ());
                let (response, stream) = sender.send_request(head, body.is_empty())?;
                let upload =
                    (!body.is_empty()).then(|| task::spawn_guarded(body::send(body, stream)));
                let (parts, stream) = response.await?.into_parts();
                let body = Body::received(stream, &parts.headers);
                Ok(Reply { response: Response::from_parts(parts, body), _upload: upload })
            }
        }
    }
}

fn drive<E: std::fmt::Display>(
    connection: impl Future<Output = Result<(), E>> + 'static,
    ended: Rc<Cell<bool>>,
) -> Guarded {
    task::spawn_guarded(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection of a health check broke");
        }
        ended.set(true);
    })
}
