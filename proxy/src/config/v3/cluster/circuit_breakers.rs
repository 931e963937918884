//! `envoy.config.cluster.v3.CircuitBreakers`.

use std::sync::Arc;

use crate::config::cluster::{CircuitBreakers, RetryBudget, Thresholds};
use crate::config::diagnostic::Findings;
use crate::config::v3::message::Message;

/// What `per_host_thresholds` can limit is one thing; Envoy refuses the others too.
const NOT_PER_HOST: [&str; 5] =
    ["max_pending_requests", "max_requests", "max_retries", "max_connection_pools", "retry_budget"];

/// Lowers the breakers of a cluster.
pub(super) fn lower(cluster: &Message<'_>, findings: &mut Findings) -> Arc<CircuitBreakers> {
    let Some(breakers) = cluster.message("circuit_breakers") else {
        return CircuitBreakers::usual();
    };
    let [mut default, mut high] = [None, None];
    for entry in breakers.messages("thresholds") {
        let thresholds = thresholds(entry);
        // Of several entries for one priority, Envoy takes the first.
        of(entry, &mut default, &mut high).get_or_insert(thresholds);
    }
    let [mut host_default, mut host_high] = [None, None];
    for entry in breakers.messages("per_host_thresholds") {
        let most = host_connections(entry, findings);
        of(entry, &mut host_default, &mut host_high).get_or_insert(most);
    }
    let with_hosts = |thresholds: Option<Thresholds>, hosts: Option<Option<u32>>| Thresholds {
        max_host_connections: hosts.flatten(),
        ..thresholds.unwrap_or_default()
    };
    Arc::new(CircuitBreakers {
        default: with_hosts(default, host_default),
        high: with_hosts(high, host_high),
    })
}

/// Which of two the priority of an entry means.
fn of<'p, T>(entry: &Message<'_>, default: &'p mut T, high: &'p mut T) -> &'p mut T {
    if entry.enumeration("priority") == Some("HIGH") { high } else { default }
}

fn thresholds(entry: &Message<'_>) -> Thresholds {
    let default = Thresholds::default();
    let number = |name, default| entry.u32(name).unwrap_or(default);
    Thresholds {
        max_connections: number("max_connections", default.max_connections),
        max_pending_requests: number("max_pending_requests", default.max_pending_requests),
        max_requests: number("max_requests", default.max_requests),
        max_retries: number("max_retries", default.max_retries),
        retry_budget: entry.message("retry_budget").map(retry_budget),
        max_connection_pools: entry.u32("max_connection_pools"),
        track_remaining: entry.bool("track_remaining").unwrap_or_default(),
        max_host_connections: None,
    }
}

fn retry_budget(budget: &Message<'_>) -> RetryBudget {
    let default = RetryBudget::default();
    let percent = budget.message("budget_percent");
    RetryBudget {
        // Of a percentage that is there and says nothing, protobuf knows zero.
        budget_percent: percent
            .map_or(default.budget_percent, |percent| percent.double("value").unwrap_or_default()),
        min_retry_concurrency: budget
            .u32("min_retry_concurrency")
            .unwrap_or(default.min_retry_concurrency),
    }
}

fn host_connections(entry: &Message<'_>, findings: &mut Findings) -> Option<u32> {
    for name in NOT_PER_HOST.into_iter().filter(|name| entry.has(name)) {
        let message = format!("{name} cannot be limited per host, only max_connections can");
        findings.error(entry.place(name), message);
    }
    // Envoy takes it, and has no gauges for it.
    entry.dismiss(&["track_remaining"]);
    entry.dismiss_all();
    entry.u32("max_connections")
}
