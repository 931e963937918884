//! `xds.type.matcher.v3.Matcher`, as a listener finds the filter chain of a connection by it.

use crate::config::address::CidrRange;
use crate::config::diagnostic::Findings;
use crate::config::listener::{End, FilterChain, Input, Matcher, OnMatch, Predicate};
use crate::config::source::Quoted;

use super::message::Message;
use super::{address, matcher};

const INPUTS: &str = "envoy.extensions.matching.common_inputs.network.v3.";
const IP: &str = "envoy.extensions.matching.input_matchers.ip.v3.Ip";
const CHAIN_NAME: &str = "google.protobuf.StringValue";

/// Lowers a matcher whose actions are names of these chains.
pub(super) fn lower(
    matcher: &Message<'_>,
    chains: &[FilterChain],
    findings: &mut Findings,
) -> Option<Matcher> {
    let mut list = Vec::new();
    let mut right = true;
    let matchers = matcher.message("matcher_list");
    for field in matchers.iter().flat_map(|list| list.messages("matchers")) {
        let predicate = field.message("predicate").and_then(|one| predicate(one, findings));
        let then = field.message("on_match").and_then(|then| on_match(then, chains, findings));
        match predicate.zip(then) {
            Some(one) => list.push(one),
            None => right = false,
        }
    }
    let otherwise = match matcher.message("on_no_match") {
        None => None,
        Some(then) => Some(Box::new(on_match(then, chains, findings)?)),
    };
    right.then_some(Matcher { list, otherwise })
}

fn on_match(
    then: &Message<'_>,
    chains: &[FilterChain],
    findings: &mut Findings,
) -> Option<OnMatch> {
    if let Some(matcher) = then.message("matcher") {
        return lower(matcher, chains, findings).map(OnMatch::Matcher);
    }
    let action = then.message("action")?;
    action.dismiss(&["name"]);
    let extension = super::extension(action, findings)?;
    if extension.schema.name != CHAIN_NAME {
        super::wrong_extension(action, extension, "the name of a filter chain", findings);
        return None;
    }
    let name = extension.text("value").unwrap_or_default();
    let found = chains.iter().position(|chain| chain.name == name);
    if found.is_none() {
        let message = format!("there is no filter chain of the name {}", Quoted(name));
        findings.error(extension.place("value"), message);
    }
    found.map(OnMatch::Chain)
}

fn predicate(one: &Message<'_>, findings: &mut Findings) -> Option<Predicate> {
    let mut all = |field| -> Option<Vec<Predicate>> {
        let list = one.message(field)?;
        let list: Vec<_> = list.messages("predicate").map(|one| predicate(one, findings)).collect();
        list.into_iter().collect()
    };
    if one.has("or_matcher") {
        return all("or_matcher").map(Predicate::Or);
    }
    if one.has("and_matcher") {
        return all("and_matcher").map(Predicate::And);
    }
    if let Some(not) = one.message("not_matcher") {
        return predicate(not, findings).map(|one| Predicate::Not(Box::new(one)));
    }
    single(one.message("single_predicate")?, findings)
}

fn single(single: &Message<'_>, findings: &mut Findings) -> Option<Predicate> {
    let input = input(single.message("input")?, findings);
    if single.has("value_match") {
        let matcher = matcher::string(single, "value_match", findings);
        return Some(Predicate::Text(input?, matcher?));
    }
    let custom = single.message("custom_match")?;
    custom.dismiss(&["name"]);
    let extension = super::extension(custom, findings)?;
    if extension.schema.name != IP {
        super::wrong_extension(custom, extension, "a matcher of addresses", findings);
        return None;
    }
    // Envoy's stats of what the addresses could not be parsed from: none here ever is.
    extension.text("stat_prefix");
    let ranges: Vec<Option<CidrRange>> = extension
        .messages("cidr_ranges")
        .map(|range| address::cidr_range(range, findings))
        .collect();
    let ranges = ranges.into_iter().collect::<Option<Vec<_>>>()?;
    match input? {
        Input::Address(end) => Some(Predicate::Address(end, ranges)),
        Input::Port(_) => {
            findings.error(single.place("input"), "expected an address for this matcher");
            None
        }
    }
}

fn input(input: &Message<'_>, findings: &mut Findings) -> Option<Input> {
    input.dismiss(&["name"]);
    let extension = super::extension(input, findings)?;
    let found = match extension.schema.name.strip_prefix(INPUTS) {
        Some("SourceIPInput") => Some(Input::Address(End::Source)),
        Some("DestinationIPInput") => Some(Input::Address(End::Destination)),
        Some("SourcePortInput") => Some(Input::Port(End::Source)),
        Some("DestinationPortInput") => Some(Input::Port(End::Destination)),
        _ => None,
    };
    if found.is_none() {
        super::wrong_extension(input, extension, "an input of a connection", findings);
    }
    found
}
