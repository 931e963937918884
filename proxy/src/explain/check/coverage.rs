//! How much of a route table its tests cover, by `router_check_tool`'s formula.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::route::{Action, ClusterName, ClusterSpecifier, RouteConfiguration};
use crate::explain::words;

use super::Place;

/// What can be checked of a route that forwards.
const FORWARDED: [&str; 5] =
    ["cluster_name", "virtual_cluster_name", "virtual_host_name", "path_rewrite", "host_rewrite"];

/// What can be checked of a route that answers.
const ANSWERED: [&str; 2] = ["path_redirect", "code_redirect"];

/// How much of a route table its tests cover. A route with weighted clusters counts once for each.
#[derive(Clone, Debug, PartialEq)]
pub struct Coverage {
    /// Routes of which a test checks a field, in percent.
    pub routes: f64,
    /// Fields that tests check, in percent of what can be checked of all routes.
    pub fields: f64,
    /// Routes of which no test checks anything.
    pub uncovered: Vec<Uncovered>,
}

/// A route of which no test checks anything.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Uncovered {
    /// Its virtual host.
    pub virtual_host: String,
    /// Its name; may be empty.
    pub name: String,
    /// What it is for, in words.
    pub matcher: String,
}

/// What has been checked so far.
#[derive(Debug, Default)]
pub(super) struct Counting {
    /// Of each route: whether it forwards, and the fields.
    checked: BTreeMap<Place, (bool, BTreeSet<&'static str>)>,
}

// === impl Counting ===

impl Counting {
    /// A test found these fields to be right.
    pub(super) fn add(&mut self, place: Place, forwarded: bool, right: &[&'static str]) {
        let possible: &[&str] = if forwarded { &FORWARDED } else { &ANSWERED };
        let right: Vec<_> = right.iter().filter(|kind| possible.contains(kind)).collect();
        if !right.is_empty() {
            let (_, fields) =
                self.checked.entry(place).or_insert_with(|| (forwarded, BTreeSet::new()));
            fields.extend(right);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "nobody has 2^52 routes")]
    pub(super) fn finish(&self, config: &RouteConfiguration) -> Coverage {
        let hosts = config.virtual_hosts.iter().enumerate();
        let (mut total, mut uncovered) = (0, Vec::new());
        for (host, virtual_host) in hosts {
            for (number, route) in virtual_host.routes.iter().enumerate() {
                total += clusters(&route.action).map_or(1, |clusters| clusters.len());
                if !self.checked.keys().any(|(h, n, _)| (*h, *n) == (host, number)) {
                    uncovered.push(Uncovered {
                        virtual_host: virtual_host.name.clone(),
                        name: route.name.clone(),
                        matcher: words::matcher(&route.matcher),
                    });
                }
            }
        }
        let of_all = |part: f64| if total == 0 { 100.0 } else { 100.0 * part / total as f64 };
        let fields = self.checked.values().map(|(forwarded, fields)| {
            let possible = if *forwarded { FORWARDED.len() } else { ANSWERED.len() };
            fields.len() as f64 / possible as f64
        });
        Coverage {
            routes: of_all(self.checked.len() as f64),
            fields: of_all(fields.sum()),
            uncovered,
        }
    }
}

/// The number of the weighted cluster of that name; zero where there is only one.
pub(super) fn cluster(
    config: &RouteConfiguration,
    (host, route): (usize, usize),
    name: &str,
) -> usize {
    let action = &config.virtual_hosts[host].routes[route].action;
    let of_header = |cluster: &ClusterName| matches!(cluster, ClusterName::Header(_));
    let is = |cluster: &ClusterName| matches!(cluster, ClusterName::Fixed(own) if own == name);
    let Some(clusters) = clusters(action) else { return 0 };
    let by_name = clusters.iter().position(|one| is(one));
    by_name.or_else(|| clusters.iter().position(|one| of_header(one))).unwrap_or(0)
}

fn clusters(action: &Action) -> Option<Vec<&ClusterName>> {
    let Action::Forward(forward) = action else { return None };
    let ClusterSpecifier::Weighted(weighted) = &forward.cluster else { return None };
    Some(weighted.clusters.iter().map(|one| &one.cluster).collect())
}
