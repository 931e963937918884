//! Requests that wait for a connection, the first that came first.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use tokio::sync::oneshot;

use crate::upstream::connect::ConnectError;

/// What a request that waits is told.
type Told<L> = Result<L, ConnectError>;

/// Requests that wait.
#[derive(Debug)]
pub(super) struct Waiting<L> {
    /// The next one's number: they stand in this order.
    next: Cell<u64>,
    queue: RefCell<VecDeque<(u64, oneshot::Sender<Told<L>>)>>,
}

/// A request's place among them. Dropping it gives the place up, and what it was given goes to `unwanted`.
#[derive(Debug)]
pub(super) struct Place<'a, L> {
    waiting: &'a Waiting<L>,
    number: u64,
    told: oneshot::Receiver<Told<L>>,
    unwanted: fn(L),
}

// === impl Waiting ===

impl<L> Waiting<L> {
    pub(super) fn new() -> Self {
        Self { next: Cell::new(0), queue: RefCell::default() }
    }

    /// Queues one more.
    pub(super) fn queue(&self, unwanted: fn(L)) -> Place<'_, L> {
        let number = self.next.get();
        self.next.set(number + 1);
        let (tell, told) = oneshot::channel();
        self.queue.borrow_mut().push_back((number, tell));
        Place { waiting: self, number, told, unwanted }
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.queue.borrow().len()
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.borrow().is_empty()
    }

    /// Gives it to the one who has waited longest, or back if nobody waits.
    pub(super) fn give(&self, lease: L) -> Option<L> {
        let Some((_, tell)) = self.queue.borrow_mut().pop_front() else { return Some(lease) };
        // Whoever gives up takes its place out of the queue, so it is there.
        tell.send(Ok(lease)).err()?.ok()
    }

    /// Tells everybody that there will be no connection.
    pub(super) fn fail(&self, error: &ConnectError) {
        let failed = std::mem::take(&mut *self.queue.borrow_mut());
        for (_, tell) in failed {
            // The same holds here.
            let _ = tell.send(Err(error.clone()));
        }
    }
}

// === impl Place ===

impl<L> Place<'_, L> {
    /// Waits for what it is told.
    pub(super) async fn wait(mut self) -> Told<L> {
        // The queue keeps the sender until it has told.
        (&mut self.told).await.unwrap_or(Err(ConnectError::Timeout))
    }
}

impl<L> Drop for Place<'_, L> {
    fn drop(&mut self) {
        if let Ok(index) = {
            let queue = self.waiting.queue.borrow();
            queue.binary_search_by_key(&self.number, |(number, _)| *number)
        } {
            self.waiting.queue.borrow_mut().remove(index);
        } else if let Ok(Ok(lease)) = self.told.try_recv() {
            (self.unwanted)(lease);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::Waiting;
    use crate::upstream::connect::ConnectError;

    type Lease = (u32, Rc<Cell<u32>>);

    fn unwanted((number, returned): Lease) {
        returned.set(number);
    }

    #[tokio::test]
    async fn who_has_waited_longest_is_served_first() {
        let (waiting, returned) = (Waiting::new(), Rc::new(Cell::new(0)));
        let [first, given_up, last] = [(); 3].map(|()| waiting.queue(unwanted));
        drop(given_up);
        assert_eq!(waiting.len(), 2);
        for number in 1..=2 {
            assert!(waiting.give((number, returned.clone())).is_none());
        }
        assert_eq!(waiting.give((3, returned.clone())).unwrap().0, 3, "nobody waits");
        assert_eq!(last.wait().await.unwrap().0, 2);
        assert_eq!(first.wait().await.unwrap().0, 1);
        assert_eq!(returned.get(), 0);
    }

    #[test]
    fn what_was_given_to_one_who_gives_up_is_not_lost() {
        let (waiting, returned) = (Waiting::new(), Rc::new(Cell::new(0)));
        let place = waiting.queue(unwanted);
        assert!(waiting.give((7, returned.clone())).is_none());
        drop(place);
        assert_eq!(returned.get(), 7);
    }

    #[tokio::test]
    async fn all_are_told_of_a_failure() {
        let waiting: Waiting<Lease> = Waiting::new();
        let places = [(); 2].map(|()| waiting.queue(unwanted));
        waiting.fail(&ConnectError::Timeout);
        assert!(waiting.is_empty());
        for place in places {
            assert!(matches!(place.wait().await, Err(ConnectError::Timeout)));
        }
    }
}
