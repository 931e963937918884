//! `ssl_context` of listeners and clusters.

use crate::config::note::Note;
use crate::config::source::{At, Node, Value};

use super::build::{self, Build, Part};
use super::object::{Context, Key, Kind, Object, gone, optional, required};

const DOWNSTREAM: &[Key] = &[
    required("cert_chain_file", Kind::Text),
    required("private_key_file", Kind::Text),
    optional("alpn_protocols", Kind::Text),
    gone("alt_alpn_protocols", "Envoy knows one list of ALPN protocols"),
    optional("ca_cert_file", Kind::Text),
    optional("require_client_certificate", Kind::Bool),
    optional("verify_certificate_hash", Kind::Text),
    optional("verify_subject_alt_name", Kind::Texts),
    optional("crl_file", Kind::Text),
    optional("cipher_suites", Kind::Filled),
    optional("ecdh_curves", Kind::Filled),
    optional("session_ticket_key_paths", Kind::Texts),
];

const UPSTREAM: &[Key] = &[
    optional("cert_chain_file", Kind::Text),
    optional("private_key_file", Kind::Text),
    optional("alpn_protocols", Kind::Text),
    optional("ca_cert_file", Kind::Text),
    optional("verify_certificate_hash", Kind::Text),
    optional("verify_subject_alt_name", Kind::Texts),
    optional("cipher_suites", Kind::Filled),
    optional("ecdh_curves", Kind::Filled),
    optional("sni", Kind::Text),
];

/// The package of v3's contexts.
const PACKAGE: &str = "envoy.extensions.transport_sockets.tls.v3";

/// The transport socket of a listener.
pub(super) fn downstream(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let context = cx.closed(node, DOWNSTREAM)?;
    let keys = context.convert_list("session_ticket_key_paths", build::file);
    let keys = keys.map(|part| part.map(|keys| build::one("keys", keys)));
    let built = Build::any(context.at, &format!("{PACKAGE}.DownstreamTlsContext"))
        .maybe("common_tls_context", common(&context))
        .same(&["require_client_certificate"], &context)
        .maybe("session_ticket_keys", keys);
    Some(socket(context.at, built.finish()))
}

/// The transport socket of a cluster.
pub(super) fn upstream(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let context = cx.closed(node, UPSTREAM)?;
    let built = Build::any(context.at, &format!("{PACKAGE}.UpstreamTlsContext"))
        .maybe("common_tls_context", common(&context))
        .same(&["sni"], &context);
    Some(socket(context.at, built.finish()))
}

fn socket(at: At, config: Node) -> Node {
    Build::extension(at, "envoy.transport_sockets.tls", config).finish()
}

/// What the two have in common; nothing if all of it is left to the defaults.
fn common(context: &Object<'_>) -> Option<Node> {
    let at = context.at;
    let list = |name: &str, separator| context.convert(name, |node| build::split(node, separator));
    let parameters = Build::at(at)
        .maybe("cipher_suites", list("cipher_suites", ':'))
        .maybe("ecdh_curves", list("ecdh_curves", ':'));
    let certificate = Build::at(at)
        .maybe("certificate_chain", context.convert("cert_chain_file", build::file))
        .maybe("private_key", context.convert("private_key_file", build::file));
    let hash =
        context.convert("verify_certificate_hash", |node| Some(build::list_of(node.clone())));
    let validation = Build::at(at)
        .maybe("trusted_ca", context.convert("ca_cert_file", build::file))
        .maybe("verify_certificate_hash", hash)
        .maybe("match_typed_subject_alt_names", names(context))
        .note("match_typed_subject_alt_names", Note::EitherName)
        .maybe("crl", context.convert("crl_file", build::file));
    Build::at(at)
        .maybe("tls_params", parameters.finish_unless_empty())
        .maybe("tls_certificates", certificate.finish_unless_empty().map(build::list_of))
        .maybe("validation_context", validation.finish_unless_empty())
        .maybe("alpn_protocols", list("alpn_protocols", ','))
        .finish_unless_empty()
}

fn names(context: &Object<'_>) -> Option<Part> {
    context.convert("verify_subject_alt_name", |list| {
        let Value::List(names) = &list.value else { return None };
        let matchers = names.iter().flat_map(|name| {
            ["DNS", "URI"].map(|kind| {
                let matcher = Build::at(name.at).text("san_type", name.at, kind);
                matcher.maybe("matcher", build::exact(name)).finish()
            })
        });
        Some(Node::new(list.at, Value::List(matchers.collect())))
    })
}
