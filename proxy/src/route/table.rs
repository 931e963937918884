//! Finds a request's virtual host by its host, and its route by the rest of its head.

use crate::config::matcher::HeaderField;
use crate::config::route as config;
use crate::message::mirror::Mirror;

use super::clusters::Clusters;
use super::domains::{Domain, Domains};
use super::filters::{FilterLevels, FilterSettings, Filters};
use super::head::Head;
use super::headers::{Level, Levels};
use super::virtual_host::{Route, VirtualHost};

/// One route table, made ready for matching.
#[derive(Debug, Default)]
pub struct Table {
    virtual_hosts: Vec<VirtualHost>,
    domains: Domains,
    ignore_port: bool,
    /// The header that says the virtual host, if it is not the host.
    header: Option<HeaderField>,
    clusters: Clusters,
    filters: Filters,
    filter_settings: FilterSettings,
}

/// What names in a table are numbered by.
pub(super) struct Numbers<'a> {
    pub(super) clusters: &'a mut Clusters,
    pub(super) filters: &'a mut Filters,
}

/// What a request's head meets.
#[derive(Clone, Copy, Debug)]
pub struct Selected<'a> {
    /// The virtual host.
    pub virtual_host: &'a VirtualHost,
    /// The route; none where the virtual host wants TLS and the request came without.
    pub route: Option<&'a Route>,
}

// === impl Table ===

impl Table {
    /// A table as configured; the loader has made sure that domains are lower-cased and unique.
    pub fn new(config: &config::RouteConfiguration) -> Self {
        let header = config.virtual_host_header.clone();
        let mut table = Self { ignore_port: config.ignore_port, header, ..Self::default() };
        let levels = Levels {
            most_specific_wins: config.most_specific_header_mutations_wins,
            table: Level::new(&config.headers),
            virtual_host: Level::default(),
            mirrors: Mirror::all(&config.mirrors),
        };
        for (index, host) in config.virtual_hosts.iter().enumerate() {
            for domain in &host.domains {
                table.domains.add(domain, index);
            }
            let plain = config.ignore_path_parameters;
            let numbers =
                &mut Numbers { clusters: &mut table.clusters, filters: &mut table.filters };
            let host = VirtualHost::new(host, plain, numbers, &levels);
            table.virtual_hosts.push(host);
        }
        table.filter_settings = table.filters.settings(&config.filters);
        table
    }

    /// All clusters that routes name.
    pub fn clusters(&self) -> &Clusters {
        &self.clusters
    }

    /// All filters that it speaks to.
    pub fn filters(&self) -> &Filters {
        &self.filters
    }

    /// What filters are told about a request that has found its route; `weighted` is what its cluster tells them.
    pub fn filter_levels<'a>(
        &'a self,
        virtual_host: &'a VirtualHost,
        route: &'a Route,
        weighted: Option<&'a FilterSettings>,
    ) -> FilterLevels<'a> {
        FilterLevels {
            weighted,
            route: &route.filters,
            virtual_host: &virtual_host.filters,
            table: &self.filter_settings,
        }
    }

    /// What a request meets.
    pub fn select(&self, head: &Head<'_>) -> Option<Selected<'_>> {
        let virtual_host = self.virtual_host(head)?;
        if virtual_host.requires_tls(head) {
            return Some(Selected { virtual_host, route: None });
        }
        let route = Some(virtual_host.select(head)?);
        Some(Selected { virtual_host, route })
    }

    /// The virtual host that a request is for.
    pub fn virtual_host(&self, head: &Head<'_>) -> Option<&VirtualHost> {
        Some(&self.virtual_hosts[self.virtual_host_by(head)?.1])
    }

    /// Its number among the table's virtual hosts, and the domain by which it is found.
    pub fn virtual_host_by(&self, head: &Head<'_>) -> Option<(Domain<'_>, usize)> {
        match self.host_of(head) {
            Some(host) => self.domains.find_by(host),
            // Without a header to look at, only a table with nothing to choose from has a host.
            None => self.domains.only_any(),
        }
    }

    /// The virtual hosts, in their order.
    pub fn virtual_hosts(&self) -> &[VirtualHost] {
        &self.virtual_hosts
    }

    fn host_of<'h>(&self, head: &Head<'h>) -> Option<&'h str> {
        let host = match &self.header {
            None => head.host,
            Some(header) => head.first(header)?,
        };
        Some(if self.ignore_port { without_port(host) } else { host })
    }
}

/// A host without its port. Colons in brackets are of an IPv6 address.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests;
