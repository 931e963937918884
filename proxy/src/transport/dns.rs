//! Turns names into addresses, honouring the records' time to live.
//!
//! The resolver is read from the system's files anew after each failure, so that a network that changed under us is
//! seen; in a container these files name the engine's own resolver.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hickory_resolver::config::{
    LookupIpStrategy, NameServerConfig, ProtocolConfig, ResolverConfig,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Resolver, TokioResolver};

use crate::base::clock;
use crate::config::cluster::{DnsResolver, DnsServers};

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
    /// The system says that there are none.
    #[error("'{name}' does not resolve: {source}")]
    System {
        /// The name.
        name: String,
        /// What it says.
        source: std::io::Error,
    },
    /// The system's resolver settings cannot be read.
    #[error("the system's resolver settings cannot be read: {0}")]
    Settings(Box<hickory_resolver::net::NetError>),
}

/// How long an answer of the system holds, which does not say.
const SYSTEM_TTL: Duration = Duration::ZERO;

/// Asks name servers, or the system.
#[derive(Debug)]
pub struct Dns {
    wanted: Wanted,
    asked: DnsResolver,
    resolver: RefCell<Option<TokioResolver>>,
}

// === impl Dns ===

impl Dns {
    /// A resolver for addresses of the kinds `wanted`, who asks `asked`.
    pub fn new(wanted: Wanted, asked: DnsResolver) -> Self {
        Self { wanted, asked, resolver: RefCell::new(None) }
    }

    /// The addresses of `name`.
    ///
    /// # Errors
    /// There are none, or nobody answers.
    pub async fn resolve(&self, name: &str) -> Result<Answer, Error> {
        let resolver = match &self.asked {
            DnsResolver::Servers(servers) => self.resolver(servers)?,
            DnsResolver::System => return self.ask_system(name).await,
        };
        let lookup = resolver.lookup_ip(name).await.map_err(|source| {
            self.resolver.replace(None);
            Error::Lookup { name: name.to_owned(), source: Box::new(source) }
        })?;
        Ok(Answer { addresses: lookup.iter().collect(), ttl: left(lookup.valid_until()) })
    }

    async fn ask_system(&self, name: &str) -> Result<Answer, Error> {
        let failed = |source| Error::System { name: name.to_owned(), source };
        let all = tokio::net::lookup_host((name, 0)).await.map_err(failed)?;
        let mut all: Vec<IpAddr> = all.map(|address| address.ip()).collect();
        all.dedup();
        let of = |v4: bool| all.iter().copied().filter(move |ip| ip.is_ipv4() == v4).collect();
        let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) = (of(true), of(false));
        let addresses = match self.wanted {
            Wanted::V4 => v4,
            Wanted::V6 => v6,
            Wanted::V6ThenV4 if v6.is_empty() => v4,
            Wanted::V6ThenV4 => v6,
            Wanted::V4ThenV6 if v4.is_empty() => v6,
            Wanted::V4ThenV6 => v4,
            Wanted::Both => all,
        };
        Ok(Answer { addresses, ttl: SYSTEM_TTL })
    }

    fn resolver(&self, servers: &DnsServers) -> Result<TokioResolver, Error> {
        if let Some(resolver) = &*self.resolver.borrow() {
            return Ok(resolver.clone());
        }
        let resolver =
            build(self.wanted, servers).map_err(|source| Error::Settings(Box::new(source)))?;
        self.resolver.replace(Some(resolver.clone()));
        Ok(resolver)
    }
}

fn left(until: Instant) -> Duration {
    until.saturating_duration_since(clock::now())
}

fn build(
    wanted: Wanted,
    asked: &DnsServers,
) -> Result<TokioResolver, hickory_resolver::net::NetError> {
    let (system, options) = read_system_conf()?;
    let (domain, search, servers) = system.into_parts();
    let (domain, search) = if asked.no_search { (None, Vec::new()) } else { (domain, search) };
    let mut servers = match asked.servers.as_slice() {
        [] => servers,
        given => given.iter().map(|address| server(*address)).collect(),
    };
    if asked.tcp {
        for server in &mut servers {
            server.connections.retain(|one| matches!(one.protocol, ProtocolConfig::Tcp));
        }
    }
    let config = ResolverConfig::from_parts(domain, search, servers);
    let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default())
        .with_options(options);
    let options = builder.options_mut();
    options.timeout = asked.timeout.unwrap_or(options.timeout);
    options.attempts = asked.tries.map_or(options.attempts, |tries| tries as usize);
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

/// A name server on a port of its own.
fn server(address: SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    server.connections.iter_mut().for_each(|one| one.port = address.port());
    server
}
