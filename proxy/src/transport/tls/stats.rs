//! What handshakes count: `listener.<address>.ssl.` and `cluster.<name>.ssl.`

use rustls::{NamedGroup, SignatureScheme};

use crate::stats::{Counter, Scope, stats};
use crate::stream_info::Tls;

use super::failure::Failure;
use super::verify::Kind;

stats! {
    /// Stats of the TLS of one listener or cluster, under `ssl.`
    pub struct SslStats {
        /// Handshakes that failed for another reason than the peer's certificate
        connection_error: Counter,
        /// Certificates of peers that no pin names
        fail_verify_cert_hash: Counter,
        /// Certificates of peers whose chain is not good
        fail_verify_error: Counter,
        /// Peers that showed no certificate and had to
        fail_verify_no_cert: Counter,
        /// Certificates of peers that are for other names
        fail_verify_san: Counter,
        /// Handshakes that came to a good end
        handshake: Counter,
        /// Of these, those whose peer showed no certificate
        no_certificate: Counter,
        /// Responses of certificate authorities that were not good; none are given
        ocsp_staple_failed: Counter,
        /// Handshakes without such a response
        ocsp_staple_omitted: Counter,
        /// Clients that asked for one
        ocsp_staple_requests: Counter,
        /// Responses given
        ocsp_staple_responses: Counter,
        /// Handshakes that took up a session of before
        session_reused: Counter,
    }
}

/// Which side of a connection we are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    /// Who is called.
    Server,
    /// Who calls.
    Client,
}

/// Counters by what was agreed on, made as they are met.
#[derive(Clone, Debug)]
pub(super) struct Agreed {
    scope: Scope,
}

// === impl Side ===

impl Side {
    /// Makes the counters about the source of certificates, and gives the one of their updates. The others count what
    /// waits for a secret, and here secrets are there from the start.
    pub(super) fn register_factory(self, scope: &Scope) -> Counter {
        let below = scope.scope(match self {
            Self::Server => "server_ssl_socket_factory",
            Self::Client => "client_ssl_socket_factory",
        });
        below.counter("downstream_context_secrets_not_ready");
        below.counter("upstream_context_secrets_not_ready");
        below.counter("ssl_context_update_by_sds")
    }
}

// === impl SslStats ===

impl SslStats {
    /// Counts a failure.
    pub(super) fn count(&self, failure: &Failure) {
        match failure {
            Failure::Refused(refusal) => self.refused(refusal.kind).inc(),
            Failure::NoCertificate(_) => self.fail_verify_no_cert.inc(),
            Failure::Protocol(_) => self.connection_error.inc(),
            Failure::Gone(_) => {}
        }
    }

    /// What counts certificates that are not good for this reason.
    pub(super) fn refused(&self, kind: Kind) -> &Counter {
        match kind {
            Kind::Chain => &self.fail_verify_error,
            Kind::Names => &self.fail_verify_san,
            Kind::Pins => &self.fail_verify_cert_hash,
        }
    }
}

// === impl Agreed ===

impl Agreed {
    /// Below `ssl.`.
    pub(super) fn new(scope: &Scope) -> Self {
        Self { scope: scope.clone() }
    }

    /// Counts what a handshake has come to. There are few names, and a handshake costs a thousand times the look-up.
    pub(super) fn count(
        &self,
        tls: &Tls,
        curve: Option<NamedGroup>,
        scheme: Option<SignatureScheme>,
    ) {
        let named = |kind: &str, name: &str| {
            if !name.is_empty() {
                self.scope.counter(&format!("{kind}.{name}")).inc();
            }
        };
        named("ciphers", tls.cipher);
        named("versions", tls.version);
        named("curves", curve.map_or("", crate::config::tls::parameters::curve_name));
        named("sigalgs", scheme.map_or("", scheme_name));
    }
}

/// A way to sign, in BoringSSL's words.
fn scheme_name(scheme: SignatureScheme) -> &'static str {
    match scheme {
        SignatureScheme::RSA_PKCS1_SHA1 => "rsa_pkcs1_sha1",
        SignatureScheme::RSA_PKCS1_SHA256 => "rsa_pkcs1_sha256",
        SignatureScheme::RSA_PKCS1_SHA384 => "rsa_pkcs1_sha384",
        SignatureScheme::RSA_PKCS1_SHA512 => "rsa_pkcs1_sha512",
        SignatureScheme::ECDSA_NISTP256_SHA256 => "ecdsa_secp256r1_sha256",
        SignatureScheme::ECDSA_NISTP384_SHA384 => "ecdsa_secp384r1_sha384",
        SignatureScheme::ECDSA_NISTP521_SHA512 => "ecdsa_secp521r1_sha512",
        SignatureScheme::RSA_PSS_SHA256 => "rsa_pss_rsae_sha256",
        SignatureScheme::RSA_PSS_SHA384 => "rsa_pss_rsae_sha384",
        SignatureScheme::RSA_PSS_SHA512 => "rsa_pss_rsae_sha512",
        SignatureScheme::ED25519 => "ed25519",
        _ => "",
    }
}
