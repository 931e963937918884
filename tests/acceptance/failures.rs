//! Nodes that end, hang or come late, and a mesh that goes on without a restart of anything else.

use std::time::{Duration, Instant};

use outrigger_harness::{
    client::{Reply, raw::RawConnection},
    mesh::Mesh,
    node::{ConfigVersion, Node},
    origin::{Blackhole, blackhole},
    settings::DataPlane,
    topology::{Launched, Topology},
};

const REFUSED: &str = "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure";
const TERMINATED: &str = "upstream connect error or disconnect/reset before headers. reset reason: connection termination";
const TIMED_OUT: &str =
    "upstream connect error or disconnect/reset before headers. reset reason: connection timeout";
const NO_HOST: &str = "no healthy upstream";

/// As the tutorial's files say.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(250);

/// What Envoy makes of a failure upstream: nothing but the reason.
fn assert_local_reply(reply: &Reply, body: &str) {
    reply
        .expect_status(503)
        .expect_body(body)
        .expect_header("content-type", "text/plain")
        .expect_header("content-length", &body.len().to_string())
        .expect_header("server", "envoy");
}

each_mesh!(without_its_app_the_sidecar_answers_503_until_the_app_is_back);
async fn without_its_app_the_sidecar_answers_503_until_the_app_is_back(mesh: &Mesh) {
    let client = mesh.client();
    client.get("/").await.unwrap().expect_status(200);
    mesh.kill(Node::APP).await.unwrap();
    let sidecar = mesh.admin(Node::SIDECAR);
    sidecar.gauge("cluster.local_service.upstream_cx_active").becomes(0).await;

    assert_local_reply(&client.get("/").await.unwrap(), REFUSED);
    sidecar.counter("cluster.local_service.upstream_cx_connect_fail").becomes(1).await;
    sidecar.counter("cluster.local_service.upstream_rq_503").becomes(1).await;
    sidecar.counter("http.ingress_http.downstream_rq_5xx").becomes(1).await;
    // To the gateway it is a response like any other.
    let gateway = mesh.admin(Node::GATEWAY);
    gateway.counter("cluster.app.upstream_cx_connect_fail").becomes(0).await;
    gateway.counter("cluster.app.upstream_rq_503").becomes(1).await;

    mesh.start(Node::APP).await.unwrap();
    client.get("/").await.unwrap().expect_status(200);
    gateway.counter("cluster.app.upstream_cx_total").becomes(1).await;
}

each_mesh!(without_the_sidecar_the_gateway_answers_503_until_it_is_back);
async fn without_the_sidecar_the_gateway_answers_503_until_it_is_back(mesh: &Mesh) {
    let client = mesh.client();
    client.get("/").await.unwrap().expect_status(200);
    mesh.kill(Node::SIDECAR).await.unwrap();
    let gateway = mesh.admin(Node::GATEWAY);
    gateway.gauge("cluster.app.upstream_cx_active").becomes(0).await;

    let reply = client.get("/").await.unwrap();
    assert_local_reply(&reply, REFUSED);
    reply.expect_no_header("x-envoy-upstream-service-time");
    gateway.counter("cluster.app.upstream_cx_connect_fail").becomes(1).await;
    gateway.counter("http.ingress_http.downstream_rq_5xx").becomes(1).await;

    mesh.start(Node::SIDECAR).await.unwrap();
    client.get("/").await.unwrap().expect_status(200);
}

fn gateway_first(version: ConfigVersion) -> Topology {
    crate::modes::tutorial(version).waiting(Node::APP).waiting(Node::SIDECAR)
}

each_mesh!(the_gateway_may_start_first, gateway_first);
async fn the_gateway_may_start_first(mesh: &Mesh) {
    // Among containers the name of the sidecar does not even resolve yet; among processes its port is known and shut.
    let body = match mesh.launched() {
        Launched::Container => NO_HOST,
        Launched::Process => REFUSED,
    };
    let client = mesh.client();
    assert_local_reply(&client.get("/").await.unwrap(), body);
    mesh.start(Node::APP).await.unwrap();
    mesh.start(Node::SIDECAR).await.unwrap();
    let gateway = mesh.admin(Node::GATEWAY);
    gateway.gauge("cluster.app.membership_total").becomes(1).await;
    client.get("/").await.unwrap().expect_status(200);
}

each_mesh!(an_app_that_ends_during_a_request_is_a_503);
async fn an_app_that_ends_during_a_request_is_a_503(mesh: &Mesh) {
    let client = mesh.client();
    let kill = async {
        let active = mesh.admin(Node::SIDECAR);
        active.gauge("cluster.local_service.upstream_rq_active").becomes(1).await;
        mesh.kill(Node::APP).await.unwrap();
    };
    let (reply, ()) = tokio::join!(client.get("/delay/60000"), kill);
    assert_local_reply(&reply.unwrap(), TERMINATED);
    let sidecar = mesh.admin(Node::SIDECAR);
    sidecar
        .counter("cluster.local_service.upstream_cx_destroy_remote_with_active_rq")
        .becomes(1)
        .await;
}

