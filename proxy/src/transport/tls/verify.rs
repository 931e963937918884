//! Whether a peer's certificate is good: its chain, its names, and the pins on it.

use std::time::SystemTime;

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::{CertificateError, OtherError};
use webpki::{
    BorrowedCertRevocationList, CertRevocationList, EndEntityCert, KeyUsage, RevocationCheckDepth,
    RevocationOptionsBuilder, UnknownStatusPolicy,
};

use crate::config::matcher::StringPattern;
use crate::config::tls::{NameKind, NameMatcher, Validation};
use crate::stream_info::certificate::{Certificate, Name, sha256};

/// Why a certificate is not good.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// Which stat counts it.
    pub kind: Kind,
    /// What is wrong, in Envoy's words.
    pub text: String,
    /// The same for rustls, which tells the peer.
    pub(super) error: CertificateError,
}

/// What stat counts a refusal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `fail_verify_error`.
    Chain,
    /// `fail_verify_san`.
    Names,
    /// `fail_verify_cert_hash`.
    Pins,
}

/// Who has shown the certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Peer<'a> {
    /// A client.
    Client,
    /// A server, which must be for that name, if there is one.
    Server(Option<&'a str>),
}

/// Whether it is good.
pub(super) fn verify(
    validation: &Validation,
    algorithms: &WebPkiSupportedAlgorithms,
    (leaf, others): (&CertificateDer<'_>, &[CertificateDer<'_>]),
    peer: Peer<'_>,
    now: UnixTime,
) -> Result<(), Refusal> {
    if let Some(anchors) = &validation.anchors {
        let time = now;
        let chain = Chain { validation, algorithms, anchors, leaf, others, peer };
        chain.verify(time)?;
    }
    let wanted = match peer {
        Peer::Server(name) => name,
        Peer::Client => None,
    };
    if !validation.names.is_empty() || wanted.is_some() {
        let read = Certificate::parse(leaf).ok_or_else(broken)?;
        check_names(&read, validation, wanted)?;
    }
    if validation.pins() {
        check_pins(leaf, validation)?;
    }
    Ok(())
}

fn check_names(
    leaf: &Certificate,
    validation: &Validation,
    wanted: Option<&str>,
) -> Result<(), Refusal> {
    let by_config = validation.names.iter().any(|matcher| matcher.fits(leaf));
    let fits = match wanted {
        // In place of what the configuration says, as in Envoy.
        Some(name) => leaf.dns().any(|own| is_for(own, name)),
        None => by_config,
    };
    if fits {
        return Ok(());
    }
    let all: Vec<&str> = leaf.names.iter().filter_map(Name::text).collect();
    let all = all.join(", ");
    let text = format!("verify cert failed: SAN matcher, certificate SANs are [{all}]");
    Err(Refusal {
        kind: Kind::Names,
        text,
        error: CertificateError::ApplicationVerificationFailure,
    })
}

/// Whether a name of a certificate is, or covers, this one.
fn is_for(own: &str, name: &str) -> bool {
    if own.eq_ignore_ascii_case(name) {
        return true;
    }
    let (Some(own), Some((_, rest))) = (own.strip_prefix("*."), name.split_once('.')) else {
        return false;
    };
    own.eq_ignore_ascii_case(rest)
}

fn check_pins(leaf: &CertificateDer<'_>, validation: &Validation) -> Result<(), Refusal> {
    let by_hash = validation.hashes.contains(&sha256(leaf));
    let by_key =
        || Certificate::parse(leaf).is_some_and(|c| validation.keys.contains(&c.key_hash()));
    if by_hash || by_key() {
        return Ok(());
    }
    let text = String::from("verify cert failed: cert hash and spki");
    Err(Refusal { kind: Kind::Pins, text, error: CertificateError::ApplicationVerificationFailure })
}

fn broken() -> Refusal {
    Refusal::of_chain("unable to decode certificate", CertificateError::BadEncoding)
}

/// A chain of certificates, and what it must lead to.
struct Chain<'a> {
    validation: &'a Validation,
    algorithms: &'a WebPkiSupportedAlgorithms,
    anchors: &'a [rustls::pki_types::TrustAnchor<'static>],
    leaf: &'a CertificateDer<'a>,
    others: &'a [CertificateDer<'a>],
    peer: Peer<'a>,
}

