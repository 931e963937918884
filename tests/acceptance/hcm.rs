//! What a file's HTTP connection manager says, done: timeouts, who the client is, HTTP/1.0, connections that end.
//!
//! One proxy with a file of the test's own, before a server of the test's own; ours and the real Envoy.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
};

use outrigger_harness::{
    eventually::satisfies,
    mesh::Mesh,
    node::{Config, ConfigVersion, Node, Role},
    origin::{Origin, origin},
    topology::Topology,
};

/// Makes a test of each proxy out of `async fn name(mesh: &Mesh, origin: &O)`, a function that starts the origin, and
/// what stands in the file's connection manager beside what the tutorial's says.
macro_rules! each_proxy {
    ($name:ident, $origin:ident, $fields:expr) => {
        mod $name {
            fn topology<O: super::Address>(
                _version: outrigger_harness::node::ConfigVersion,
                origin: &O,
            ) -> outrigger_harness::topology::Topology {
                super::sidecar($fields, origin.at())
            }

            #[test]
            fn outrigger() {
                let mode = outrigger_harness::trial::Mode::V3Process;
                outrigger_harness::trial::run_with(mode, super::$origin, topology, super::$name);
            }

            #[test]
            fn envoy() {
                let mode = outrigger_harness::trial::Mode::Envoy;
                outrigger_harness::trial::run_with(mode, super::$origin, topology, super::$name);
            }
        }
    };
}

/// A line for each request, where the test sees it.
const ACCESS_LOG: &str = "access_log: [{name: log, typed_config: {\
    '@type': type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog, \
    log_format: {text_format_source: {inline_string: \"LINE %REQ(:METHOD)% %PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% \
    %RESPONSE_CODE_DETAILS% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%\\n\"}}}}]";

/// The tutorial's sidecar with more fields in its connection manager, before that origin.
fn sidecar(fields: &str, origin: SocketAddr) -> Topology {
    let mut config = Config::of(Role::Sidecar, ConfigVersion::V3).unwrap();
    let place = "stat_prefix: ingress_http\n";
    let (before, after) = config.text.split_once(place).unwrap();
    let indent = " ".repeat(16);
    let fields: String = [ACCESS_LOG, fields]
        .iter()
        .flat_map(|field| field.lines())
        .map(|line| format!("{indent}{line}\n"))
        .collect();
    config.text = format!("{before}{place}{fields}{after}");
    Topology::new()
        .lone_sidecar(config)
        .arguments(Node::SIDECAR, &["--file-flush-interval-msec", "50"])
        .origin(Node::SIDECAR, "127.0.0.1:8080", origin)
}

/// Something that listens.
trait Address {
    fn at(&self) -> SocketAddr;
}

impl Address for Origin {
    fn at(&self) -> SocketAddr {
        self.address()
    }
}

/// Answers the head of each request with the same bytes, and then waits for the proxy to close.
struct Stalling(SocketAddr);

impl Address for Stalling {
    fn at(&self) -> SocketAddr {
        self.0
    }
}

fn stalling(answer: &'static str) -> Stalling {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    // Ends with the test's process: a thread that waits for bytes costs nothing until then.
    thread::spawn(move || {
        while let Ok((stream, _peer)) = listener.accept() {
            thread::spawn(move || stall(stream, answer));
        }
    });
    Stalling(address)
}

