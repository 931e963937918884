//! A gateway that passes bytes on.

use std::collections::BTreeSet;

use outrigger_harness::{mesh::Mesh, node::Node};
use serde_json::Value;

/// More connections than there can be workers that each begin with the same host.
const MOST_CONNECTIONS: u64 = 512;

each_feature_mesh!(each_connection_goes_to_one_host, "tcp-proxy");
async fn each_connection_goes_to_one_host(mesh: &Mesh) {
    let admin = mesh.admin(Node::GATEWAY);
    admin.gauge("cluster.app.membership_total").becomes(2).await;
    let both = BTreeSet::from(["app".to_owned(), "app-1".to_owned()]);
    let mut seen = BTreeSet::new();
    let mut connections = 0;
    // Each worker takes its own turns, so that two connections may meet the same host, but not this many.
    while seen != both && connections < MOST_CONNECTIONS {
        connections += 1;
        let mut connection = mesh.connect().await;
        let mut services = BTreeSet::new();
        for _ in 0..3 {
            let reply = connection.exchange("GET /echo HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
            let described: Value = serde_json::from_str(&reply.text()).unwrap();
            services.insert(described["service"].as_str().unwrap().to_owned());
        }
        assert_eq!(services.len(), 1, "one connection met {services:?}");
        seen.extend(services);
    }
    assert_eq!(seen, both);
    admin.counter("tcp.front.downstream_cx_total").becomes(connections).await;
    admin.counter("cluster.app.upstream_rq_total").becomes(connections).await;
    admin.counter("cluster.app.upstream_cx_http1_total").becomes(0).await;
    admin.gauge("cluster.app.upstream_cx_active").becomes(0).await;
    admin.gauge("connection_limit.front.active_connections").becomes(0).await;
}
