//! `/certs`: the certificates in use, and for how long they hold.

use std::sync::Arc;
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::base::clock;
use crate::config::tls::Pair;
use crate::stream_info::certificate::{Certificate, Name};
use crate::transport::tls::Shown;

use super::Parts;
use super::page::Page;
use super::query::Query;

/// `/certs`.
pub(super) fn certs(parts: &Parts, _: &Query) -> Page {
    let all: Vec<Value> = shown(parts).iter().filter_map(entry).collect();
    Page::message(&json!({ "certificates": all }))
}

/// For how many whole days all certificates hold still; none if there are none.
pub(super) fn days_left(parts: &Parts) -> Option<u64> {
    let all = shown(parts);
    let each = all.iter().flat_map(|shown| {
        let own = shown.pairs.iter().map(|pair| pair.leaf.not_after);
        own.chain(authorities(shown).into_iter().map(|read| read.not_after)).collect::<Vec<_>>()
    });
    each.map(days).min()
}

/// What every listener and every cluster with TLS uses now.
fn shown(parts: &Parts) -> Vec<Shown> {
    let listeners = parts.listeners.listeners().iter();
    let acceptors = listeners.flat_map(|listener| listener.acceptors().iter().flatten());
    let clusters = parts.clusters.clusters().iter();
    let connectors = clusters.filter_map(|cluster| cluster.tls.as_ref());
    acceptors.map(|one| one.shown()).chain(connectors.map(|one| one.shown())).collect()
}

fn entry(shown: &Shown) -> Option<Value> {
    let authorities = authorities(shown);
    let path = shown.validation.as_ref().and_then(|validation| validation.files.first());
    let path = path.map_or_else(|| String::from(INLINE), |path| path.display().to_string());
    let ca: Vec<_> = authorities.iter().map(|read| certificate(read, &path)).collect();
    let own: Vec<_> = shown.pairs.iter().map(pair).collect();
    (!ca.is_empty() || !own.is_empty()).then(|| json!({ "ca_cert": ca, "cert_chain": own }))
}

/// What Envoy calls the path of what stands in the configuration.
const INLINE: &str = "<inline>";

fn authorities(shown: &Shown) -> Vec<Certificate> {
    let all = shown.validation.iter().flat_map(|validation| &validation.authorities);
    all.filter_map(|der| Certificate::parse(der)).collect()
}

fn pair(pair: &Arc<Pair>) -> Value {
    certificate(&pair.leaf, if pair.path.is_empty() { INLINE } else { &pair.path })
}

fn certificate(read: &Certificate, path: &str) -> Value {
    let names = read.names.iter().filter_map(|name| match name {
        Name::Dns(name) => Some(json!({ "dns": name })),
        Name::Uri(name) => Some(json!({ "uri": name })),
        Name::Ip(name) => Some(json!({ "ip_address": name })),
        Name::Email(_) | Name::Other => None,
    });
    json!({
        "path": path,
        "serial_number": read.serial,
        "subject_alt_names": names.collect::<Vec<_>>(),
        "days_until_expiration": days(read.not_after).to_string(),
        "valid_from": time(read.not_before),
        "expiration_time": time(read.not_after),
    })
}

/// Whole days from now; zero for what does not hold any more.
fn days(until: SystemTime) -> u64 {
    const DAY: u64 = 24 * 60 * 60;
    until.duration_since(clock::wall()).map_or(0, |left| left.as_secs() / DAY)
}

fn time(moment: SystemTime) -> String {
    DateTime::<Utc>::from(moment).to_rfc3339_opts(SecondsFormat::Secs, true)
}
