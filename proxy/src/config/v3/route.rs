//! `envoy.config.route.v3.RouteConfiguration`.

mod action;
mod matcher;
mod virtual_host;

use std::collections::{BTreeSet, HashSet};

use crate::config::diagnostic::Findings;
use crate::config::route::RouteConfiguration;

use super::headers;
use super::message::Message;

/// Lowers a route table, checking that the clusters of its routes exist if it is known which do.
pub(super) fn lower(
    table: &Message<'_>,
    clusters: Option<&BTreeSet<&str>>,
    findings: &mut Findings,
) -> RouteConfiguration {
    let validate = table.bool("validate_clusters").unwrap_or(true);
    let mut lowering =
        Lowering { clusters: clusters.filter(|_| validate), domains: HashSet::new(), findings };
    RouteConfiguration {
        name: table.text("name").unwrap_or_default().to_owned(),
        headers: headers::mutations(table, lowering.findings),
        most_specific_header_mutations_wins: table
            .bool("most_specific_header_mutations_wins")
            .unwrap_or_default(),
        virtual_hosts: table
            .messages("virtual_hosts")
            .map(|host| lowering.virtual_host(host))
            .collect(),
    }
}

/// The lowering of one table. Each part of a table is an `impl` in a file of its own.
struct Lowering<'a> {
    /// The clusters that exist; none if that is not to be checked.
    clusters: Option<&'a BTreeSet<&'a str>>,
    /// The domains so far, of all virtual hosts.
    domains: HashSet<String>,
    findings: &'a mut Findings,
}
