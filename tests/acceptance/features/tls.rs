//! Gateway and sidecars show each other who they are.

use outrigger_harness::{client::Client, mesh::Mesh, node::Node, topology::Launched};

each_feature_mesh!(services_know_each_other_by_their_certificates, "tls");
async fn services_know_each_other_by_their_certificates(mesh: &Mesh) {
    let client = mesh.client();
    for _ in 0..4 {
        let echoed = client.get("/echo").await.unwrap();
        echoed.expect_status(200);
        let echoed = echoed.json().unwrap();
        assert_eq!(echoed["headers"]["x-peer"][0], "spiffe://mesh/gateway", "{echoed}");
        assert_eq!(echoed["headers"]["x-forwarded-proto"][0], "http", "{echoed}");
    }
    let admin = mesh.admin(Node::GATEWAY);
    admin.counter("cluster.app.ssl.handshake").reaches(2).await;
    admin.counter("cluster.app.ssl.connection_error").becomes(0).await;
    admin.counter("cluster.app.upstream_cx_http2_total").reaches(2).await;
}

each_feature_mesh!(nobody_else_is_served, "tls");
async fn nobody_else_is_served(mesh: &Mesh) {
    if mesh.launched() == Launched::Container {
        // What a sidecar listens on there is reached by the gateway only.
        return;
    }
    let sidecar = mesh.addresses(Node::SIDECAR).and_then(|addresses| addresses.traffic).unwrap();
    let plain = Client::http1(&format!("http://{sidecar}"));
    assert!(plain.get("/").await.is_err());
    let admin = mesh.admin(Node::SIDECAR);
    let stats = format!("listener.{}.ssl.", sidecar.to_string().replace(':', "_"));
    admin.counter(&format!("{stats}connection_error")).becomes(1).await;
    // Some of them meet this instance.
    for _ in 0..4 {
        mesh.client().get("/").await.unwrap().expect_status(200);
    }
    admin.counter(&format!("{stats}handshake")).reaches(1).await;
}
