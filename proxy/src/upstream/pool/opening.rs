//! Opens connections, within all limits, and keeps their books from the first moment.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use crate::config::cluster::RoutingPriority;
use crate::stats::GaugeGuard;
use crate::upstream::connect::{self, ConnectError, Dialed};
use crate::upstream::host::HostHold;
use crate::upstream::limits::{Breakers, HostLimit, HostPermit, Permit};
use crate::upstream::{Cluster, Host};

use super::{Pending, PoolError};

/// Opens the connections of one pool.
#[derive(Debug)]
pub(in crate::upstream) struct Opener {
    pub(super) cluster: Arc<Cluster>,
    pub(super) host: Arc<Host>,
    priority: RoutingPriority,
    host_limit: Option<HostLimit>,
    /// Connections there are, those that are being made included.
    open: Rc<Cell<u32>>,
    /// The pool's entry among the cluster's, while it has a connection or a request that waits for one.
    entry: RefCell<Weak<Permit>>,
}

/// What a connection occupies, from the moment it begins to be made until it has ended.
#[derive(Debug)]
pub(in crate::upstream) struct Occupied {
    open: Rc<Cell<u32>>,
    _entry: Option<Rc<Permit>>,
    _active: (GaugeGuard, HostHold),
    _permit: Permit,
    _host_permit: Option<HostPermit>,
}

// === impl Opener ===

impl Opener {
    pub(in crate::upstream) fn new(
        cluster: Arc<Cluster>,
        host: Arc<Host>,
        priority: RoutingPriority,
    ) -> Self {
        Self {
            host_limit: cluster.limits.hosts.of(host.address, priority),
            priority,
            open: Rc::default(),
            entry: RefCell::default(),
            cluster,
            host,
        }
    }

    /// A request that is to wait for a connection: there must be room for a pool, and for one that waits.
    pub(in crate::upstream) fn pending(&self) -> Result<(Rc<Permit>, Pending), PoolError> {
        let known = self.entry.borrow().upgrade();
        let entry = match known {
            Some(entry) => entry,
            None => self.enter()?,
        };
        Ok((entry, Pending::new(&self.cluster, self.breakers())?))
    }

    fn enter(&self) -> Result<Rc<Permit>, PoolError> {
        let Some(permit) = self.breakers().pools.take() else {
            self.cluster.stats.upstream_cx_pool_overflow.inc();
            return Err(PoolError::NoPool);
        };
        let entry = Rc::new(permit);
        self.entry.replace(Rc::downgrade(&entry));
        Ok(entry)
    }

    /// The right to open a connection that no pool keeps: such ones have no right to exceed a limit.
    pub(in crate::upstream) fn may_open_alone(&self) -> Option<Occupied> {
        let occupied = self.permits().map(|(permit, host)| self.occupy(permit, host));
        if occupied.is_none() {
            self.cluster.stats.upstream_cx_overflow.inc();
        }
        occupied
    }

    /// What both limits give, if they do.
    fn permits(&self) -> Option<(Permit, Option<HostPermit>)> {
        let connections = &self.breakers().connections;
        match self.host_limit.as_ref().map(HostLimit::take) {
            Some(None) => None,
            Some(Some(host)) => connections.take().map(|permit| (permit, Some(host))),
            None => connections.take().map(|permit| (permit, None)),
        }
    }

    /// The right to open a connection. Every pool may have one, whatever the breakers say, as in Envoy.
    pub(super) fn may_open(&self) -> Option<Occupied> {
        if let Some((permit, host)) = self.permits() {
            return Some(self.occupy(permit, host));
        }
        self.cluster.stats.upstream_cx_overflow.inc();
        (self.open.get() == 0).then(|| {
            let host = self.host_limit.as_ref().map(HostLimit::take_anyway);
            self.occupy(self.breakers().connections.take_anyway(), host)
        })
    }

    /// Opens the connection.
    pub(super) async fn dial(&self) -> Result<Dialed, ConnectError> {
        connect::dial(&self.cluster, &self.host).await
    }

    fn breakers(&self) -> &Breakers {
        self.cluster.limits.of(self.priority)
    }

    fn occupy(&self, permit: Permit, host_permit: Option<HostPermit>) -> Occupied {
        let active = self.cluster.stats.upstream_cx_active.hold();
        let of_host = HostHold::new(&self.host, |stats| &stats.cx_active);
        self.open.set(self.open.get() + 1);
        Occupied {
            open: self.open.clone(),
            _entry: self.entry.borrow().upgrade(),
            _active: (active, of_host),
            _permit: permit,
            _host_permit: host_permit,
        }
    }
}

// === impl Occupied ===

impl Drop for Occupied {
    fn drop(&mut self) {
        self.open.set(self.open.get() - 1);
    }
}
