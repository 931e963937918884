//! The whole of a file: `envoy.config.bootstrap.v3.Bootstrap`.

use std::path::PathBuf;
use std::sync::Arc;

use super::admin::Admin;
use super::cluster::Cluster;
use super::listener::{Listener, Terminal};
use super::overload::OverloadManager;

/// Everything a proxy is started with.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    /// Where it was read from; none for `--config-yaml` alone.
    pub path: Option<PathBuf>,
    /// Which form the file had.
    pub version: Version,
    /// `node`, with what the command line overrides in it.
    pub node: Node,
    /// `admin`; without it there is no admin server.
    pub admin: Option<Admin>,
    /// `cluster_manager.outlier_detection.event_log_path`: where ejections are logged.
    pub outlier_event_log: Option<PathBuf>,
    /// `overload_manager`.
    pub overload: Option<OverloadManager>,
    /// How many connections all listeners together have at a time: what the overload manager says, or else
    /// `overload.global_downstream_max_connections` of the runtime.
    pub most_connections: Option<u64>,
    /// `static_resources.listeners`, in file order.
    pub listeners: Vec<Listener>,
    /// `static_resources.clusters`, in file order.
    pub clusters: Vec<Arc<Cluster>>,
    /// The v3 bootstrap message as proto3 JSON (snake_case names), for `/config_dump`; as text, which takes a tenth of
    /// what a tree would.
    pub dump: String,
}

// === impl Bootstrap ===

impl Bootstrap {
    /// A copy that shares nothing with the original. What a load leaves behind lies between the parts of the original,
    /// and the allocator can give none of that back while they live.
    pub fn compact(&self) -> Self {
        let mut copy = self.clone();
        copy.clusters.iter_mut().for_each(renew);
        for listener in &mut copy.listeners {
            for chain in &mut listener.chains {
                match &mut chain.terminal {
                    Terminal::Http(manager) => renew(manager),
                    Terminal::Tcp(proxy) => renew(proxy),
                    Terminal::Echo | Terminal::DirectResponse(_) | Terminal::Nothing => {}
                }
            }
        }
        copy
    }

    /// [`Bootstrap::dump`] as a tree.
    pub fn message(&self) -> serde_json::Value {
        // We wrote it, so that it can be read.
        serde_json::from_str(&self.dump).unwrap_or_default()
    }
}

fn renew<T: Clone>(shared: &mut Arc<T>) {
    *shared = Arc::new((**shared).clone());
}

/// The form of a configuration file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// The JSON form of 2018.
    V1,
    /// Today's protobuf form, as YAML or JSON.
    V3,
}

/// Who we say we are: `envoy.config.core.v3.Node`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Node {
    /// `id`, or `--service-node`.
    pub id: String,
    /// `cluster`, or `--service-cluster`.
    pub cluster: String,
    /// `locality.zone`, or `--service-zone`.
    pub zone: String,
}
