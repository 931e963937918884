//! Whether who takes a body still asks for it.
//!
//! An HTTP/1 codec asks for the next piece of a body as soon as it has taken one, until its buffer is full: what keeps it
//! from asking is a peer that does not read. So whoever runs the codec looks, at the end of each of its turns, whether the
//! last piece was taken and no other asked for.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::task::coop::has_budget_remaining;

use crate::stats::FlowStats;

/// Who counts that a body is not asked for: its source's side, and where it goes to.
#[derive(Clone, Debug, Default)]
pub struct Flow([Option<Rc<FlowStats>>; 2]);

/// What a codec and whoever runs it both look at, for the one body that the codec takes at a time.
#[derive(Debug, Default)]
pub struct Pace {
    /// Whether a piece was taken, which is not the last, and nothing was asked for since.
    taken: Cell<bool>,
    stopped: Cell<bool>,
    flow: RefCell<Flow>,
}

/// A body's hold on a pace. Dropping it says that nothing more is to be asked for: the codec has all that it wants.
#[derive(Debug)]
pub(super) struct Paced(Rc<Pace>);

// === impl Flow ===

impl Flow {
    /// Counts in one place.
    pub fn of(stats: &Rc<FlowStats>) -> Self {
        Self([Some(stats.clone()), None])
    }

    /// Counts in two.
    pub fn both(one: &Rc<FlowStats>, other: &Rc<FlowStats>) -> Self {
        Self([Some(one.clone()), Some(other.clone())])
    }

    /// It is not asked for any more.
    pub(super) fn stop(&self) {
        self.0.iter().flatten().for_each(|stats| stats.stopped.inc());
    }

    /// It is again.
    pub(super) fn resume(&self) {
        self.0.iter().flatten().for_each(|stats| stats.resumed.inc());
    }
}

// === impl Pace ===

impl Pace {
    /// A body begins.
    pub(super) fn begin(self: &Rc<Self>, flow: Flow) -> Paced {
        self.flow.replace(flow);
        Paced(self.clone())
    }

    /// The codec asks.
    fn ask(&self) {
        self.taken.set(false);
        if self.stopped.replace(false) {
            self.flow.borrow().resume();
        }
    }

    /// It gets a piece, which is not the last.
    fn take(&self) {
        self.taken.set(true);
    }

    /// The codec's turn is over, and it waits for something. A task whose time is up waits for nothing.
    pub fn turn_ends(&self) {
        if self.taken.get() && !self.stopped.get() && has_budget_remaining() {
            self.stopped.set(true);
            self.flow.borrow().stop();
        }
    }
}

// === impl Paced ===

impl Paced {
    /// The codec asks.
    pub(super) fn ask(&self) {
        self.0.ask();
    }

    /// It gets a piece, which is not the last.
    pub(super) fn take(&self) {
        self.0.take();
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        self.0.ask();
        self.0.flow.take();
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::{Flow, Pace};
    use crate::stats::{Counter, FlowStats};

    #[test]
    fn a_body_stops_when_a_turn_ends_after_a_piece_and_goes_on_when_it_is_asked_for() {
        let stats = Rc::new(FlowStats { stopped: Counter::default(), resumed: Counter::default() });
        let counts = || (stats.stopped.value(), stats.resumed.value());
        let pace = Rc::new(Pace::default());
        let body = pace.begin(Flow::of(&stats));
        pace.ask();
        pace.turn_ends();
        assert_eq!(counts(), (0, 0), "it waits for the body");
        pace.take();
        pace.turn_ends();
        pace.turn_ends();
        assert_eq!(counts(), (1, 0));
        pace.ask();
        pace.take();
        pace.ask();
        pace.turn_ends();
        assert_eq!(counts(), (1, 1));
        pace.take();
        pace.turn_ends();
        drop(body);
        pace.turn_ends();
        assert_eq!(counts(), (2, 2), "there is no body any more");
    }
}
