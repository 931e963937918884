//! What the system tells us: to end, to end at once, to open our files anew.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals we listen to.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user1: Signal,
}

/// What a signal wants.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wish {
    /// SIGTERM or SIGINT: end.
    End,
    /// SIGUSR1: open the log files anew.
    Reopen,
}

// === impl Signals ===

impl Signals {
    /// Begins to listen.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            user1: signal(SignalKind::user_defined1())?,
        })
    }

    /// The next signal's wish. SIGHUP has none, as in Envoy, but is logged.
    pub(super) async fn next(&mut self) -> Wish {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return Wish::End,
                _ = self.interrupt.recv() => return Wish::End,
                _ = self.user1.recv() => return Wish::Reopen,
                _ = self.hangup.recv() => tracing::warn!("SIGHUP is ignored"),
            }
        }
    }
}
