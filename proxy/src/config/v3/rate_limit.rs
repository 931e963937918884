//! `envoy.config.route.v3.RateLimit`.

use crate::config::diagnostic::Findings;
use crate::config::matcher::HeaderField;
use crate::config::rate_limit::{Action, Entry, RateLimit, RateLimits};

use super::message::Message;
use super::{matcher, route};

/// The limits in the list under `rate_limits` of a virtual host or route.
pub(super) fn limits(parent: &Message<'_>, findings: &mut Findings) -> RateLimits {
    let limits = parent.messages("rate_limits").filter_map(|limit| {
        if limit.has("hits_addend") {
            let message = "hits_addend has no effect here, in Envoy either; the rate_limits of a filter may have it";
            findings.unsupported(limit.place("hits_addend"), message);
        }
        one(limit, findings)
    });
    limits.collect()
}

/// The same, in what a route says to a filter.
pub(super) fn limits_of_filter(parent: &Message<'_>, findings: &mut Findings) -> RateLimits {
    parent.messages("rate_limits").filter_map(|limit| one(limit, findings)).collect()
}

fn one(limit: &Message<'_>, findings: &mut Findings) -> Option<RateLimit> {
    let actions: Vec<_> =
        limit.messages("actions").map(|action| self::action(action, findings)).collect();
    Some(RateLimit {
        stage: limit.u32("stage").unwrap_or_default(),
        hits: limit.message("hits_addend").and_then(|hits| hits.u64("number")),
        actions: actions.into_iter().collect::<Option<_>>()?,
    })
}

fn action(action: &Message<'_>, findings: &mut Findings) -> Option<Action> {
    for (field, what) in [
        ("destination_cluster", Action::DestinationCluster),
        ("remote_address", Action::RemoteAddress),
        ("source_cluster", Action::SourceCluster),
    ] {
        if action.message(field).is_some() {
            return Some(what);
        }
    }
    let text = |of: &Message<'_>, name| of.text(name).unwrap_or_default().to_owned();
    let flag = |of: &Message<'_>, name| of.bool(name).unwrap_or_default();
    if let Some(masked) = action.message("masked_remote_address") {
        return Some(Action::MaskedRemoteAddress {
            v4: masked.u32("v4_prefix_mask_len").unwrap_or(32),
            v6: masked.u32("v6_prefix_mask_len").unwrap_or(128),
        });
    }
    if let Some(header) = action.message("request_headers") {
        return Some(Action::RequestHeader {
            field: HeaderField::new(header.nonempty("header_name")?),
            key: text(header, "descriptor_key"),
            skip_if_absent: flag(header, "skip_if_absent"),
        });
    }
    if let Some(query) = action.message("query_parameters") {
        return Some(Action::QueryParameter {
            name: query.nonempty("query_parameter_name")?.into(),
            key: text(query, "descriptor_key"),
            skip_if_absent: flag(query, "skip_if_absent"),
        });
    }
    if let Some(query) = action.message("query_parameter_value_match") {
        let parameters: Vec<_> = query
            .messages("query_parameters")
            .map(|one| route::matcher::query(one, findings))
            .collect();
        return Some(Action::QueryParameterValueMatch {
            entry: entry(query, "query_match")?,
            expect: query.bool("expect_match").unwrap_or(true),
            parameters: parameters.into_iter().collect::<Option<_>>()?,
        });
    }
    if let Some(generic) = action.message("generic_key") {
        return entry(generic, "generic_key").map(Action::GenericKey);
    }
    let header = action.message("header_value_match")?;
    let headers = matcher::headers(header, "headers", findings);
    Some(Action::HeaderValueMatch {
        entry: entry(header, "header_match")?,
        expect: header.bool("expect_match").unwrap_or(true),
        headers: headers?,
    })
}

fn entry(of: &Message<'_>, default_key: &str) -> Option<Entry> {
    let key = of.nonempty("descriptor_key").unwrap_or(default_key).to_owned();
    Some(Entry { key, value: of.nonempty("descriptor_value")?.to_owned() })
}
