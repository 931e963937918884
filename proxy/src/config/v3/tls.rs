//! `envoy.extensions.transport_sockets.tls.v3.*TlsContext`: the transport socket of a filter chain or a cluster.

mod certificate;
mod parameters;
mod secret;
mod validation;

use std::sync::Arc;

use rustls::pki_types::ServerName;

use crate::config::diagnostic::Findings;
use crate::config::source::Quoted;
use crate::config::tls::{Common, Downstream, Parameters, Upstream};

use super::message::Message;

pub(in crate::config) use self::secret::lower as lower_secret;

const DOWNSTREAM: &str = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
const UPSTREAM: &str = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
const RAW_BUFFER: &str = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer";

/// How many sessions with hosts Envoy remembers where the file says nothing.
const DEFAULT_SESSION_KEYS: u32 = 1;

/// How long a protocol's name may be (RFC 7301 §3.1), and all of them together.
const MOST_ALPN: usize = 255;

/// A transport socket that is wrong, which has been reported.
#[derive(Debug)]
pub(super) struct Wrong;

/// Lowers the `transport_socket` of a filter chain; none is plain text.
pub(super) fn downstream(
    chain: &Message<'_>,
    findings: &mut Findings,
) -> Result<Option<Arc<Downstream>>, Wrong> {
    let Some(context) = context(chain, DOWNSTREAM, findings)? else { return Ok(None) };
    let require_client_certificate = context.bool("require_client_certificate").unwrap_or_default();
    let common = common(context, Parameters::of_server(), findings);
    let read = Downstream {
        require_client_certificate,
        without_tickets: context.bool("disable_stateless_session_resumption").unwrap_or_default(),
        without_sessions: context.bool("disable_stateful_session_resumption").unwrap_or_default(),
        full_scan: context.bool("full_scan_certs_on_sni_mismatch").unwrap_or_default(),
        prefer_client_ciphers: context.bool("prefer_client_ciphers").unwrap_or_default(),
        common: common.ok_or(Wrong)?,
    };
    if read.common.certificates.is_empty() {
        findings.error(context.at, "no certificate: a server must have one");
        return Err(Wrong);
    }
    Ok(Some(Arc::new(read)))
}

/// Lowers the `transport_socket` of a cluster; none is plain text.
pub(super) fn upstream(
    cluster: &Message<'_>,
    findings: &mut Findings,
) -> Result<Option<Arc<Upstream>>, Wrong> {
    let Some(context) = context(cluster, UPSTREAM, findings)? else { return Ok(None) };
    let sni = context.nonempty("sni").map(str::to_owned);
    if let Some(sni) = &sni
        && ServerName::try_from(sni.as_str()).is_err()
    {
        let message = format!("expected the name of a host, found {}", Quoted(sni));
        findings.error(context.place("sni"), message);
    }
    let common = common(context, Parameters::of_client(), findings);
    let common = common.ok_or(Wrong)?;
    if common.certificates.len() > 1 {
        // Envoy refuses it too.
        let message = "expected at most one certificate: a client has no way to choose";
        findings.error(context.place("common_tls_context"), message);
    }
    Ok(Some(Arc::new(Upstream {
        common,
        sni,
        auto_host_sni: context.bool("auto_host_sni").unwrap_or_default(),
        auto_sni_san_validation: context.bool("auto_sni_san_validation").unwrap_or_default(),
        max_session_keys: context.u32("max_session_keys").unwrap_or(DEFAULT_SESSION_KEYS),
    })))
}

/// The context in a transport socket; none if it is plain text.
fn context<'m, 's>(
    parent: &'m Message<'s>,
    wanted: &str,
    findings: &mut Findings,
) -> Result<Option<&'m Message<'s>>, Wrong> {
    let Some(socket) = parent.message("transport_socket") else {
        // One that is wrong is not one that is missing.
        return if parent.has("transport_socket") { Err(Wrong) } else { Ok(None) };
    };
    socket.dismiss(&["name"]);
    let extension = super::extension(socket, findings).ok_or(Wrong)?;
    match extension.schema.name {
        RAW_BUFFER => Ok(None),
        name if name == wanted => Ok(Some(extension)),
        _ => {
            let what = match wanted {
                DOWNSTREAM => "a transport socket of a filter chain",
                _ => "a transport socket of a cluster",
            };
            super::wrong_extension(socket, extension, what, findings);
            Err(Wrong)
        }
    }
}

fn common(context: &Message<'_>, defaults: Parameters, findings: &mut Findings) -> Option<Common> {
    let Some(common) = context.message("common_tls_context") else {
        return Some(Common { parameters: defaults, ..Common::default() });
    };
    let parameters = common.message("tls_params");
    let parameters = match parameters {
        Some(message) => parameters::lower(message, defaults, findings),
        None => Some(defaults),
    };
    let certificates: Vec<_> = common
        .messages("tls_certificates")
        .map(|message| certificate::lower(message, "", findings))
        .collect();
    let validation = match common.message("validation_context") {
        Some(message) => validation::lower(message, findings).map(|read| Some(Arc::new(read))),
        None => Some(None),
    };
    let secrets: Vec<_> = common
        .messages("tls_certificate_sds_secret_configs")
        .map(|message| secret::certificate(message, findings))
        .collect();
    let validation_secret = common
        .message("validation_context_sds_secret_config")
        .map(|message| secret::validation(message, findings));
    let alpn = alpn(common, findings);
    let mut certificates: Vec<_> = certificates.into_iter().collect::<Option<_>>()?;
    let mut certificate_secrets = Vec::new();
    for (file, pair) in secrets.into_iter().collect::<Option<Vec<_>>>()? {
        certificate_secrets.push(file);
        certificates.push(pair);
    }
    let (validation, validation_secret) = match validation_secret {
        None => (validation?, None),
        Some(read) => {
            let (file, read) = read?;
            (Some(read), Some(file))
        }
    };
    Some(Common {
        alpn,
        parameters: parameters?,
        certificates,
        validation,
        certificate_secrets,
        validation_secret,
    })
}

/// Envoy takes each entry for a list with commas.
fn alpn(common: &Message<'_>, findings: &mut Findings) -> Vec<Vec<u8>> {
    let mut protocols = Vec::new();
    for (at, text) in common.texts("alpn_protocols") {
        for one in text.split(',').filter(|one| !one.is_empty()) {
            if one.len() > MOST_ALPN {
                let message = format!("expected at most {MOST_ALPN} bytes, found {}", one.len());
                findings.error(at, message);
            }
            protocols.push(one.as_bytes().to_vec());
        }
    }
    protocols
}