impl Chain<'_> {
    fn verify(&self, now: UnixTime) -> Result<(), Refusal> {
        let found = self.verify_at(now);
        let Err(webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. }) = found
        else {
            return found.map_err(|error| Refusal::of(&error));
        };
        if !self.validation.allow_expired {
            return found.map_err(|error| Refusal::of(&error));
        }
        // When all of them held is not known; if they ever did together, then when one of them began to.
        let all = std::iter::once(self.leaf).chain(self.others);
        let began = all.filter_map(|one| Certificate::parse(one)).map(|c| c.not_before);
        let moments = began.chain(self.anchors_begin()).filter_map(|moment| {
            let since = moment.duration_since(SystemTime::UNIX_EPOCH).ok()?;
            Some(UnixTime::since_unix_epoch(since))
        });
        let mut last = found;
        for moment in moments {
            last = self.verify_at(moment);
            if last.is_ok() {
                break;
            }
        }
        last.map_err(|error| Refusal::of(&error))
    }

    fn anchors_begin(&self) -> impl Iterator<Item = SystemTime> {
        let known = self.validation.authorities.iter();
        known.filter_map(|one| Certificate::parse(one)).map(|c| c.not_before)
    }

    fn verify_at(&self, time: UnixTime) -> Result<(), webpki::Error> {
        if self.is_trusted_itself() {
            return self.holds(time);
        }
        let crls: Vec<CertRevocationList<'_>> = self
            .validation
            .revoked
            .iter()
            .filter_map(|der| BorrowedCertRevocationList::from_der(der).ok())
            .map(Into::into)
            .collect();
        let crls: Vec<&CertRevocationList<'_>> = crls.iter().collect();
        let revocation = RevocationOptionsBuilder::new(&crls).ok().map(|options| {
            let depth = match self.validation.leaf_only {
                true => RevocationCheckDepth::EndEntity,
                false => RevocationCheckDepth::Chain,
            };
            // Without a list of its issuer a certificate is refused, as by OpenSSL.
            options.with_depth(depth).with_status_policy(UnknownStatusPolicy::Deny).build()
        });
        let usage = match self.peer {
            Peer::Client => KeyUsage::client_auth(),
            Peer::Server(_) => KeyUsage::server_auth(),
        };
        let leaf = EndEntityCert::try_from(self.leaf)?;
        let path = leaf.verify_for_usage(
            self.algorithms.all,
            self.anchors,
            self.others,
            time,
            usage,
            revocation,
            None,
        )?;
        let between = path.intermediate_certificates().count();
        if self.validation.max_depth.is_some_and(|most| between > most as usize) {
            return Err(webpki::Error::MaximumPathDepthExceeded);
        }
        Ok(())
    }

    /// A certificate that is named as an authority and shown by a peer is good, as in Envoy; webpki takes none of an
    /// authority for a peer's.
    fn is_trusted_itself(&self) -> bool {
        self.validation.authorities.iter().any(|authority| authority == self.leaf)
    }

    fn holds(&self, time: UnixTime) -> Result<(), webpki::Error> {
        let read = Certificate::parse(self.leaf).ok_or(webpki::Error::BadDer)?;
        let seconds = |moment: SystemTime| {
            let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            UnixTime::since_unix_epoch(since)
        };
        let (not_before, not_after) = (seconds(read.not_before), seconds(read.not_after));
        if time < not_before {
            return Err(webpki::Error::CertNotValidYet { time, not_before });
        }
        if time > not_after {
            return Err(webpki::Error::CertExpired { time, not_after });
        }
        Ok(())
    }
}

// === impl Refusal ===

impl Refusal {
    fn of_chain(words: &str, error: CertificateError) -> Self {
        // Which certificate of the chain it is webpki does not say; nearly always it is the peer's own.
        let text = format!(
            "verify cert failed: X509_verify_cert: certificate verification error at depth 0: {words}"
        );
        Self { kind: Kind::Chain, text, error }
    }

    /// In OpenSSL's words.
    fn of(error: &webpki::Error) -> Self {
        use webpki::Error;
        let (words, error) = match error {
            Error::UnknownIssuer => {
                ("unable to get local issuer certificate", CertificateError::UnknownIssuer)
            }
            Error::CertExpired { .. } => ("certificate has expired", CertificateError::Expired),
            Error::CertNotValidYet { .. } => {
                ("certificate is not yet valid", CertificateError::NotValidYet)
            }
            Error::CertRevoked => ("certificate revoked", CertificateError::Revoked),
            Error::UnknownRevocationStatus => {
                ("unable to get certificate CRL", CertificateError::UnknownRevocationStatus)
            }
            Error::CrlExpired { .. } => {
                ("CRL has expired", CertificateError::ExpiredRevocationList)
            }
            Error::RequiredEkuNotFoundContext(_) => {
                ("unsupported certificate purpose", CertificateError::InvalidPurpose)
            }
            Error::InvalidSignatureForPublicKey => {
                ("certificate signature failure", CertificateError::BadSignature)
            }
            Error::MaximumPathDepthExceeded | Error::PathLenConstraintViolated => {
                ("certificate chain too long", CertificateError::UnknownIssuer)
            }
            Error::CaUsedAsEndEntity => {
                ("a certificate of an authority is shown as one's own", other(error))
            }
            unknown => return Self::of_chain(&unknown.to_string(), other(error)),
        };
        Self::of_chain(words, error)
    }
}

fn other(error: &webpki::Error) -> CertificateError {
    CertificateError::Other(OtherError(std::sync::Arc::new(error.clone())))
}

// === impl NameMatcher ===

impl NameMatcher {
    /// Whether one of the certificate's names fits.
    fn fits(&self, leaf: &Certificate) -> bool {
        leaf.names.iter().any(|name| match (self.kind, name) {
            (NameKind::Dns, Name::Dns(name)) => match self.matcher.pattern() {
                StringPattern::Exact(wanted) => is_for(name, wanted),
                _ => self.matcher.matches(name.as_bytes()),
            },
            (NameKind::Uri, Name::Uri(name))
            | (NameKind::Email, Name::Email(name))
            | (NameKind::Ip, Name::Ip(name)) => self.matcher.matches(name.as_bytes()),
            _ => false,
        })
    }
}
