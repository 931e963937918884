//! Hostile bytes: an error and a closed connection, never a panic, never two requests out of one.

use futures_util::future::join_all;
use outrigger_harness::{
    mesh::Mesh,
    node::{ConfigVersion, Node},
    origin::{Origin, origin},
    topology::Topology,
};

/// What is malformed to everybody: status, and the bytes.
const MALFORMED: &[(u16, &[u8])] = &[
    (400, b"garbage\r\n\r\n"),
    (400, b"\x00\x01\x02\x03\x16\x03\x01\r\n\r\n"),
    (400, b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n"),
    (400, b"GET / http/1.1\r\nhost: a\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nhost: a b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nhost: u@a/b\r\n\r\n"),
    (400, b" GET / HTTP/1.1\r\nhost: a\r\n\r\n"),
    (400, b"GE(T / HTTP/1.1\r\nhost: a\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nhost: a\r\nbad header: x\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nhost: a\r\nx-a : x\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nhost: a\r\nx(a): x\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nhost: a\r\n: x\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nhost: a\r\nnocolon\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nhost: a\r\nx-a: a\x00b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nhost: a\r\nx-a: a\x01b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n host: a\r\n\r\n"),
    (400, b"GET path HTTP/1.1\r\nhost: a\r\n\r\n"),
    (400, b"GET /#fragment HTTP/1.1\r\nhost: a\r\n\r\n"),
    (400, b"GET /\x01 HTTP/1.1\r\nhost: a\r\n\r\n"),
    (426, b"GET / HTTP/1.0\r\nhost: a\r\n\r\n"),
    // Two ways to tell where the body ends, or none that is sure.
    (400, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello"),
    (400, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5, 5\r\n\r\nhello"),
    (400, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +5\r\n\r\nhello"),
    (400, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0x5\r\n\r\nhello"),
    (400, b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n"),
    (501, b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    (501, b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
];

/// What Envoy forwards and RFC 9112 forbids: we do not.
const MALFORMED_TO_US: &[&[u8]] = &[
    // More than one Host field, RFC 9112, 3.2.
    b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n",
    // More than one space between the parts of the request line, RFC 9112, 3.
    b"GET  / HTTP/1.1\r\nhost: a\r\n\r\n",
];

each_mesh!(a_malformed_request_is_refused_and_its_connection_closed);
async fn a_malformed_request_is_refused_and_its_connection_closed(mesh: &Mesh) {
    join_all(MALFORMED.iter().map(|(status, bytes)| assert_refused(mesh, *status, bytes))).await;
    // Whoever sent none of that is served as before, and nothing of it came through.
    mesh.client().get("/").await.unwrap().expect_status(200);
    mesh.admin(Node::SIDECAR).counter("http.ingress_http.downstream_rq_total").becomes(1).await;
    assert_no_panic(mesh).await;
}

each_mesh!(a_last_coding_that_is_not_chunked_is_refused);
async fn a_last_coding_that_is_not_chunked_is_refused(mesh: &Mesh) {
    let bytes = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n";
    let mut connection = mesh.connect().await;
    connection.send(bytes).await.unwrap();
    let reply = connection.reply().await.unwrap();
    // RFC 9112, 6.3 wants 400; Envoy answers 501 as for a coding that it does not know.
    assert!(matches!(reply.status(), 400 | 501), "{reply:?}");
    assert_eq!(reply.header("connection"), Some("close"), "{reply:?}");
    assert_eq!(connection.rest().await.unwrap(), b"");
}

each_mesh_of_ours!(what_only_envoy_takes_is_refused);
async fn what_only_envoy_takes_is_refused(mesh: &Mesh) {
    join_all(MALFORMED_TO_US.iter().map(|bytes| assert_refused(mesh, 400, bytes))).await;
    mesh.admin(Node::SIDECAR).counter("http.ingress_http.downstream_rq_total").becomes(0).await;
}

async fn assert_refused(mesh: &Mesh, status: u16, bytes: &[u8]) {
    let shown = bytes.escape_ascii();
    let mut connection = mesh.connect().await;
    connection.send(bytes).await.unwrap();
    let reply = connection.reply().await.unwrap_or_else(|error| panic!("{shown}: {error}"));
    assert_eq!(reply.status(), status, "{shown}: {reply:?}");
    assert_eq!(reply.header("connection"), Some("close"), "{shown}: {reply:?}");
    assert_eq!(reply.header("server"), Some("envoy"), "{shown}: {reply:?}");
    let rest = connection.rest().await.unwrap_or_else(|error| panic!("{shown}: {error}"));
    assert_eq!(rest, b"", "after the answer to {shown}");
}

async fn assert_no_panic(mesh: &Mesh) {
    for node in [Node::GATEWAY, Node::SIDECAR] {
        let log = mesh.logs(node).await.unwrap();
        assert!(!log.contains("panicked"), "{log}");
    }
}

each_mesh!(a_malformed_body_ends_the_connection);
async fn a_malformed_body_ends_the_connection(mesh: &Mesh) {
    for chunk in
        ["ZZ\r\nhello\r\n0\r\n\r\n", "fffffffffffffffff\r\nhello\r\n0\r\n\r\n", "-1\r\n\r\n"]
    {
        let mut connection = mesh.connect().await;
        let head = "POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        connection.send(format!("{head}{chunk}")).await.unwrap();
        let all = String::from_utf8_lossy(&connection.rest().await.unwrap()).into_owned();
        assert!(all.is_empty() || all.starts_with("HTTP/1.1 400 "), "{chunk:?}: {all}");
        assert_eq!(
            all.matches("HTTP/1.1 ").count(),
            usize::from(!all.is_empty()),
            "{chunk:?}: {all}"
        );
    }
    mesh.client().get("/").await.unwrap().expect_status(200);
    assert_no_panic(mesh).await;
}

each_mesh!(headers_without_end_are_cut_off);
async fn headers_without_end_are_cut_off(mesh: &Mesh) {
    let long = "a".repeat(70_000);
    let many: String = (0..150).map(|number| format!("x-{number}: 1\r\n")).collect();
    for fields in [format!("x-long: {long}\r\n"), many] {
        let mut connection = mesh.connect().await;
        connection.send(format!("GET / HTTP/1.1\r\nhost: a\r\n{fields}\r\n")).await.unwrap();
        let reply = connection.reply().await.unwrap();
        assert_eq!(reply.status(), 431, "{reply:?}");
    }
    mesh.admin(Node::SIDECAR).counter("http.ingress_http.downstream_rq_total").becomes(0).await;
}

each_mesh!(a_request_may_arrive_byte_by_byte);
async fn a_request_may_arrive_byte_by_byte(mesh: &Mesh) {
    let mut connection = mesh.connect().await;
    for byte in b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" {
        connection.send([*byte]).await.unwrap();
    }
    assert_eq!(connection.reply().await.unwrap().status(), 200);
}

each_mesh!(pipelined_requests_are_answered_in_order);
async fn pipelined_requests_are_answered_in_order(mesh: &Mesh) {
    let one = |body: &str| {
        format!(
            "POST /echo/body HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let mut connection = mesh.connect().await;
    connection.send([one("first"), one("second"), one("third")].concat()).await.unwrap();
    for body in ["first", "second", "third"] {
        assert_eq!(connection.reply().await.unwrap().text(), body);
    }
}

each_mesh!(an_http2_connection_that_turns_to_garbage_is_closed);
async fn an_http2_connection_that_turns_to_garbage_is_closed(mesh: &Mesh) {
    let mut connection = mesh.connect().await;
    connection.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbagegarbagegarbage").await.unwrap();
    connection.rest().await.unwrap();
    mesh.client_http2().get("/").await.unwrap().expect_status(200);
    assert_no_panic(mesh).await;
}

fn sidecar_before(version: ConfigVersion, origin: &Origin) -> Topology {
    crate::modes::lone_sidecar(version).origin(Node::SIDECAR, "127.0.0.1:8080", origin.address())
}

/// An upstream that answers with these bytes.
async fn answering(bytes: &'static str) -> Origin {
    origin().raw(bytes).start().await.unwrap()
}

async fn garbage() -> Origin {
    answering("garbage garbage garbage\r\n\r\n").await
}

each_mesh_with_origin!(garbage_from_upstream_is_a_502, garbage, sidecar_before);
async fn garbage_from_upstream_is_a_502(mesh: &Mesh, _origin: &Origin) {
    assert_protocol_error(mesh).await;
}

async fn bad_status() -> Origin {
    answering("HTTP/1.1 abc OK\r\n\r\n").await
}

each_mesh_with_origin!(a_bad_status_from_upstream_is_a_502, bad_status, sidecar_before);
async fn a_bad_status_from_upstream_is_a_502(mesh: &Mesh, _origin: &Origin) {
    assert_protocol_error(mesh).await;
}

async fn bad_header() -> Origin {
    answering("HTTP/1.1 200 OK\r\nbad header: x\r\ncontent-length: 0\r\n\r\n").await
}

each_mesh_with_origin!(a_bad_header_from_upstream_is_a_502, bad_header, sidecar_before);
async fn a_bad_header_from_upstream_is_a_502(mesh: &Mesh, _origin: &Origin) {
    assert_protocol_error(mesh).await;
}

async fn two_lengths() -> Origin {
    answering("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello").await
}

each_mesh_with_origin!(two_lengths_from_upstream_are_a_502, two_lengths, sidecar_before);
async fn two_lengths_from_upstream_are_a_502(mesh: &Mesh, _origin: &Origin) {
    assert_protocol_error(mesh).await;
}

async fn assert_protocol_error(mesh: &Mesh) {
    let reply = mesh.client().get("/").await.unwrap();
    reply
        .expect_status(502)
        .expect_header("server", "envoy")
        .expect_header("content-type", "text/plain");
    reply.expect_body(
        "upstream connect error or disconnect/reset before headers. reset reason: protocol error",
    );
    mesh.admin(Node::SIDECAR)
        .counter("cluster.local_service.upstream_cx_protocol_error")
        .becomes(1)
        .await;
}

async fn resetting() -> Origin {
    origin().reset().start().await.unwrap()
}

each_mesh_with_origin!(a_reset_from_upstream_is_a_503, resetting, sidecar_before);
async fn a_reset_from_upstream_is_a_503(mesh: &Mesh, _origin: &Origin) {
    let reply = mesh.client().get("/").await.unwrap();
    reply.expect_status(503);
    reply.expect_body("upstream connect error or disconnect/reset before headers. reset reason: connection termination");
}

async fn breaking_off() -> Origin {
    origin().raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nincomplete").start().await.unwrap()
}

each_mesh_with_origin!(a_response_that_breaks_off_is_not_made_whole, breaking_off, sidecar_before);
async fn a_response_that_breaks_off_is_not_made_whole(mesh: &Mesh, _origin: &Origin) {
    mesh.client().get("/").await.unwrap_err();
    let sidecar = mesh.admin(Node::SIDECAR);
    sidecar
        .counter("cluster.local_service.upstream_cx_destroy_remote_with_active_rq")
        .becomes(1)
        .await;
}
