//! Turns names into addresses, honouring the records' time to live.
//!
//! The resolver is read from the system's files anew after each failure, so that a network that changed under us is
//! seen; in a container these files name the engine's own resolver.

use std::cell::RefCell;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::{Resolver, TokioResolver};

use crate::base::clock;

/// Which kinds of addresses are wanted, and in which order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wanted {
    /// Only v4.
    V4,
    /// Only v6.
    V6,
    /// v6, and v4 if there is no v6.
    V6ThenV4,
    /// v4, and v6 if there is no v4.
    V4ThenV6,
    /// Both.
    Both,
}

/// The addresses of a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// All of them, in the order of the answer.
    pub addresses: Vec<IpAddr>,
    /// For how long they hold.
    pub ttl: Duration,
}

/// Why a name has no addresses.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name server answered that there are none.
    #[error("'{name}' does not resolve: {source}")]
    Lookup {
        /// The name.
        name: String,
        /// What the resolver says.
        source: Box<hickory_resolver::net::NetError>,
    },
    /// The system's resolver settings cannot be read.
    #[error("the system's resolver settings cannot be read: {0}")]
    Settings(Box<hickory_resolver::net::NetError>),
}

/// Asks the system's name servers.
#[derive(Debug)]
pub struct Dns {
    wanted: Wanted,
    resolver: RefCell<Option<TokioResolver>>,
}

// === impl Dns ===

impl Dns {
    /// A resolver for addresses of the kinds `wanted`.
    pub fn new(wanted: Wanted) -> Self {
        Self { wanted, resolver: RefCell::new(None) }
    }

    /// The addresses of `name`.
    ///
    /// # Errors
    /// There are none, or nobody answers.
    pub async fn resolve(&self, name: &str) -> Result<Answer, Error> {
        let resolver = self.resolver()?;
        let lookup = resolver.lookup_ip(name).await.map_err(|source| {
            self.resolver.replace(None);
            Error::Lookup { name: name.to_owned(), source: Box::new(source) }
        })?;
        Ok(Answer { addresses: lookup.iter().collect(), ttl: left(lookup.valid_until()) })
    }

    fn resolver(&self) -> Result<TokioResolver, Error> {
        if let Some(resolver) = &*self.resolver.borrow() {
            return Ok(resolver.clone());
        }
        let resolver = build(self.wanted).map_err(|source| Error::Settings(Box::new(source)))?;
        self.resolver.replace(Some(resolver.clone()));
        Ok(resolver)
    }
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(clock::now())
}

fn build(wanted: Wanted) -> Result<TokioResolver, hickory_resolver::net::NetError> {
    let mut builder = Resolver::builder(TokioRuntimeProvider::default())?;
    let options = builder.options_mut();
    options.ip_strategy = match wanted {
        Wanted::V4 => LookupIpStrategy::Ipv4Only,
        Wanted::V6 => LookupIpStrategy::Ipv6Only,
        Wanted::V6ThenV4 => LookupIpStrategy::Ipv6thenIpv4,
        Wanted::V4ThenV6 => LookupIpStrategy::Ipv4thenIpv6,
        Wanted::Both => LookupIpStrategy::Ipv4AndIpv6,
    };
    // Refreshing is the cluster's business; a cache in between would only delay what changed.
    options.cache_size = 0;
    builder.build()
}
