//! Traps in routes.

use std::time::Duration;

use crate::config::source::{At, Quoted};

use super::view::View;
use super::{
    GRPC_ROUTE_TIMEOUT, MIRROR_HOST, ROUTE_UNREACHABLE, STREAM_IDLE_TIMEOUT, Traps, UPGRADE_IDLE,
    retry,
};

/// A route's `timeout`, where the file says nothing.
pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);

/// `stream_idle_timeout`, where the file says nothing.
const DEFAULT_STREAM_IDLE: Duration = Duration::from_secs(300);

pub(super) fn lint(manager: View<'_>, clusters: View<'_>, traps: &mut Traps) {
    for host in manager.at(&["route_config", "virtual_hosts"]).items() {
        unreachable(host, traps);
        for route in host.get("routes").items() {
            let action = route.get("route");
            let Some(at) = action.place() else { continue };
            let at = action.get("timeout").place().unwrap_or(at);
            upgrade(manager, action, at, traps);
            grpc(route, at, traps);
            stream_idle(manager, action, traps);
            mirror(action, traps);
            retry::lint(host, action, clusters, traps);
        }
    }
}

/// The time a whole request may take; none is no limit.
pub(super) fn timeout(action: View<'_>) -> Option<Duration> {
    match action.get("timeout").duration() {
        Some(Duration::ZERO) => None,
        given => given.or(Some(DEFAULT_TIMEOUT)),
    }
}

fn upgrade(manager: View<'_>, action: View<'_>, at: At, traps: &mut Traps) {
    let is_on = |upgrade: &View<'_>| {
        let enabled = upgrade.get("enabled");
        !enabled.is_set() || enabled.is_true()
    };
    let own = action.get("upgrade_configs");
    let all = if own.is_set() { own } else { manager.get("upgrade_configs") };
    let Some(upgrade) = all.items().find(is_on) else { return };
    let given = [action.get("idle_timeout"), manager.get("stream_idle_timeout")];
    // Who says a time has thought of it.
    if !given.iter().any(|time| time.is_set()) {
        let kind = upgrade.get("upgrade_type").text().unwrap_or("an upgrade");
        let after = seconds(DEFAULT_STREAM_IDLE);
        traps.add(UPGRADE_IDLE, at, format!("{kind} is ended when it is silent for {after} s"));
    }
}

fn grpc(route: View<'_>, at: At, traps: &mut Traps) {
    let action = route.get("route");
    let bounded = ["max_stream_duration", "max_grpc_timeout"];
    if !route.at(&["match", "grpc"]).is_set() || bounded.iter().any(|b| action.get(b).is_set()) {
        return;
    }
    if let Some(timeout) = timeout(action) {
        let message = format!("gRPC streams are ended after {} s", seconds(timeout));
        traps.add(GRPC_ROUTE_TIMEOUT, at, message);
    }
}

fn stream_idle(manager: View<'_>, action: View<'_>, traps: &mut Traps) {
    let given = action.get("timeout");
    let idle = action.get("idle_timeout").duration();
    let idle = idle.or_else(|| manager.get("stream_idle_timeout").duration());
    let idle = idle.unwrap_or(DEFAULT_STREAM_IDLE);
    let (Some(timeout), Some(at)) = (given.duration(), given.place()) else { return };
    if idle != Duration::ZERO && timeout > idle {
        let message = format!(
            "a request that waits for its answer is ended after {} s, not after {} s",
            seconds(idle),
            seconds(timeout)
        );
        traps.add(STREAM_IDLE_TIMEOUT, at, message);
    }
}

fn mirror(action: View<'_>, traps: &mut Traps) {
    for policy in action.get("request_mirror_policies").items() {
        if let Some(at) = policy.place()
            && !policy.get("disable_shadow_host_suffix_append").is_true()
            && !policy.get("host_rewrite_literal").is_set()
        {
            traps.add(MIRROR_HOST, at, "the mirrored request's host ends in -shadow");
        }
    }
}

/// Routes behind one that asks for nothing but the beginning of the path, which they ask for too.
fn unreachable(host: View<'_>, traps: &mut Traps) {
    let mut wide: Vec<(&str, bool)> = Vec::new();
    for route in host.get("routes").items() {
        let matcher = route.get("match");
        let exact =
            !matcher.get("case_sensitive").is_set() || matcher.get("case_sensitive").is_true();
        let ways = ["path", "prefix", "path_separated_prefix"];
        let text = ways.iter().find_map(|way| matcher.get(way).text());
        if let (Some(text), Some(at)) = (text, matcher.place()) {
            let covers = |(prefix, any_case): &&(&str, bool)| match any_case {
                true => text.to_lowercase().starts_with(&prefix.to_lowercase()),
                false => exact && text.starts_with(prefix),
            };
            if let Some((prefix, _)) = wide.iter().find(covers) {
                let message = format!(
                    "nothing comes here, for an earlier route takes all paths that begin with {}",
                    Quoted(prefix)
                );
                traps.add(ROUTE_UNREACHABLE, at, message);
            }
        }
        let case = usize::from(matcher.get("case_sensitive").is_set());
        let asks = matcher.fields().saturating_sub(case);
        if let (Some(prefix), 1) = (matcher.get("prefix").text(), asks) {
            wide.push((prefix, !exact));
        }
    }
}

/// A number of seconds as people write it.
pub(super) fn seconds(duration: Duration) -> String {
    duration.as_secs_f64().to_string()
}
