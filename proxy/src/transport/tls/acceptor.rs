//! The server's side: reads what the client offers, chooses what to answer it with, and makes the connection.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    ClientHello, NoServerSessionStorage, ServerSessionMemoryCache, StoresServerSessions,
    WebPkiClientVerifier,
};
use rustls::sign::SingleCertAndKey;
use rustls::{CipherSuite, HandshakeKind, ServerConfig, SignatureScheme};
use tokio_rustls::LazyConfigAcceptor;

use crate::config::tls::pair::Fit;
use crate::config::tls::parameters::{SUITES_13, suite_name};
use crate::config::tls::{Common, Downstream, Pair, Validation};
use crate::stats::{Counter, Scope, stats};
use crate::stream_info::certificate::Certificate;
use crate::stream_info::{Chain, Tls};
use crate::transport::stream::{Raw, Socket};

use super::failure::Failure;
use super::notes::{self, Notes};
use super::stats::{Agreed, Side, SslStats};
use super::verifier::Verifier;
use super::{provider, version_name, versions};

/// How many sessions of TLS 1.2 are remembered for clients that take no tickets; rustls' number.
const SESSIONS: usize = 256;

/// Takes connections of TLS; one for each filter chain that has TLS, on all workers.
#[derive(Debug)]
pub struct Acceptor {
    /// Replaced whole when a secret changes; handshakes under way keep theirs.
    context: ArcSwap<Context>,
    stats: SslStats,
    agreed: Agreed,
    scope: Scope,
    updates: Counter,
}

/// A connection that was made.
#[derive(Debug)]
pub struct Accepted {
    /// Its bytes.
    pub socket: Socket,
    /// What was agreed on.
    pub tls: Tls,
}

/// Certificates in use, for people to see.
#[derive(Debug)]
pub struct Shown {
    /// Our own.
    pub pairs: Vec<Arc<Pair>>,
    /// What peers are verified by.
    pub validation: Option<Arc<Validation>>,
}

/// What clients are answered with.
struct Context {
    validation: Option<Arc<Validation>>,
    pairs: Vec<Arc<Pair>>,
    /// For each of these by [`Manner`].
    configs: Vec<[Arc<ServerConfig>; 4]>,
    alpn: Vec<Vec<u8>>,
    full_scan: bool,
    own_order: bool,
    /// Whether the certificates of clients are verified, so that what a session of before has of one was.
    verifies: bool,
}

/// In what rustls would do otherwise than Envoy, and so is chosen for each client.
#[derive(Clone, Copy, Debug)]
struct Manner {
    /// Without a protocol in common rustls refuses a client, and Envoy goes on without one.
    alpn: bool,
    /// Of TLS 1.2 Envoy takes the cipher suite that it likes best, of TLS 1.3 the one that its client does.
    own_order: bool,
}

stats! {
    /// Stats of one certificate, under `ssl.certificate.<name>.`
    struct CertificateStats {
        /// When it ends to hold, in seconds since 1970
        expiration_unix_time_seconds: Gauge,
    }
}

/// What Envoy calls certificates that no secret names; the digits are the SHA-256 of nothing.
const UNNAMED: &str = "unnamed_cert_e3b0c442";

/// The same of an authority's.
const UNNAMED_CA: &str = "unnamed_ca_cert_e3b0c442";

/// Shows when the certificates end to hold, by the names of their secrets.
pub(super) fn show_expiry(common: &Common, scope: &Scope) {
    for pair in &common.certificates {
        let name = if pair.secret.is_empty() { UNNAMED } else { &pair.secret };
        show(name, pair.leaf.not_after, scope);
    }
    let secret = common.validation_secret.as_ref().map(|secret| secret.name.as_str());
    let authorities = common.validation.iter().flat_map(|validation| &validation.authorities);
    let ends = authorities.filter_map(|der| Certificate::parse(der)).map(|read| read.not_after);
    if let Some(ends) = ends.min() {
        show(secret.unwrap_or(UNNAMED_CA), ends, scope);
    }
}

fn show(name: &str, ends: SystemTime, scope: &Scope) {
    let seconds = ends.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let below = scope.scope("certificate").scope(name);
    CertificateStats::register(&below).expiration_unix_time_seconds.set(seconds);
}

// === impl Acceptor ===

