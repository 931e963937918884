//! Which cluster a route forwards to: `RouteAction.cluster_specifier`, `envoy.config.route.v3.WeightedCluster`.

use std::fmt;

use crate::config::matcher::HeaderField;
use crate::config::metadata_match::MetadataMatch;
use crate::config::route::{ClusterName, ClusterSpecifier, ClusterWeight, WeightedClusters};
use crate::config::v3::message::Message;
use crate::config::v3::{endpoint, headers, http_filter};

use super::Lowering;

/// A name quoted as Envoy's own message quotes it, which people search for.
struct SingleQuoted<'a>(&'a str);

// === impl Lowering ===

impl Lowering<'_> {
    /// `parent` is the route's `metadata_match`, which that of a weighted cluster is laid over.
    pub(super) fn cluster(
        &mut self,
        action: &Message<'_>,
        parent: Option<&MetadataMatch>,
    ) -> Option<ClusterSpecifier> {
        if let Some(weighted) = action.message("weighted_clusters") {
            return self.weighted(weighted, parent).map(ClusterSpecifier::Weighted);
        }
        let name = if let Some(header) = action.nonempty("cluster_header") {
            ClusterName::Header(HeaderField::new(header))
        } else {
            let name = action.nonempty("cluster")?;
            self.check_known(action, "cluster", "cluster");
            ClusterName::Fixed(name.to_owned())
        };
        Some(ClusterSpecifier::One(name))
    }

    fn check_known(&mut self, parent: &Message<'_>, field: &str, what: &str) {
        let Some((name, known)) = parent.nonempty(field).zip(self.clusters) else { return };
        if !known.contains(name) {
            let message = format!("route: unknown {what} {}", SingleQuoted(name));
            let finding = self.findings.error(parent.place(field), message);
            finding.did_you_mean(name, known.iter().copied());
        }
    }

    fn weighted(
        &mut self,
        config: &Message<'_>,
        parent: Option<&MetadataMatch>,
    ) -> Option<WeightedClusters> {
        let header = config.nonempty("header_name").map(HeaderField::new);
        let clusters: Vec<_> = config
            .messages("clusters")
            .map(|cluster| self.cluster_weight(cluster, parent))
            .collect();
        let clusters = clusters.into_iter().collect::<Option<Vec<_>>>()?;
        if clusters.is_empty() {
            return None;
        }
        let total: u64 = clusters.iter().map(|cluster| u64::from(cluster.weight)).sum();
        let Some(total) = u32::try_from(total).ok().filter(|total| *total > 0) else {
            let message =
                format!("expected a sum of weights from 1 to {}, found {total}", u32::MAX);
            self.findings.error(config.place("clusters"), message);
            return None;
        };
        Some(WeightedClusters { clusters, total, random_header: header })
    }

    fn cluster_weight(
        &mut self,
        config: &Message<'_>,
        parent: Option<&MetadataMatch>,
    ) -> Option<ClusterWeight> {
        let weight = config.u32("weight");
        if !config.has("weight") {
            self.findings.error(config.at, "weight is missing");
        }
        let host = config.nonempty("host_rewrite_literal").map(str::parse);
        let headers = headers::mutations(config, self.findings);
        let filters = http_filter::per_filter(config, self.findings);
        let cluster = match (config.nonempty("name"), config.nonempty("cluster_header")) {
            (Some(name), None) => {
                self.check_known(config, "name", "weighted cluster");
                Some(ClusterName::Fixed(name.to_owned()))
            }
            (None, Some(header)) => Some(ClusterName::Header(HeaderField::new(header))),
            (Some(_), Some(_)) => {
                let message = "only one of name and cluster_header can be set";
                self.findings.error(config.place("cluster_header"), message);
                None
            }
            (None, None) => {
                self.findings.error(config.at, "expected one of name, cluster_header");
                None
            }
        };
        let own = endpoint::metadata_match(config);
        let metadata_match = match (parent, own) {
            (Some(parent), Some(own)) => Some(parent.with(&own)),
            (parent, own) => own.or_else(|| parent.cloned()),
        };
        Some(ClusterWeight {
            cluster: cluster?,
            weight: weight?,
            host_rewrite: host.transpose().ok()?,
            headers,
            filters,
            metadata_match: metadata_match.map(Box::new),
        })
    }
}

// === impl SingleQuoted ===

impl fmt::Display for SingleQuoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.escape_debug())
    }
}
