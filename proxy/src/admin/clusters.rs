//! `/clusters`: every cluster with its limits and its hosts.

use std::fmt::Write;
use std::sync::Arc;

use serde::Serialize;

use super::Parts;
use super::listeners::Address;
use super::page::Page;
use super::query::Query;
use crate::config;
use crate::config::cluster::{RoutingPriority, Thresholds};
use crate::config::endpoint::HealthStatus as Configured;
use crate::upstream::health::Flag;
use crate::upstream::outlier::{Averages, Origin};
use crate::upstream::{Cluster, Host};

/// `envoy.admin.v3.Clusters`.
#[derive(Serialize)]
struct Clusters<'a> {
    cluster_statuses: Vec<ClusterStatus<'a>>,
}

#[derive(Serialize)]
struct ClusterStatus<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    success_rate_ejection_threshold: Option<Percent>,
    host_statuses: Vec<HostStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local_origin_success_rate_ejection_threshold: Option<Percent>,
    circuit_breakers: CircuitBreakers,
    observability_name: &'a str,
}

#[derive(Serialize)]
struct HostStatus {
    address: Address,
    stats: [SimpleMetric; 9],
    health_status: HealthStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    success_rate: Option<Percent>,
    weight: u32,
    #[serde(skip_serializing_if = "String::is_empty")]
    hostname: String,
    #[serde(skip_serializing_if = "is_zero")]
    priority: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    local_origin_success_rate: Option<Percent>,
    locality: Locality,
}

/// `envoy.type.v3.Percent`.
#[derive(Serialize)]
struct Percent {
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<serde_json::Number>,
}

/// A number; what is the default of the message's field is left out.
#[derive(Serialize)]
struct SimpleMetric {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    name: &'static str,
}

#[derive(Serialize)]
struct HealthStatus {
    #[serde(skip_serializing_if = "is_false")]
    failed_active_health_check: bool,
    #[serde(skip_serializing_if = "is_false")]
    failed_outlier_check: bool,
    eds_health_status: &'static str,
    #[serde(skip_serializing_if = "is_false")]
    failed_active_degraded_check: bool,
    #[serde(skip_serializing_if = "is_false")]
    pending_dynamic_removal: bool,
    #[serde(skip_serializing_if = "is_false")]
    pending_active_hc: bool,
    #[serde(skip_serializing_if = "is_false")]
    excluded_via_immediate_hc_fail: bool,
    #[serde(skip_serializing_if = "is_false")]
    active_hc_timeout: bool,
}

#[derive(Serialize)]
struct Locality {
    #[serde(skip_serializing_if = "String::is_empty")]
    region: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    zone: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    sub_zone: String,
}

#[derive(Serialize)]
struct CircuitBreakers {
    thresholds: [ThresholdsStatus; 2],
}

#[derive(Serialize)]
struct ThresholdsStatus {
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<&'static str>,
    max_connections: u32,
    max_pending_requests: u32,
    max_requests: u32,
    max_retries: u32,
}

/// Lines, or with `format=json` a message; with `filter`, only clusters with such names.
pub(super) fn clusters(parts: &Parts, query: &Query) -> Page {
    let filter = match query.regex("filter") {
        Ok(filter) => filter,
        Err(page) => return page,
    };
    let clusters = parts.clusters.clusters().iter();
    let shown = clusters
        .filter(|cluster| filter.as_ref().is_none_or(|filter| filter.is_match(&cluster.name)));
    if query.get("format") == Some("json") {
        let cluster_statuses = shown.map(ClusterStatus::of).collect();
        return Page::message(&Clusters { cluster_statuses });
    }
    let mut out = String::new();
    for cluster in shown {
        lines(&mut out, cluster);
    }
    Page::text(out)
}

