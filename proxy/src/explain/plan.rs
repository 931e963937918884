//! How long what may take, and who says so.

use std::time::Duration;

use serde_json::Value as Json;

use crate::config::cluster::Cluster;
use crate::config::hcm::HttpConnectionManager;
use crate::config::route::{Action, VirtualHost};
use crate::router::Bound;

use super::Considered;

/// How long something may take.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limit {
    /// What, by the name of its field.
    pub name: &'static str,
    /// How long; none is for ever.
    pub value: Option<Duration>,
    /// Who says so.
    pub source: Source,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// The route.
    Route,
    /// The connection manager.
    ConnectionManager,
    /// The cluster.
    Cluster,
    /// The request's headers.
    Request,
    /// Nobody: it is Envoy's default.
    Default,
}

/// The file, as messages: what a lowered configuration does not tell is what was set in it.
pub(super) struct File<'f> {
    message: &'f Json,
    manager: &'f Json,
}

// === impl File ===

impl<'f> File<'f> {
    /// The file, and the connection manager of one of its listeners' filter chains.
    pub(super) fn new(message: &'f Json, (listener, chain): (usize, usize)) -> Self {
        let listener = &message["static_resources"]["listeners"][listener];
        let chains = listener["filter_chains"].as_array();
        let chain = chains.and_then(|chains| chains.get(chain));
        let filters = &chain.unwrap_or_else(|| &listener["default_filter_chain"])["filters"];
        let last = filters.as_array().and_then(|filters| filters.last());
        Self { message, manager: &last.unwrap_or(&Json::Null)["typed_config"] }
    }

    /// The `runtime_key` of a route's fraction, by the numbers of virtual host and route from zero.
    pub(super) fn runtime_key(&self, (host, route): (usize, usize)) -> Option<&'f str> {
        let route = &self.manager["route_config"]["virtual_hosts"][host]["routes"][route];
        route["match"]["runtime_fraction"]["runtime_key"].as_str()
    }

    fn manager_sets(&self, field: &str) -> bool {
        !self.manager[field].is_null()
    }

    fn cluster_sets(&self, cluster: &str, field: &str) -> bool {
        let clusters = self.message["static_resources"]["clusters"].as_array();
        let mut clusters = clusters.into_iter().flatten();
        clusters.any(|one| one["name"] == cluster && !one[field].is_null())
    }

    /// The route of that number, from one.
    fn route_sets(&self, host: &str, number: usize, field: &str) -> bool {
        let hosts = self.manager["route_config"]["virtual_hosts"].as_array();
        let mut hosts = hosts.into_iter().flatten();
        let host = hosts.find(|one| one["name"] == host);
        host.is_some_and(|host| !host["routes"][number - 1]["route"][field].is_null())
    }
}

/// All limits of a request that goes to a cluster.
pub(super) fn limits(
    file: &File<'_>,
    manager: &HttpConnectionManager,
    route: Option<(&VirtualHost, &Considered<'_>)>,
    (bound, cluster): (&Bound, Option<&Cluster>),
) -> Vec<Limit> {
    let of_manager = |name, value| {
        let set = file.manager_sets(name);
        let source = if set { Source::ConnectionManager } else { Source::Default };
        Limit { name, value, source }
    };
    let mut limits = Vec::new();
    if let Some((host, route)) = route {
        let source = match &route.config.action {
            Action::Forward(forward) if forward.timeout != bound.timeout => Source::Request,
            _ if file.route_sets(&host.name, route.number, "timeout") => Source::Route,
            _ => Source::Default,
        };
        limits.push(Limit { name: "timeout", value: bound.timeout, source });
    }
    limits.push(of_manager("stream_idle_timeout", manager.stream_idle_timeout));
    limits.push(of_manager("request_timeout", manager.request_timeout));
    if let Some(cluster) = cluster {
        let set = file.cluster_sets(&cluster.name, "connect_timeout");
        let source = if set { Source::Cluster } else { Source::Default };
        let value = Some(cluster.connect_timeout);
        limits.push(Limit { name: "connect_timeout", value, source });
    }
    limits
}

// === impl Source ===

impl Source {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::ConnectionManager => "connection manager",
            Self::Cluster => "cluster",
            Self::Request => "request",
            Self::Default => "default",
        }
    }
}

/// How people call a limit.
pub(super) fn title(name: &str) -> &str {
    if name == "timeout" { "route timeout" } else { name }
}
