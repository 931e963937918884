//! The three ways to check a host.

use std::future;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::config::health_check::{Checker, HealthCheck};
use crate::stats::Counter;
use crate::transport::tls::Connector;
use crate::transport::tls::Purpose;
use crate::transport::{Meter, Raw, Stream, socket};
use crate::upstream::connect::ConnectError;
use crate::upstream::{Cluster, Host};

use super::progress::{Failure, Outcome};
use super::{grpc, http, tcp};

/// Whom to ask.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Where the check goes.
    pub(super) address: SocketAddr,
    /// The host that it is about.
    pub(super) host: SocketAddr,
    /// What the request calls it.
    pub(super) authority: String,
    /// What makes the connection one of TLS, and the name that it asks for; none for plain text.
    pub(super) tls: Option<(Arc<Connector>, Option<String>)>,
    /// `reuse_connection`.
    pub(super) reuse: bool,
    /// Counts checks that looked at the name of the service.
    pub(super) verified: Counter,
}

/// What asks.
pub(super) enum Client {
    Http(http::Client),
    Tcp(tcp::Client),
    Grpc(grpc::Client),
}

// === impl Target ===

impl Target {
    /// Opens a connection that none of the cluster's stats know of, but for those of its TLS.
    pub(super) async fn connect(&self) -> Result<Stream, ConnectError> {
        let meter = Meter::default();
        let socket = socket::connect(self.address).await;
        let socket = socket.map_err(|error| ConnectError::Socket(Arc::new(error)))?;
        let Some((connector, name)) = &self.tls else { return Ok(Stream::new(socket, meter)) };
        let ends = (name.as_deref(), self.address.ip());
        let connecting = connector.connect(Raw::new(socket, Vec::new()), ends, Purpose::Bytes);
        match Box::pin(connecting).await {
            Ok(connected) => Ok(Stream::new(connected.socket, meter)),
            Err(failure) => Err(ConnectError::Tls(Arc::new(failure))),
        }
    }
}

// === impl Client ===

impl Client {
    /// A client for one host.
    pub(super) fn new(
        config: &HealthCheck,
        cluster: &Cluster,
        host: &Host,
        verified: Counter,
    ) -> Self {
        let wanted = match &config.checker {
            Checker::Http(http) => http.host.as_deref(),
            Checker::Grpc(grpc) => grpc.authority.as_deref(),
            Checker::Tcp(_) => None,
        };
        let own = host.health_check.as_deref();
        let authority = own.and_then(|own| own.hostname.as_deref()).or(wanted);
        let address = own.and_then(|own| own.address.as_ref()?.literal()).unwrap_or(host.address);
        let port = own.and_then(|own| own.port).unwrap_or_else(|| address.port());
        let target = Target {
            address: SocketAddr::new(address.ip(), port),
            host: host.address,
            authority: authority.unwrap_or(&cluster.name).to_owned(),
            tls: cluster.tls.clone().map(|connector| {
                (connector, cluster.config.asked_host(&host.hostname).map(str::to_owned))
            }),
            reuse: config.reuse_connection,
            verified,
        };
        match &config.checker {
            Checker::Http(http) => Self::Http(http::Client::new(target, http.clone())),
            Checker::Tcp(tcp) => Self::Tcp(tcp::Client::new(target, tcp.clone())),
            Checker::Grpc(grpc) => Self::Grpc(grpc::Client::new(target, grpc, config.timeout)),
        }
    }

    /// Checks once; in time, or it is broken off.
    pub(super) async fn check(&mut self, config: &HealthCheck) -> Outcome {
        let check = async {
            match self {
                Self::Http(client) => client.check().await,
                Self::Tcp(client) => client.check().await,
                Self::Grpc(client) => client.check().await,
            }
        };
        match tokio::time::timeout(config.timeout, check).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => {
                self.reset();
                Outcome::failed(Failure::NetworkTimeout)
            }
        }
    }

    /// Waits for something to fail between two checks, which only an open TCP connection can.
    pub(super) async fn broken(&mut self) {
        match self {
            Self::Tcp(client) => client.broken().await,
            Self::Http(_) | Self::Grpc(_) => future::pending().await,
        }
    }

    fn reset(&mut self) {
        match self {
            Self::Http(client) => client.reset(),
            Self::Tcp(client) => client.reset(),
            Self::Grpc(client) => client.reset(),
        }
    }
}

/// A cluster's settings, which all of its hosts have in common.
pub(super) type Config = Arc<HealthCheck>;
