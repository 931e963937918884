//! The client's side: makes connections of TLS to hosts.

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ClientSessionMemoryCache, Resumption};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind};
use tokio_rustls::TlsConnector;

use crate::config::tls::parameters::suite_name;
use crate::config::tls::{Pair, Upstream, Validation};
use crate::stats::{Counter, Scope};
use crate::stream_info::Tls;
use crate::transport::stream::{Raw, Socket};

use super::acceptor::{Shown, chain, notes_of, show_expiry};
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
    configs: ArcSwap<Offers>,
    sni: Option<ServerName<'static>>,
    scope: Scope,
    updates: Counter,
    stats: SslStats,
    agreed: Agreed,
}

/// What hosts are shown.
#[derive(Debug)]
struct Offers {
    configs: Result<[Arc<ClientConfig>; 3], String>,
    pairs: Vec<Arc<Pair>>,
    validation: Option<Arc<Validation>>,
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
        let updates = Side::Client.register_factory(scope);
        show_expiry(&config.common, &ssl);
        Self {
            configs: ArcSwap::from_pointee(Offers::new(config)),
            // The loader has seen that it is a name.
            sni: config.sni.clone().and_then(|sni| ServerName::try_from(sni).ok()),
            stats: SslStats::register(&ssl),
            agreed: Agreed::new(&ssl),
            scope: ssl,
            updates,
        }
    }

    /// Shows hosts this from now on; connections that there are go on.
    ///
    /// # Errors
    /// rustls does not take it, in its words, and nothing changes.
    pub fn replace(&self, config: &Upstream) -> Result<(), String> {
        let offers = Offers::new(config);
        if let Err(why) = &offers.configs {
            return Err(why.clone());
        }
        self.configs.store(Arc::new(offers));
        show_expiry(&config.common, &self.scope);
        self.updates.inc();
        Ok(())
    }

    /// The certificates that hosts are shown now, and those of the authorities that theirs are verified by.
    pub fn shown(&self) -> Shown {
        let offers = self.configs.load();
        Shown { pairs: offers.pairs.clone(), validation: offers.validation.clone() }
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
        let offers = self.configs.load_full();
        let config = match &offers.configs {
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
            local: offers.pairs.first().map(|pair| pair.leaf.clone()),
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

// === impl Offers ===

impl Offers {
    fn new(config: &Upstream) -> Self {
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
            pairs: config.common.certificates.clone(),
            validation: config.common.validation.clone(),
        }
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
