//! `SdsSecretConfig` and `Secret`: certificates and authorities from a file of their own.

use std::sync::Arc;

use crate::config::diagnostic::Findings;
use crate::config::load::load_secret;
use crate::config::source::Quoted;
use crate::config::tls::{Pair, Secret, SecretFile, SecretKind, Validation};
use crate::config::v3::cluster::discovery;
use crate::config::v3::message::Message;

use super::{certificate, validation};

const SECRET: &str = "envoy.extensions.transport_sockets.tls.v3.Secret";

/// Reads a certificate that a file has.
pub(super) fn certificate(
    config: &Message<'_>,
    findings: &mut Findings,
) -> Option<(SecretFile, Arc<Pair>)> {
    let (file, secret) = read(config, findings)?;
    match secret.kind {
        SecretKind::Certificate(pair) => Some((file, pair)),
        SecretKind::Validation(_) => {
            findings.error(config.at, "the secret is no tls_certificate");
            None
        }
    }
}

/// Reads a validation context that a file has.
pub(super) fn validation(
    config: &Message<'_>,
    findings: &mut Findings,
) -> Option<(SecretFile, Arc<Validation>)> {
    let (file, secret) = read(config, findings)?;
    match secret.kind {
        SecretKind::Validation(read) => Some((file, read)),
        SecretKind::Certificate(_) => {
            findings.error(config.at, "the secret is no validation_context");
            None
        }
    }
}

fn read(config: &Message<'_>, findings: &mut Findings) -> Option<(SecretFile, Secret)> {
    let name = config.nonempty("name")?.to_owned();
    let Some(source) = config.message("sds_config") else {
        // Envoy would look for one in its bootstrap's secrets, of which there are none here.
        findings.error(config.at, "sds_config is missing: secrets come from files only");
        return None;
    };
    let path = discovery::path(source, findings)?;
    if !path.is_file() {
        // That has been reported.
        return None;
    }
    match load_secret(&path, &name) {
        Ok(secret) => Some((SecretFile { name, path }, secret)),
        Err(error) => {
            let message = format!("the secret cannot be read: {error}").replace('\n', "; ");
            findings.error(config.place("sds_config"), message);
            None
        }
    }
}

/// Lowers a file of secrets, which must have this one and no other.
pub(in crate::config) fn lower(
    response: &Message<'_>,
    name: &str,
    findings: &mut Findings,
) -> Option<Secret> {
    let version = response.text("version_info").unwrap_or_default().to_owned();
    let resources: Vec<_> = response.any_list("resources").collect();
    let [(at, resource)] = resources.as_slice() else {
        let message = format!("expected one secret, found {}", resources.len());
        findings.error(response.place("resources"), message);
        resources.iter().for_each(|(_, resource)| resource.dismiss_all());
        return None;
    };
    if resource.schema.name != SECRET {
        findings.error(*at, format!("expected {SECRET}, found {}", resource.schema.name));
        resource.dismiss_all();
        return None;
    }
    let own = resource.text("name").unwrap_or_default();
    if own != name {
        let message = format!("Unexpected SDS secret (expecting {name}): {}", Quoted(own));
        findings.error(*at, message);
    }
    let kind = match (resource.message("tls_certificate"), resource.message("validation_context")) {
        (Some(message), _) => {
            certificate::lower(message, name, findings).map(SecretKind::Certificate)
        }
        (None, Some(message)) => {
            validation::lower(message, findings).map(Arc::new).map(SecretKind::Validation)
        }
        (None, None) => {
            findings.error(*at, "expected a tls_certificate or a validation_context");
            None
        }
    };
    response.refuse_leftovers(findings);
    Some(Secret { version, kind: kind? })
}
