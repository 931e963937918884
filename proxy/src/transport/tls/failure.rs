//! Why a handshake failed, in the words of BoringSSL, which is what Envoy's logs quote.

use std::io;

use rustls::{AlertDescription, Error, InvalidMessage, PeerIncompatible};

use super::notes::Notes;
use super::verify::{Kind, Refusal};

/// BoringSSL's number of its own library, in the upper bits of an error's.
const LIBRARY: u32 = 16 << 24;

/// What an alert of the peer is added to.
const ALERTS: u32 = 1000;

/// Why a handshake failed.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// The peer's certificate is not good.
    Refused(Refusal),
    /// The peer has shown none, and must.
    NoCertificate(String),
    /// Something else is wrong with what the peer has sent, or it does not like what we have.
    Protocol(String),
    /// The connection ended in the middle.
    Gone(String),
}

// === impl Failure ===

impl Failure {
    /// What an error of rustls, or of the connection, means.
    pub(super) fn of(error: &io::Error, notes: Notes) -> Self {
        let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        let Some(inner) = inner else {
            return Self::Gone(match error.kind() {
                io::ErrorKind::UnexpectedEof => String::from("remote close"),
                _ => error.to_string(),
            });
        };
        match (inner, notes.refusal) {
            (Error::InvalidCertificate(_), Some(refusal)) => Self::Refused(refusal),
            (Error::NoCertificatesPresented, _) => {
                Self::NoCertificate(said(192, "PEER_DID_NOT_RETURN_A_CERTIFICATE"))
            }
            (other, _) => Self::Protocol(words(other)),
        }
    }

    /// What it means if a connection begins like this: nothing, unless it is HTTP.
    pub(super) fn of_plain_text(first: &[u8]) -> Option<Self> {
        match first {
            b"CONNE" => Some(Self::Protocol(said(155, "HTTPS_PROXY_REQUEST"))),
            [b'G', b'E', b'T', b' ', ..] | b"POST " | b"HEAD " | [b'P', b'U', b'T', b' ', ..] => {
                Some(Self::Protocol(said(156, "HTTP_REQUEST")))
            }
            _ => None,
        }
    }

    /// The stat of its own that counts it, if one does.
    pub fn kind(&self) -> Option<Kind> {
        match self {
            Self::Refused(refusal) => Some(refusal.kind),
            _ => None,
        }
    }

    /// `%UPSTREAM_TRANSPORT_FAILURE_REASON%` and `%DOWNSTREAM_TRANSPORT_FAILURE_REASON%`.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => Some(quoted(&format!(
                "{}:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:{}",
                LIBRARY + 125,
                refusal.text
            ))),
            Self::NoCertificate(words) | Self::Protocol(words) => Some(words.clone()),
            Self::Gone(_) => None,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Gone(words) => f.write_str(words),
            other => f.write_str(&other.reason().unwrap_or_default()),
        }
    }
}

impl std::error::Error for Failure {}

fn quoted(words: &str) -> String {
    format!("TLS_error:|{words}:TLS_error_end")
}

fn said(number: u32, name: &str) -> String {
    quoted(&format!("{}:SSL routines:OPENSSL_internal:{name}", LIBRARY + number))
}

fn words(error: &Error) -> String {
    match error {
        Error::AlertReceived(alert) => {
            let number = u8::from(*alert);
            match alert_name(*alert) {
                Some(name) => said(ALERTS + u32::from(number), name),
                None => quoted(&format!("the peer sent alert {number}")),
            }
        }
        Error::InvalidMessage(InvalidMessage::InvalidContentType)
        | Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion) => {
            said(247, "WRONG_VERSION_NUMBER")
        }
        Error::PeerIncompatible(
            PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => said(240, "UNSUPPORTED_PROTOCOL"),
        Error::PeerIncompatible(
            PeerIncompatible::NoCipherSuitesInCommon | PeerIncompatible::NoKxGroupsInCommon,
        ) => said(184, "NO_SHARED_CIPHER"),
        // BoringSSL has other words for the rest.
        other => quoted(&other.to_string()),
    }
}

fn alert_name(alert: AlertDescription) -> Option<&'static str> {
    Some(match alert {
        AlertDescription::CloseNotify => "SSLV3_ALERT_CLOSE_NOTIFY",
        AlertDescription::UnexpectedMessage => "SSLV3_ALERT_UNEXPECTED_MESSAGE",
        AlertDescription::BadRecordMac => "SSLV3_ALERT_BAD_RECORD_MAC",
        AlertDescription::HandshakeFailure => "SSLV3_ALERT_HANDSHAKE_FAILURE",
        AlertDescription::BadCertificate => "SSLV3_ALERT_BAD_CERTIFICATE",
        AlertDescription::UnsupportedCertificate => "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        AlertDescription::CertificateRevoked => "SSLV3_ALERT_CERTIFICATE_REVOKED",
        AlertDescription::CertificateExpired => "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        AlertDescription::CertificateUnknown => "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        AlertDescription::IllegalParameter => "SSLV3_ALERT_ILLEGAL_PARAMETER",
        AlertDescription::UnknownCA => "TLSV1_ALERT_UNKNOWN_CA",
        AlertDescription::AccessDenied => "TLSV1_ALERT_ACCESS_DENIED",
        AlertDescription::DecodeError => "TLSV1_ALERT_DECODE_ERROR",
        AlertDescription::DecryptError => "TLSV1_ALERT_DECRYPT_ERROR",
        AlertDescription::ProtocolVersion => "TLSV1_ALERT_PROTOCOL_VERSION",
        AlertDescription::InsufficientSecurity => "TLSV1_ALERT_INSUFFICIENT_SECURITY",
        AlertDescription::InternalError => "TLSV1_ALERT_INTERNAL_ERROR",
        AlertDescription::UserCanceled => "TLSV1_ALERT_USER_CANCELLED",
        AlertDescription::NoRenegotiation => "TLSV1_ALERT_NO_RENEGOTIATION",
        AlertDescription::UnsupportedExtension => "TLSV1_ALERT_UNSUPPORTED_EXTENSION",
        AlertDescription::UnrecognisedName => "TLSV1_ALERT_UNRECOGNIZED_NAME",
        AlertDescription::UnknownPSKIdentity => "TLSV1_ALERT_UNKNOWN_PSK_IDENTITY",
        AlertDescription::CertificateRequired => "TLSV1_ALERT_CERTIFICATE_REQUIRED",
        AlertDescription::NoApplicationProtocol => "TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
        _ => return None,
    })
}