fn stall(mut stream: TcpStream, answer: &str) {
    let mut seen = Vec::new();
    let mut some = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut some) {
        let was_whole = seen.windows(4).any(|end| end == b"\r\n\r\n");
        seen.extend_from_slice(&some[..count]);
        let is_whole = seen.windows(4).any(|end| end == b"\r\n\r\n");
        if is_whole && !was_whole && stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

async fn silent() -> Stalling {
    stalling("")
}

async fn half() -> Stalling {
    stalling("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")
}

async fn quick() -> Origin {
    origin().body("ok").start().await.unwrap()
}

/// Sends these bytes and waits for the answer.
async fn answer(mesh: &Mesh, bytes: &str) -> (u16, Option<String>, String) {
    let mut connection = mesh.connect().await;
    connection.send(bytes).await.unwrap();
    let reply = connection.reply().await.unwrap();
    (reply.status(), reply.header("connection").map(str::to_owned), reply.text())
}

async fn assert_count(mesh: &Mesh, name: &str, count: u64) {
    mesh.admin(Node::SIDECAR).counter(&format!("http.ingress_http.{name}")).becomes(count).await;
}

/// Waits for a line of the access log.
async fn assert_logged(mesh: &Mesh, line: &str) {
    let logs = async || mesh.logs(Node::SIDECAR).await;
    let what = format!("the line {line:?} in the log");
    satisfies(&what, logs, |logs| logs.contains(line)).await.unwrap();
}

each_proxy!(
    a_silent_upstream_is_a_504_after_the_stream_idle_timeout,
    silent,
    "stream_idle_timeout: 0.5s"
);
async fn a_silent_upstream_is_a_504_after_the_stream_idle_timeout(mesh: &Mesh, _: &Stalling) {
    let mut connection = mesh.connect().await;
    // The connection is as good as before.
    for _ in 0..2 {
        connection.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        let reply = connection.reply().await.unwrap();
        assert_eq!((reply.status(), reply.text().as_str()), (504, "stream timeout"));
        assert_eq!(reply.header("connection"), None);
    }
    assert_count(mesh, "downstream_rq_idle_timeout", 2).await;
    assert_logged(mesh, "LINE GET HTTP/1.1 504 SI stream_idle_timeout 127.0.0.1").await;
}

each_proxy!(a_client_that_stops_in_its_body_is_a_408, silent, "stream_idle_timeout: 0.5s");
async fn a_client_that_stops_in_its_body_is_a_408(mesh: &Mesh, _: &Stalling) {
    let bytes = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab";
    let close = Some(String::from("close"));
    assert_eq!(answer(mesh, bytes).await, (408, close, String::from("stream timeout")));
    assert_count(mesh, "downstream_rq_idle_timeout", 1).await;
    assert_logged(mesh, "LINE POST HTTP/1.1 408 SI stream_idle_timeout").await;
}

each_proxy!(a_client_that_stops_in_its_head_is_a_408, silent, "stream_idle_timeout: 0.5s");
async fn a_client_that_stops_in_its_head_is_a_408(mesh: &Mesh, _: &Stalling) {
    let close = Some(String::from("close"));
    let answer = answer(mesh, "GET / HTTP/1.1\r\nho").await;
    assert_eq!(answer, (408, close, String::from("stream timeout")));
    assert_count(mesh, "downstream_rq_idle_timeout", 1).await;
    assert_logged(mesh, "LINE - HTTP/1.1 408 SI stream_idle_timeout").await;
}

each_proxy!(a_response_that_stops_is_cut_off, half, "stream_idle_timeout: 0.5s");
async fn a_response_that_stops_is_cut_off(mesh: &Mesh, _: &Stalling) {
    let mut connection = mesh.connect().await;
    connection.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let all = String::from_utf8(connection.rest().await.unwrap()).unwrap();
    assert!(all.starts_with("HTTP/1.1 200 OK\r\n") && all.ends_with("\r\n\r\nabc"), "{all}");
    assert_count(mesh, "downstream_rq_idle_timeout", 1).await;
    assert_count(mesh, "downstream_rq_tx_reset", 1).await;
    assert_logged(mesh, "LINE GET HTTP/1.1 200 SI stream_idle_timeout").await;
}

each_proxy!(
    an_http2_stream_that_stops_leaves_the_others_alone,
    silent,
    "stream_idle_timeout: 0.5s"
);
async fn an_http2_stream_that_stops_leaves_the_others_alone(mesh: &Mesh, _: &Stalling) {
    let client = mesh.client_http2();
    for _ in 0..2 {
        client.get("/").await.unwrap().expect_status(504).expect_body("stream timeout");
    }
    assert_count(mesh, "downstream_rq_idle_timeout", 2).await;
    assert_count(mesh, "downstream_cx_total", 1).await;
}

each_proxy!(
    requests_from_inside_are_counted_apart,
    quick,
    "use_remote_address: true\n\
     internal_address_config: {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}"
);
async fn requests_from_inside_are_counted_apart(mesh: &Mesh, _: &Origin) {
    mesh.client().get("/").await.unwrap().expect_status(200);
    let admin = mesh.admin(Node::SIDECAR);
    for name in ["upstream_rq_200", "upstream_rq_2xx", "upstream_rq_completed"] {
        admin.counter(&format!("cluster.local_service.internal.{name}")).becomes(1).await;
        admin.counter(&format!("cluster.local_service.{name}")).becomes(1).await;
    }
    let stats = admin.stats().await.unwrap();
    assert_eq!(stats.value("cluster.local_service.external.upstream_rq_200"), None);
}

/// An HTTP/2 client's first bytes: preface, empty SETTINGS, and HEADERS without the flag that its block ends.
const HALF_A_BLOCK: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
    \x00\x00\x00\x04\x00\x00\x00\x00\x00\
    \x00\x00\x01\x01\x00\x00\x00\x00\x01\x82";

each_proxy!(half_a_block_of_headers_holds_no_drain, quick, "stream_idle_timeout: 0.5s");
async fn half_a_block_of_headers_holds_no_drain(mesh: &Mesh, _: &Origin) {
    let mut connection = mesh.connect().await;
    connection.send(HALF_A_BLOCK).await.unwrap();
    mesh.admin(Node::SIDECAR)
        .gauge("http.ingress_http.downstream_cx_http2_active")
        .becomes(1)
        .await;
    let exit = mesh.stop(Node::SIDECAR).await.unwrap();
    assert_eq!(exit.code, Some(0));
}

async fn early() -> Stalling {
    stalling("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
}

each_proxy!(an_upstream_may_answer_before_it_has_the_request, early, "via: here");
async fn an_upstream_may_answer_before_it_has_the_request(mesh: &Mesh, _: &Stalling) {
    let mut connection = mesh.connect().await;
    connection.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc").await.unwrap();
    let reply = connection.reply().await.unwrap();
    assert_eq!((reply.status(), reply.text().as_str()), (200, "ok"), "{reply:?}");
    // Nobody knows where the rest of the request would end.
    assert_eq!(reply.header("connection"), Some("close"), "{reply:?}");
    // The upstream's time begins with the end of the request, which has not come.
    assert_eq!(reply.header("x-envoy-upstream-service-time"), None, "{reply:?}");
    assert_logged(mesh, "LINE POST HTTP/1.1 200 - via_upstream").await;
    assert_count(mesh, "downstream_rq_response_before_rq_complete", 1).await;
    let admin = mesh.admin(Node::SIDECAR);
    // Neither is its connection good for another request.
    admin.gauge("cluster.local_service.upstream_cx_active").becomes(0).await;
    admin.counter("cluster.local_service.upstream_rq_200").becomes(1).await;
}

each_proxy!(a_request_that_takes_too_long_is_a_408, silent, "request_timeout: 0.5s");
async fn a_request_that_takes_too_long_is_a_408(mesh: &Mesh, _: &Stalling) {
    let bytes = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab";
    let close = Some(String::from("close"));
    assert_eq!(answer(mesh, bytes).await, (408, close, String::from("request timeout")));
    assert_count(mesh, "downstream_rq_timeout", 1).await;
    assert_logged(mesh, "LINE POST HTTP/1.1 408 - request_overall_timeout").await;
}

each_proxy!(a_head_that_takes_too_long_is_a_408, quick, "request_headers_timeout: 0.5s");
async fn a_head_that_takes_too_long_is_a_408(mesh: &Mesh, _: &Origin) {
    let mut connection = mesh.connect().await;
    connection.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert_eq!(connection.reply().await.unwrap().status(), 200);
    connection.send("GET / HT").await.unwrap();
    let reply = connection.reply().await.unwrap();
    assert_eq!((reply.status(), reply.text().as_str()), (408, "request header timeout"));
    assert_eq!(connection.rest().await.unwrap(), b"");
    assert_count(mesh, "downstream_rq_header_timeout", 1).await;
    assert_logged(mesh, "LINE - HTTP/1.1 408 - request_header_timeout").await;
}

/// Two clients in a row, of which the proxy sees the last, and what Envoys tell each other.
const FORGED: &str = "GET / HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 192.0.2.77, 198.51.100.9\r\n\
    x-forwarded-proto: https\r\nx-envoy-original-path: /forged\r\nx-envoy-retry-on: 5xx\r\n\
    x-envoy-external-address: 192.0.2.78\r\nx-request-id: mine\r\n\r\n";

fn field<'a>(origin: &'a [outrigger_harness::origin::Seen], name: &str) -> Option<&'a str> {
    origin[0].headers.get(name).map(|value| value.to_str().unwrap())
}

