//! The filters before the terminal one, each asked once for a connection.

use std::sync::Arc;
use std::time::Duration;

use crate::config::listener::NetworkFilter;
use crate::stats::Scope;

use super::connection_limit::{Admitted, ConnectionLimit};
use super::local_ratelimit::LocalRateLimit;

/// A filter of one chain, the same one for all workers.
#[derive(Clone, Debug)]
pub enum Filter {
    /// `envoy.filters.network.connection_limit`.
    ConnectionLimit(Arc<ConnectionLimit>),
    /// `envoy.filters.network.local_ratelimit`.
    LocalRateLimit(Arc<LocalRateLimit>),
}

/// What a filter says of a connection.
#[derive(Debug)]
pub enum Verdict {
    /// It is served; while it is, this is kept.
    Continue(Option<Admitted>),
    /// It is closed, after this time.
    Close(Option<Duration>),
}

// === impl Filter ===

impl Filter {
    /// A filter whose stats are below `root`.
    pub fn new(config: &NetworkFilter, root: &Scope) -> Self {
        match config {
            NetworkFilter::ConnectionLimit(config) => {
                Self::ConnectionLimit(Arc::new(ConnectionLimit::new(config, root)))
            }
            NetworkFilter::LocalRateLimit(config) => {
                Self::LocalRateLimit(Arc::new(LocalRateLimit::new(config, root)))
            }
        }
    }

    /// What becomes of a connection that has just come.
    pub fn admit(&self) -> Verdict {
        match self {
            Self::ConnectionLimit(limit) => match ConnectionLimit::admit(limit) {
                Ok(admitted) => Verdict::Continue(admitted),
                Err(delay) => Verdict::Close(delay),
            },
            Self::LocalRateLimit(limit) if limit.admits() => Verdict::Continue(None),
            Self::LocalRateLimit(_) => Verdict::Close(None),
        }
    }
}
