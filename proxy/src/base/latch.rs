//! Something that happens once, and those who wait for it.

use tokio::sync::SetOnce;

/// Set once; never unset.
#[derive(Debug, Default)]
pub struct Latch(SetOnce<()>);

// === impl Latch ===

impl Latch {
    /// Not set yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets it, and wakes who waits.
    pub fn set(&self) {
        // An error says that it is set already.
        let _ = self.0.set(());
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        self.0.initialized()
    }

    /// Waits until it is set.
    pub async fn wait(&self) {
        self.0.wait().await;
    }
}
