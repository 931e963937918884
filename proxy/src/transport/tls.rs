//! TLS on a connection: what we show, what we ask of the peer's certificate, and what becomes of a handshake.

mod acceptor;
mod connector;
mod failure;
pub mod hello;
mod notes;
mod stats;
mod verifier;
mod verify;

pub use self::acceptor::{Accepted, Acceptor, Shown};
pub use self::connector::{Connected, Connector, Purpose};
pub use self::failure::Failure;
pub use self::stats::SslStats;

use tokio_rustls::rustls;

use super::stream::Raw;

/// A connection with TLS on it, either way.
pub(super) type TlsStream = tokio_rustls::TlsStream<Raw>;

/// What rustls is built from: its cryptography, with these suites and curves.
fn provider(parameters: &crate::config::tls::Parameters) -> rustls::crypto::CryptoProvider {
    use crate::config::tls::parameters::SUITES_13;
    let suites = SUITES_13.iter().map(|(_, suite)| *suite);
    rustls::crypto::CryptoProvider {
        cipher_suites: suites.chain(parameters.suites.iter().copied()).collect(),
        kx_groups: parameters.curves.clone(),
        ..rustls::crypto::aws_lc_rs::default_provider()
    }
}

/// The versions that are agreed to.
fn versions(
    parameters: &crate::config::tls::Parameters,
) -> Vec<&'static rustls::SupportedProtocolVersion> {
    use crate::config::tls::parameters::Version;
    let all =
        [(Version::Tls13, &rustls::version::TLS13), (Version::Tls12, &rustls::version::TLS12)];
    let within = |version: &Version| *version >= parameters.least && *version <= parameters.most;
    all.into_iter().filter(|(version, _)| within(version)).map(|(_, version)| version).collect()
}

/// A version's name in stats and logs.
fn version_name(version: Option<rustls::ProtocolVersion>) -> &'static str {
    match version {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "",
    }
}
