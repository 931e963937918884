//! Overload: what connections and requests ask before they begin, and limits of connections.
//!
//! Who says that there is too much to do is on the main thread, and looks now and then; here it costs one look at a
//! number.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tokio::sync::watch;

use crate::base::random;
use crate::config::overload::ActionKind;
use crate::stats::Counter;

/// How strongly each action is taken at the moment.
#[derive(Debug)]
pub struct Overload {
    /// Parts of [`u32::MAX`], by [`ActionKind`].
    strengths: [AtomicU32; ActionKind::ALL.len()],
    accepting: watch::Sender<bool>,
}

/// So many connections at a time, and no more.
#[derive(Debug)]
pub struct Limit {
    most: u64,
    taken: AtomicU64,
    /// Counts those that were one too many.
    refused: Option<Counter>,
}

/// A place among them; dropping it gives it back.
#[derive(Debug)]
pub struct Slot(Arc<Limit>);

// === impl Overload ===

impl Default for Overload {
    /// Nothing is done.
    fn default() -> Self {
        Self { strengths: Default::default(), accepting: watch::Sender::new(true) }
    }
}

impl Overload {
    /// Whether a request is to be answered 503.
    pub fn refuses_request(&self) -> bool {
        self.is_hit(ActionKind::StopAcceptingRequests)
    }

    /// Whether a connection is to close after its response.
    pub fn ends_connection(&self) -> bool {
        self.is_hit(ActionKind::DisableHttpKeepalive)
    }

    /// Whether a connection that was just accepted is to be closed.
    pub fn rejects_connection(&self) -> bool {
        self.is_hit(ActionKind::RejectIncomingConnections)
    }

    /// Tells whether connections are to be accepted.
    pub fn accepting(&self) -> watch::Receiver<bool> {
        self.accepting.subscribe()
    }

    /// How strongly an action is to be taken from now on, from 0 to 1: for what share of those that it meets.
    pub fn set(&self, kind: ActionKind, strength: f64) {
        // As of Rust's casts, what is out of range becomes the nearest that is in.
        let parts = (strength * f64::from(u32::MAX)) as u32;
        self.strengths[kind as usize].store(parts, Ordering::Relaxed);
        if kind == ActionKind::StopAcceptingConnections {
            let accepts = strength < 1.0;
            self.accepting.send_if_modified(|now| std::mem::replace(now, accepts) != accepts);
        }
    }

    fn is_hit(&self, kind: ActionKind) -> bool {
        match self.strengths[kind as usize].load(Ordering::Relaxed) {
            0 => false,
            u32::MAX => true,
            parts => random::number() % u64::from(u32::MAX) < u64::from(parts),
        }
    }
}

// === impl Limit ===

impl Limit {
    /// None is taken yet.
    pub fn new(most: u64, refused: Option<Counter>) -> Arc<Self> {
        Arc::new(Self { most, taken: AtomicU64::new(0), refused })
    }

    /// One more, if there may be.
    pub fn take(self: &Arc<Self>) -> Option<Slot> {
        let one_more = |taken: u64| (taken < self.most).then_some(taken + 1);
        // Never more than there may be even for a moment: who comes just then would be refused for nothing.
        let taken = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        if taken.is_err() {
            self.refused.iter().for_each(Counter::inc);
            return None;
        }
        Some(Slot(self.clone()))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{Limit, Overload};
    use crate::config::overload::ActionKind;
    use crate::stats::Counter;

    #[test]
    fn an_action_meets_its_share() {
        let overload = Overload::default();
        let hits = || (0..10_000).filter(|_| overload.refuses_request()).count();
        assert_eq!(hits(), 0);
        overload.set(ActionKind::StopAcceptingRequests, 1.0);
        assert_eq!(hits(), 10_000);
        overload.set(ActionKind::StopAcceptingRequests, 0.25);
        // Ten standard deviations around 2500.
        assert!((2067..=2933).contains(&hits()));
        assert!(!overload.ends_connection() && !overload.rejects_connection());
        overload.set(ActionKind::StopAcceptingRequests, 0.0);
        assert_eq!(hits(), 0);
    }

    #[test]
    fn connections_are_accepted_until_there_is_nothing_left() {
        let overload = Overload::default();
        let accepting = overload.accepting();
        overload.set(ActionKind::StopAcceptingConnections, 0.99);
        assert!(*accepting.borrow());
        overload.set(ActionKind::StopAcceptingConnections, 1.0);
        assert!(!*accepting.borrow());
        overload.set(ActionKind::StopAcceptingConnections, 0.0);
        assert!(*accepting.borrow());
    }

    #[test]
    fn there_are_as_many_as_there_may_be_whoever_asks() {
        let refused = Counter::default();
        let limit = Limit::new(3, Some(refused.clone()));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|_| drop(limit.take())));
            }
        });
        let most = [limit.take(), limit.take(), limit.take()];
        assert!(most.iter().all(Option::is_some));
        let before = refused.value();
        assert!(limit.take().is_none());
        assert_eq!(refused.value(), before + 1);
        drop(most);
        assert!(limit.take().is_some());
    }
}
