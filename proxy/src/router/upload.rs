//! Knows when a request has come in whole, which is when its route timeout begins.

use std::cell::Cell;
use std::rc::Rc;

use http::HeaderMap;
use tokio::sync::Notify;

use crate::message::body::{BodyError, Watch};

/// Whether a request's body has come in whole.
#[derive(Debug, Default)]
pub(super) struct Upload {
    done: Cell<bool>,
    told: Notify,
}

/// Follows the body.
#[derive(Debug)]
pub(super) struct Progress(pub(super) Rc<Upload>);

// === impl Upload ===

impl Upload {
    /// Waits until it has.
    pub(super) async fn done(&self) {
        if !self.done.get() {
            self.told.notified().await;
        }
    }
}

impl Watch for Progress {
    fn data(&mut self, _bytes: usize) {}

    fn end(self: Box<Self>, _trailers: Option<&HeaderMap>) {
        self.0.done.set(true);
        self.0.told.notify_one();
    }

    fn failed(self: Box<Self>, _error: &BodyError) {}
}
