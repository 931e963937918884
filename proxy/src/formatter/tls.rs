//! Operators about TLS, of the connection with the client and of that with the host.

use std::time::SystemTime;

use super::operator::Value;
use super::time::TimeFormat;
use crate::stream_info::certificate::{Certificate, hex, serial, sha1, sha256, url_encoded};
use crate::stream_info::{StreamInfo, Tls};

/// Of which connection, and what of it.
const VALUES: &[(&str, Value)] = &[
    ("DOWNSTREAM_LOCAL_DNS_SAN", |line, info| names(line, local(info)?.dns())),
    ("DOWNSTREAM_LOCAL_EMAIL_SAN", |line, info| names(line, local(info)?.emails())),
    ("DOWNSTREAM_LOCAL_IP_SAN", |line, info| names(line, local(info)?.ips())),
    ("DOWNSTREAM_LOCAL_SUBJECT", |line, info| text(line, &local(info)?.subject)),
    ("DOWNSTREAM_LOCAL_URI_SAN", |line, info| names(line, local(info)?.uris())),
    ("DOWNSTREAM_PEER_CERT", |line, info| text(line, &url_encoded(&peer(info)?.pem()))),
    ("DOWNSTREAM_PEER_CERT_V_END", |line, info| moment(line, peer(info)?.not_after)),
    ("DOWNSTREAM_PEER_CERT_V_START", |line, info| moment(line, peer(info)?.not_before)),
    ("DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_1", |line, info| chain(line, info, |der| Some(sha1(der)))),
    ("DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256", |line, info| {
        chain(line, info, |der| Some(hex(&sha256(der))))
    }),
    ("DOWNSTREAM_PEER_CHAIN_SERIALS", |line, info| chain(line, info, serial)),
    ("DOWNSTREAM_PEER_DNS_SAN", |line, info| names(line, peer(info)?.dns())),
    ("DOWNSTREAM_PEER_EMAIL_SAN", |line, info| names(line, peer(info)?.emails())),
    ("DOWNSTREAM_PEER_FINGERPRINT_1", |line, info| text(line, &sha1(&peer(info)?.der))),
    ("DOWNSTREAM_PEER_FINGERPRINT_256", |line, info| text(line, &peer(info)?.fingerprint())),
    ("DOWNSTREAM_PEER_IP_SAN", |line, info| names(line, peer(info)?.ips())),
    ("DOWNSTREAM_PEER_ISSUER", |line, info| text(line, &peer(info)?.issuer)),
    ("DOWNSTREAM_PEER_SERIAL", |line, info| text(line, &peer(info)?.serial)),
    ("DOWNSTREAM_PEER_SUBJECT", |line, info| text(line, &peer(info)?.subject)),
    ("DOWNSTREAM_PEER_URI_SAN", |line, info| names(line, peer(info)?.uris())),
    ("DOWNSTREAM_TLS_CIPHER", |line, info| text(line, down(info)?.cipher)),
    // rustls does not tell it.
    ("DOWNSTREAM_TLS_SESSION_ID", |_line, _info| None),
    ("DOWNSTREAM_TLS_VERSION", |line, info| text(line, down(info)?.version)),
    // A connection without a handshake has no request, and no line.
    ("DOWNSTREAM_TRANSPORT_FAILURE_REASON", |_line, _info| None),
    ("REQUESTED_SERVER_NAME", |line, info| text(line, info.server_name.as_deref()?)),
    ("UPSTREAM_LOCAL_DNS_SAN", |line, info| names(line, up(info)?.local.as_deref()?.dns())),
    ("UPSTREAM_LOCAL_EMAIL_SAN", |line, info| names(line, up(info)?.local.as_deref()?.emails())),
    ("UPSTREAM_LOCAL_IP_SAN", |line, info| names(line, up(info)?.local.as_deref()?.ips())),
    ("UPSTREAM_LOCAL_SUBJECT", |line, info| text(line, &up(info)?.local.as_deref()?.subject)),
    ("UPSTREAM_LOCAL_URI_SAN", |line, info| names(line, up(info)?.local.as_deref()?.uris())),
    ("UPSTREAM_PEER_CERT", |line, info| text(line, &url_encoded(&host(info)?.pem()))),
    ("UPSTREAM_PEER_CERT_V_END", |line, info| moment(line, host(info)?.not_after)),
    ("UPSTREAM_PEER_CERT_V_START", |line, info| moment(line, host(info)?.not_before)),
    ("UPSTREAM_PEER_DNS_SAN", |line, info| names(line, host(info)?.dns())),
    ("UPSTREAM_PEER_EMAIL_SAN", |line, info| names(line, host(info)?.emails())),
    ("UPSTREAM_PEER_IP_SAN", |line, info| names(line, host(info)?.ips())),
    ("UPSTREAM_PEER_ISSUER", |line, info| text(line, &host(info)?.issuer)),
    ("UPSTREAM_PEER_SUBJECT", |line, info| text(line, &host(info)?.subject)),
    ("UPSTREAM_PEER_URI_SAN", |line, info| names(line, host(info)?.uris())),
    ("UPSTREAM_TLS_CIPHER", |line, info| text(line, up(info)?.cipher)),
    // rustls does not tell it.
    ("UPSTREAM_TLS_SESSION_ID", |_line, _info| None),
    ("UPSTREAM_TLS_VERSION", |line, info| text(line, up(info)?.version)),
];

/// What prints the operator of that name, if it is one about TLS.
pub(super) fn value(name: &str) -> Option<Value> {
    VALUES.iter().find(|(own, _)| *own == name).map(|(_, value)| *value)
}

fn down(info: &StreamInfo) -> Option<&Tls> {
    info.tls.as_deref()
}

fn up(info: &StreamInfo) -> Option<&Tls> {
    info.upstream_tls.as_deref()
}

fn peer(info: &StreamInfo) -> Option<&Certificate> {
    down(info)?.peer()
}

fn host(info: &StreamInfo) -> Option<&Certificate> {
    up(info)?.peer()
}

fn local(info: &StreamInfo) -> Option<&Certificate> {
    down(info)?.local.as_deref()
}

/// A text that is empty is none.
fn text(line: &mut Vec<u8>, value: &str) -> Option<()> {
    if value.is_empty() {
        return None;
    }
    line.extend_from_slice(value.as_bytes());
    Some(())
}

/// All names, with commas between them.
fn names<'n>(line: &mut Vec<u8>, names: impl Iterator<Item = &'n str>) -> Option<()> {
    let start = line.len();
    for name in names {
        if line.len() > start {
            line.push(b',');
        }
        line.extend_from_slice(name.as_bytes());
    }
    (line.len() > start).then_some(())
}

/// Something of each certificate that the client has shown.
fn chain(line: &mut Vec<u8>, info: &StreamInfo, what: fn(&[u8]) -> Option<String>) -> Option<()> {
    let all = down(info)?.peer.as_ref()?.all.iter().filter_map(|der| what(der));
    let all: Vec<String> = all.collect();
    names(line, all.iter().map(String::as_str))
}

fn moment(line: &mut Vec<u8>, moment: SystemTime) -> Option<()> {
    TimeFormat::new("").write(line, moment);
    Some(())
}
