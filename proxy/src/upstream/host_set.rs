//! The hosts of a cluster at one moment, made ready for choosing.

use std::sync::Arc;

use crate::config::lb::LoadBalancing;

use super::Host;
use super::lb::Group;
use super::subsets::Subsets;

/// An immutable list of hosts; a change publishes a new one.
#[derive(Debug, Default)]
pub struct HostSet {
    hosts: Vec<Arc<Host>>,
    whole: Group,
    subsets: Option<Box<Subsets>>,
}

// === impl HostSet ===

impl HostSet {
    /// A set of these hosts, by the health that they have now.
    pub(super) fn new(mut hosts: Vec<Arc<Host>>, settings: &LoadBalancing) -> Self {
        // Envoy lists them by priority, whatever the order of the file.
        if !hosts.is_sorted_by_key(|host| host.traits().place.priority) {
            hosts.sort_by_cached_key(|host| host.traits().place.priority);
        }
        let whole = Group::new(&hosts, 0..hosts.len() as u32, settings);
        let subsets = settings.subsets.as_ref();
        let subsets = subsets.map(|subsets| Box::new(Subsets::new(&hosts, settings, subsets)));
        Self { hosts, whole, subsets }
    }

    /// All hosts, by priority.
    pub fn hosts(&self) -> &[Arc<Host>] {
        &self.hosts
    }

    /// Their subsets, where the cluster makes any.
    pub fn subsets(&self) -> Option<&Subsets> {
        self.subsets.as_deref()
    }

    /// All of them as balancing sees them.
    pub fn group(&self) -> &Group {
        &self.whole
    }
}
