//! What a connection with TLS was agreed on, for logs, headers and routes.

use std::rc::Rc;
use std::sync::Arc;

use super::certificate::Certificate;

/// A connection's TLS, once its handshake is done.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// The version in Envoy's words: `TLSv1.3`.
    pub version: &'static str,
    /// The cipher suite in OpenSSL's words: `ECDHE-RSA-AES128-GCM-SHA256`.
    pub cipher: &'static str,
    /// The name that the client asked for.
    pub server_name: Option<String>,
    /// The protocol that was agreed on.
    pub alpn: Option<Box<[u8]>>,
    /// What the peer has shown: its own certificate first.
    pub peer: Option<Arc<Chain>>,
    /// Whether the peer's certificate was verified, and found to be good.
    pub validated: bool,
    /// Our own certificate, if we have shown one.
    pub local: Option<Arc<Certificate>>,
}

/// What was learned of a connection before its first request.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// Its TLS, if it has any.
    pub tls: Option<Rc<Tls>>,
    /// The name that a TLS inspector has seen the client ask for.
    pub server_name: Option<Rc<str>>,
}

/// Certificates that a peer has shown.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The peer's own.
    pub leaf: Certificate,
    /// The bytes (DER) of all, its own first.
    pub all: Vec<Box<[u8]>>,
}

// === impl Tls ===

impl Tls {
    /// The peer's own certificate.
    pub fn peer(&self) -> Option<&Certificate> {
        self.peer.as_deref().map(|chain| &chain.leaf)
    }
}
