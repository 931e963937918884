//! What one node of a mesh is, and what it runs.

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::PathBuf};

/// Names one node of a mesh: what it does there, and which of its kind it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// What the node does.
    pub role: Role,
    /// Which of its kind it is, from 0. A sidecar and the app it stands beside have the same number, unless a host has
    /// several apps.
    pub instance: usize,
}

/// What a node does in a mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The web service, which knows nothing of the mesh.
    App,
    /// The proxy beside the app, in its network namespace where there is one.
    Sidecar,
    /// The proxy at the front.
    Gateway,
}

/// Everything a launcher needs to know to start one node.
#[derive(Debug, Clone)]
pub struct NodePlan {
    /// Which node this is.
    pub node: Node,
    /// What runs there.
    pub program: Program,
}

/// What runs on a node.
#[derive(Debug, Clone)]
pub enum Program {
    /// A proxy: ours, or the real Envoy.
    Proxy(ProxyPlan),
    /// The demo app.
    App(AppPlan),
}

/// How a proxy is started.
#[derive(Debug, Clone)]
pub struct ProxyPlan {
    /// Its bootstrap file, as it stands in the repository.
    pub config: Config,
    /// The value of `--service-cluster`.
    pub service_cluster: String,
    /// Further arguments, for example `["--drain-time-s", "5"]`.
    pub arguments: Vec<String>,
    /// Hosts that the file names (`app:80`) and that are something else than a node of the mesh: test origins in this
    /// process. Only processes reach those; the container launcher does not look here.
    pub origins: BTreeMap<String, Vec<SocketAddr>>,
}

/// How the demo app is started.
#[derive(Debug, Clone)]
pub struct AppPlan {
    /// Its settings, except `SERVICE_API_HOST` and `SERVICE_API_PORT`, which the launcher decides.
    pub environment: BTreeMap<String, String>,
    /// On which host it is: beside the sidecar of that number.
    pub host: usize,
    /// Where it listens on the host's loopback, by the sidecar's file. As a process it listens elsewhere, and the file is
    /// rewritten.
    pub port: u16,
}

/// A bootstrap file.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which form it is written in.
    pub version: ConfigVersion,
    /// Where it was read from, or where it would stand.
    pub path: PathBuf,
    /// What stands in it.
    pub text: String,
}

/// The two forms of a bootstrap file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConfigVersion {
    /// Envoy's v1 JSON, as of 2017 and 2018.
    V1,
    /// Envoy's v3 YAML.
    V3,
}

/// Where a node can be reached from this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// Where it takes requests. `None` where that is not reachable from outside: the app in a container listens on its
    /// own loopback only.
    pub traffic: Option<SocketAddr>,
    /// Where its admin interface listens. `None` for the app, which has none.
    pub admin: Option<SocketAddr>,
}

// === impl Node ===

impl Node {
    /// The proxy at the front.
    pub const GATEWAY: Self = Self { role: Role::Gateway, instance: 0 };
    /// The first sidecar.
    pub const SIDECAR: Self = Self { role: Role::Sidecar, instance: 0 };
    /// The first app.
    pub const APP: Self = Self { role: Role::App, instance: 0 };

    /// The app with this number.
    pub const fn app(instance: usize) -> Self {
        Self { role: Role::App, instance }
    }

    /// The sidecar with this number.
    pub const fn sidecar(instance: usize) -> Self {
        Self { role: Role::Sidecar, instance }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = match self.role {
            Role::App => "app",
            Role::Sidecar => "sidecar",
            Role::Gateway => "gateway",
        };
        match self.instance {
            0 => f.write_str(role),
            other => write!(f, "{role}-{other}"),
        }
    }
}

// === impl ConfigVersion ===

impl fmt::Display for ConfigVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V3 => "v3",
        })
    }
}

impl ConfigVersion {
    /// What such a file is called, under `compose/gateway/` and `compose/sidecar/`.
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::V1 => "bootstrap.json",
            Self::V3 => "bootstrap.v3.yaml",
        }
    }
}