each_mesh!(a_sidecar_that_ends_during_a_request_is_a_503);
async fn a_sidecar_that_ends_during_a_request_is_a_503(mesh: &Mesh) {
    let client = mesh.client();
    let kill = async {
        let active = mesh.admin(Node::SIDECAR);
        active.gauge("cluster.local_service.upstream_rq_active").becomes(1).await;
        mesh.kill(Node::SIDECAR).await.unwrap();
    };
    let (reply, ()) = tokio::join!(client.get("/delay/60000"), kill);
    assert_local_reply(&reply.unwrap(), TERMINATED);
    let gateway = mesh.admin(Node::GATEWAY);
    gateway.counter("cluster.app.upstream_cx_destroy_remote_with_active_rq").becomes(1).await;
}

each_mesh!(a_frozen_app_delays_requests_and_loses_none);
async fn a_frozen_app_delays_requests_and_loses_none(mesh: &Mesh) {
    let client = mesh.client();
    client.get("/").await.unwrap().expect_status(200);
    mesh.pause(Node::APP).await.unwrap();
    let thaw = async {
        mesh.admin(Node::SIDECAR)
            .gauge("cluster.local_service.upstream_rq_active")
            .becomes(3)
            .await;
        mesh.unpause(Node::APP).await.unwrap();
    };
    let (first, second, third, ()) =
        tokio::join!(client.get("/"), client.get("/"), client.get("/"), thaw);
    for reply in [first, second, third] {
        reply.unwrap().expect_status(200);
    }
}

each_mesh!(an_app_may_end_and_return_many_times);
async fn an_app_may_end_and_return_many_times(mesh: &Mesh) {
    let client = mesh.client();
    for _ in 0..3 {
        client.get("/").await.unwrap().expect_status(200);
        mesh.stop(Node::APP).await.unwrap();
        mesh.admin(Node::SIDECAR)
            .gauge("cluster.local_service.upstream_cx_active")
            .becomes(0)
            .await;
        assert_local_reply(&client.get("/").await.unwrap(), REFUSED);
        mesh.start(Node::APP).await.unwrap();
    }
    client.get("/").await.unwrap().expect_status(200);
    mesh.admin(Node::SIDECAR)
        .counter("cluster.local_service.upstream_cx_connect_fail")
        .becomes(3)
        .await;
}

// Among processes only: there what was sent has arrived.
each_mode!(
    a_request_whose_connection_was_closed_in_the_meantime_moves_to_another, crate::modes::tutorial,
    v1_process V1Process, v3_process V3Process, envoy Envoy
);
async fn a_request_whose_connection_was_closed_in_the_meantime_moves_to_another(mesh: &Mesh) {
    let address = mesh.addresses(Node::SIDECAR).and_then(|addresses| addresses.traffic).unwrap();
    let mut client = RawConnection::to(address).await.unwrap();
    let request = "GET / HTTP/1.1\r\nhost: app\r\n\r\n";
    assert_eq!(client.exchange(request).await.unwrap().status(), 200);

    // The sidecar learns of the request and of its connection's end at once, in this order.
    mesh.pause(Node::SIDECAR).await.unwrap();
    client.send(request).await.unwrap();
    mesh.kill(Node::APP).await.unwrap();
    mesh.start(Node::APP).await.unwrap();
    mesh.unpause(Node::SIDECAR).await.unwrap();
    let reply = client.reply().await.unwrap();

    let sidecar = mesh.admin(Node::SIDECAR);
    if mesh.data_plane() == DataPlane::Envoy {
        assert_eq!((reply.status(), reply.text().as_str()), (503, TERMINATED));
    } else {
        assert_eq!(reply.status(), 200);
        sidecar.counter("cluster.local_service.upstream_rq_moved").becomes(1).await;
        sidecar.counter("cluster.local_service.upstream_cx_total").becomes(2).await;
    }
    sidecar.counter("cluster.local_service.upstream_rq_total").becomes(2).await;
}

async fn silent() -> Blackhole {
    blackhole().await.unwrap()
}

fn sidecar_before(version: ConfigVersion, silent: &Blackhole) -> Topology {
    crate::modes::lone_sidecar(version).origin(Node::SIDECAR, "127.0.0.1:8080", silent.address())
}

each_mesh_with_origin!(
    a_host_that_does_not_answer_is_given_up_after_the_connect_timeout,
    silent,
    sidecar_before
);
async fn a_host_that_does_not_answer_is_given_up_after_the_connect_timeout(
    mesh: &Mesh,
    _silent: &Blackhole,
) {
    let asked = Instant::now();
    let reply = mesh.client().get("/").await.unwrap();
    assert_local_reply(&reply, TIMED_OUT);
    // Envoy's timers run by the time at which its loop woke up, and may be some milliseconds early. Ours are not.
    let early = match mesh.data_plane() {
        DataPlane::Outrigger => Duration::ZERO,
        DataPlane::Envoy => Duration::from_millis(20),
    };
    assert!(asked.elapsed() >= CONNECT_TIMEOUT - early, "{:?}", asked.elapsed());
    let sidecar = mesh.admin(Node::SIDECAR);
    sidecar.counter("cluster.local_service.upstream_cx_connect_timeout").becomes(1).await;
    sidecar.counter("cluster.local_service.upstream_cx_connect_fail").becomes(1).await;
}
