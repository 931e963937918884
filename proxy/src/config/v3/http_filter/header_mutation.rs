//! `envoy.extensions.filters.http.header_mutation.v3`.

use crate::config::diagnostic::Findings;
use crate::config::http_filter::{HeaderMutation, Mutation, Mutations};
use crate::config::source::Quoted;
use crate::config::v3::message::Message;
use crate::config::v3::{headers, matcher};

pub(super) const NAME: &str = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation";

pub(super) const PER_ROUTE: &str =
    "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute";

pub(super) fn lower(config: &Message<'_>, findings: &mut Findings) -> HeaderMutation {
    HeaderMutation {
        mutations: mutations(config, findings),
        most_specific_wins: config.bool("most_specific_header_mutations_wins").unwrap_or_default(),
    }
}

pub(super) fn mutations(config: &Message<'_>, findings: &mut Findings) -> Mutations {
    let Some(mutations) = config.message("mutations") else { return Mutations::default() };
    let mut all = |field| list(mutations, field, findings);
    Mutations { request: all("request_mutations"), response: all("response_mutations") }
}

/// The changes in the list under `field`, which are made one after the other.
pub(in crate::config::v3) fn list(
    parent: &Message<'_>,
    field: &str,
    findings: &mut Findings,
) -> Vec<Mutation> {
    parent.messages(field).filter_map(|one| mutation(one, findings)).collect()
}

fn mutation(mutation: &Message<'_>, findings: &mut Findings) -> Option<Mutation> {
    if let Some(name) = mutation.text("remove") {
        let lower = name.to_ascii_lowercase();
        if lower.starts_with(':') || lower == "host" {
            // Envoy answers 503 to requests that lose what they cannot do without.
            let message = format!("removing {} is not supported yet", Quoted(name));
            findings.unsupported(mutation.place("remove"), message);
            return None;
        }
        return Some(Mutation::Remove(lower));
    }
    if let Some(matching) = mutation.message("remove_on_match") {
        return matcher::string(matching, "key_matcher", findings).map(Mutation::RemoveOnMatch);
    }
    headers::one(mutation.message("append")?, findings).map(Mutation::Append)
}
