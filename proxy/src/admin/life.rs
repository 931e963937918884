//! How the process is doing.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;

use crate::base::clock;

/// How the process is doing.
#[derive(Debug)]
pub struct Life {
    state: AtomicU8,
    /// When it started.
    pub started: Instant,
    /// The same by the wall clock.
    pub started_wall: SystemTime,
    /// Told by `/quitquitquit`.
    pub quit: Notify,
    live: OnceLock<Instant>,
}

/// Envoy's `ServerInfo.State`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum State {
    /// Serving.
    Live = 0,
    /// On its way out.
    Draining = 1,
    /// Waiting for the first hosts.
    PreInitializing = 2,
    /// Starting the workers.
    Initializing = 3,
}

// === impl Life ===

impl Life {
    /// A process that has just started.
    pub fn new(started: Instant, started_wall: SystemTime) -> Self {
        let state = AtomicU8::new(State::PreInitializing as u8);
        Self { state, started, started_wall, quit: Notify::new(), live: OnceLock::new() }
    }

    /// Where it is.
    pub fn state(&self) -> State {
        match self.state.load(Ordering::Acquire) {
            0 => State::Live,
            1 => State::Draining,
            2 => State::PreInitializing,
            _ => State::Initializing,
        }
    }

    /// Moves on.
    pub fn set(&self, state: State) {
        if state == State::Live {
            self.live.get_or_init(clock::now);
        }
        self.state.store(state as u8, Ordering::Release);
    }

    /// Since the start.
    pub fn uptime(&self) -> Duration {
        clock::now().saturating_duration_since(self.started)
    }

    /// How long it took until it could serve; none before.
    pub fn initialization(&self) -> Option<Duration> {
        Some(self.live.get()?.saturating_duration_since(self.started))
    }
}

// === impl State ===

impl State {
    /// Envoy's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "LIVE",
            Self::Draining => "DRAINING",
            Self::PreInitializing => "PRE_INITIALIZING",
            Self::Initializing => "INITIALIZING",
        }
    }
}
