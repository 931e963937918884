//! What a connection manager does to requests at the edge: whom it believes, and in which form it lets them in.

use crate::config::address::CidrRange;
use crate::config::diagnostic::Findings;
use crate::config::hcm::{
    CertificateDetails, EscapedSlashes, ForwardClientCert, Paths, Scheme, StripPort, Underscores,
};
use crate::config::v3::address;
use crate::config::v3::message::Message;

pub(super) fn internal_addresses(hcm: &Message<'_>, findings: &mut Findings) -> Vec<CidrRange> {
    let Some(internal) = hcm.message("internal_address_config") else { return Vec::new() };
    internal
        .messages("cidr_ranges")
        .filter_map(|range| address::cidr_range(range, findings))
        .collect()
}

pub(super) fn scheme(hcm: &Message<'_>) -> Option<Scheme> {
    let scheme = hcm.message("scheme_header_transformation")?.text("scheme_to_overwrite")?;
    Some(if scheme == "https" { Scheme::Https } else { Scheme::Http })
}

pub(super) fn client_cert(hcm: &Message<'_>) -> ForwardClientCert {
    match hcm.enumeration("forward_client_cert_details") {
        Some("FORWARD_ONLY") => ForwardClientCert::ForwardOnly,
        Some("APPEND_FORWARD") => ForwardClientCert::AppendForward,
        Some("SANITIZE_SET") => ForwardClientCert::SanitizeSet,
        Some("ALWAYS_FORWARD_ONLY") => ForwardClientCert::AlwaysForwardOnly,
        _ => ForwardClientCert::Sanitize,
    }
}

pub(super) fn client_cert_details(hcm: &Message<'_>) -> CertificateDetails {
    let details = hcm.message("set_current_client_cert_details");
    let has = |name| details.and_then(|details| details.bool(name)).unwrap_or_default();
    CertificateDetails {
        subject: has("subject"),
        cert: has("cert"),
        chain: has("chain"),
        dns: has("dns"),
        uri: has("uri"),
    }
}

pub(super) fn paths(hcm: &Message<'_>) -> Paths {
    Paths {
        escaped_slashes: match hcm.enumeration("path_with_escaped_slashes_action") {
            Some("REJECT_REQUEST") => EscapedSlashes::Reject,
            Some("UNESCAPE_AND_REDIRECT") => EscapedSlashes::Redirect,
            Some("UNESCAPE_AND_FORWARD") => EscapedSlashes::Forward,
            _ => EscapedSlashes::Keep,
        },
        normalize: hcm.bool("normalize_path").unwrap_or_default(),
        merge_slashes: hcm.bool("merge_slashes").unwrap_or_default(),
    }
}

pub(super) fn strip_port(hcm: &Message<'_>, findings: &mut Findings) -> StripPort {
    let flag = |name| hcm.bool(name).unwrap_or_default();
    match (flag("strip_matching_host_port"), flag("strip_any_host_port")) {
        (true, true) => {
            let message = "only one of strip_matching_host_port and strip_any_host_port can be set";
            findings.error(hcm.place("strip_any_host_port"), message);
            StripPort::Any
        }
        (true, false) => StripPort::Matching,
        (false, true) => StripPort::Any,
        (false, false) => StripPort::Never,
    }
}

pub(super) fn underscores(common: Option<&Message<'_>>) -> Underscores {
    match common.and_then(|common| common.enumeration("headers_with_underscores_action")) {
        Some("REJECT_REQUEST") => Underscores::Reject,
        Some("DROP_HEADER") => Underscores::Drop,
        _ => Underscores::Allow,
    }
}
