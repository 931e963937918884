//! How far the end has come: told once, seen by every connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::watch;

/// How far the end has come.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Phase {
    /// Serving.
    Running = 0,
    /// Nothing new is accepted on a connection beyond what it already carries; it is told to close.
    Draining = 1,
    /// What still runs is cut off.
    Closing = 2,
}

/// The one who tells.
#[derive(Clone, Debug)]
pub struct Drain(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Beside the channel, since it is read for every response.
    phase: AtomicU8,
    told: watch::Sender<Phase>,
}

// === impl Drain ===

impl Drain {
    /// A drain that has not begun.
    pub fn new() -> Self {
        let told = watch::Sender::new(Phase::Running);
        Self(Arc::new(Inner { phase: AtomicU8::new(0), told }))
    }

    /// Moves on to `phase`; never back.
    pub fn tell(&self, phase: Phase) {
        self.0.phase.fetch_max(phase as u8, Ordering::Release);
        self.0.told.send_if_modified(|now| {
            let later = phase > *now;
            if later {
                *now = phase;
            }
            later
        });
    }

    /// Whether `phase` was reached.
    pub fn reached(&self, phase: Phase) -> bool {
        self.0.phase.load(Ordering::Acquire) >= phase as u8
    }

    /// Waits until `phase` is reached.
    pub async fn until(&self, phase: Phase) {
        let mut told = self.0.told.subscribe();
        // An error would mean that the sender is gone, and `self` holds it.
        let _ = told.wait_for(|now| *now >= phase).await;
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}
