//! A text that stands among the numbers: a version, an identifier.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

/// A handle to one text; clones show and replace the same text.
#[derive(Clone, Debug, Default)]
pub struct TextReadout(Arc<ArcSwapOption<String>>);

// === impl TextReadout ===

impl TextReadout {
    /// Replaces the text.
    pub fn set(&self, text: impl Into<String>) {
        self.0.store(Some(Arc::new(text.into())));
    }

    /// The text; empty until it is set.
    pub fn value(&self) -> Arc<String> {
        self.0.load_full().unwrap_or_default()
    }

    /// Whether it was ever set: what `/stats?usedonly` shows.
    pub fn is_used(&self) -> bool {
        self.0.load().is_some()
    }
}
