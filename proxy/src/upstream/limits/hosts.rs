//! `per_host_thresholds`: how many connections one host may have, whoever opens them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::config::cluster::{CircuitBreakers, RoutingPriority};

/// The limits of a cluster's hosts.
#[derive(Debug)]
pub struct Hosts {
    default: Option<u32>,
    high: Option<u32>,
    /// The connections of each host, for as long as anybody has a pool of them. Pools are made once for each worker and
    /// host, so a lock does no harm.
    taken: Mutex<HashMap<SocketAddr, Weak<AtomicU32>>>,
}

/// The limit of one host, for requests of one priority; connections of the other count too, as in Envoy.
#[derive(Clone, Debug)]
pub struct HostLimit {
    taken: Arc<AtomicU32>,
    most: u32,
}

/// The right to one connection.
#[derive(Debug)]
pub struct HostPermit(Arc<AtomicU32>);

// === impl Hosts ===

impl Hosts {
    pub(super) fn new(config: &CircuitBreakers) -> Self {
        let [default, high] = [&config.default, &config.high].map(|one| one.max_host_connections);
        Self { default, high, taken: Mutex::default() }
    }

    /// The limit of the host at that address; none if its connections are not limited.
    pub fn of(&self, address: SocketAddr, priority: RoutingPriority) -> Option<HostLimit> {
        if self.default.is_none() && self.high.is_none() {
            return None;
        }
        let most = match priority {
            RoutingPriority::Default => self.default,
            RoutingPriority::High => self.high,
        };
        let mut hosts = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let known = hosts.get(&address).and_then(Weak::upgrade);
        let taken = known.unwrap_or_else(|| {
            hosts.retain(|_, taken| taken.strong_count() > 0);
            let taken = Arc::default();
            hosts.insert(address, Arc::downgrade(&taken));
            taken
        });
        Some(HostLimit { taken, most: most.unwrap_or(u32::MAX) })
    }
}

// === impl HostLimit ===

impl HostLimit {
    /// One connection more, unless the host has as many as it may.
    pub fn take(&self) -> Option<HostPermit> {
        let one_more = |taken| (taken < self.most).then_some(taken + 1);
        let taken = self.taken.fetch_update(Ordering::AcqRel, Ordering::Relaxed, one_more);
        taken.is_ok().then(|| HostPermit(self.taken.clone()))
    }

    /// One connection more in any case.
    pub fn take_anyway(&self) -> HostPermit {
        self.taken.fetch_add(1, Ordering::AcqRel);
        HostPermit(self.taken.clone())
    }
}

// === impl HostPermit ===

impl Drop for HostPermit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
