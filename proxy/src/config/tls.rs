//! TLS of a filter chain or a cluster: `envoy.extensions.transport_sockets.tls.v3.*TlsContext`.

pub mod pair;
pub mod parameters;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, TrustAnchor};

use super::matcher::StringMatcher;

pub use self::pair::{Pair, PairError};
pub use self::parameters::Parameters;

/// `transport_socket_connect_timeout` where the file says nothing: 10 seconds. Envoy waits for ever, and so holds what
/// a client that begins a handshake and goes silent has made it hold.
pub const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How large a file of certificates or keys may be: it is read whole. The system's list of authorities has 220 KB.
pub const MOST_PEM: usize = 4 * 1024 * 1024;

/// `CommonTlsContext`.
#[derive(Clone, Debug, Default)]
pub struct Common {
    /// `tls_params`.
    pub parameters: Parameters,
    /// `tls_certificates`.
    pub certificates: Vec<Arc<Pair>>,
    /// `validation_context`.
    pub validation: Option<Arc<Validation>>,
    /// `alpn_protocols`.
    pub alpn: Vec<Vec<u8>>,
    /// `tls_certificate_sds_secret_configs`: where certificates come from that may change.
    pub certificate_secrets: Vec<SecretFile>,
    /// `validation_context_sds_secret_config`.
    pub validation_secret: Option<SecretFile>,
}

/// `SdsSecretConfig`: a secret in a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SecretFile {
    /// `name`.
    pub name: String,
    /// `sds_config.path_config_source.path`.
    pub path: PathBuf,
}

/// `Secret`.
#[derive(Clone, Debug)]
pub struct Secret {
    /// `version_info` of the file.
    pub version: String,
    /// What it is.
    pub kind: SecretKind,
}

/// What a secret is.
#[derive(Clone, Debug)]
pub enum SecretKind {
    /// `tls_certificate`.
    Certificate(Arc<Pair>),
    /// `validation_context`.
    Validation(Arc<Validation>),
}

/// `DownstreamTlsContext`.
#[derive(Clone, Debug)]
pub struct Downstream {
    /// What both sides have.
    pub common: Common,
    /// `require_client_certificate`.
    pub require_client_certificate: bool,
    /// `disable_stateless_session_resumption`: no tickets.
    pub without_tickets: bool,
    /// `disable_stateful_session_resumption`: no memory of sessions.
    pub without_sessions: bool,
    /// `full_scan_certs_on_sni_mismatch`.
    pub full_scan: bool,
    /// `prefer_client_ciphers`.
    pub prefer_client_ciphers: bool,
}

/// `UpstreamTlsContext`.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// What both sides have.
    pub common: Common,
    /// `sni`.
    pub sni: Option<String>,
    /// `auto_host_sni`: the host's own name.
    pub auto_host_sni: bool,
    /// `auto_sni_san_validation`: the certificate must be for the name that was asked for.
    pub auto_sni_san_validation: bool,
    /// `max_session_keys`: how many sessions are remembered.
    pub max_session_keys: u32,
}

/// `CertificateValidationContext`.
#[derive(Clone, Default)]
pub struct Validation {
    /// `trusted_ca` and `system_root_certs`; none if neither is there, and then any chain will do.
    pub anchors: Option<Vec<TrustAnchor<'static>>>,
    /// The certificates of `trusted_ca`, whose names servers say to their clients.
    pub authorities: Vec<CertificateDer<'static>>,
    /// `match_typed_subject_alt_names`, of which one must fit.
    pub names: Vec<NameMatcher>,
    /// `verify_certificate_hash`, the SHA-256 of certificates.
    pub hashes: Vec<[u8; 32]>,
    /// `verify_certificate_spki`, the SHA-256 of keys.
    pub keys: Vec<[u8; 32]>,
    /// `crl`.
    pub revoked: Vec<CertificateRevocationListDer<'static>>,
    /// `only_verify_leaf_cert_crl`.
    pub leaf_only: bool,
    /// `allow_expired_certificate`.
    pub allow_expired: bool,
    /// `trust_chain_verification: ACCEPT_UNTRUSTED`.
    pub accept_untrusted: bool,
    /// The files that it was read from.
    pub files: Vec<PathBuf>,
    /// `max_verify_depth`: how many certificates may stand between the peer's and the one that is trusted.
    pub max_depth: Option<u32>,
}

/// `SubjectAltNameMatcher`.
#[derive(Clone, Debug)]
pub struct NameMatcher {
    /// `san_type`.
    pub kind: NameKind,
    /// `matcher`.
    pub matcher: StringMatcher,
}

/// `SanType`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NameKind {
    /// `EMAIL`.
    Email,
    /// `DNS`; where it is exact, `*.` in the certificate stands for any one label.
    Dns,
    /// `URI`.
    Uri,
    /// `IP_ADDRESS`.
    Ip,
}

// === impl Common ===

impl Common {
    /// The secrets that it has from files.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretFile> {
        self.certificate_secrets.iter().chain(&self.validation_secret)
    }

    /// The files that such a secret names, as it was read last.
    pub fn files_of(&self, secret: &SecretFile) -> Vec<PathBuf> {
        let pairs = self.certificates.iter().filter(|pair| pair.secret == secret.name);
        let mut files: Vec<_> = pairs.flat_map(|pair| pair.files.clone()).collect();
        if self.validation_secret.as_ref() == Some(secret) {
            files.extend(self.validation.iter().flat_map(|read| read.files.clone()));
        }
        files
    }

    /// The same with another version of one of its secrets; none if that is of another kind.
    #[must_use]
    pub fn with(&self, name: &str, kind: &SecretKind) -> Option<Self> {
        let mut new = self.clone();
        match kind {
            SecretKind::Certificate(pair) => {
                let place = new.certificates.iter_mut().find(|pair| pair.secret == name)?;
                *place = pair.clone();
            }
            SecretKind::Validation(read) => {
                new.validation_secret.as_ref().filter(|secret| secret.name == name)?;
                new.validation = Some(read.clone());
            }
        }
        Some(new)
    }
}

// === impl Validation ===

impl Validation {
    /// Whether anything is asked of a certificate.
    pub fn asks(&self) -> bool {
        self.anchors.is_some() || self.pins() || !self.names.is_empty()
    }

    /// Whether certificates or keys are named.
    pub fn pins(&self) -> bool {
        !self.hashes.is_empty() || !self.keys.is_empty()
    }
}

impl fmt::Debug for Validation {
    /// Of certificates and lists only how many there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Validation")
            .field("anchors", &self.anchors.as_ref().map(Vec::len))
            .field("authorities", &self.authorities.len())
            .field("names", &self.names)
            .field("hashes", &self.hashes)
            .field("keys", &self.keys)
            .field("revoked", &self.revoked.len())
            .field("leaf_only", &self.leaf_only)
            .field("allow_expired", &self.allow_expired)
            .field("accept_untrusted", &self.accept_untrusted)
            .field("max_depth", &self.max_depth)
            .finish()
    }
}
