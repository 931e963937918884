//! `envoy.config.route.v3.RouteAction.HashPolicy`.

use crate::config::diagnostic::Findings;
use crate::config::matcher::HeaderField;
use crate::config::route::{HashCookie, HashPolicy, HashSource};
use crate::config::v3::matcher;
use crate::config::v3::message::Message;

/// Reads a route's hash policies.
pub(super) fn lower(action: &Message<'_>, findings: &mut Findings) -> Option<Vec<HashPolicy>> {
    let mut policies = Vec::new();
    let mut all_right = true;
    for policy in action.messages("hash_policy") {
        let terminal = policy.bool("terminal").unwrap_or_default();
        match source(policy, findings) {
            Source::Of(source) => policies.push(HashPolicy { source, terminal }),
            Source::Nothing => {}
            Source::Wrong => all_right = false,
        }
    }
    all_right.then_some(policies)
}

/// What a policy hashes.
enum Source {
    Of(HashSource),
    /// It asks for no property of the connection.
    Nothing,
    /// It has been reported.
    Wrong,
}

fn source(policy: &Message<'_>, findings: &mut Findings) -> Source {
    if let Some(header) = policy.message("header") {
        let Some(name) = header.nonempty("header_name") else { return Source::Wrong };
        let rewrite = matcher::rewrite(header, "regex_rewrite", findings);
        if header.has("regex_rewrite") && rewrite.is_none() {
            return Source::Wrong;
        }
        return Source::Of(HashSource::Header { field: HeaderField::new(name), rewrite });
    }
    if let Some(cookie) = policy.message("cookie") {
        let Some(name) = cookie.nonempty("name") else { return Source::Wrong };
        let text = |of: &Message<'_>, field| of.text(field).unwrap_or_default().to_owned();
        let attributes = cookie.messages("attributes");
        return Source::Of(HashSource::Cookie(HashCookie {
            name: name.to_owned(),
            // Envoy drops what is less than a second.
            ttl: cookie.duration("ttl").map(|ttl| ttl.as_secs()),
            path: text(cookie, "path"),
            attributes: attributes.map(|one| (text(one, "name"), text(one, "value"))).collect(),
        }));
    }
    if let Some(connection) = policy.message("connection_properties") {
        return match connection.bool("source_ip") {
            Some(true) => Source::Of(HashSource::SourceIp),
            _ => Source::Nothing,
        };
    }
    match policy.message("query_parameter").and_then(|query| query.nonempty("name")) {
        Some(name) => Source::Of(HashSource::Query(name.to_owned())),
        None => Source::Wrong,
    }
}
