//! Calls of every kind pass both proxies as they are, keep to their deadline, and are tried again by their status.

use std::time::{Duration, Instant};

use bytes::Bytes;
use demo_app::grpc::messages::{Collected, Note, NowReply, NowRequest, WatchRequest};
use outrigger_harness::{
    client::{
        Client,
        grpc::{Caller, Outcome, framed},
    },
    mesh::Mesh,
    node::Node,
};
use prost::Message;
use reqwest::Method;

const NOW: &str = "/outrigger.demo.v1.DateTime/Now";
const WATCH: &str = "/outrigger.demo.v1.DateTime/Watch";
const COLLECT: &str = "/outrigger.demo.v1.DateTime/Collect";
const ECHO: &str = "/outrigger.demo.v1.DateTime/Echo";

async fn caller(mesh: &Mesh) -> Caller {
    mesh.admin(Node::GATEWAY).gauge("cluster.app.membership_total").becomes(2).await;
    Caller::connect(mesh.front_address()).await.unwrap()
}

/// Makes one instance fail the next calls, whichever gets the request.
async fn fail(mesh: &Mesh, mode: &'static str) {
    let request = mesh.client().request(Method::PUT, "/failure").body(mode);
    Client::send(request).await.unwrap().expect_status(200);
}

fn note(text: &str) -> Vec<u8> {
    Note { text: text.to_owned(), status: 0 }.encode_to_vec()
}

/// Waits until the gateway has counted that for a method.
async fn counted(mesh: &Mesh, method: &str, stat: &str, times: u64) {
    let name = format!("cluster.app.grpc.outrigger.demo.v1.DateTime.{method}.{stat}");
    mesh.admin(Node::GATEWAY).counter(&name).becomes(times).await;
}

#[track_caller]
fn assert_status(outcome: &Outcome, status: &str, message: Option<&str>, in_head: bool) {
    let found = (outcome.status.as_deref(), outcome.message.as_deref(), outcome.in_head);
    assert_eq!(found, (Some(status), message, in_head), "{outcome:?}");
}

each_feature_mesh!(a_call_is_answered_and_its_status_comes_after_it, "grpc");
async fn a_call_is_answered_and_its_status_comes_after_it(mesh: &Mesh) {
    let outcome = caller(mesh).await.unary(NOW, &[], b"").await.unwrap();
    assert_status(&outcome, "0", None, false);
    let reply = NowReply::decode(outcome.messages[0].clone()).unwrap();
    assert_eq!(reply.datetime.len(), "2018-02-03T04:05:06.000007".len(), "{reply:?}");
    for stat in ["0", "success", "total", "request_message_count", "response_message_count"] {
        counted(mesh, "Now", stat, 1).await;
    }
    mesh.admin(Node::GATEWAY).counter("cluster.app.upstream_rq_200").becomes(1).await;
}

each_feature_mesh!(a_failure_is_told_as_the_app_tells_it, "grpc");
async fn a_failure_is_told_as_the_app_tells_it(mesh: &Mesh) {
    let request = NowRequest { status: 5, message: "not here: 50 %".to_owned(), delay_ms: 0 };
    let request = request.encode_to_vec();
    let outcome = caller(mesh).await.unary(NOW, &[], &request).await.unwrap();
    assert_status(&outcome, "5", Some("not%20here:%2050%20%25"), true);
    for (stat, times) in [("5", 1), ("failure", 1), ("total", 1), ("success", 0)] {
        counted(mesh, "Now", stat, times).await;
    }
}

each_feature_mesh!(replies_come_one_by_one, "grpc");
async fn replies_come_one_by_one(mesh: &Mesh) {
    let mut caller = caller(mesh).await;
    let mut call = caller.call(WATCH, &[]).await.unwrap();
    let request =
        WatchRequest { count: 3, interval_ms: 300, status: 8, message: "enough".to_owned() };
    call.send(&request.encode_to_vec()).await.unwrap();
    call.finish();
    call.message().await.unwrap().expect("a first reply");
    let first = Instant::now();
    let outcome = call.outcome().await.unwrap();
    // The two others came later, so that the first was not held back for them.
    assert!(first.elapsed() >= Duration::from_millis(400), "{:?}", first.elapsed());
    assert_eq!(outcome.messages.len(), 2);
    assert_status(&outcome, "8", Some("enough"), false);
    counted(mesh, "Watch", "response_message_count", 3).await;
    counted(mesh, "Watch", "failure", 1).await;
}

