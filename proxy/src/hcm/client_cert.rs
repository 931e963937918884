//! `x-forwarded-client-cert`: what hosts are told of the client's certificate.

use http::{HeaderMap, HeaderValue};

use crate::config::hcm::{CertificateDetails, ForwardClientCert};
use crate::message::headers::X_FORWARDED_CLIENT_CERT;
use crate::stream_info::Tls;
use crate::stream_info::certificate::{pem, url_encoded};

/// Leaves what the client says, takes it away, or says in its place or beside it what the connection shows.
pub(super) fn forward(
    (mode, details): (ForwardClientCert, CertificateDetails),
    tls: Option<&Tls>,
    headers: &mut HeaderMap,
) {
    let shown = tls.filter(|tls| tls.peer.is_some());
    let (mode, tls) = match (mode, shown) {
        (ForwardClientCert::AlwaysForwardOnly, _) => return join(headers),
        // Who shows no certificate may not say that he has one.
        (ForwardClientCert::Sanitize, _) | (_, None) => {
            headers.remove(X_FORWARDED_CLIENT_CERT);
            return;
        }
        (ForwardClientCert::ForwardOnly, Some(_)) => return join(headers),
        (mode, Some(tls)) => (mode, tls),
    };
    let said = said(tls, details);
    let mut value = Vec::with_capacity(said.len());
    if mode == ForwardClientCert::AppendForward {
        for before in headers.get_all(X_FORWARDED_CLIENT_CERT) {
            value.extend_from_slice(before.as_bytes());
            value.push(b',');
        }
    }
    value.extend_from_slice(said.as_bytes());
    // What a certificate says is no header's value if it has control characters in it.
    match HeaderValue::from_bytes(&value) {
        Ok(value) => drop(headers.insert(X_FORWARDED_CLIENT_CERT, value)),
        Err(_control) => drop(headers.remove(X_FORWARDED_CLIENT_CERT)),
    }
}

/// Makes one line of several, as Envoy does.
fn join(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(X_FORWARDED_CLIENT_CERT).iter();
    if let (Some(_), Some(_)) = (lines.next(), lines.next()) {
        let lines: Vec<_> =
            headers.get_all(X_FORWARDED_CLIENT_CERT).iter().map(HeaderValue::as_bytes).collect();
        if let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b","[..])) {
            headers.insert(X_FORWARDED_CLIENT_CERT, joined);
        }
    }
}

/// What the connection shows, in Envoy's order.
fn said(tls: &Tls, details: CertificateDetails) -> String {
    let mut parts = Vec::new();
    let own = tls.local.iter().flat_map(|own| own.uris());
    parts.extend(own.map(|uri| format!("By={uri}")));
    let Some(chain) = &tls.peer else { return String::new() };
    let leaf = &chain.leaf;
    parts.push(format!("Hash={}", leaf.fingerprint()));
    if details.cert {
        parts.push(format!("Cert=\"{}\"", url_encoded(&leaf.pem())));
    }
    if details.chain {
        let all: String = chain.all.iter().map(|der| url_encoded(&pem(der))).collect();
        parts.push(format!("Chain=\"{all}\""));
    }
    if details.subject {
        parts.push(format!("Subject=\"{}\"", leaf.subject));
    }
    if details.uri {
        let before = parts.len();
        parts.extend(leaf.uris().map(|uri| format!("URI={uri}")));
        if parts.len() == before {
            parts.push(String::from("URI="));
        }
    }
    if details.dns {
        parts.extend(leaf.dns().map(|name| format!("DNS={name}")));
    }
    parts.join(";")
}
