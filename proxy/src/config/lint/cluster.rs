//! Traps in clusters.

use std::collections::HashSet;
use std::time::Duration;

use crate::config::source::{Quoted, Value};

use super::view::View;
use super::{
    BREAKER_REPEATED, CLUSTER_UNUSED, EJECTION_LIMIT, HEALTH_CHECK_NO_TRAFFIC,
    IDLE_TIMEOUT_UPSTREAM, PANIC_FEW_HOSTS, TLS_UNVERIFIED, TLS_WITHOUT_NAME, Traps,
};

/// After this time common servers close an idle connection; many do it earlier.
const COMMON_KEEP_ALIVE: Duration = Duration::from_secs(60);

/// `healthy_panic_threshold`, where the file says nothing, in percent.
const DEFAULT_PANIC: i64 = 50;

/// `max_ejection_percent`, where the file says nothing.
const DEFAULT_EJECTION: i64 = 10;

pub(super) fn lint(bootstrap: View<'_>, traps: &mut Traps) {
    let clusters = bootstrap.at(&["static_resources", "clusters"]);
    let named = names_in_use(bootstrap);
    for cluster in clusters.items() {
        if let Some(named) = &named {
            unused(cluster, named, traps);
        }
        breakers(cluster, traps);
        health_checks(cluster, traps);
        few_hosts(cluster, traps);
        idle_timeout(cluster, traps);
        tls(cluster, traps);
    }
}

/// Every text that may name a cluster; none if clusters can be named by what is not in the file.
fn names_in_use(bootstrap: View<'_>) -> Option<HashSet<String>> {
    const ELSEWHERE: &[&str] = &[
        "cluster_header",
        "clusterHeader",
        "rds",
        "scoped_routes",
        "scopedRoutes",
        "cluster_specifier_plugin",
        "clusterSpecifierPlugin",
        "inline_cluster_specifier_plugin",
        "inlineClusterSpecifierPlugin",
    ];
    if bootstrap.get("dynamic_resources").is_set() {
        return None;
    }
    let mut names = HashSet::new();
    let unknown = bootstrap.any(&mut |key, node| {
        let own = ["name", "cluster_name", "clusterName", "alt_stat_name", "altStatName"];
        if let Value::Text(text) = &node.value
            && (!own.contains(&key))
        {
            names.insert(text.clone());
        }
        ELSEWHERE.contains(&key)
    });
    // Elsewhere than in clusters, which name themselves, these keys name others.
    let resources = bootstrap.get("static_resources");
    for part in [resources.get("listeners"), bootstrap.get("tracing"), bootstrap.get("stats_sinks")]
    {
        part.any(&mut |key, node| {
            if let (Value::Text(text), "name" | "cluster_name" | "clusterName") = (&node.value, key)
            {
                names.insert(text.clone());
            }
            false
        });
    }
    (!unknown).then_some(names)
}

fn unused(cluster: View<'_>, named: &HashSet<String>, traps: &mut Traps) {
    let name = cluster.get("name");
    if let (Some(text), Some(at)) = (name.text(), name.place())
        && !named.contains(text)
    {
        traps.add(CLUSTER_UNUSED, at, format!("nothing names the cluster {}", Quoted(text)));
    }
}

fn breakers(cluster: View<'_>, traps: &mut Traps) {
    let mut seen = HashSet::new();
    for entry in cluster.at(&["circuit_breakers", "thresholds"]).items() {
        let priority = entry.get("priority").text().unwrap_or("DEFAULT");
        if let Some(at) = entry.place()
            && !seen.insert(priority.to_ascii_uppercase())
        {
            let message = format!("these thresholds of priority {priority} have no effect");
            traps.add(BREAKER_REPEATED, at, message);
        }
    }
}

fn health_checks(cluster: View<'_>, traps: &mut Traps) {
    for check in cluster.get("health_checks").items() {
        if let Some(at) = check.place()
            && !check.get("no_traffic_interval").is_set()
        {
            let message = "hosts are checked once in 60 s until the cluster has its first request";
            traps.add(HEALTH_CHECK_NO_TRAFFIC, at, message);
        }
    }
}

