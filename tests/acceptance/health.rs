//! Hosts that are left out: outlier detection and active health checks, with every kind of failure.
//!
//! One proxy with a cluster of the test's own, before two hosts of the test's own; ours and the real Envoy.

use std::net::{SocketAddr, TcpListener};

use outrigger_harness::{
    admin::{Admin, Stats},
    mesh::Mesh,
    node::{Config, ConfigVersion, Node, Role},
    origin::{Origin, origin},
    topology::Topology,
};
use reqwest::StatusCode;

/// Makes a test of each proxy out of `async fn name(mesh: &Mesh, hosts: &Hosts)`, a function that starts the two hosts, and
/// what stands in the cluster beside them.
macro_rules! each_proxy {
    ($name:ident, $hosts:ident, $cluster:expr) => {
        mod $name {
            fn topology(
                _version: outrigger_harness::node::ConfigVersion,
                hosts: &super::Hosts,
            ) -> outrigger_harness::topology::Topology {
                super::sidecar($cluster, hosts)
            }

            #[test]
            fn outrigger() {
                let mode = outrigger_harness::trial::Mode::V3Process;
                outrigger_harness::trial::run_with(mode, super::$hosts, topology, super::$name);
            }

            #[test]
            fn envoy() {
                let mode = outrigger_harness::trial::Mode::Envoy;
                outrigger_harness::trial::run_with(mode, super::$hosts, topology, super::$name);
            }
        }
    };
}

mod checks;
mod hosts;
mod outliers;

/// The hosts of the cluster, of which the first is the good one.
struct Hosts {
    addresses: [SocketAddr; 2],
    origins: Vec<Origin>,
}

/// The tutorial's sidecar with more fields in its cluster, and with two hosts. Requests may take a fifth of a second.
fn sidecar(cluster: &str, hosts: &Hosts) -> Topology {
    let mut config = Config::of(Role::Sidecar, ConfigVersion::V3).unwrap();
    let second = "              - endpoint:\n                  address:\n                    socket_address: { address: 127.0.0.1, port_value: 8081 }\n";
    let place = "      type: STRICT_DNS\n";
    let (before, after) = config.text.split_once(place).unwrap();
    // Envoy would let a second pass before its workers learn of a change.
    let fields: String = cluster
        .lines()
        .chain(["common_lb_config: {update_merge_window: 0s}"])
        .map(|line| format!("      {line}\n"))
        .collect();
    let (endpoints, admin) = after.split_once("admin:\n").unwrap();
    let text = format!("{before}{place}{fields}{endpoints}{second}admin:\n{admin}");
    config.text = text.replace("timeout: 0s", "timeout: 0.2s");
    Topology::new()
        .lone_sidecar(config)
        .arguments(Node::SIDECAR, &["--file-flush-interval-msec", "50", "--concurrency", "1"])
        .origin(Node::SIDECAR, "127.0.0.1:8080", hosts.addresses[0])
        .origin(Node::SIDECAR, "127.0.0.1:8081", hosts.addresses[1])
}

/// A good host, and that one.
async fn good_and(other: outrigger_harness::origin::OriginPlan) -> Hosts {
    let good = origin().body("ok").start().await.unwrap();
    let other = other.start().await.unwrap();
    Hosts { addresses: [good.address(), other.address()], origins: vec![good, other] }
}

/// A good host, and an address where nobody listens.
async fn good_and_closed() -> Hosts {
    let good = origin().body("ok").start().await.unwrap();
    let closed = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    Hosts { addresses: [good.address(), closed], origins: vec![good] }
}

async fn good_and_failing() -> Hosts {
    good_and(origin().status(StatusCode::INTERNAL_SERVER_ERROR).body("bad")).await
}

async fn good_and_late() -> Hosts {
    good_and(origin().delay(std::time::Duration::from_secs(30))).await
}

/// The statuses of so many requests one after the other.
async fn statuses(mesh: &Mesh, requests: usize) -> Vec<u16> {
    let client = mesh.client();
    let mut statuses = Vec::new();
    for _ in 0..requests {
        statuses.push(client.get("/").await.unwrap().status);
    }
    statuses
}

fn count(statuses: &[u16], status: u16) -> usize {
    statuses.iter().filter(|one| **one == status).count()
}

/// The flags that `/clusters` shows of a host.
async fn flags(admin: &Admin, host: SocketAddr) -> String {
    let lines = admin.get("/clusters").await.unwrap().text();
    let start = format!("local_service::{host}::health_flags::");
    let line = lines.lines().find_map(|line| line.strip_prefix(start.as_str()));
    line.unwrap_or_else(|| panic!("no flags of {host} in\n{lines}")).to_owned()
}

/// The cluster's stats below that scope which are not zero.
fn counted(stats: &Stats, scope: &str) -> Vec<(String, u64)> {
    let prefix = format!("cluster.local_service.{scope}.");
    let named = stats.iter().filter_map(|(name, value)| Some((name.strip_prefix(&prefix)?, value)));
    named.filter(|(_, value)| *value != 0).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn named(stats: &[(&str, u64)]) -> Vec<(String, u64)> {
    stats.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

async fn gauge(mesh: &Mesh, name: &str, value: u64) {
    mesh.admin(Node::SIDECAR).gauge(&format!("cluster.local_service.{name}")).becomes(value).await;
}
