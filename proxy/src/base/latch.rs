//! Something that happens once, and those who wait for it.

use tokio::sync::watch;

/// Set once; never unset.
#[derive(Debug)]
pub struct Latch(watch::Sender<bool>);

// === impl Latch ===

impl Latch {
    /// Not set yet.
    pub fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Sets it, and wakes who waits.
    pub fn set(&self) {
        self.0.send_replace(true);
    }

    /// Waits until it is set.
    pub async fn wait(&self) {
        let mut set = self.0.subscribe();
        // An error would mean that the sender is gone, and `self` holds it.
        let _ = set.wait_for(|set| *set).await;
    }
}

impl Default for Latch {
    fn default() -> Self {
        Self::new()
    }
}
