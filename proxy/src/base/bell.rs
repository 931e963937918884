//! Something that happens again and again, and those who want to know that it has happened since they last looked.

use tokio::sync::watch;

/// Rung by whoever changed something, from any thread.
#[derive(Clone, Debug)]
pub struct Bell(watch::Sender<()>);

/// Hears a bell.
#[derive(Debug)]
pub struct Ear(watch::Receiver<()>);

// === impl Bell ===

impl Bell {
    /// Not rung yet.
    pub fn new() -> Self {
        Self(watch::Sender::new(()))
    }

    /// Rings it. Who has not listened since the last time hears both as one.
    pub fn ring(&self) {
        self.0.send_replace(());
    }

    /// Hears it from now on.
    pub fn ear(&self) -> Ear {
        Ear(self.0.subscribe())
    }
}

impl Default for Bell {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Ear ===

impl Ear {
    /// Waits until the bell has been rung since the last time, and says whether there is still somebody to ring it.
    pub async fn hears(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}
