//! One worker's view of a cluster: whose turn it is, and the connections it has.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::host_set::HostSet;
use super::lb::RoundRobin;
use super::pool::Pool;
use super::stats::CodeStats;
use super::{Cluster, Host};

/// One worker's view of a cluster.
#[derive(Debug)]
pub struct Local {
    /// What is shared with the other workers.
    pub cluster: Arc<Cluster>,
    codes: RefCell<CodeStats>,
    view: RefCell<View>,
}

/// One worker's view of a host.
#[derive(Debug)]
pub struct LocalHost {
    /// What is shared with the other workers.
    pub host: Arc<Host>,
    /// This worker's connections to it.
    pub pool: Pool,
}

/// The host set that this worker last saw, made ready for choosing.
#[derive(Debug)]
struct View {
    seen: Arc<HostSet>,
    hosts: Vec<Rc<LocalHost>>,
    turns: RoundRobin,
}

// === impl Local ===

impl Local {
    /// A view of `cluster`.
    pub fn new(cluster: Arc<Cluster>) -> Self {
        let view = View { seen: Arc::default(), hosts: Vec::new(), turns: RoundRobin::new(&[]) };
        Self { codes: RefCell::default(), view: RefCell::new(view), cluster }
    }

    /// The host that gets the next request; none if the cluster has none.
    pub fn choose(&self) -> Option<Rc<LocalHost>> {
        let mut view = self.view.borrow_mut();
        let hosts = self.cluster.peek_hosts();
        if !Arc::ptr_eq(&hosts, &view.seen) {
            let hosts = hosts.clone();
            view.follow(&self.cluster, hosts);
        }
        let chosen = view.turns.choose()?;
        Some(view.hosts[chosen].clone())
    }

    /// Counts a response, or the local reply that stands for one.
    pub fn charge(&self, code: u16) {
        self.cluster.stats.upstream_rq_completed.inc();
        self.codes.borrow_mut().charge(&self.cluster.scope, code);
    }

    /// Records the time to the end of a response.
    pub fn time(&self, millis: u64) {
        self.cluster.stats.upstream_rq_time.record(millis);
        self.codes.borrow_mut().time(&self.cluster.scope, millis);
    }
}

// === impl View ===

impl View {
    /// Takes over a new host set. Hosts that stay keep their connections; those of hosts that went close once they
    /// have answered.
    fn follow(&mut self, cluster: &Arc<Cluster>, seen: Arc<HostSet>) {
        let known = std::mem::take(&mut self.hosts);
        self.hosts = seen
            .hosts()
            .iter()
            .map(|host| {
                known.iter().find(|known| Arc::ptr_eq(&known.host, host)).cloned().unwrap_or_else(
                    || {
                        Rc::new(LocalHost {
                            host: host.clone(),
                            pool: Pool::new(cluster.clone(), host.clone()),
                        })
                    },
                )
            })
            .collect();
        let weights: Vec<u32> = seen.hosts().iter().map(|host| host.weight).collect();
        self.turns = RoundRobin::new(&weights);
        self.seen = seen;
    }
}
