//! `envoy.config.route.v3.RouteAction.RequestMirrorPolicy`.

use std::collections::BTreeSet;

use crate::config::diagnostic::Findings;
use crate::config::matcher::HeaderField;
use crate::config::mirror::{MirrorHost, MirrorPolicy};
use crate::config::route::ClusterName;
use crate::config::source::Quoted;

use super::http_filter::header_mutation;
use super::matcher;
use super::message::Message;

/// The policies in the list `request_mirror_policies`. That their clusters exist is checked if it is known which do.
pub(super) fn policies(
    parent: &Message<'_>,
    clusters: Option<&BTreeSet<&str>>,
    findings: &mut Findings,
) -> Vec<MirrorPolicy> {
    let policies = parent.messages("request_mirror_policies");
    policies.filter_map(|policy| one(policy, clusters, findings)).collect()
}

fn one(
    policy: &Message<'_>,
    clusters: Option<&BTreeSet<&str>>,
    findings: &mut Findings,
) -> Option<MirrorPolicy> {
    // Everything is looked at before anything gives up, so that all of it is reported.
    let cluster = cluster(policy, clusters, findings);
    let fraction = matcher::runtime_fraction(policy, "runtime_fraction");
    let mutations = header_mutation::list(policy, "request_headers_mutations", findings);
    let host = match policy.nonempty("host_rewrite_literal") {
        // The rules have refused what is no header's value.
        Some(host) => MirrorHost::Literal(host.parse().ok()?),
        None if policy.bool("disable_shadow_host_suffix_append") == Some(true) => MirrorHost::Same,
        None => MirrorHost::Suffixed,
    };
    Some(MirrorPolicy { cluster: cluster?, fraction, host, mutations })
}

fn cluster(
    policy: &Message<'_>,
    clusters: Option<&BTreeSet<&str>>,
    findings: &mut Findings,
) -> Option<ClusterName> {
    match (policy.nonempty("cluster"), policy.nonempty("cluster_header")) {
        (Some(name), None) => {
            if let Some(known) = clusters.filter(|known| !known.contains(name)) {
                let message = format!("route: unknown shadow cluster '{}'", name.escape_debug());
                let finding = findings.error(policy.place("cluster"), message);
                finding.did_you_mean(name, known.iter().copied());
            }
            Some(ClusterName::Fixed(name.to_owned()))
        }
        (None, Some(header)) => Some(ClusterName::Header(HeaderField::new(header))),
        (Some(name), Some(header)) => {
            let (name, header) = (Quoted(name), Quoted(header));
            let message =
                format!("only one of cluster {name} and cluster_header {header} can be set");
            findings.error(policy.place("cluster_header"), message);
            None
        }
        (None, None) => {
            findings.error(policy.at, "expected one of cluster, cluster_header");
            None
        }
    }
}
