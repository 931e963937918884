//! What a request is to rate limits: `rate_limits` of its route and virtual host.

use std::net::IpAddr;

use crate::config::matcher::HeaderField;
use crate::config::rate_limit::{Action, Descriptor, Entry, RateLimit};
use crate::message::Request;
use crate::route::Head;

use super::{Context, host_of};

/// Adds the descriptors of the limits of this stage.
pub(super) fn of<'l>(
    limits: impl Iterator<Item = &'l RateLimit>,
    stage: u32,
    request: &Request,
    cx: &Context<'_, '_>,
) -> Vec<Descriptor> {
    let described = counted(limits, stage, request, cx);
    described.into_iter().map(|(descriptor, _)| descriptor).collect()
}

/// The same, each with how many hits it counts for where its limit says so.
pub(super) fn counted<'l>(
    limits: impl Iterator<Item = &'l RateLimit>,
    stage: u32,
    request: &Request,
    cx: &Context<'_, '_>,
) -> Vec<(Descriptor, Option<u64>)> {
    let head = Head::new(host_of(request), request);
    let limits = limits.filter(|limit| limit.stage == stage);
    limits.filter_map(|limit| Some((descriptor(limit, &head, cx)?, limit.hits))).collect()
}

/// None if one of the actions has nothing to say.
fn descriptor(limit: &RateLimit, head: &Head<'_>, cx: &Context<'_, '_>) -> Option<Descriptor> {
    let mut entries = Vec::with_capacity(limit.actions.len());
    for action in &limit.actions {
        entries.extend(entry(action, head, cx)?);
    }
    Some(entries)
}

/// The inner none is nothing, which does not matter.
#[expect(
    clippy::option_option,
    reason = "a reason to leave the descriptor out, nothing, or something"
)]
fn entry(action: &Action, head: &Head<'_>, cx: &Context<'_, '_>) -> Option<Option<Entry>> {
    let said =
        |key: &str, value: &str| Some(Some(Entry { key: key.to_owned(), value: value.to_owned() }));
    match action {
        Action::SourceCluster => said("source_cluster", &cx.chain.node_cluster),
        Action::DestinationCluster => {
            said("destination_cluster", cx.routed.and_then(|routed| routed.cluster)?)
        }
        Action::RemoteAddress => said("remote_address", &cx.info.client.ip().to_string()),
        Action::MaskedRemoteAddress { v4, v6 } => {
            said("masked_remote_address", &network(cx.info.client.ip(), *v4, *v6))
        }
        Action::RequestHeader { field, key, skip_if_absent } => match joined(head, field) {
            Some(value) => said(key, &value),
            None => skip_if_absent.then_some(None),
        },
        Action::QueryParameter { name, key, skip_if_absent } => match head.query(name) {
            Some(value) => said(key, value),
            None => skip_if_absent.then_some(None),
        },
        Action::QueryParameterValueMatch { entry, expect, parameters } => {
            let met = parameters.iter().all(|one| one.is_met(head.query(&one.name)));
            (met == *expect).then(|| Some(entry.clone()))
        }
        Action::GenericKey(entry) => Some(Some(entry.clone())),
        Action::HeaderValueMatch { entry, expect, headers } => {
            let met = headers.iter().all(|one| one.matches(head.values(&one.field)));
            (met == *expect).then(|| Some(entry.clone()))
        }
    }
}

/// All values of a header, as one.
fn joined(head: &Head<'_>, field: &HeaderField) -> Option<String> {
    let mut values = head.values(field);
    let mut all = String::from_utf8_lossy(values.next()?).into_owned();
    for value in values {
        all.push(',');
        all.push_str(&String::from_utf8_lossy(value));
    }
    Some(all)
}

fn network(address: IpAddr, v4: u32, v6: u32) -> String {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - v4.min(32)).unwrap_or(0);
            format!("{}/{v4}", std::net::Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - v6.min(128)).unwrap_or(0);
            format!("{}/{v6}", std::net::Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}
