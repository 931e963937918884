//! The tutorial's mesh: what its request is answered with, over which protocols it travels, and what the app sees of it.

use futures_util::future::join_all;
use outrigger_harness::{
    client::{Client, raw::RawReply},
    mesh::Mesh,
    node::{Config, ConfigVersion, Node, Role},
    topology::Topology,
};
use reqwest::{Method, Version};
use serde_json::Value;

/// The tutorial's request, as curl sends it.
const REQUEST: &str =
    "GET / HTTP/1.1\r\nHost: localhost:8000\r\nUser-Agent: curl/7.54.0\r\nAccept: */*\r\n\r\n";

each_mesh!(the_tutorials_request_is_answered_as_in_the_tutorial);
pub(crate) async fn the_tutorials_request_is_answered_as_in_the_tutorial(mesh: &Mesh) {
    let mut connection = mesh.connect().await;
    let first = connection.exchange(REQUEST).await.unwrap();
    assert_tutorial(&first);
    // Kept alive: the same connection answers again.
    let second = connection.exchange(REQUEST).await.unwrap();
    assert_tutorial(&second);
    assert_ne!(first.text(), second.text(), "microseconds have passed");
    let admin = mesh.admin(Node::GATEWAY);
    admin.counter("http.ingress_http.downstream_cx_total").becomes(1).await;
    admin.counter("http.ingress_http.downstream_rq_total").becomes(2).await;
}

fn assert_tutorial(reply: &RawReply) {
    assert_eq!(reply.status_line, "HTTP/1.1 200 OK");
    let mut names: Vec<&str> = reply.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    // In lower case, each once, and no other: no transfer-encoding, no via, no connection.
    assert_eq!(
        names,
        ["content-length", "content-type", "date", "server", "x-envoy-upstream-service-time"]
    );
    assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(reply.header("content-length"), Some("42"));
    assert_eq!(reply.header("server"), Some("envoy"));
    let date = reply.header("date").unwrap();
    assert!(
        shape(date).starts_with("aaa, 00 aaa 0000 00:00:00 aaa") && date.ends_with(" GMT"),
        "{date}"
    );
    let time = reply.header("x-envoy-upstream-service-time").unwrap();
    assert!(time.parse::<u32>().unwrap() < 10_000, "milliseconds: {time}");
    let body = reply.text();
    let now = body.strip_prefix("The datetime is ").unwrap();
    assert_eq!(shape(now), "0000-00-00a00:00:00.000000", "{now}");
    assert_eq!(body.len(), 42);
}

/// A text with every digit and letter made alike.
fn shape(text: &str) -> String {
    let alike = |letter: char| match letter {
        '0'..='9' => '0',
        'a'..='z' | 'A'..='Z' => 'a',
        other => other,
    };
    text.chars().map(alike).collect()
}

each_mesh!(proxies_speak_http2_to_each_other_and_http1_to_the_app);
pub(crate) async fn proxies_speak_http2_to_each_other_and_http1_to_the_app(mesh: &Mesh) {
    mesh.client().get("/").await.unwrap().expect_status(200);

    let gateway = mesh.admin(Node::GATEWAY);
    gateway.counter("http.ingress_http.downstream_cx_http1_total").becomes(1).await;
    gateway.counter("http.ingress_http.downstream_rq_http1_total").becomes(1).await;
    gateway.counter("http.ingress_http.downstream_cx_http2_total").becomes(0).await;
    gateway.counter("cluster.app.upstream_cx_http2_total").becomes(1).await;
    gateway.counter("cluster.app.upstream_cx_http1_total").becomes(0).await;

    let sidecar = mesh.admin(Node::SIDECAR);
    sidecar.counter("http.ingress_http.downstream_cx_http2_total").becomes(1).await;
    sidecar.counter("http.ingress_http.downstream_rq_http2_total").becomes(1).await;
    sidecar.counter("http.ingress_http.downstream_cx_http1_total").becomes(0).await;
    sidecar.counter("cluster.local_service.upstream_cx_http1_total").becomes(1).await;
    sidecar.counter("cluster.local_service.upstream_cx_http2_total").becomes(0).await;
}

