//! `TlsParameters`: versions, cipher suites and curves, by the names that OpenSSL and Envoy give them.

use rustls::crypto::SupportedKxGroup;
use rustls::crypto::aws_lc_rs::{cipher_suite as suite, kx_group};
use rustls::{CipherSuite, NamedGroup, SupportedCipherSuite};

/// What a side of a connection agrees to.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// `tls_minimum_protocol_version`.
    pub least: Version,
    /// `tls_maximum_protocol_version`.
    pub most: Version,
    /// Those of TLS 1.2, the best one first; TLS 1.3 has all of its own, as in Envoy.
    pub suites: Vec<SupportedCipherSuite>,
    /// `ecdh_curves`, the best one first.
    pub curves: Vec<&'static dyn SupportedKxGroup>,
}

/// A version that there is an implementation of.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Version {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// The suites of TLS 1.2 by OpenSSL's names, the best one first: Envoy's order.
pub const SUITES_12: &[(&str, SupportedCipherSuite)] = &[
    ("ECDHE-ECDSA-AES128-GCM-SHA256", suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-ECDSA-CHACHA20-POLY1305", suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-RSA-AES128-GCM-SHA256", suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    ("ECDHE-RSA-CHACHA20-POLY1305", suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    ("ECDHE-RSA-AES256-GCM-SHA384", suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
];

/// Those of TLS 1.3.
pub const SUITES_13: &[(&str, SupportedCipherSuite)] = &[
    ("TLS_AES_128_GCM_SHA256", suite::TLS13_AES_128_GCM_SHA256),
    ("TLS_AES_256_GCM_SHA384", suite::TLS13_AES_256_GCM_SHA384),
    ("TLS_CHACHA20_POLY1305_SHA256", suite::TLS13_CHACHA20_POLY1305_SHA256),
];

/// The names that Envoy takes too, in the words of the RFCs.
const SUITES_BY_RFC: &[(&str, &str)] = &[
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"),
    ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
    ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305"),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
];

/// The curves by Envoy's names.
pub const CURVES: &[(&str, &dyn SupportedKxGroup)] = &[
    ("X25519", kx_group::X25519),
    ("P-256", kx_group::SECP256R1),
    ("P-384", kx_group::SECP384R1),
    ("X25519MLKEM768", kx_group::X25519MLKEM768),
];

/// What Envoy knows and rustls has left out, since it is weak.
const LEFT_OUT: &[&str] = &[
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "ECDHE-RSA-AES256-SHA",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-PSK-AES128-CBC-SHA",
    "ECDHE-PSK-AES256-CBC-SHA",
    "ECDHE-PSK-CHACHA20-POLY1305",
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
    "AES128-SHA",
    "AES256-SHA",
    "PSK-AES128-CBC-SHA",
    "PSK-AES256-CBC-SHA",
    "DES-CBC3-SHA",
];

/// The suite of TLS 1.2 of that name.
pub fn suite(name: &str) -> Option<SupportedCipherSuite> {
    let by_rfc = SUITES_BY_RFC.iter().find(|(rfc, _)| *rfc == name);
    let name = by_rfc.map_or(name, |(_, name)| name);
    SUITES_12.iter().find(|(own, _)| *own == name).map(|(_, suite)| *suite)
}

/// Whether Envoy knows a suite of that name, and we do not.
pub fn is_left_out(name: &str) -> bool {
    LEFT_OUT.contains(&name)
}

/// The curve of that name.
pub fn curve(name: &str) -> Option<&'static dyn SupportedKxGroup> {
    CURVES.iter().find(|(own, _)| *own == name).map(|(_, curve)| *curve)
}

/// A suite's name in stats and logs.
pub fn suite_name(suite: CipherSuite) -> &'static str {
    let all = SUITES_12.iter().chain(SUITES_13);
    all.into_iter().find(|(_, own)| own.suite() == suite).map_or("", |(name, _)| name)
}

/// A curve's name in stats.
pub fn curve_name(group: NamedGroup) -> &'static str {
    CURVES.iter().find(|(_, own)| own.name() == group).map_or("", |(name, _)| name)
}

// === impl Parameters ===

impl Parameters {
    /// Envoy's defaults for what clients connect to.
    pub fn of_server() -> Self {
        Self { most: Version::Tls13, ..Self::of_client() }
    }

    /// Envoy's defaults for what connects to hosts: by itself it does not offer TLS 1.3.
    pub fn of_client() -> Self {
        Self {
            least: Version::Tls12,
            most: Version::Tls12,
            suites: SUITES_12.iter().map(|(_, suite)| *suite).collect(),
            curves: vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1],
        }
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self::of_server()
    }
}
