//! `CertificateValidationContext`.

use std::path::PathBuf;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, TrustAnchor};

use crate::config::base64;
use crate::config::diagnostic::Findings;
use crate::config::source::Quoted;
use crate::config::tls::pair::certificates;
use crate::config::tls::{MOST_PEM, NameKind, NameMatcher, Validation};
use crate::config::v3::message::Message;
use crate::config::v3::{data_source, matcher};

/// Lowers a validation context; none if something is wrong, which has been reported.
pub(super) fn lower(context: &Message<'_>, findings: &mut Findings) -> Option<Validation> {
    let before = findings.errors();
    let trusts = context.has("trusted_ca") || context.has("system_root_certs");
    if let Some(folder) = context.message("watched_directory") {
        // The files themselves are looked at again and again.
        folder.dismiss(&["path"]);
    }
    let mut files = Vec::new();
    let mut authorities = trusted(context, &mut files, findings);
    let mut anchors = authorities.as_deref().map(|all| anchors_of(context, all, findings));
    if context.message("system_root_certs").is_some() {
        let system = system(context, findings);
        let all = anchors.get_or_insert_default();
        all.extend(system.iter().filter_map(anchor));
    }
    let names: Vec<_> = context
        .messages("match_typed_subject_alt_names")
        .filter_map(|message| name(message, findings))
        .collect();
    if !names.is_empty() && !trusts {
        // In Envoy's words.
        let message = "SAN-based verification of peer certificates without trusted CA is \
                       insecure and not allowed";
        findings.error(context.place("match_typed_subject_alt_names"), message);
    }
    let read = Validation {
        anchors: anchors.filter(|_| trusts),
        authorities: authorities.take().unwrap_or_default(),
        names,
        hashes: pins(context, "verify_certificate_hash", findings, hash),
        keys: pins(context, "verify_certificate_spki", findings, |text| {
            <[u8; 32]>::try_from(base64::decode(text)?).ok()
        }),
        revoked: revoked(context, &mut files, findings),
        files,
        leaf_only: context.bool("only_verify_leaf_cert_crl").unwrap_or_default(),
        allow_expired: context.bool("allow_expired_certificate").unwrap_or_default(),
        accept_untrusted: context.enumeration("trust_chain_verification")
            == Some("ACCEPT_UNTRUSTED"),
        max_depth: context.u32("max_verify_depth"),
    };
    (findings.errors() == before).then_some(read)
}

/// The certificates of `trusted_ca`.
fn trusted(
    context: &Message<'_>,
    files: &mut Vec<PathBuf>,
    findings: &mut Findings,
) -> Option<Vec<CertificateDer<'static>>> {
    let text = data_source::file_or_bytes(context, "trusted_ca", MOST_PEM, findings)?;
    files.extend(Some(PathBuf::from(&text.path)).filter(|_| !text.path.is_empty()));
    match certificates(&text.bytes) {
        Ok(all) if !all.is_empty() => Some(all),
        Ok(_none) => {
            findings.error(context.place("trusted_ca"), "there is no certificate in it");
            None
        }
        Err(why) => {
            findings.error(context.place("trusted_ca"), format!("it cannot be read: {why}"));
            None
        }
    }
}

fn anchors_of(
    context: &Message<'_>,
    all: &[CertificateDer<'static>],
    findings: &mut Findings,
) -> Vec<TrustAnchor<'static>> {
    let anchors: Vec<_> = all.iter().filter_map(anchor).collect();
    if anchors.len() < all.len() {
        let message = "a certificate in it is broken, or of a form that is not supported";
        findings.error(context.place("trusted_ca"), message);
    }
    anchors
}

fn anchor(der: &CertificateDer<'static>) -> Option<TrustAnchor<'static>> {
    webpki::anchor_from_trusted_cert(der).ok().map(|anchor| anchor.to_owned())
}

/// The authorities that this machine trusts.
fn system(context: &Message<'_>, findings: &mut Findings) -> Vec<CertificateDer<'static>> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let message = "this machine has no list of trusted certificates";
        findings.missing_file(context.place("system_root_certs"), message);
    }
    found.certs
}

fn name(message: &Message<'_>, findings: &mut Findings) -> Option<NameMatcher> {
    let kind = match message.enumeration("san_type")? {
        "EMAIL" => NameKind::Email,
        "DNS" => NameKind::Dns,
        "URI" => NameKind::Uri,
        "IP_ADDRESS" => NameKind::Ip,
        other => {
            let text = format!("{other} is not supported, EMAIL, DNS, URI and IP_ADDRESS are");
            findings.unsupported(message.place("san_type"), text);
            return None;
        }
    };
    Some(NameMatcher { kind, matcher: matcher::string(message, "matcher", findings)? })
}

fn pins(
    context: &Message<'_>,
    field: &str,
    findings: &mut Findings,
    read: fn(&str) -> Option<[u8; 32]>,
) -> Vec<[u8; 32]> {
    let mut pins = Vec::new();
    for (at, text) in context.texts(field) {
        match read(text) {
            Some(pin) => pins.push(pin),
            None => {
                findings.error(at, format!("expected a SHA-256, found {}", Quoted(text)));
            }
        }
    }
    pins
}

/// A SHA-256 in hexadecimal digits, in any case and with or without colons.
fn hash(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    if digits.len() != 64 {
        return None;
    }
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

fn revoked(
    context: &Message<'_>,
    files: &mut Vec<PathBuf>,
    findings: &mut Findings,
) -> Vec<CertificateRevocationListDer<'static>> {
    let Some(text) = data_source::file_or_bytes(context, "crl", MOST_PEM, findings) else {
        return Vec::new();
    };
    files.extend(Some(PathBuf::from(&text.path)).filter(|_| !text.path.is_empty()));
    let lists: Result<Vec<_>, _> =
        CertificateRevocationListDer::pem_slice_iter(&text.bytes).collect();
    let good = |list: &CertificateRevocationListDer<'_>| {
        webpki::BorrowedCertRevocationList::from_der(list).is_ok()
    };
    match lists {
        Ok(lists) if !lists.is_empty() && lists.iter().all(good) => lists,
        _ => {
            findings.error(context.place("crl"), "there is no list of revoked certificates in it");
            Vec::new()
        }
    }
}
