//! How a cluster learns its hosts. Runs on the main thread and publishes into the cluster.

mod dns;
mod eds;
mod static_hosts;

use std::sync::Arc;

use crate::base::task::{self, Owned};
use crate::config::cluster::Discovery;

use super::Cluster;

/// Begins to learn the hosts of `cluster`, for as long as `owner` lives.
pub fn start(cluster: &Arc<Cluster>, owner: &mut Owned) {
    match &cluster.config.discovery {
        Discovery::Static => static_hosts::publish(cluster),
        Discovery::StrictDns(dns) => {
            task::spawn_in(owner, dns::follow(cluster.clone(), dns.clone(), usize::MAX));
        }
        Discovery::LogicalDns(dns) => {
            task::spawn_in(owner, dns::follow(cluster.clone(), dns.clone(), 1));
        }
        Discovery::Eds(eds) => task::spawn_in(owner, eds::follow(cluster.clone(), eds.clone())),
    }
}