each_feature_mesh!(many_requests_have_one_reply, "grpc");
async fn many_requests_have_one_reply(mesh: &Mesh) {
    let mut caller = caller(mesh).await;
    let mut call = caller.call(COLLECT, &[]).await.unwrap();
    for text in ["one", "three", ""] {
        call.send(&note(text)).await.unwrap();
    }
    call.finish();
    let outcome = call.outcome().await.unwrap();
    assert_status(&outcome, "0", None, false);
    let collected = Collected::decode(outcome.messages[0].clone()).unwrap();
    assert_eq!(collected, Collected { count: 3, bytes: 8 });
    counted(mesh, "Collect", "request_message_count", 3).await;
}

each_feature_mesh!(both_sides_speak_at_once, "grpc");
async fn both_sides_speak_at_once(mesh: &Mesh) {
    let mut caller = caller(mesh).await;
    let mut call = caller.call(ECHO, &[]).await.unwrap();
    let long = "x".repeat(200_000);
    for text in ["one", "two", &long, ""] {
        // Nothing follows before it has come back.
        call.send(&note(text)).await.unwrap();
        let back = Note::decode(call.message().await.unwrap().expect("it comes back")).unwrap();
        assert_eq!(back.text, text);
    }
    let half = framed(&note("in two parts"));
    call.send_raw(half.slice(..3)).await.unwrap();
    call.send_raw(half.slice(3..)).await.unwrap();
    let back = Note::decode(call.message().await.unwrap().expect("it comes back")).unwrap();
    assert_eq!(back.text, "in two parts");
    call.finish();
    assert_status(&call.outcome().await.unwrap(), "0", None, false);
    counted(mesh, "Echo", "request_message_count", 5).await;
    counted(mesh, "Echo", "response_message_count", 5).await;
    let admin = mesh.admin(Node::GATEWAY);
    admin.gauge("cluster.app.upstream_rq_active").becomes(0).await;
}

each_feature_mesh!(a_client_that_leaves_ends_the_call_of_the_app, "grpc");
async fn a_client_that_leaves_ends_the_call_of_the_app(mesh: &Mesh) {
    let mut caller = caller(mesh).await;
    let mut call = caller.call(WATCH, &[]).await.unwrap();
    let request = WatchRequest { interval_ms: 100, ..WatchRequest::default() };
    call.send(&request.encode_to_vec()).await.unwrap();
    call.finish();
    call.message().await.unwrap().expect("a first reply");
    drop(call);
    let gateway = mesh.admin(Node::GATEWAY);
    gateway.counter("cluster.app.upstream_rq_tx_reset").becomes(1).await;
    gateway.gauge("cluster.app.upstream_rq_active").becomes(0).await;
    for instance in [0, 1] {
        let sidecar = mesh.admin(Node::sidecar(instance));
        sidecar.gauge("cluster.local_service.upstream_rq_active").becomes(0).await;
    }
}

each_feature_mesh!(a_call_is_over_at_its_deadline, "grpc");
async fn a_call_is_over_at_its_deadline(mesh: &Mesh) {
    let request = NowRequest { delay_ms: 20_000, ..NowRequest::default() }.encode_to_vec();
    let mut caller = caller(mesh).await;
    let began = Instant::now();
    let outcome = caller.unary(NOW, &[("grpc-timeout", "300m")], &request).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_status(&outcome, "4", Some("downstream duration timeout"), true);
    let gateway = mesh.admin(Node::GATEWAY);
    gateway.counter("http.ingress_http.downstream_rq_max_duration_reached").becomes(1).await;
    gateway.gauge("cluster.app.upstream_rq_active").becomes(0).await;
}

