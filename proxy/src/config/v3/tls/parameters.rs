//! `TlsParameters`.

use crate::config::diagnostic::Findings;
use crate::config::source::Quoted;
use crate::config::tls::Parameters;
use crate::config::tls::parameters::{CURVES, SUITES_12, Version, curve, is_left_out, suite};
use crate::config::v3::message::Message;

/// Lowers what is set over `defaults`; none if something is wrong, which has been reported.
pub(super) fn lower(
    message: &Message<'_>,
    defaults: Parameters,
    findings: &mut Findings,
) -> Option<Parameters> {
    let mut read = defaults;
    let before = findings.errors();
    let mut version = |field: &str, default: Version| match message.enumeration(field) {
        None | Some("TLS_AUTO") => default,
        Some("TLSv1_2") => Version::Tls12,
        Some("TLSv1_3") => Version::Tls13,
        Some(older) => {
            let message_text = format!("{older} is not supported, TLSv1_2 and TLSv1_3 are");
            let hint = "rustls has no older version: they are broken";
            findings.unsupported(message.place(field), message_text).hint(hint);
            default
        }
    };
    read.least = version("tls_minimum_protocol_version", read.least);
    read.most = version("tls_maximum_protocol_version", read.most);
    if read.least > read.most {
        let place = message.place("tls_minimum_protocol_version");
        findings.error(place, "the minimum version is above the maximum version");
    }
    suites(message, &mut read, findings);
    curves(message, &mut read, findings);
    (findings.errors() == before).then_some(read)
}

/// `cipher_suites`. Envoy's `[one|other]` says that both are equally good; here the first is better.
fn suites(message: &Message<'_>, read: &mut Parameters, findings: &mut Findings) {
    let mut suites = Vec::new();
    let mut any = false;
    for (at, text) in message.texts("cipher_suites") {
        for name in text.split(':').flat_map(|part| part.trim_matches(['[', ']']).split('|')) {
            any = true;
            match suite(name) {
                Some(suite) => suites.push(suite),
                None if is_left_out(name) => {
                    let text = format!("{} is not supported", Quoted(name));
                    findings.unsupported(at, text).hint("rustls has left it out: it is weak");
                }
                None => {
                    let text = format!("there is no cipher suite {}", Quoted(name));
                    let known = SUITES_12.iter().map(|(name, _)| *name);
                    findings.error(at, text).did_you_mean(name, known);
                }
            }
        }
    }
    if any {
        read.suites = suites;
    }
    if read.suites.is_empty() && read.most == Version::Tls12 {
        findings.error(message.place("cipher_suites"), "no cipher suite is left");
    }
}

/// `ecdh_curves`.
fn curves(message: &Message<'_>, read: &mut Parameters, findings: &mut Findings) {
    let mut curves = Vec::new();
    let mut any = false;
    for (at, text) in message.texts("ecdh_curves") {
        for name in text.split(':') {
            any = true;
            match curve(name) {
                Some(curve) => curves.push(curve),
                None if ["P-521", "P-224", "X25519Kyber768Draft00"].contains(&name) => {
                    let text = format!("{} is not supported", Quoted(name));
                    findings.unsupported(at, text).hint("rustls has no such curve");
                }
                None => {
                    let text = format!("there is no curve {}", Quoted(name));
                    let known = CURVES.iter().map(|(name, _)| *name);
                    findings.error(at, text).did_you_mean(name, known);
                }
            }
        }
    }
    if any {
        read.curves = curves;
    }
    if read.curves.is_empty() {
        findings.error(message.place("ecdh_curves"), "no curve is left");
    }
}
