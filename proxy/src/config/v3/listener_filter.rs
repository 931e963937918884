//! Listener filters: what reads a connection's beginning.

use crate::config::diagnostic::Findings;
use crate::config::listener::{ListenerFilter, ProxyProtocol};

use super::message::Message;

const TLS_INSPECTOR: &str = "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector";
const PROXY_PROTOCOL: &str = "envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol";

/// Lowers a listener filter.
pub(super) fn lower(filter: &Message<'_>, findings: &mut Findings) -> Option<ListenerFilter> {
    filter.dismiss(&["name"]);
    let extension = super::extension(filter, findings)?;
    if extension.schema.name == TLS_INSPECTOR {
        return Some(ListenerFilter::TlsInspector);
    }
    if extension.schema.name != PROXY_PROTOCOL {
        super::wrong_extension(filter, extension, "a listener filter", findings);
        return None;
    }
    if ["V1", "V2"].iter().all(|v| extension.enumerations("disallowed_versions").any(|o| o == *v)) {
        findings.error(extension.place("disallowed_versions"), "no version is left");
    }
    let disallowed = |version| extension.enumerations("disallowed_versions").any(|v| v == version);
    Some(ListenerFilter::ProxyProtocol(ProxyProtocol {
        optional: extension.bool("allow_requests_without_proxy_protocol").unwrap_or_default(),
        without_v1: disallowed("V1"),
        without_v2: disallowed("V2"),
        stat_prefix: extension.text("stat_prefix").unwrap_or_default().to_owned(),
    }))
}
