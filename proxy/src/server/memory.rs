//! Gives back to the system what loading the configuration took.

use std::thread;
use std::time::Duration;

/// The allocator (mimalloc, `purge_delay`) keeps freed memory for a second, in case it is wanted again.
const KEPT: Duration = Duration::from_millis(1_100);

/// Waits until the allocator may part with what has been freed so far, and has it do so: it looks when a thread ends,
/// and here none does otherwise.
pub(super) async fn give_back() {
    tokio::time::sleep(KEPT).await;
    match thread::Builder::new().name(String::from("give_back")).spawn(|| {}) {
        // A thread that does nothing is over at once.
        Ok(thread) => drop(thread.join()),
        Err(error) => tracing::debug!(%error, "freed memory stays with us"),
    }
}
