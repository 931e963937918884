//! `envoy.config.route.v3.RouteConfiguration`.

use std::collections::{BTreeSet, HashSet};

use crate::config::diagnostic::Findings;
use crate::config::route::{
    Action, DEFAULT_ROUTE_TIMEOUT, Forward, PathMatch, Route, RouteConfiguration, VirtualHost,
};
use crate::config::source::Quoted;

use super::message::Message;
use super::{address, protocol};

/// `max_direct_response_body_size_bytes` where the file says nothing: 4 KiB, Envoy's.
const MAX_DIRECT_RESPONSE_BODY: usize = 4096;

/// Lowers a route table, checking that the clusters of its routes exist if it is known which do.
pub(super) fn lower(
    table: &Message<'_>,
    clusters: Option<&BTreeSet<&str>>,
    findings: &mut Findings,
) -> RouteConfiguration {
    let validate = table.bool("validate_clusters").unwrap_or(true);
    let mut lowering =
        Lowering { clusters: clusters.filter(|_| validate), domains: HashSet::new(), findings };
    let virtual_hosts =
        table.messages("virtual_hosts").map(|host| lowering.virtual_host(host)).collect();
    let name = table.text("name").unwrap_or_default().to_owned();
    RouteConfiguration { name, virtual_hosts }
}

struct Lowering<'a> {
    /// The clusters that exist; none if that is not to be checked.
    clusters: Option<&'a BTreeSet<&'a str>>,
    /// The domains so far, of all virtual hosts.
    domains: HashSet<String>,
    findings: &'a mut Findings,
}

// === impl Lowering ===

impl Lowering<'_> {
    fn virtual_host(&mut self, host: &Message<'_>) -> VirtualHost {
        let mut domains = Vec::new();
        for (at, domain) in host.texts("domains") {
            let domain = domain.to_ascii_lowercase();
            if self.domains.insert(domain.clone()) {
                domains.push(domain);
            } else {
                let message = format!("domain {} is given twice in this table", Quoted(&domain));
                self.findings.error(at, message);
            }
        }
        let name = host.text("name").unwrap_or_default().to_owned();
        let routes = host.messages("routes").filter_map(|route| self.route(route)).collect();
        VirtualHost { name, domains, routes }
    }

    fn route(&mut self, route: &Message<'_>) -> Option<Route> {
        let name = route.text("name").unwrap_or_default().to_owned();
        // Everything is looked at before anything gives up, so that all of it is reported.
        let matcher = route.message("match");
        let path = matcher.and_then(path);
        let case_sensitive = matcher.and_then(|matcher| matcher.bool("case_sensitive"));
        let action = if let Some(action) = route.message("route") {
            self.forward(action).map(Action::Forward)
        } else {
            route.message("direct_response").and_then(|response| self.direct_response(response))
        };
        let case_sensitive = case_sensitive.unwrap_or(true);
        Some(Route { name, path: path?, case_sensitive, action: action? })
    }

    fn forward(&mut self, action: &Message<'_>) -> Option<Forward> {
        let cluster = action.nonempty("cluster");
        if let (Some(cluster), Some(known)) = (cluster, self.clusters)
            && !known.contains(cluster)
        {
            let message = format!("route: unknown cluster {}", SingleQuoted(cluster));
            self.findings
                .error(action.place("cluster"), message)
                .did_you_mean(cluster, known.iter().copied());
        }
        let status = match action.enumeration("cluster_not_found_response_code") {
            Some("NOT_FOUND") => 404,
            Some("INTERNAL_SERVER_ERROR") => 500,
            _ => 503,
        };
        Some(Forward {
            timeout: protocol::timeout(Some(action), "timeout", Some(DEFAULT_ROUTE_TIMEOUT)),
            cluster: cluster?.to_owned(),
            cluster_not_found_status: status,
        })
    }

    fn direct_response(&mut self, response: &Message<'_>) -> Option<Action> {
        let body = address::inline_text(response, "body").unwrap_or_default().to_owned();
        if body.len() > MAX_DIRECT_RESPONSE_BODY {
            let message = format!(
                "expected a body of at most {MAX_DIRECT_RESPONSE_BODY} bytes, found {}",
                body.len()
            );
            self.findings.error(response.place("body"), message);
        }
        let status = u16::try_from(response.u32("status")?).ok()?;
        Some(Action::DirectResponse { status, body })
    }
}

fn path(matcher: &Message<'_>) -> Option<PathMatch> {
    if let Some(prefix) = matcher.text("prefix") {
        return Some(PathMatch::Prefix(prefix.to_owned()));
    }
    matcher.text("path").map(|path| PathMatch::Exact(path.to_owned()))
}

/// A name quoted as Envoy's own message quotes it, which people search for.
struct SingleQuoted<'a>(&'a str);

impl std::fmt::Display for SingleQuoted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "'{}'", self.0.escape_debug())
    }
}
