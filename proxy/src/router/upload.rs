//! Knows when a request has come in whole, which is when its route timeout begins and its upstream's time counts.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use http::HeaderMap;
use tokio::sync::Notify;

use crate::base::clock;
use crate::message::body::{BodyError, Watch};
use crate::message::{Body, Request};

/// Whether a request's body has come in whole.
#[derive(Debug, Default)]
pub(super) struct Upload {
    /// Since when it has.
    done: Cell<Option<Instant>>,
    told: Notify,
}

/// When a request has come in whole.
#[derive(Clone, Debug)]
pub(super) enum Whole {
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
    pub(super) fn of(request: &mut Request, start: Instant) -> Self {
        if request.body().is_empty() {
            return Self::At(start);
        }
        let upload = Rc::new(Upload::default());
        let watch = Box::new(Progress(upload.clone()));
        let body = std::mem::replace(request.body_mut(), Body::empty());
        *request.body_mut() = body.watched(watch);
        Self::With(upload)
    }

    /// Waits until it has.
    pub(super) async fn done(&self) {
        if let Self::With(upload) = self {
            upload.done().await;
        }
    }

    /// Since when it has, if it has.
    pub(super) fn since(&self) -> Option<Instant> {
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

    fn failed(self: Box<Self>, _error: &BodyError) {}
}
