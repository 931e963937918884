//! Every address of a name is a host.

use std::collections::BTreeSet;

use outrigger_harness::{mesh::Mesh, node::Node};
use serde_json::Value;

each_feature_mesh!(every_address_of_a_name_is_a_host, "service-discovery");
async fn every_address_of_a_name_is_a_host(mesh: &Mesh) {
    let admin = mesh.admin(Node::GATEWAY);
    admin.gauge("cluster.app.membership_total").becomes(2).await;
    admin.gauge("cluster.app.membership_healthy").becomes(2).await;
    let client = mesh.client();
    let mut seen = BTreeSet::new();
    for _ in 0..8 {
        let reply = client.get("/echo").await.unwrap();
        let described: Value = serde_json::from_str(&reply.expect_status(200).text()).unwrap();
        seen.insert(described["service"].as_str().unwrap().to_owned());
    }
    assert_eq!(seen, BTreeSet::from(["app".to_owned(), "app-1".to_owned()]));
}