/// How many hosts the file lists; none if their number is known only at run time.
fn host_count(cluster: View<'_>) -> Option<i64> {
    let kind = cluster.get("type").text().unwrap_or("STATIC");
    if !kind.eq_ignore_ascii_case("STATIC") || cluster.get("cluster_type").is_set() {
        return None;
    }
    let localities = cluster.at(&["load_assignment", "endpoints"]);
    let hosts = localities.items().flat_map(|locality| locality.get("lb_endpoints").items());
    i64::try_from(hosts.count()).ok()
}

fn few_hosts(cluster: View<'_>, traps: &mut Traps) {
    let Some(hosts) = host_count(cluster).filter(|hosts| *hosts > 0) else { return };
    let outliers = cluster.get("outlier_detection");
    let watched = outliers.is_set() || cluster.get("health_checks").items().next().is_some();
    let lb = cluster.get("common_lb_config");
    let threshold = lb.at(&["healthy_panic_threshold", "value"]);
    // A percentage has a fraction, which does not matter here.
    let percent = threshold.number().or_else(|| threshold.is_set().then_some(1));
    let percent = match lb.get("healthy_panic_threshold").is_set() {
        true => percent.unwrap_or(0),
        false => DEFAULT_PANIC,
    };
    if watched && hosts < 3 && percent > 0 {
        let at = lb.get("healthy_panic_threshold").place_or(cluster);
        let failing = (1..=hosts).find(|k| (hosts - k) * 100 < percent * hosts).unwrap_or(hosts);
        let message =
            format!("with {failing} of {hosts} hosts unhealthy, all of them get requests again");
        at.into_iter().for_each(|at| traps.add(PANIC_FEW_HOSTS, at, message.clone()));
    }
    let ejection = outliers.get("max_ejection_percent").number().unwrap_or(DEFAULT_EJECTION);
    if outliers.is_set() && hosts > 2 && hosts * ejection < 200 && ejection > 0 {
        let at = outliers.get("max_ejection_percent").place_or(outliers);
        let message = format!("of {hosts} hosts only one is ejected at a time");
        at.into_iter().for_each(|at| traps.add(EJECTION_LIMIT, at, message.clone()));
    }
}

/// What the file says, or a default that is too long for a remote server of HTTP/1.1.
fn idle_timeout(cluster: View<'_>, traps: &mut Traps) {
    let extensions = cluster.get("typed_extension_protocol_options");
    let mut all = extensions.values().map(|options| options.get("common_http_protocol_options"));
    let common = all.find(|common| common.is_set());
    let common = common.unwrap_or_else(|| cluster.get("common_http_protocol_options"));
    let timeout = common.get("idle_timeout");
    let Some(at) = timeout.place() else { return };
    match timeout.duration() {
        Some(Duration::ZERO) => {
            traps.add(IDLE_TIMEOUT_UPSTREAM, at, "idle connections to hosts are kept for ever");
        }
        Some(given) if given > COMMON_KEEP_ALIVE => {
            let message = format!("idle connections to hosts are kept for {} s", given.as_secs());
            traps.add(IDLE_TIMEOUT_UPSTREAM, at, message);
        }
        _ => {}
    }
}

fn tls(cluster: View<'_>, traps: &mut Traps) {
    const CONTEXT: &str = "UpstreamTlsContext";
    let socket = cluster.at(&["transport_socket", "typed_config"]);
    let is_tls = socket.get("@type").text().is_some_and(|kind| kind.ends_with(CONTEXT));
    let Some(at) = socket.place().filter(|_| is_tls) else { return };
    let common = socket.get("common_tls_context");
    let ways = [
        "validation_context",
        "validation_context_sds_secret_config",
        "combined_validation_context",
    ];
    if !ways.iter().any(|way| common.get(way).is_set()) {
        traps.add(TLS_UNVERIFIED, at, "the hosts' certificates are not verified");
    }
    let named = socket.get("sni").is_set() || socket.get("auto_host_sni").is_true();
    if !named && !cluster.any(&mut |key, _| matches!(key, "auto_sni" | "autoSni")) {
        traps.add(TLS_WITHOUT_NAME, at, "the hosts are not told which name is wanted");
    }
}