impl Acceptor {
    /// One whose stats are `ssl.` below `scope`.
    ///
    /// # Errors
    /// rustls does not take it, in its words.
    pub fn new(config: &Downstream, scope: &Scope) -> Result<Self, rustls::Error> {
        let ssl = scope.scope("ssl");
        let updates = Side::Server.register_factory(scope);
        show_expiry(&config.common, &ssl);
        Ok(Self {
            context: ArcSwap::from_pointee(Context::new(config)?),
            stats: SslStats::register(&ssl),
            agreed: Agreed::new(&ssl),
            scope: ssl,
            updates,
        })
    }

    /// Answers clients with this from now on; connections that there are go on.
    ///
    /// # Errors
    /// rustls does not take it, in its words, and nothing changes.
    pub fn replace(&self, config: &Downstream) -> Result<(), rustls::Error> {
        self.context.store(Arc::new(Context::new(config)?));
        show_expiry(&config.common, &self.scope);
        self.updates.inc();
        Ok(())
    }

    /// The certificates that clients are shown now, and those of the authorities that theirs are verified by.
    pub fn shown(&self) -> Shown {
        let context = self.context.load();
        Shown { pairs: context.pairs.clone(), validation: context.validation.clone() }
    }

    /// Makes a connection, or says why there is none; counts both.
    ///
    /// # Errors
    /// Whatever is wrong with what the client sends.
    pub async fn accept(&self, raw: Raw) -> Result<Accepted, Failure> {
        let accepted = self.handshake(raw).await;
        if let Err(failure) = &accepted {
            self.stats.count(failure);
        }
        accepted
    }

    async fn handshake(&self, raw: Raw) -> Result<Accepted, Failure> {
        let mut first = [0; 5];
        let length = raw.look(&mut first).await;
        let length = length.map_err(|error| Failure::of(&error, Notes::default()))?;
        if let Some(failure) = Failure::of_plain_text(&first[..length]) {
            // Like BoringSSL, it says nothing to one who would not understand it.
            return Err(failure);
        }
        let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), raw);
        let start = hello.await.map_err(|error| Failure::of(&error, Notes::default()))?;
        let hello = start.client_hello();
        let context = self.context.load_full();
        let index = context.choose(&hello);
        let manner = context.manner(&hello);
        let config = context.configs[index][manner.number()].clone();
        let (made, notes) = notes::gather(start.into_stream(config)).await;
        let stream = made.map_err(|error| Failure::of(&error, notes_of(&notes)))?;
        let connection = stream.get_ref().1;
        let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
        let peer = chain(connection.peer_certificates());
        let tls = Tls {
            version: version_name(connection.protocol_version()),
            cipher: connection
                .negotiated_cipher_suite()
                .map_or("", |suite| suite_name(suite.suite())),
            server_name: connection.server_name().map(str::to_owned),
            alpn: connection.alpn_protocol().map(Into::into),
            validated: notes.validated || (resumed && peer.is_some() && context.verifies),
            peer,
            local: Some(context.pairs[index].leaf.clone()),
        };
        let curve = connection.negotiated_key_exchange_group().map(|group| group.name());
        self.made(&tls, resumed, &notes);
        self.agreed.count(&tls, curve, notes.scheme);
        let stream = tokio_rustls::TlsStream::Server(stream);
        Ok(Accepted { socket: Socket::tls(Box::new(stream)), tls })
    }

    fn made(&self, tls: &Tls, resumed: bool, notes: &Notes) {
        self.stats.handshake.inc();
        if tls.peer.is_none() {
            self.stats.no_certificate.inc();
        }
        if resumed {
            self.stats.session_reused.inc();
        }
        // One that was let through all the same.
        if let Some(refusal) = &notes.refusal {
            self.stats.refused(refusal.kind).inc();
        }
    }
}

/// The notes again, for an error to take.
pub(super) fn notes_of(notes: &Notes) -> Notes {
    Notes { refusal: notes.refusal.clone(), ..Notes::default() }
}

