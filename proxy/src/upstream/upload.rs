//! Knows when a request has come in whole, which is when its route timeout begins and its upstream's time counts.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, Instant};

use http::HeaderMap;
use tokio::sync::Notify;

use crate::base::clock;
use crate::message::body::{BodyError, Watch};
use crate::message::upgrade::Given;
use crate::message::{Body, Request, Response};

use super::failure::Failure;

/// Whether a request's body has come in whole.
#[derive(Debug, Default)]
pub struct Upload {
    /// Since when it has.
    done: Cell<Option<Instant>>,
    /// Whether it has not, since it was not what its head said.
    malformed: Cell<bool>,
    told: Notify,
}

/// When a request has come in whole.
#[derive(Clone, Debug)]
pub enum Whole {
    /// It had no body.
    At(Instant),
    /// When its body has.
    With(Rc<Upload>),
}

/// Follows the body.
#[derive(Debug)]
struct Progress(Rc<Upload>);

// === impl Upload ===

impl Upload {
    async fn done(&self) {
        if self.done.get().is_none() {
            self.told.notified().await;
        }
    }
}

// === impl Whole ===

impl Whole {
    /// Follows a request that began at `start` to the end of its body, if it has one.
    pub fn of(request: &mut Request, start: Instant) -> Self {
        if request.body().is_there() || request.body().is_empty() {
            return Self::At(start);
        }
        let upload = Rc::new(Upload::default());
        let watch = Box::new(Progress(upload.clone()));
        let body = std::mem::replace(request.body_mut(), Body::empty());
        *request.body_mut() = body.watched(watch);
        Self::With(upload)
    }

    /// Waits until it has.
    pub async fn done(&self) {
        if let Self::With(upload) = self {
            upload.done().await;
        }
    }

    /// Waits for a response, but no longer than `timeout`, which begins when the request has come in whole and lasts until
    /// the response has.
    ///
    /// # Errors
    /// What `late` says, when the time is up; or what the tries come to.
    pub async fn within(
        &self,
        timeout: Option<Duration>,
        tries: impl Future<Output = Result<Response, Failure>>,
        late: impl FnOnce() -> Failure,
    ) -> Result<Response, Failure> {
        let Some(timeout) = timeout else {
            return tries.await;
        };
        let deadline = async {
            self.done().await;
            tokio::time::sleep(timeout).await;
        };
        let response = tokio::select! {
            biased;
            response = tries => response?,
            () = deadline => return Err(late()),
        };
        if self.since().is_none() && response.extensions().get::<Given>().is_some() {
            // What may come over an upgraded connection never has come in whole, so that its time never begins.
            return Ok(response);
        }
        let begun = self.since().unwrap_or_else(clock::now);
        Ok(response.map(|body| body.until(begun + timeout)))
    }

    /// Whether the request was given up for what its client did wrong.
    pub(super) fn is_malformed(&self) -> bool {
        matches!(self, Self::With(upload) if upload.malformed.get())
    }

    /// Since when it has, if it has.
    pub fn since(&self) -> Option<Instant> {
        match self {
            Self::At(since) => Some(*since),
            Self::With(upload) => upload.done.get(),
        }
    }
}

impl Watch for Progress {
    fn data(&mut self, _bytes: usize) {}

    fn end(self: Box<Self>, _trailers: Option<&HeaderMap>) {
        self.0.done.set(Some(clock::now()));
        self.0.told.notify_waiters();
    }

    fn failed(self: Box<Self>, error: &BodyError) {
        self.0.malformed.set(matches!(error, BodyError::Malformed));
    }
}
