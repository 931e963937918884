//! Requests are made late, refused or slowed down on demand, and all of it is counted.

use std::time::{Duration, Instant};

use outrigger_harness::{
    client::{Client, Reply},
    mesh::Mesh,
    node::Node,
    settings::DataPlane,
};
use reqwest::Method;

async fn with(client: &Client, path: &str, header: (&str, &str)) -> Reply {
    let request = client.request(Method::GET, path).header(header.0, header.1);
    Client::send(request).await.unwrap()
}

each_feature_mesh!(faults_are_injected_where_they_are_asked_for, "faults");
async fn faults_are_injected_where_they_are_asked_for(mesh: &Mesh) {
    let client = mesh.client();
    let admin = mesh.admin(Node::GATEWAY);
    client.get("/echo").await.unwrap().expect_status(200);
    client.get("/status/200").await.unwrap().expect_status(418).expect_body("fault filter abort");

    let refused = with(&client, "/echo", ("x-envoy-fault-abort-request", "503")).await;
    refused.expect_status(503).expect_body("fault filter abort");

    let start = Instant::now();
    let late = with(&client, "/echo", ("x-envoy-fault-delay-request", "700"));
    let meanwhile = admin.gauge("http.ingress_http.fault.active_faults");
    let (late, ()) = tokio::join!(late, meanwhile.becomes(1));
    late.expect_status(200);
    // Envoy's timers run by the time at which its loop woke up, and may be some milliseconds early. Ours are not.
    let early = match mesh.data_plane() {
        DataPlane::Outrigger => Duration::ZERO,
        DataPlane::Envoy => Duration::from_millis(20),
    };
    assert!(start.elapsed() >= Duration::from_millis(700) - early, "{:?}", start.elapsed());

    // 256 bytes four times a second would be 1 KiB per second; the body is a few hundred.
    let slow = with(&client, "/echo", ("x-envoy-fault-throughput-response", "1")).await;
    slow.expect_status(200);
    assert!(!slow.body.is_empty());

    admin.counter("http.ingress_http.fault.aborts_injected").becomes(2).await;
    admin.counter("http.ingress_http.fault.delays_injected").becomes(1).await;
    admin.counter("http.ingress_http.fault.response_rl_injected").becomes(1).await;
    admin.gauge("http.ingress_http.fault.active_faults").becomes(0).await;
}