/// What a peer has shown.
pub(super) fn chain(shown: Option<&[rustls::pki_types::CertificateDer<'_>]>) -> Option<Arc<Chain>> {
    let shown = shown?;
    let leaf = Certificate::parse(shown.first()?)?;
    Some(Arc::new(Chain { leaf, all: shown.iter().map(|der| Box::from(der.as_ref())).collect() }))
}

// === impl Context ===

impl Context {
    fn new(config: &Downstream) -> Result<Self, rustls::Error> {
        let common = &config.common;
        let provider = Arc::new(provider(&common.parameters));
        let versions = versions(&common.parameters);
        let verifier =
            Verifier::of_clients(common.validation.as_ref(), config.require_client_certificate);
        let verifies = verifier.is_some();
        let verifier: Arc<dyn ClientCertVerifier> = match verifier {
            Some(verifier) => Arc::new(verifier),
            None => WebPkiClientVerifier::no_client_auth(),
        };
        let tickets = match config.without_tickets {
            true => None,
            false => Some(Ticketer::new()?),
        };
        let sessions: Arc<dyn StoresServerSessions> = match config.without_sessions {
            true => Arc::new(NoServerSessionStorage {}),
            false => ServerSessionMemoryCache::new(SESSIONS),
        };
        let mut configs = Vec::with_capacity(common.certificates.len());
        for pair in &common.certificates {
            let builder = ServerConfig::builder_with_provider(provider.clone());
            let mut server = builder
                .with_protocol_versions(&versions)?
                .with_client_cert_verifier(verifier.clone())
                .with_cert_resolver(Arc::new(SingleCertAndKey::from(pair.key.clone())));
            server.session_storage = sessions.clone();
            if let Some(tickets) = &tickets {
                server.ticketer = tickets.clone();
            }
            configs.push(Manner::ALL.map(|manner| {
                let mut server = server.clone();
                server.ignore_client_order = manner.own_order;
                if manner.alpn {
                    server.alpn_protocols.clone_from(&common.alpn);
                }
                Arc::new(server)
            }));
        }
        Ok(Self {
            pairs: common.certificates.clone(),
            validation: common.validation.clone(),
            configs,
            alpn: common.alpn.clone(),
            full_scan: config.full_scan,
            own_order: !config.prefer_client_ciphers,
            verifies,
        })
    }

    fn manner(&self, hello: &ClientHello<'_>) -> Manner {
        let known = |protocol: &[u8]| self.alpn.iter().any(|own| own == protocol);
        let newest = |suite: &CipherSuite| SUITES_13.iter().any(|(_, own)| own.suite() == *suite);
        Manner {
            alpn: hello.alpn().is_some_and(|mut offered| offered.any(known)),
            own_order: self.own_order && !hello.cipher_suites().iter().any(newest),
        }
    }

    /// The number of the certificate for a client, chosen as Envoy does.
    fn choose(&self, hello: &ClientHello<'_>) -> usize {
        if self.pairs.len() == 1 {
            return 0;
        }
        let ecdsa = takes_ecdsa(hello);
        if let Some(name) = hello.server_name() {
            let name = name.to_ascii_lowercase();
            for fit in [Fit::Exact, Fit::Wildcard] {
                if let Some(index) = self.first(ecdsa, |pair| pair.fits(&name) == fit) {
                    return index;
                }
            }
            if !self.full_scan {
                return 0;
            }
        }
        self.first(ecdsa, |_| true).unwrap_or(0)
    }

    /// The first of those that the client takes, an elliptic one if it takes these.
    fn first(&self, ecdsa: bool, fits: impl Fn(&Pair) -> bool) -> Option<usize> {
        let find = |elliptic: bool| {
            self.pairs.iter().position(|pair| fits(pair) && pair.is_ecdsa() == elliptic)
        };
        if ecdsa { find(true).or_else(|| find(false)) } else { find(false) }
    }
}

// === impl Manner ===

impl Manner {
    /// All there are, by their numbers.
    const ALL: [Self; 4] = [
        Self { alpn: false, own_order: false },
        Self { alpn: true, own_order: false },
        Self { alpn: false, own_order: true },
        Self { alpn: true, own_order: true },
    ];

    fn number(self) -> usize {
        usize::from(self.alpn) + 2 * usize::from(self.own_order)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("pairs", &self.pairs.len()).finish_non_exhaustive()
    }
}

/// Whether a client takes certificates with elliptic keys.
fn takes_ecdsa(hello: &ClientHello<'_>) -> bool {
    let signs = hello.signature_schemes().iter().any(|scheme| {
        matches!(
            scheme,
            SignatureScheme::ECDSA_NISTP256_SHA256
                | SignatureScheme::ECDSA_NISTP384_SHA384
                | SignatureScheme::ECDSA_NISTP521_SHA512
        )
    });
    let fits = |suite: &CipherSuite| {
        SUITES_13.iter().any(|(_, own)| own.suite() == *suite)
            || suite_name(*suite).starts_with("ECDHE-ECDSA")
    };
    signs && hello.cipher_suites().iter().any(fits)
}