fn lines(out: &mut String, cluster: &Cluster) {
    let name = &cluster.name;
    let mut line = |what: &str, value: &dyn std::fmt::Display| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{name}::{what}::{value}");
    };
    line("observability_name", &observability_name(cluster));
    if let Some(outlier) = &cluster.outlier {
        for (origin, averages) in [("", &outlier.external), ("local_origin_", &outlier.local)] {
            let line = &mut line;
            line(&format!("outlier::{origin}success_rate_average"), &averages.success_rate.get());
            line(
                &format!("outlier::{origin}success_rate_ejection_threshold"),
                &averages.ejection_threshold.get(),
            );
        }
    }
    let priorities = [("default", RoutingPriority::Default), ("high", RoutingPriority::High)];
    for (priority, of) in priorities {
        let limits = &cluster.config.circuit_breakers.of(of);
        line(&format!("{priority}_priority::max_connections"), &limits.max_connections);
        line(&format!("{priority}_priority::max_pending_requests"), &limits.max_pending_requests);
        line(&format!("{priority}_priority::max_requests"), &limits.max_requests);
        line(&format!("{priority}_priority::max_retries"), &limits.max_retries);
    }
    line("added_via_api", &false);
    for host in cluster.hosts().hosts() {
        let mut line = |what: &str, value: &dyn std::fmt::Display| {
            line(&format!("{}::{what}", host.address), value)
        };
        let mut metrics = metrics(host);
        metrics.sort_unstable_by_key(|(_, name, _)| *name);
        for (_, name, value) in metrics {
            line(name, &value);
        }
        line("hostname", &host.hostname);
        let flags: String = host.flags().map(Flag::name).collect();
        line("health_flags", &if flags.is_empty() { "healthy" } else { &flags });
        let traits = host.traits();
        line("weight", &traits.weight);
        let locality = &traits.place.locality;
        line("region", &locality.region);
        line("zone", &locality.zone);
        line("sub_zone", &locality.sub_zone);
        line("canary", &host.is_canary());
        line("priority", &traits.place.priority);
        line("success_rate", &success_rate(host, Origin::External));
        line("local_origin_success_rate", &success_rate(host, Origin::Local));
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The share of good answers, in percent; negative if it is not known.
fn success_rate(host: &Host, origin: Origin) -> f64 {
    host.monitor().map_or(-1.0, |monitor| monitor.success_rate(origin))
}

/// The name in stats.
fn observability_name(cluster: &Cluster) -> &str {
    cluster.config.alt_stat_name.as_deref().unwrap_or(&cluster.name)
}

/// Whether it is a gauge, its name and its value, in the order of the message.
fn metrics(host: &Host) -> [(bool, &'static str, u64); 9] {
    let stats = &host.stats;
    [
        (false, "cx_connect_fail", stats.cx_connect_fail.value()),
        (false, "cx_total", stats.cx_total.value()),
        (false, "rq_error", stats.rq_error.value()),
        (false, "rq_success", stats.rq_success.value()),
        (false, "rq_timeout", stats.rq_timeout.value()),
        (false, "rq_total", stats.rq_total.value()),
        (true, "cx_active", stats.cx_active.value()),
        (true, "rq_active", stats.rq_active.value()),
        // A request waits for the cluster's pool here, before its host is chosen.
        (true, "rq_pending_active", 0),
    ]
}

// === impl ClusterStatus ===

impl<'a> ClusterStatus<'a> {
    fn of(cluster: &'a Arc<Cluster>) -> Self {
        let hosts = cluster.hosts();
        let outlier = cluster.outlier.as_ref();
        let threshold = |averages: &Averages| Percent::of(averages.ejection_threshold.get());
        let of = |priority| cluster.config.circuit_breakers.of(priority);
        let default = ThresholdsStatus::of(None, of(RoutingPriority::Default));
        let high = ThresholdsStatus::of(Some("HIGH"), of(RoutingPriority::High));
        Self {
            name: &cluster.name,
            success_rate_ejection_threshold: outlier.and_then(|it| threshold(&it.external)),
            local_origin_success_rate_ejection_threshold: outlier
                .and_then(|it| threshold(&it.local)),
            host_statuses: hosts.hosts().iter().map(|host| HostStatus::of(host)).collect(),
            circuit_breakers: CircuitBreakers { thresholds: [default, high] },
            observability_name: observability_name(cluster),
        }
    }
}

// === impl HostStatus ===

impl HostStatus {
    fn of(host: &Host) -> Self {
        let traits = host.traits();
        Self {
            address: host.address.into(),
            stats: metrics(host).map(|(gauge, name, value)| SimpleMetric {
                kind: gauge.then_some("GAUGE"),
                value: (value != 0).then(|| value.to_string()),
                name,
            }),
            health_status: HealthStatus::of(host),
            success_rate: Percent::of(success_rate(host, Origin::External)),
            local_origin_success_rate: Percent::of(success_rate(host, Origin::Local)),
            weight: traits.weight,
            hostname: host.hostname.clone(),
            priority: traits.place.priority,
            locality: Locality::of(&traits.place.locality),
        }
    }
}

// === impl HealthStatus ===

impl HealthStatus {
    fn of(host: &Host) -> Self {
        Self {
            failed_active_health_check: host.has(Flag::FailedActiveHc),
            failed_outlier_check: host.has(Flag::FailedOutlierCheck),
            eds_health_status: match host.configured_health() {
                Configured::Unhealthy | Configured::Timeout => "UNHEALTHY",
                Configured::Degraded => "DEGRADED",
                Configured::Draining => "DRAINING",
                Configured::Healthy | Configured::Unknown => "HEALTHY",
            },
            failed_active_degraded_check: host.has(Flag::DegradedActiveHc),
            pending_dynamic_removal: host.has(Flag::PendingDynamicRemoval),
            pending_active_hc: host.has(Flag::PendingActiveHc),
            excluded_via_immediate_hc_fail: host.has(Flag::ExcludedViaImmediateHcFail),
            active_hc_timeout: host.has(Flag::ActiveHcTimeout),
        }
    }
}

// === impl Percent ===

impl Percent {
    /// None if it is not known. A whole number has no fraction, and zero is the default.
    fn of(percent: f64) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, reason = "a percentage is small")]
        let whole = (percent.fract() == 0.0).then(|| serde_json::Number::from(percent as i64));
        let value = whole.or_else(|| serde_json::Number::from_f64(percent));
        let value = value.filter(|_| percent != 0.0);
        (percent >= 0.0).then_some(Self { value })
    }
}

// === impl Locality ===

impl Locality {
    fn of(locality: &config::endpoint::Locality) -> Self {
        let config::endpoint::Locality { region, zone, sub_zone } = locality.clone();
        Self { region, zone, sub_zone }
    }
}

// === impl ThresholdsStatus ===

impl ThresholdsStatus {
    fn of(priority: Option<&'static str>, thresholds: &Thresholds) -> Self {
        let Thresholds { max_connections, max_pending_requests, max_requests, max_retries, .. } =
            *thresholds;
        Self { priority, max_connections, max_pending_requests, max_requests, max_retries }
    }
}