each_feature_mesh!(an_instance_that_is_unavailable_is_passed_over, "grpc");
async fn an_instance_that_is_unavailable_is_passed_over(mesh: &Mesh) {
    let mut caller = caller(mesh).await;
    fail(mesh, r#"{"grpc_status":14}"#).await;
    for _ in 0..6 {
        let outcome = caller.unary(NOW, &[], b"").await.unwrap();
        assert_status(&outcome, "0", None, false);
    }
    let gateway = mesh.admin(Node::GATEWAY);
    gateway.counter("cluster.app.upstream_rq_retry").reaches(2).await;
    gateway.counter("cluster.app.upstream_rq_retry_success").reaches(2).await;
    counted(mesh, "Now", "success", 6).await;
}

each_feature_mesh!(a_status_that_the_policy_does_not_name_is_final, "grpc");
async fn a_status_that_the_policy_does_not_name_is_final(mesh: &Mesh) {
    let request = NowRequest { status: 13, ..NowRequest::default() }.encode_to_vec();
    let outcome = caller(mesh).await.unary(NOW, &[], &request).await.unwrap();
    assert_status(&outcome, "13", None, true);
    let gateway = mesh.admin(Node::GATEWAY);
    gateway.counter("cluster.app.upstream_rq_total").reaches(1).await;
    gateway.counter("cluster.app.upstream_rq_retry").becomes(0).await;
}

each_feature_mesh!(a_call_that_nobody_answers_is_told_so_in_its_own_words, "grpc");
async fn a_call_that_nobody_answers_is_told_so_in_its_own_words(mesh: &Mesh) {
    let mut caller = caller(mesh).await;
    for instance in [0, 1] {
        mesh.kill(Node::sidecar(instance)).await.unwrap();
    }
    let outcome = caller.unary(NOW, &[], b"").await.unwrap();
    assert_eq!((outcome.status.as_deref(), outcome.in_head), (Some("14"), true), "{outcome:?}");
    assert_eq!(outcome.messages, Vec::<Bytes>::new());
}

each_feature_mesh!(a_browser_calls_in_base64, "grpc");
async fn a_browser_calls_in_base64(mesh: &Mesh) {
    let client = mesh.client();
    let request = client
        .request(Method::POST, NOW)
        .header("content-type", "application/grpc-web-text")
        .header("accept", "application/grpc-web-text")
        .body("AAAAAAA=");
    let reply = Client::send(request).await.unwrap();
    reply.expect_status(200).expect_header("content-type", "application/grpc-web-text+proto");
    let text = reply.text();
    // `grpc-status:0` in a frame of its own.
    assert!(text.ends_with("gAAAAA9ncnBjLXN0YXR1czowDQo="), "{text}");
    counted(mesh, "Now", "success", 1).await;
}

each_feature_mesh!(a_client_of_http1_finds_the_status_in_the_head, "grpc");
async fn a_client_of_http1_finds_the_status_in_the_head(mesh: &Mesh) {
    let client = mesh.client();
    let post = |kind: &'static str, body: &'static [u8]| {
        let target = format!("{NOW}?by=curl");
        client.request(Method::POST, &target).header("content-type", kind).body(body)
    };
    // `delay_ms: 1`, once as gRPC has it and once bare.
    let framed = b"\x00\x00\x00\x00\x02\x18\x01";
    let reply = Client::send(post("application/grpc", framed)).await.unwrap();
    reply.expect_status(200).expect_header("grpc-status", "0");
    let message = NowReply::decode(reply.body.slice(5..)).unwrap();
    let reply = Client::send(post("application/x-protobuf", b"\x18\x01")).await.unwrap();
    reply.expect_status(200).expect_header("grpc-status", "0");
    assert_eq!(NowReply::decode(reply.body).unwrap().datetime.len(), message.datetime.len());
}

each_feature_mesh!(the_app_is_asked_for_its_health_by_grpc, "grpc");
async fn the_app_is_asked_for_its_health_by_grpc(mesh: &Mesh) {
    let sidecar = mesh.admin(Node::SIDECAR);
    sidecar.counter("cluster.local_service.health_check.success").reaches(1).await;
    sidecar.gauge("cluster.local_service.membership_healthy").becomes(1).await;
    assert_eq!(
        sidecar.counter("cluster.local_service.health_check.failure").value().await.unwrap(),
        0
    );
}
