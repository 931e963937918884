//! Chooses which host gets the next request.
//!
//! What a choice depends on and all workers share is in [`Group`], which is made when hosts are published; whose turn
//! it is is in [`Balancer`], of which each worker has its own.

mod balancer;
mod edf;
mod group;
pub mod hash;
mod load;
mod table;
mod turns;

use std::fmt;

use super::Host;
use crate::config::metadata_match::MetadataMatch;

pub use self::balancer::{Balancer, Field};
pub use self::group::{Group, Priority};
pub use self::load::{Availability, Loads};
pub use self::table::Spread;

/// What is special about one choice. Nothing is, usually.
#[derive(Clone, Copy, Default)]
pub struct Context<'a> {
    /// What the route's `hash_policy` makes of the request; without it, hashes are drawn.
    pub hash: Option<u64>,
    /// What the route wants of a host's metadata, where the cluster has subsets.
    pub metadata: Option<&'a MetadataMatch>,
    /// Turns hosts down that would otherwise be chosen (`retry_host_predicate`).
    pub rejects: Option<&'a dyn Fn(&Host) -> bool>,
    /// How often a host that is turned down is chosen anew; then the last one is taken all the same
    /// (`host_selection_retry_max_attempts`).
    pub more_choices: u32,
    /// Says how much each priority gets instead (`retry_priority`).
    pub loads: Option<&'a dyn Fn(&Group) -> Loads>,
}

// === impl Context ===

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("hash", &self.hash)
            .field("metadata", &self.metadata)
            .field("rejects", &self.rejects.is_some())
            .field("more_choices", &self.more_choices)
            .field("loads", &self.loads.is_some())
            .finish()
    }
}
