//! The hosts of a cluster at one moment.

use std::sync::Arc;

use super::Host;

/// An immutable list of hosts; a change publishes a new one.
#[derive(Debug, Default)]
pub struct HostSet {
    hosts: Vec<Arc<Host>>,
}

// === impl HostSet ===

impl HostSet {
    /// A set of these hosts.
    pub fn new(hosts: Vec<Arc<Host>>) -> Self {
        Self { hosts }
    }

    /// All hosts.
    pub fn hosts(&self) -> &[Arc<Host>] {
        &self.hosts
    }
}
