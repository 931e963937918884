//! A proxy that goes away under load: what it took is answered, what it did not take is not its own.

use std::time::Duration;

use outrigger_harness::{
    load::{Load, Report},
    mesh::Mesh,
    node::Node,
};

/// Every request stays this long at the app, so that some are always under way.
const SLOW: &str = "/delay/30";

const INTERVAL: Duration = Duration::from_millis(5);

/// Waits until the load has met this many answers.
async fn under_way(mesh: &Mesh, answers: u64) {
    mesh.admin(Node::GATEWAY).counter("http.ingress_http.downstream_rq_2xx").reaches(answers).await;
}

/// Nothing broke, nothing but 200 was answered, and the app answered not one request more than the clients saw.
async fn assert_nothing_lost(mesh: &Mesh, report: &Report) {
    assert_eq!(report.broken, Vec::<String>::new(), "{report:?}");
    assert_eq!(report.all_answered(), report.answered_with(200), "{report:?}");
    assert!(report.refused > 0, "the load has outlived the proxy: {report:?}");
    let passed = mesh
        .admin(Node::SIDECAR)
        .counter("http.ingress_http.downstream_rq_total")
        .value()
        .await
        .unwrap();
    assert_eq!(
        passed,
        report.all_answered() as u64,
        "every request that came to the sidecar was answered: {report:?}"
    );
}

each_mesh!(a_gateway_that_is_drained_by_its_admin_interface_loses_no_request);
async fn a_gateway_that_is_drained_by_its_admin_interface_loses_no_request(mesh: &Mesh) {
    let load = Load::start(mesh.front_address(), SLOW, INTERVAL);
    under_way(mesh, 50).await;
    let gateway = mesh.admin(Node::GATEWAY);
    // From now on each response says that its connection ends.
    gateway.post("/healthcheck/fail").await.unwrap().expect_status(200);
    gateway.get("/ready").await.unwrap().expect_status(503);
    gateway.counter("http.ingress_http.downstream_cx_drain_close").reaches(5).await;
    gateway.post("/drain_listeners").await.unwrap().expect_status(200);
    gateway.gauge("http.ingress_http.downstream_cx_active").becomes(0).await;
    gateway.post("/quitquitquit").await.unwrap().expect_status(200);
    ended(mesh).await;
    assert_nothing_lost(mesh, &load.finish().await).await;
}

each_mesh_of_ours!(a_gateway_that_is_asked_to_end_loses_no_request);
async fn a_gateway_that_is_asked_to_end_loses_no_request(mesh: &Mesh) {
    let load = Load::start(mesh.front_address(), SLOW, INTERVAL);
    under_way(mesh, 50).await;
    let exit = mesh.stop(Node::GATEWAY).await.unwrap();
    assert_eq!(exit.code, Some(0));
    assert_nothing_lost(mesh, &load.finish().await).await;
}

each_mesh_of_ours!(a_sidecar_that_is_asked_to_end_finishes_what_it_has);
async fn a_sidecar_that_is_asked_to_end_finishes_what_it_has(mesh: &Mesh) {
    let client = mesh.client();
    let end = async {
        mesh.admin(Node::SIDECAR)
            .gauge("cluster.local_service.upstream_rq_active")
            .becomes(1)
            .await;
        mesh.stop(Node::SIDECAR).await.unwrap()
    };
    let (reply, exit) = tokio::join!(client.get("/delay/1000"), end);
    reply.unwrap().expect_status(200);
    assert_eq!(exit.code, Some(0));
    // And the gateway asks the next one.
    mesh.start(Node::SIDECAR).await.unwrap();
    client.get("/").await.unwrap().expect_status(200);
}

/// Waits until the gateway has ended by itself.
async fn ended(mesh: &Mesh) {
    let read = async || mesh.is_running(Node::GATEWAY).await;
    outrigger_harness::eventually::satisfies("the end of the gateway", read, |runs| !runs)
        .await
        .unwrap();
}
