//! The only door to spawned tasks, all of them local to the thread that spawns them.

use std::future::Future;

use tokio::task::{JoinHandle, JoinSet};

/// Runs a task that ends with whatever it serves (an upstream connection's driver, for one).
///
/// Must be called inside a `LocalSet`.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub fn spawn(task: impl Future<Output = ()> + 'static) {
    drop::<JoinHandle<()>>(tokio::task::spawn_local(task));
}

/// A task that ends when this is dropped, if it has not before.
#[derive(Debug)]
pub struct Guarded(JoinHandle<()>);

/// Runs a task for as long as what it returns is kept.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub fn spawn_guarded(task: impl Future<Output = ()> + 'static) -> Guarded {
    Guarded(tokio::task::spawn_local(task))
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Tasks that end when their owner is dropped.
pub type Owned = JoinSet<()>;

/// Runs a task that belongs to `owner`.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub fn spawn_in(owner: &mut Owned, task: impl Future<Output = ()> + 'static) {
    owner.spawn_local(task);
}
