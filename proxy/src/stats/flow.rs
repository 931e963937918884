//! Where it is counted that reading stopped because the other side took no more, and that it went on.

use super::Counter;

/// Two counters that belong together.
#[derive(Clone, Debug)]
pub struct FlowStats {
    /// Times reading stopped.
    pub stopped: Counter,
    /// Times it went on.
    pub resumed: Counter,
}