each_proxy!(inside_a_mesh_everything_is_believed, quick, "always_set_request_id_in_response: true");
async fn inside_a_mesh_everything_is_believed(mesh: &Mesh, origin: &Origin) {
    let mut connection = mesh.connect().await;
    connection.send(FORGED).await.unwrap();
    assert_eq!(connection.reply().await.unwrap().header("x-request-id"), Some("mine"));
    let seen = origin.seen();
    assert_eq!(field(&seen, "x-forwarded-for"), Some("192.0.2.77, 198.51.100.9"));
    assert_eq!(field(&seen, "x-forwarded-proto"), Some("https"));
    assert_eq!(field(&seen, "x-envoy-external-address"), Some("192.0.2.78"));
    assert_eq!(field(&seen, "x-envoy-original-path"), Some("/forged"));
    assert_eq!(field(&seen, "x-envoy-retry-on"), None);
    assert_eq!(field(&seen, "x-request-id"), Some("mine"));
    assert_logged(mesh, "LINE GET HTTP/1.1 200 - via_upstream 198.51.100.9").await;
}

each_proxy!(at_the_edge_nothing_is_believed, quick, "use_remote_address: true");
async fn at_the_edge_nothing_is_believed(mesh: &Mesh, origin: &Origin) {
    assert_eq!(answer(mesh, FORGED).await.0, 200);
    let seen = origin.seen();
    let list = field(&seen, "x-forwarded-for").unwrap();
    assert!(list.starts_with("192.0.2.77, 198.51.100.9,"), "{list}");
    assert_eq!(field(&seen, "x-forwarded-proto"), Some("http"));
    assert_eq!(field(&seen, "x-envoy-external-address"), Some("127.0.0.1"));
    assert_eq!(field(&seen, "x-envoy-original-path"), None);
    assert_ne!(field(&seen, "x-request-id"), Some("mine"));
    assert_logged(mesh, "LINE GET HTTP/1.1 200 - via_upstream 127.0.0.1").await;
}

