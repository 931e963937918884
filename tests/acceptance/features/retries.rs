//! A request that one instance answers badly is tried again on the other one.

use outrigger_harness::{client::Client, mesh::Mesh, node::Node};
use reqwest::Method;

/// Switches the failure of one instance on, whichever gets it.
async fn fail(client: &Client, mode: &'static str) {
    let request = client.request(Method::PUT, "/failure").body(mode);
    Client::send(request).await.unwrap().expect_status(200);
}

each_feature_mesh!(no_client_sees_the_instance_that_fails, "retries");
async fn no_client_sees_the_instance_that_fails(mesh: &Mesh) {
    let client = mesh.client();
    let admin = mesh.admin(Node::GATEWAY);
    admin.gauge("cluster.app.membership_total").becomes(2).await;
    fail(&client, r#"{"status":503}"#).await;
    let mut tries = Vec::new();
    for _ in 0..6 {
        let reply = client.get("/").await.unwrap();
        reply.expect_status(200);
        tries.push(reply.header("x-envoy-attempt-count").unwrap().to_owned());
    }
    // Hosts take turns, and the one that was tried is not tried again.
    assert!(tries.iter().all(|count| count == "1" || count == "2"), "{tries:?}");
    let again = tries.iter().filter(|count| *count == "2").count();
    assert!(again >= 2, "{tries:?}");
    let again = again.try_into().unwrap();
    admin.counter("cluster.app.upstream_rq_retry").becomes(again).await;
    admin.counter("cluster.app.upstream_rq_retry_success").becomes(again).await;
    admin.counter("cluster.app.retry.upstream_rq_503").becomes(again).await;
}

each_feature_mesh!(an_instance_that_closes_is_passed_over_too, "retries");
async fn an_instance_that_closes_is_passed_over_too(mesh: &Mesh) {
    let client = mesh.client();
    let admin = mesh.admin(Node::GATEWAY);
    admin.gauge("cluster.app.membership_total").becomes(2).await;
    fail(&client, r#"{"close":true}"#).await;
    for _ in 0..4 {
        client.get("/").await.unwrap().expect_status(200);
    }
    admin.counter("cluster.app.upstream_rq_retry_success").reaches(1).await;
}

each_feature_mesh!(a_try_has_a_time_of_its_own, "retries");
async fn a_try_has_a_time_of_its_own(mesh: &Mesh) {
    let client = mesh.client();
    let reply = client.get("/delay/5000").await.unwrap();
    reply
        .expect_status(504)
        .expect_body("upstream request timeout")
        .expect_header("x-envoy-attempt-count", "2");
    let admin = mesh.admin(Node::GATEWAY);
    admin.counter("cluster.app.upstream_rq_per_try_timeout").becomes(2).await;
    admin.counter("cluster.app.upstream_rq_retry_limit_exceeded").becomes(1).await;
}
