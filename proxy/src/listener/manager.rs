//! All listeners there are: binds them, knows where they are bound, stops them.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::drain::{Drain, Phase};
use crate::config;
use crate::overload::Limit;
use crate::stats::Scope;
use crate::transport::socket;
use crate::transport::tls::Acceptor;

use super::filter::FilterStats;
use super::stats::{ListenerStats, ManagerStats};

/// All listeners there are.
#[derive(Debug)]
pub struct Manager {
    listeners: Vec<Arc<Listener>>,
    stats: ManagerStats,
}

/// One listener, bound.
#[derive(Debug)]
pub struct Listener {
    /// How it was configured.
    pub config: config::listener::Listener,
    /// Where it really listens, which differs from the configuration where that says port 0.
    pub address: SocketAddr,
    /// `listener.<address>.`
    pub scope: Scope,
    /// Told when it stops to accept.
    pub stop: Drain,
    pub(super) stats: ListenerStats,
    /// What makes the connections of its filter chains those of TLS, in their order; none for plain text.
    pub(super) acceptors: Vec<Option<Acceptor>>,
    /// How many connections it has at a time, if that is limited.
    pub(super) limit: Option<Arc<Limit>>,
    /// Of its listener filters, in their order.
    pub(super) filter_stats: Vec<FilterStats>,
    /// One socket for each worker, until the worker takes it.
    sockets: Mutex<Vec<TcpListener>>,
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// What the system says.
    #[error("cannot bind '{address}': {source}")]
    System {
        /// The address.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// Its TLS is not to be had.
    #[error("cannot serve TLS on '{address}': {source}")]
    Tls {
        /// The address.
        address: String,
        /// What rustls says.
        source: rustls::Error,
    },
    /// It is a name.
    #[error("cannot bind '{address}': not an IP address")]
    NotLiteral {
        /// The address.
        address: String,
    },
}

// === impl Manager ===

impl Manager {
    /// Binds all listeners of a configuration, with a socket for each of the workers.
    ///
    /// # Errors
    /// The first address that cannot be bound. Nothing stays bound then.
    pub fn bind(
        configs: &[config::listener::Listener],
        workers: usize,
        root: &Scope,
    ) -> Result<Self, BindError> {
        let stats = ManagerStats::register(&root.scope("listener_manager"));
        let mut listeners = Vec::with_capacity(configs.len());
        for config in configs.iter().filter(|config| config.bind_to_port) {
            let listener = Listener::bind(config.clone(), workers, root).inspect_err(|_error| {
                stats.listener_create_failure.inc();
            })?;
            stats.listener_added.inc();
            stats.listener_create_success.add(workers as u64);
            tracing::info!(name = config.name, address = %listener.address, "listening");
            listeners.push(Arc::new(listener));
        }
        stats.total_listeners_active.set(listeners.len() as u64);
        stats.total_listeners_draining.set(0);
        stats.total_listeners_warming.set(0);
        stats.workers_started.set(0);
        Ok(Self { listeners, stats })
    }

    /// All listeners, in file order.
    pub fn listeners(&self) -> &[Arc<Listener>] {
        &self.listeners
    }

    /// Notes that all workers have started.
    pub fn workers_started(&self) {
        self.stats.workers_started.set(1);
    }

    /// Closes all listening sockets; connections go on.
    pub fn stop(&self) {
        for listener in &self.listeners {
            if !listener.stop.reached(Phase::Draining) {
                self.stats.listener_stopped.inc();
            }
            listener.stop.tell(Phase::Draining);
            listener.sockets().clear();
        }
    }
}

// === impl Listener ===

impl Listener {
    /// Binds one listener outside a manager: the admin server's, whose stats are under `listener.admin.`
    ///
    /// # Errors
    /// The address cannot be bound.
    pub fn bind(
        config: config::listener::Listener,
        workers: usize,
        root: &Scope,
    ) -> Result<Self, BindError> {
        let wanted = config
            .address
            .literal()
            .ok_or_else(|| BindError::NotLiteral { address: config.address.to_string() })?;
        let prefix =
            config.stat_prefix.clone().unwrap_or_else(|| wanted.to_string().replace(':', "_"));
        let scope = root.scope("listener").scope(&prefix);
        let acceptors = config
            .chains
            .iter()
            .map(|chain| chain.tls.as_deref().map(|tls| Acceptor::new(tls, &scope)).transpose());
        let acceptors = acceptors
            .collect::<Result<_, _>>()
            .map_err(|source| BindError::Tls { address: wanted.to_string(), source })?;
        let sockets = sockets(&config, wanted, workers)
            .map_err(|source| BindError::System { address: wanted.to_string(), source })?;
        let address = sockets.first().and_then(|socket| socket.local_addr().ok()).unwrap_or(wanted);
        Ok(Self {
            address,
            stats: ListenerStats::register(&scope),
            filter_stats: config
                .listener_filters
                .iter()
                .map(|filter| FilterStats::register(filter, root))
                .collect(),
            acceptors,
            limit: config.most_connections.map(|most| Limit::new(most, None)),
            scope,
            stop: Drain::new(),
            sockets: Mutex::new(sockets),
            config,
        })
    }

    /// What makes the connections of its filter chains those of TLS, in their order; none for plain text.
    pub fn acceptors(&self) -> &[Option<Acceptor>] {
        &self.acceptors
    }

    /// A worker's socket; none if the listener has stopped.
    pub fn take_socket(&self) -> Option<TcpListener> {
        self.sockets().pop()
    }

    fn sockets(&self) -> std::sync::MutexGuard<'_, Vec<TcpListener>> {
        self.sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One socket for each worker: of its own with SO_REUSEPORT, otherwise all the same.
fn sockets(
    config: &config::listener::Listener,
    wanted: SocketAddr,
    workers: usize,
) -> io::Result<Vec<TcpListener>> {
    // With one worker nothing is shared, and an address in use is noticed.
    let own = config.reuse_port && workers > 1;
    if own {
        // SO_REUSEPORT lets two processes of one user listen on the same address. Whoever runs two does not mean
        // that, so it is tried without first.
        drop(socket::listen(wanted, config.backlog, false)?);
    }
    let first = socket::listen(wanted, config.backlog, own)?;
    let bound = first.local_addr()?;
    let mut sockets = vec![first];
    while sockets.len() < workers {
        let more = if own {
            socket::listen(bound, config.backlog, true)?
        } else {
            sockets[0].try_clone()?
        };
        sockets.push(more);
    }
    Ok(sockets)
}
