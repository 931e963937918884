//! `envoy.config.route.v3.RouteConfiguration`.

mod action;
mod cluster;
mod hash_policy;
pub(super) mod matcher;
mod redirect;
mod retry;
mod times;
mod virtual_host;

use std::collections::{BTreeSet, HashSet};

use crate::config::diagnostic::Findings;
use crate::config::matcher::HeaderField;
use crate::config::route::RouteConfiguration;

use super::message::Message;
use super::{headers, http_filter, mirror};

/// `max_direct_response_body_size_bytes` where the file says nothing: 4 KiB, Envoy's.
const MAX_DIRECT_RESPONSE_BODY: u32 = 4096;

/// Lowers a route table, checking that the clusters of its routes exist if it is known which do.
pub(super) fn lower(
    table: &Message<'_>,
    clusters: Option<&BTreeSet<&str>>,
    findings: &mut Findings,
) -> RouteConfiguration {
    let validate = table.bool("validate_clusters").unwrap_or(true);
    let most_body = table.u32("max_direct_response_body_size_bytes");
    let mut lowering = Lowering {
        clusters: clusters.filter(|_| validate),
        domains: HashSet::new(),
        most_body: most_body.unwrap_or(MAX_DIRECT_RESPONSE_BODY) as usize,
        findings,
    };
    let flag = |name| table.bool(name).unwrap_or_default();
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
        virtual_host_header: table.nonempty("vhost_header").map(HeaderField::new),
        ignore_port: flag("ignore_port_in_host_matching"),
        ignore_path_parameters: flag("ignore_path_parameters_in_path_matching"),
        mirrors: mirror::policies(table, lowering.clusters, lowering.findings),
        filters: http_filter::per_filter(table, lowering.findings),
    }
}

/// The lowering of one table. Each part of a table is an `impl` in a file of its own.
struct Lowering<'a> {
    /// The clusters that exist; none if that is not to be checked.
    clusters: Option<&'a BTreeSet<&'a str>>,
    /// The domains so far, of all virtual hosts.
    domains: HashSet<String>,
    /// `max_direct_response_body_size_bytes`.
    most_body: usize,
    findings: &'a mut Findings,
}
