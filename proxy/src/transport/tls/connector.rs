//! The client's side: makes connections of TLS to hosts.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind};
use tokio_rustls::TlsConnector;

use crate::config::tls::parameters::suite_name;
use crate::config::tls::{Upstream, Validation};
use crate::stats::Scope;
use crate::stream_info::Tls;
use crate::stream_info::certificate::Certificate;
use crate::transport::stream::{Raw, Socket};

use super::acceptor::{chain, notes_of, show_expiry};
use super::failure::Failure;
use super::notes;
use super::stats::{Agreed, Side, SslStats};
use super::verifier::Verifier;
use super::{provider, version_name, versions};

/// Makes connections of TLS; one for each cluster that has TLS, on all workers.
#[derive(Debug)]
pub struct Connector {
    /// By what is offered: nothing, HTTP/1.1, HTTP/2. What rustls does not take the loader has refused; what it has
    /// not is said for each connection.
    configs: Result<[Arc<ClientConfig>; 3], String>,
    sni: Option<ServerName<'static>>,
    local: Option<Arc<Certificate>>,
    stats: SslStats,
    agreed: Agreed,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// Whatever its user likes.
    Bytes,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// A connection that was made.
#[derive(Debug)]
pub struct Connected {
    /// Its bytes.
    pub socket: Socket,
    /// What was agreed on.
    pub tls: Tls,
}

// === impl Connector ===

impl Connector {
    /// One whose stats are `ssl.` below `scope`.
    pub fn new(config: &Upstream, scope: &Scope) -> Self {
        let ssl = scope.scope("ssl");
        Side::Client.register_factory(scope);
        show_expiry(&config.common, &ssl);
        let offering = |bare: &ClientConfig, fallback: &[&[u8]]| {
            let mut own = bare.clone();
            own.alpn_protocols = match config.common.alpn.is_empty() {
                true => fallback.iter().map(|protocol| protocol.to_vec()).collect(),
                false => config.common.alpn.clone(),
            };
            Arc::new(own)
        };
        let configs = client(config).map_err(|error| error.to_string()).map(|bare| {
            [&[][..], &[&b"http/1.1"[..]], &[&b"h2"[..]]].map(|fallback| offering(&bare, fallback))
        });
        Self {
            configs,
            // The loader has seen that it is a name.
            sni: config.sni.clone().and_then(|sni| ServerName::try_from(sni).ok()),
            local: config.common.certificates.first().map(|pair| pair.leaf.clone()),
            stats: SslStats::register(&ssl),
            agreed: Agreed::new(&ssl),
        }
    }

    /// Makes a connection, or says why there is none; counts both. `host` is the name of the host, if that is to be
    /// asked for, and `address` where it is.
    ///
    /// # Errors
    /// Whatever is wrong with what the host sends.
    pub async fn connect(
        &self,
        raw: Raw,
        (host, address): (Option<&str>, IpAddr),
        purpose: Purpose,
    ) -> Result<Connected, Failure> {
        let host = host.and_then(|host| ServerName::try_from(host.to_owned()).ok());
        // An address is no name to ask for, and nothing is sent.
        let name = host.or_else(|| self.sni.clone()).unwrap_or_else(|| address.into());
        let config = match &self.configs {
            Ok(configs) => configs[purpose as usize].clone(),
            Err(why) => return Err(Failure::Protocol(why.clone())),
        };
        let handshake = TlsConnector::from(config).connect(name, raw);
        let (made, notes) = notes::gather(handshake).await;
        let stream = made.map_err(|error| {
            let failure = Failure::of(&error, notes_of(&notes));
            self.stats.count(&failure);
            failure
        })?;
        let connection = stream.get_ref().1;
        let tls = Tls {
            version: version_name(connection.protocol_version()),
            cipher: connection
                .negotiated_cipher_suite()
                .map_or("", |suite| suite_name(suite.suite())),
            server_name: None,
            alpn: connection.alpn_protocol().map(Into::into),
            peer: chain(connection.peer_certificates()),
            validated: notes.validated,
            local: self.local.clone(),
        };
        self.stats.handshake.inc();
        if connection.handshake_kind() == Some(HandshakeKind::Resumed) {
            self.stats.session_reused.inc();
        }
        if let Some(refusal) = &notes.refusal {
            self.stats.refused(refusal.kind).inc();
        }
        let curve = connection.negotiated_key_exchange_group().map(|group| group.name());
        self.agreed.count(&tls, curve, notes.scheme);
        let stream = tokio_rustls::TlsStream::Client(stream);
        Ok(Connected { socket: Socket::tls(Box::new(stream)), tls })
    }
}

fn client(config: &Upstream) -> Result<ClientConfig, rustls::Error> {
    let common = &config.common;
    let validation = common.validation.clone().unwrap_or_else(|| Arc::new(Validation::default()));
    let verifier: Arc<dyn ServerCertVerifier> =
        Arc::new(Verifier::of_servers(validation, config.auto_sni_san_validation));
    let builder = ClientConfig::builder_with_provider(Arc::new(provider(&common.parameters)))
        .with_protocol_versions(&versions(&common.parameters))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut client = match common.certificates.first() {
        None => builder.with_no_client_auth(),
        Some(pair) => builder.with_client_cert_resolver(Arc::new(
            rustls::sign::SingleCertAndKey::from(pair.key.clone()),
        )),
    };
    client.resumption = match config.max_session_keys {
        0 => Resumption::disabled(),
        most => Resumption::store(Arc::new(ClientSessionMemoryCache::new(most as usize))),
    };
    Ok(client)
}
