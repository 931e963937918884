//! Finds a request's virtual host by its host, and its route by the rest of its head.

use crate::config::route as config;

use super::clusters::Clusters;
use super::domains::Domains;
use super::head::Head;
use super::headers::{Level, Levels};
use super::virtual_host::{Route, VirtualHost};

/// One route table, made ready for matching.
#[derive(Debug, Default)]
pub struct Table {
    virtual_hosts: Vec<VirtualHost>,
    domains: Domains,
    clusters: Clusters,
}

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
        let levels = Levels {
            most_specific_wins: config.most_specific_header_mutations_wins,
            table: Level::new(&config.headers),
            virtual_host: Level::default(),
        };
        for (index, host) in config.virtual_hosts.iter().enumerate() {
            for domain in &host.domains {
                table.domains.add(domain, index);
            }
            table.virtual_hosts.push(VirtualHost::new(host, &mut table.clusters, &levels));
        }
        table
    }

    /// All clusters that routes forward to.
    pub fn clusters(&self) -> &Clusters {
        &self.clusters
    }

    /// What a request meets.
    pub fn select(&self, head: &Head<'_>) -> Option<Selected<'_>> {
        let virtual_host = &self.virtual_hosts[self.domains.find(head.host)?];
        let route = virtual_host.select(head)?;
        Some(Selected { virtual_host, route })
    }
}

#[cfg(test)]
mod tests;
