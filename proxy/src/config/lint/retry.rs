//! Traps in retry policies.

use std::time::Duration;

use crate::config::source::Quoted;

use super::view::View;
use super::{BREAKERS_UNDER_RETRIES, PER_TRY_TIMEOUT, RETRY_WITHOUT_PER_TRY, Traps, route};

pub(super) fn lint(host: View<'_>, action: View<'_>, clusters: View<'_>, traps: &mut Traps) {
    let own = action.get("retry_policy");
    let policy = if own.is_set() { own } else { host.get("retry_policy") };
    if !policy.is_set() || policy.get("num_retries").number() == Some(0) {
        return;
    }
    per_try(policy, action, traps);
    breakers(policy, action, clusters, traps);
}

fn per_try(policy: View<'_>, action: View<'_>, traps: &mut Traps) {
    let given = policy.get("per_try_timeout");
    let Some(total) = route::timeout(action) else { return };
    let shown = route::seconds(total);
    match (given.duration(), given.place(), policy.place()) {
        (None | Some(Duration::ZERO), _, Some(at)) => {
            let message = format!("a first try may take all of the {shown} s that the route has");
            traps.add(RETRY_WITHOUT_PER_TRY, at, message);
        }
        (Some(one), Some(at), _) if one >= total => {
            let message =
                format!("a try may take {} s, the whole request {shown} s", route::seconds(one));
            traps.add(PER_TRY_TIMEOUT, at, message);
        }
        _ => {}
    }
}

fn breakers(policy: View<'_>, action: View<'_>, clusters: View<'_>, traps: &mut Traps) {
    let (Some(name), Some(at)) = (action.get("cluster").text(), policy.place()) else { return };
    let named = |cluster: &View<'_>| cluster.get("name").text() == Some(name);
    let Some(cluster) = clusters.items().find(named) else { return };
    let mut thresholds = cluster.at(&["circuit_breakers", "thresholds"]).items();
    let limited =
        |entry: View<'_>| entry.get("max_retries").is_set() || entry.get("retry_budget").is_set();
    if !thresholds.any(limited) {
        let message = format!("only 3 retries to {} may run at one time", Quoted(name));
        traps.add(BREAKERS_UNDER_RETRIES, at, message);
    }
}