each_mesh!(one_request_moves_the_counters_of_both_proxies_by_one);
pub(crate) async fn one_request_moves_the_counters_of_both_proxies_by_one(mesh: &Mesh) {
    mesh.client().get("/").await.unwrap().expect_status(200);
    for (node, cluster) in [(Node::GATEWAY, "app"), (Node::SIDECAR, "local_service")] {
        let admin = mesh.admin(node);
        for counter in [
            "downstream_rq_total",
            "downstream_rq_completed",
            "downstream_rq_2xx",
            "downstream_cx_total",
        ] {
            admin.counter(&format!("http.ingress_http.{counter}")).becomes(1).await;
        }
        for counter in [
            "upstream_rq_total",
            "upstream_rq_completed",
            "upstream_rq_200",
            "upstream_rq_2xx",
            "upstream_cx_total",
        ] {
            admin.counter(&format!("cluster.{cluster}.{counter}")).becomes(1).await;
        }
        for gauge in ["upstream_rq_active", "upstream_rq_pending_active"] {
            admin.gauge(&format!("cluster.{cluster}.{gauge}")).becomes(0).await;
        }
        admin.gauge(&format!("cluster.{cluster}.membership_healthy")).becomes(1).await;
        admin.gauge("http.ingress_http.downstream_rq_active").becomes(0).await;
        admin.gauge("server.live").becomes(1).await;
    }
}

each_mesh!(the_app_sees_the_request_and_what_proxies_add);
pub(crate) async fn the_app_sees_the_request_and_what_proxies_add(mesh: &Mesh) {
    let request = mesh
        .client()
        .request(Method::GET, "/echo?with=query")
        .header("host", "localhost:8000")
        .header("X-Custom", "As It Was")
        .header("keep-alive", "timeout=5")
        .header("proxy-connection", "keep-alive")
        .header("te", "trailers")
        .header("connection", "te, keep-alive");
    let reply = Client::send(request).await.unwrap();
    let seen = reply.expect_status(200).json().unwrap();
    assert_eq!(seen["method"], "GET");
    assert_eq!(seen["path"], "/echo?with=query");
    assert_eq!(seen["http_version"], "HTTP/1.1");
    assert_eq!(seen["service"], "app");
    assert_eq!(header(&seen, "host"), Some("localhost:8000"));
    assert_eq!(header(&seen, "x-custom"), Some("As It Was"));
    assert_eq!(header(&seen, "x-forwarded-proto"), Some("http"));
    assert_eq!(
        shape(&header(&seen, "x-request-id").unwrap().replace(char::is_alphanumeric, "0")),
        UUID_SHAPE
    );
    let absent = [
        "connection",
        "keep-alive",
        "proxy-connection",
        "upgrade",
        "transfer-encoding",
        "content-length",
    ];
    for name in
        absent.into_iter().chain(["via", "x-envoy-expected-rq-timeout-ms", "x-forwarded-for"])
    {
        assert_eq!(seen["headers"].get(name), None, "{name} in {seen:#}");
    }
}

const UUID_SHAPE: &str = "00000000-0000-0000-0000-000000000000";

each_mesh!(a_request_id_is_made_once_and_kept);
async fn a_request_id_is_made_once_and_kept(mesh: &Mesh) {
    let client = mesh.client();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let echo = client.get("/echo").await.unwrap().json().unwrap();
        seen.push(header(&echo, "x-request-id").unwrap().to_owned());
    }
    assert_ne!(seen[0], seen[1], "each request has its own");
    let given = client.request(Method::GET, "/echo").header("x-request-id", "a client's own");
    let echo = Client::send(given).await.unwrap().json().unwrap();
    assert_eq!(header(&echo, "x-request-id"), Some("a client's own"));
}