const ONE_HOP: &str = "use_remote_address: true\nxff_num_trusted_hops: 1\nskip_xff_append: true\n\
    preserve_external_request_id: true";

each_proxy!(at_the_edge_a_trusted_hop_is_believed, quick, super::ONE_HOP);
async fn at_the_edge_a_trusted_hop_is_believed(mesh: &Mesh, origin: &Origin) {
    assert_eq!(answer(mesh, FORGED).await.0, 200);
    let seen = origin.seen();
    assert_eq!(field(&seen, "x-forwarded-for"), Some("192.0.2.77, 198.51.100.9"));
    assert_eq!(field(&seen, "x-forwarded-proto"), Some("https"));
    assert_eq!(field(&seen, "x-envoy-external-address"), Some("198.51.100.9"));
    assert_eq!(field(&seen, "x-request-id"), Some("mine"));
    assert_logged(mesh, "LINE GET HTTP/1.1 200 - via_upstream 198.51.100.9").await;
}

each_proxy!(
    http_1_0_is_served_where_the_file_says_so,
    quick,
    "http_protocol_options: {accept_http_10: true, default_host_for_http_10: default.example}"
);
async fn http_1_0_is_served_where_the_file_says_so(mesh: &Mesh, origin: &Origin) {
    let mut connection = mesh.connect().await;
    connection.send("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").await.unwrap();
    let reply = connection.reply().await.unwrap();
    assert_eq!((reply.status(), reply.header("connection")), (200, Some("keep-alive")));
    connection.send("GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let all = String::from_utf8(connection.rest().await.unwrap()).unwrap();
    assert!(all.starts_with("HTTP/1.0 200 OK\r\n") && all.ends_with("\r\n\r\nok"), "{all}");
    assert!(all.contains("\r\nconnection: close\r\n"), "{all}");
    assert_eq!(field(&origin.seen(), "host"), Some("default.example"));
    assert_logged(mesh, "LINE GET HTTP/1.0 200 - via_upstream").await;
}

each_proxy!(http_1_0_is_refused_where_it_does_not, quick, "via: here");
async fn http_1_0_is_refused_where_it_does_not(mesh: &Mesh, _: &Origin) {
    let mut connection = mesh.connect().await;
    connection.send("GET / HTTP/1.0\r\nhost: a\r\n\r\n").await.unwrap();
    let all = String::from_utf8(connection.rest().await.unwrap()).unwrap();
    assert!(all.starts_with("HTTP/1.1 426 Upgrade Required\r\n"), "{all}");
    assert_count(mesh, "downstream_cx_protocol_error", 1).await;
    assert_logged(mesh, "LINE - HTTP/1.1 426 DPE low_version").await;
}

each_proxy!(
    a_connection_ends_after_its_last_request,
    quick,
    "common_http_protocol_options: {max_requests_per_connection: 2}"
);
async fn a_connection_ends_after_its_last_request(mesh: &Mesh, _: &Origin) {
    let mut connection = mesh.connect().await;
    for expected in [None, Some("close")] {
        connection.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        assert_eq!(connection.reply().await.unwrap().header("connection"), expected);
    }
    assert_eq!(connection.rest().await.unwrap(), b"");
    assert_count(mesh, "downstream_cx_max_requests_reached", 1).await;
}
