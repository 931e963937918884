//! Finds a request's virtual host by its host, and its route by its path.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::config::route as config;

/// One route table, made ready for matching.
#[derive(Debug, Default)]
pub struct Table {
    virtual_hosts: Vec<VirtualHost>,
    exact: HashMap<String, usize>,
    /// `*.example.com` without its star, the longest first.
    suffixes: Vec<(String, usize)>,
    /// `example.*` without its star, the longest first.
    prefixes: Vec<(String, usize)>,
    any: Option<usize>,
    clusters: Vec<Arc<str>>,
}

/// One virtual host.
#[derive(Debug)]
pub struct VirtualHost {
    /// `name`.
    pub name: Arc<str>,
    routes: Vec<Route>,
}

/// One route.
#[derive(Debug)]
pub struct Route {
    /// `name`; none where the file gives none.
    pub name: Option<Arc<str>>,
    path: config::PathMatch,
    case_sensitive: bool,
    /// What to do.
    pub action: Action,
}

/// What a route does.
#[derive(Debug)]
pub enum Action {
    /// Forward to a cluster.
    Forward(Forward),
    /// Answer here.
    DirectResponse {
        /// The status.
        status: StatusCode,
        /// The body.
        body: String,
    },
}

/// How to forward.
#[derive(Debug)]
pub struct Forward {
    /// Which of [`Table::clusters`].
    pub cluster: Slot,
    /// For how long the upstream may take; none is for ever.
    pub timeout: Option<Duration>,
    /// The answer if the cluster does not exist.
    pub not_found: StatusCode,
}

/// An index into [`Table::clusters`], so that nobody looks a name up per request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Slot(pub usize);

/// What a request's head meets.
#[derive(Clone, Copy, Debug)]
pub struct Selected<'a> {
    /// The virtual host.
    pub virtual_host: &'a VirtualHost,
    /// The route.
    pub route: &'a Route,
}

// === impl Table ===

impl Table {
    /// A table as configured; the loader has made sure that domains are lower-cased and unique.
    pub fn new(config: &config::RouteConfiguration) -> Self {
        let mut table = Self::default();
        for host in &config.virtual_hosts {
            table.add(host);
        }
        let by_length =
            |(one, _): &(String, usize), (other, _): &(String, usize)| other.len().cmp(&one.len());
        table.suffixes.sort_by(by_length);
        table.prefixes.sort_by(by_length);
        table
    }

    fn add(&mut self, host: &config::VirtualHost) {
        let index = self.virtual_hosts.len();
        for domain in &host.domains {
            match (domain.strip_prefix('*'), domain.strip_suffix('*')) {
                (Some(""), _) => self.any = Some(index),
                (Some(suffix), _) => self.suffixes.push((suffix.to_owned(), index)),
                (None, Some(prefix)) => self.prefixes.push((prefix.to_owned(), index)),
                (None, None) => {
                    self.exact.insert(domain.clone(), index);
                }
            }
        }
        let routes = host.routes.iter().map(|route| self.route(route)).collect();
        self.virtual_hosts.push(VirtualHost { name: Arc::from(host.name.as_str()), routes });
    }

    fn route(&mut self, route: &config::Route) -> Route {
        Route {
            name: Some(route.name.as_str()).filter(|name| !name.is_empty()).map(Arc::from),
            path: route.path.clone(),
            case_sensitive: route.case_sensitive,
            action: match &route.action {
                config::Action::Forward(forward) => Action::Forward(Forward {
                    cluster: self.slot(&forward.cluster),
                    timeout: forward.timeout,
                    not_found: status(forward.cluster_not_found_status),
                }),
                config::Action::DirectResponse { status: code, body } => {
                    Action::DirectResponse { status: status(*code), body: body.clone() }
                }
            },
        }
    }

    fn slot(&mut self, name: &str) -> Slot {
        let known = self.clusters.iter().position(|known| **known == *name);
        Slot(known.unwrap_or_else(|| {
            self.clusters.push(Arc::from(name));
            self.clusters.len() - 1
        }))
    }

    /// The names of all clusters that routes forward to, by [`Slot`].
    pub fn clusters(&self) -> &[Arc<str>] {
        &self.clusters
    }

    /// What a request to `host` (its port included, as Envoy compares it) with this path (without its query) meets.
    pub fn select(&self, host: &str, path: &str) -> Option<Selected<'_>> {
        let virtual_host = &self.virtual_hosts[self.virtual_host(host)?];
        let route = virtual_host.routes.iter().find(|route| route.matches(path))?;
        Some(Selected { virtual_host, route })
    }

    fn virtual_host(&self, host: &str) -> Option<usize> {
        if self.exact.is_empty() && self.suffixes.is_empty() && self.prefixes.is_empty() {
            return self.any;
        }
        let host = lower_cased(host);
        if let Some(index) = self.exact.get(&*host) {
            return Some(*index);
        }
        // The star stands for at least one character.
        let longer = |part: &str| host.len() > part.len();
        let suffix = self.suffixes.iter().find(|(part, _)| longer(part) && host.ends_with(part));
        let wild = suffix.or_else(|| {
            self.prefixes.iter().find(|(part, _)| longer(part) && host.starts_with(part))
        });
        wild.map(|(_, index)| *index).or(self.any)
    }
}

// === impl Route ===

impl Route {
    fn matches(&self, path: &str) -> bool {
        match &self.path {
            config::PathMatch::Exact(exact) if self.case_sensitive => path == exact,
            config::PathMatch::Exact(exact) => path.eq_ignore_ascii_case(exact),
            config::PathMatch::Prefix(prefix) => path
                .as_bytes()
                .get(..prefix.len())
                .is_some_and(|start| self.same(start, prefix.as_bytes())),
        }
    }

    fn same(&self, one: &[u8], other: &[u8]) -> bool {
        if self.case_sensitive { one == other } else { one.eq_ignore_ascii_case(other) }
    }
}

fn lower_cased(host: &str) -> Cow<'_, str> {
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

/// The loader lets only statuses from 200 to 599 through.
fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
}

#[cfg(test)]
mod tests;