/// The one value of a header field that the app saw.
fn header<'a>(echo: &'a Value, name: &str) -> Option<&'a str> {
    match echo["headers"].get(name)?.as_array()?.as_slice() {
        [one] => one.as_str(),
        _ => None,
    }
}

each_mesh!(a_client_may_speak_http2_too);
pub(crate) async fn a_client_may_speak_http2_too(mesh: &Mesh) {
    let reply = mesh.client_http2().get("/").await.unwrap();
    reply.expect_status(200).expect_header("server", "envoy").expect_header("content-length", "42");
    assert_eq!(reply.version, Version::HTTP_2);
    mesh.admin(Node::GATEWAY)
        .counter("http.ingress_http.downstream_rq_http2_total")
        .becomes(1)
        .await;
}

each_mesh!(a_head_request_has_the_headers_and_no_body);
async fn a_head_request_has_the_headers_and_no_body(mesh: &Mesh) {
    let mut connection = mesh.connect().await;
    connection
        .send("HEAD / HTTP/1.1\r\nhost: a\r\n\r\nGET /status/204 HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    // What follows the empty line is already the next response.
    let both = String::from_utf8(connection.until_text("HTTP/1.1 204").await.unwrap()).unwrap();
    assert!(both.starts_with("HTTP/1.1 200 OK\r\n"), "{both}");
    assert!(both.contains("\r\ncontent-length: 42\r\n"), "{both}");
    assert!(both.ends_with("\r\n\r\nHTTP/1.1 204"), "{both}");
}

each_mesh!(statuses_of_the_app_pass_through);
pub(crate) async fn statuses_of_the_app_pass_through(mesh: &Mesh) {
    let client = mesh.client();
    for status in [204, 301, 404, 418, 500, 503] {
        let reply = client.get(&format!("/status/{status}")).await.unwrap();
        reply.expect_status(status).expect_header("server", "envoy");
    }
    let admin = mesh.admin(Node::GATEWAY);
    admin.counter("cluster.app.upstream_rq_5xx").becomes(2).await;
    admin.counter("http.ingress_http.downstream_rq_4xx").becomes(2).await;
}

each_mesh!(a_hundred_clients_at_once_are_all_answered);
async fn a_hundred_clients_at_once_are_all_answered(mesh: &Mesh) {
    const CLIENTS: usize = 100;
    const REQUESTS: u64 = 5;
    let one = async |client: usize| {
        let http = mesh.client();
        for request in 0..REQUESTS {
            let body = format!("client {client}, request {request}");
            let reply = http.post("/echo/body", body.clone()).await.unwrap();
            reply.expect_status(200).expect_body(&body);
        }
    };
    join_all((0..CLIENTS).map(one)).await;
    let all = CLIENTS as u64 * REQUESTS;
    for node in [Node::GATEWAY, Node::SIDECAR] {
        mesh.admin(node).counter("http.ingress_http.downstream_rq_2xx").becomes(all).await;
    }
    let connections =
        mesh.admin(Node::GATEWAY).counter("cluster.app.upstream_cx_total").value().await.unwrap();
    assert!(
        connections <= 8,
        "a connection a worker carries all streams to the sidecar: {connections}"
    );
}

fn two_instances(version: ConfigVersion) -> Topology {
    crate::modes::tutorial(version).service(Config::of(Role::Sidecar, version).unwrap())
}

each_mesh!(two_instances_of_the_service_share_the_requests, two_instances);
async fn two_instances_of_the_service_share_the_requests(mesh: &Mesh) {
    mesh.admin(Node::GATEWAY).gauge("cluster.app.membership_total").becomes(2).await;
    // On one connection, so that one worker's round robin decides.
    let client = mesh.client();
    for _ in 0..20 {
        client.get("/").await.unwrap().expect_status(200);
    }
    for sidecar in [Node::sidecar(0), Node::sidecar(1)] {
        mesh.admin(sidecar).counter("cluster.local_service.upstream_rq_total").becomes(10).await;
    }
}
