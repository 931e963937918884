//! How long a body may take, and how long nothing of it may come.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::base::clock;

use super::BodyError;

/// The limits of one body, at least one of which is set.
#[derive(Debug, Default)]
pub(super) struct Timed {
    deadline: Option<Pin<Box<Sleep>>>,
    idle: Option<(Duration, Pin<Box<Sleep>>)>,
}

// === impl Timed ===

impl Timed {
    pub(super) fn until(&mut self, deadline: std::time::Instant) {
        self.deadline = Some(Box::pin(sleep_until(Instant::from_std(deadline))));
    }

    pub(super) fn idle_for(&mut self, limit: Duration) {
        self.idle = Some((limit, Box::pin(sleep(limit))));
    }

    /// Something has come.
    pub(super) fn beat(&mut self) {
        if let Some((limit, alarm)) = &mut self.idle {
            alarm.as_mut().reset(Instant::from_std(clock::now() + *limit));
        }
    }

    /// Waits until the first limit is passed.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<BodyError> {
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(BodyError::Deadline);
        }
        if let Some((_, alarm)) = &mut self.idle
            && alarm.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(BodyError::Idle);
        }
        Poll::Pending
    }
}
