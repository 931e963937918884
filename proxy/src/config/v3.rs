//! v3, Envoy's protobuf form, as YAML or JSON: read strictly by Envoy's own schema, then lowered to the configuration.
//!
//! A text goes through four steps, and each reports everything that it finds wrong: [`check`] reads the tree as
//! messages (proto3 JSON: names, types, `Any`), [`rules`] applies Envoy's validation rules, the `lower_*` modules build
//! the configuration, and what they did not take is refused by name ([`message::Message::refuse_leftovers`]), so that no
//! field of a file is ever silently without effect.
//!
//! The messages are dynamic: trees that the schema has checked and in which every value still knows its line.
//! Generated structs (prost, of `envoy-types`) would know neither lines nor what was absent, would need a JSON reader
//! with the 3 MB descriptor set beside them all the same, and their 1,600 messages would be compiled for the fifty we
//! read. Nothing is kept in step by hand either way: the schema is cut from Envoy's descriptors.

mod access_log;
mod access_log_filter;
mod address;
mod bootstrap;
mod chain_matcher;
mod check;
mod cluster;
mod data_source;
mod dump;
mod endpoint;
mod hcm;
mod headers;
mod health_check;
mod http_filter;
mod lb;
mod listener;
mod listener_filter;
mod matcher;
mod message;
mod mirror;
mod network_filter;
mod outlier;
mod overload;
mod protocol;
mod rate_limit;
mod redact;
mod route;
mod route_tests;
mod rules;
mod runtime_layers;
mod subsets;
mod substitution_format;
mod tls;

pub(super) use self::bootstrap::{NAME as BOOTSTRAP, lower};
pub(super) use self::check::{TYPED_STRUCTS, check, parse_duration};
pub(super) use self::dump::{dump, duration as duration_text};
pub(super) use self::endpoint::{DISCOVERY, discovered as lower_discovered};
pub(super) use self::message::{Message, Use};
pub(super) use self::redact::redact;
pub(super) use self::route_tests::{NAME as ROUTE_TESTS, lower as lower_route_tests};
pub(super) use self::rules::validate;
pub(super) use self::tls::lower_secret;

use crate::config::diagnostic::Findings;

/// What the `typed_config` of an extension holds. Envoy finds the extension by this type alone; its name is free.
fn extension<'m, 's>(parent: &'m Message<'s>, findings: &mut Findings) -> Option<&'m Message<'s>> {
    let extension = parent.any("typed_config");
    if extension.is_none() && !parent.has("typed_config") {
        findings.error(parent.at, "typed_config is missing");
    }
    extension
}

/// Reports an extension of a kind that has no place here.
fn wrong_extension(
    parent: &Message<'_>,
    extension: &Message<'_>,
    wanted: &str,
    findings: &mut Findings,
) {
    let message = format!("expected {wanted}, found {}", extension.schema.name);
    findings.error(parent.place("typed_config"), message);
    extension.dismiss_all();
}
