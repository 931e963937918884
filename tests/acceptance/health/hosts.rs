//! What is special about single hosts, and about connections that are not HTTP.

use std::net::SocketAddr;

use outrigger_harness::{
    mesh::Mesh,
    node::{Config, ConfigVersion, Node, Role},
    topology::Topology,
    trial::{self, Mode},
};

use super::{Hosts, counted, flags, gauge, good_and_closed, named};

/// The one host of the tutorial's sidecar.
const ENDPOINT: &str = "              - endpoint:\n                  address:\n                    socket_address: { address: 127.0.0.1, port_value: 8080 }\n";

const TCP: &str = r#"
admin: { address: { socket_address: { address: 0.0.0.0, port_value: 8001 } } }
static_resources:
  listeners:
  - address: { socket_address: { address: 0.0.0.0, port_value: 80 } }
    filter_chains:
    - filters:
      - name: tcp
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: tcp
          cluster: local_service
  clusters:
  - name: local_service
    connect_timeout: 1s
    outlier_detection: {consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100, max_ejection_percent: 50}
    load_assignment:
      cluster_name: local_service
      endpoints:
      - lb_endpoints:
        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: FIRST } } }
        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: SECOND } } }
"#;

fn lone(text: String) -> Topology {
    let config = Config { version: ConfigVersion::V3, path: "hosts.yaml".into(), text };
    Topology::new().lone_sidecar(config).arguments(Node::SIDECAR, &["--concurrency", "1"])
}

fn tcp(_version: ConfigVersion, hosts: &Hosts) -> Topology {
    let port = |index: usize| hosts.addresses[index].port().to_string();
    lone(TCP.replace("FIRST", &port(0)).replace("SECOND", &port(1)))
}

async fn assert_connections_count(mesh: &Mesh, hosts: &Hosts) {
    for _ in 0..8 {
        let mut connection = mesh.connect().await;
        // The one whose host cannot be reached may be closed already.
        drop(connection.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await);
        drop(connection.rest().await);
    }
    gauge(mesh, "outlier_detection.ejections_active", 1).await;
    let admin = mesh.admin(Node::SIDECAR);
    assert_eq!(flags(&admin, hosts.addresses[1]).await, "/failed_outlier_check");
    let expected = named(&[
        ("ejections_active", 1),
        ("ejections_detected_consecutive_gateway_failure", 1),
        ("ejections_enforced_consecutive_gateway_failure", 1),
        ("ejections_enforced_total", 1),
    ]);
    assert_eq!(counted(&admin.stats().await.unwrap(), "outlier_detection"), expected);
}

#[test]
fn a_tcp_proxy_that_cannot_connect_tells_outlier_detection() {
    for mode in [Mode::V3Process, Mode::Envoy] {
        trial::run_with(mode, good_and_closed, tcp, assert_connections_count);
    }
}

/// The good host three times: checked where it is, checked where nobody listens, and not checked at all, though it says that
/// it would be where nobody listens.
fn checked_elsewhere(_version: ConfigVersion, hosts: &Hosts) -> Topology {
    let text = Config::of(Role::Sidecar, ConfigVersion::V3).unwrap().text;
    let checks = "      health_checks: [{ timeout: 1s, interval: 0.1s, unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: { path: / } }]\n      type: STRICT_DNS\n";
    let [good, closed] = hosts.addresses.map(|address| address.port());
    let host = |ip: &str, config: &str| {
        format!(
            "              - endpoint: {{ address: {{ socket_address: {{ address: {ip}, port_value: {good} }} }}, health_check_config: {{ {config} }} }}\n"
        )
    };
    let all = host("127.0.0.1", "hostname: a")
        + &host(
            "127.0.0.2",
            &format!("address: {{ socket_address: {{ address: 127.0.0.1, port_value: {good} }} }}"),
        )
        + &host(
            "127.0.0.3",
            &format!(
                "address: {{ socket_address: {{ address: 127.0.0.1, port_value: {closed} }} }}"
            ),
        )
        + &host("127.0.0.4", &format!("port_value: {closed}, disable_active_health_check: true"));
    assert!(text.contains(ENDPOINT), "{text}");
    lone(text.replace("      type: STRICT_DNS\n", checks).replace(ENDPOINT, &all))
}

async fn assert_checked_elsewhere(mesh: &Mesh, hosts: &Hosts) {
    // One that is not checked is healthy, and is not counted among those that are.
    gauge(mesh, "health_check.healthy", 2).await;
    gauge(mesh, "membership_healthy", 3).await;
    let admin = mesh.admin(Node::SIDECAR);
    let port = hosts.addresses[0].port();
    let mut seen = Vec::new();
    for last in 1..=4 {
        seen.push(flags(&admin, SocketAddr::from(([127, 0, 0, last], port))).await);
    }
    assert_eq!(seen, ["healthy", "healthy", "/failed_active_hc", "healthy"]);
}

#[test]
fn a_host_may_be_checked_elsewhere_or_not_at_all() {
    for mode in [Mode::V3Process, Mode::Envoy] {
        trial::run_with(mode, good_and_closed, checked_elsewhere, assert_checked_elsewhere);
    }
}
