//! Limits of time: what a client gets when each is over, what is logged and counted, and that nothing stays behind.

use std::time::{Duration, Instant};

use outrigger_harness::{
    mesh::Mesh,
    origin::{Origin, origin},
    settings::DataPlane,
};

use super::{EMPTY, File, GET, Scripted, assert_logged, assert_stats, dripping, silent};

/// A request whose body does not come.
const HALF: &str = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc";

/// What all limits of these tests are.
const LIMIT: Duration = Duration::from_millis(500);

/// Sends this and expects that answer, not before the limit.
async fn assert_answer(mesh: &Mesh, request: &str, expected: (u16, &str)) {
    let asked = Instant::now();
    let mut connection = mesh.connect().await;
    connection.send(request).await.unwrap();
    let reply = connection.reply().await.unwrap();
    assert_eq!((reply.status(), reply.text().as_str()), expected);
    // Envoy's timers run by the time at which its loop woke up.
    let early = match mesh.data_plane() {
        DataPlane::Outrigger => Duration::ZERO,
        DataPlane::Envoy => Duration::from_millis(20),
    };
    assert!(asked.elapsed() >= LIMIT - early, "{:?}", asked.elapsed());
}

/// Sends a request and expects that its response begins and is cut off.
async fn assert_cut(mesh: &Mesh) {
    let mut connection = mesh.connect().await;
    connection.send(GET).await.unwrap();
    let all = String::from_utf8(connection.rest().await.unwrap()).unwrap();
    assert!(all.starts_with("HTTP/1.1 200 OK\r\n") && !all.ends_with("\r\n0\r\n\r\n"), "{all}");
}

async fn assert_nothing_left(mesh: &Mesh) {
    assert_stats(
        mesh,
        &[
            ("cluster.app.upstream_rq_active", 0),
            ("cluster.app.upstream_cx_active", 0),
            ("http.test.downstream_rq_active", 0),
        ],
    )
    .await;
}

const ROUTE_IDLE: File = File { route: ", timeout: 0s, idle_timeout: 0.5s", ..EMPTY };

each_proxy!(a_routes_idle_timeout_is_that_of_its_streams, silent(), ROUTE_IDLE);
async fn a_routes_idle_timeout_is_that_of_its_streams(mesh: &Mesh, _: &Scripted) {
    assert_answer(mesh, GET, (504, "stream timeout")).await;
    assert_answer(mesh, HALF, (408, "stream timeout")).await;
    assert_stats(mesh, &[("http.test.downstream_rq_idle_timeout", 2)]).await;
    assert_logged(mesh, "LINE GET HTTP/1.1 504 SI stream_idle_timeout").await;
    assert_logged(mesh, "LINE POST HTTP/1.1 408 SI stream_idle_timeout").await;
    assert_nothing_left(mesh).await;
}

each_proxy!(a_routes_idle_timeout_ends_http2_streams_too, silent(), ROUTE_IDLE);
async fn a_routes_idle_timeout_ends_http2_streams_too(mesh: &Mesh, _: &Scripted) {
    let client = mesh.client_http2();
    for _ in 0..2 {
        client.get("/").await.unwrap().expect_status(504).expect_body("stream timeout");
    }
    assert_stats(
        mesh,
        &[("http.test.downstream_rq_idle_timeout", 2), ("http.test.downstream_cx_total", 1)],
    )
    .await;
    assert_nothing_left(mesh).await;
}

const NO_ROUTE_IDLE: File = File {
    manager: "stream_idle_timeout: 0.1s",
    route: ", timeout: 0.5s, idle_timeout: 0s",
    ..EMPTY
};

each_proxy!(a_route_may_switch_the_idle_timeout_off, silent(), NO_ROUTE_IDLE);
async fn a_route_may_switch_the_idle_timeout_off(mesh: &Mesh, _: &Scripted) {
    assert_answer(mesh, GET, (504, "upstream request timeout")).await;
    assert_logged(mesh, "LINE GET HTTP/1.1 504 UT response_timeout").await;
    assert_nothing_left(mesh).await;
}

const DURATION: File = File {
    manager: "common_http_protocol_options: {max_stream_duration: 0.5s}",
    route: ", timeout: 0s",
    ..EMPTY
};

const LATE: &str = "downstream duration timeout";

async fn assert_limited(mesh: &Mesh) {
    assert_answer(mesh, GET, (504, LATE)).await;
    assert_answer(mesh, HALF, (408, LATE)).await;
    mesh.client_http2().get("/").await.unwrap().expect_status(504).expect_body(LATE);
    assert_stats(mesh, &[("http.test.downstream_rq_max_duration_reached", 3)]).await;
    assert_logged(mesh, "LINE GET HTTP/1.1 504 - max_duration_timeout").await;
    assert_logged(mesh, "LINE POST HTTP/1.1 408 - max_duration_timeout").await;
    assert_logged(mesh, "LINE GET HTTP/2 504 - max_duration_timeout").await;
    assert_nothing_left(mesh).await;
}

each_proxy!(a_stream_lasts_for_so_long, silent(), DURATION);
async fn a_stream_lasts_for_so_long(mesh: &Mesh, _: &Scripted) {
    assert_limited(mesh).await;
    assert_answer(mesh, "GET / HTTP/1.1\r\nho", (408, LATE)).await;
    assert_logged(mesh, "LINE - HTTP/1.1 408 - max_duration_timeout").await;
}

each_proxy!(a_response_that_lasts_for_too_long_is_cut_off, dripping(), DURATION);
async fn a_response_that_lasts_for_too_long_is_cut_off(mesh: &Mesh, _: &Scripted) {
    assert_cut(mesh).await;
    assert_stats(
        mesh,
        &[
            ("http.test.downstream_rq_max_duration_reached", 1),
            ("http.test.downstream_rq_tx_reset", 1),
            ("http.test.downstream_rq_rx_reset", 1),
        ],
    )
    .await;
    assert_logged(mesh, "LINE GET HTTP/1.1 200 - max_duration_timeout").await;
    assert_nothing_left(mesh).await;
}

const ROUTE_DURATION: File =
    File { route: ", timeout: 0.1s, max_stream_duration: {max_stream_duration: 0.5s}", ..EMPTY };

each_proxy!(a_routes_stream_duration_replaces_its_timeout, silent(), ROUTE_DURATION);
async fn a_routes_stream_duration_replaces_its_timeout(mesh: &Mesh, _: &Scripted) {
    assert_limited(mesh).await;
}

each_proxy!(a_routes_stream_duration_cuts_responses_off, dripping(), ROUTE_DURATION);
async fn a_routes_stream_duration_cuts_responses_off(mesh: &Mesh, _: &Scripted) {
    assert_cut(mesh).await;
    assert_stats(mesh, &[("http.test.downstream_rq_max_duration_reached", 1)]).await;
    assert_logged(mesh, "LINE GET HTTP/1.1 200 - max_duration_timeout").await;
    assert_nothing_left(mesh).await;
}

async fn quick() -> Origin {
    origin().body("ok").start().await.unwrap()
}

/// Sends a request with these header lines; gives what upstream saw of `grpc-timeout` and of the timeout it was promised.
async fn seen(mesh: &Mesh, origin: &Origin, lines: &str) -> (Option<String>, Option<String>) {
    let mut connection = mesh.connect().await;
    connection.send(format!("GET / HTTP/1.1\r\nhost: a\r\n{lines}\r\n")).await.unwrap();
    assert_eq!(connection.reply().await.unwrap().status(), 200);
    let last = origin.seen().pop().unwrap();
    let field = |name| last.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    (field("grpc-timeout"), field("x-envoy-expected-rq-timeout-ms"))
}

fn said(grpc: &str, expected: &str) -> (Option<String>, Option<String>) {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    (some(grpc), some(expected))
}

const GRPC: &str = "content-type: application/grpc\r\n";

fn grpc(timeout: &str) -> String {
    format!("{GRPC}grpc-timeout: {timeout}\r\n")
}

const HEADER_MAX: File = File {
    route: ", max_stream_duration: {grpc_timeout_header_max: 10s, grpc_timeout_header_offset: 2s}",
    ..EMPTY
};

each_proxy!(a_grpc_timeout_is_capped_and_passed_on, quick(), HEADER_MAX);
async fn a_grpc_timeout_is_capped_and_passed_on(mesh: &Mesh, origin: &Origin) {
    assert_eq!(seen(mesh, origin, &grpc("30S")).await, said("8000m", ""));
    assert_eq!(seen(mesh, origin, &grpc("5S")).await, said("3000m", ""));
    // What is not gRPC is limited too, and told as it was.
    assert_eq!(seen(mesh, origin, "grpc-timeout: 5S\r\n").await, said("5S", ""));
    assert_eq!(seen(mesh, origin, "grpc-timeout: bad\r\n").await, said("bad", ""));
    assert_eq!(seen(mesh, origin, "").await, said("", ""));
    // The offset leaves nothing of it.
    let mut connection = mesh.connect().await;
    connection.send("GET / HTTP/1.1\r\nhost: a\r\ngrpc-timeout: 1S\r\n\r\n").await.unwrap();
    assert_eq!(connection.reply().await.unwrap().status(), 504);
    assert_logged(mesh, "LINE GET HTTP/1.1 504 - max_duration_timeout").await;
}

const GRPC_MAX: File = File { route: ", max_grpc_timeout: 10s, grpc_timeout_offset: 2s", ..EMPTY };

each_proxy!(the_older_grpc_timeout_is_the_routes, quick(), GRPC_MAX);
async fn the_older_grpc_timeout_is_the_routes(mesh: &Mesh, origin: &Origin) {
    assert_eq!(seen(mesh, origin, &grpc("30S")).await, said("10000m", "10000"));
    assert_eq!(seen(mesh, origin, &grpc("5S")).await, said("3000m", "3000"));
    assert_eq!(seen(mesh, origin, &grpc("1S")).await, said("1000m", "1000"));
    assert_eq!(seen(mesh, origin, GRPC).await, said("10000m", "10000"));
    assert_eq!(seen(mesh, origin, "grpc-timeout: 5S\r\n").await, said("5S", "15000"));
}

const CONNECTION: File = File {
    manager: "drain_timeout: 0.5s\ncommon_http_protocol_options: {max_connection_duration: 1s}",
    ..EMPTY
};

each_proxy!(a_connection_lasts_for_so_long_and_then_drains, quick(), CONNECTION);
async fn a_connection_lasts_for_so_long_and_then_drains(mesh: &Mesh, _: &Origin) {
    let begun = Instant::now();
    let mut connection = mesh.connect().await;
    connection.send(GET).await.unwrap();
    assert_eq!(connection.reply().await.unwrap().status(), 200);
    assert_eq!(connection.rest().await.unwrap(), b"");
    assert!(begun.elapsed() >= Duration::from_millis(1450), "{:?}", begun.elapsed());
    assert_stats(
        mesh,
        &[
            ("http.test.downstream_cx_max_duration_reached", 1),
            ("http.test.downstream_cx_destroy_local", 1),
            ("http.test.downstream_cx_active", 0),
        ],
    )
    .await;
}

const SAFE: File = File {
    manager: "http1_safe_max_connection_duration: true\n\
        common_http_protocol_options: {max_connection_duration: 0.3s}",
    ..EMPTY
};

each_proxy!(a_connection_that_ends_safely_ends_with_its_next_response, quick(), SAFE);
async fn a_connection_that_ends_safely_ends_with_its_next_response(mesh: &Mesh, _: &Origin) {
    let mut connection = mesh.connect().await;
    connection.send(GET).await.unwrap();
    assert_eq!(connection.reply().await.unwrap().header("connection"), None);
    assert_stats(mesh, &[("http.test.downstream_cx_max_duration_reached", 1)]).await;
    connection.send(GET).await.unwrap();
    let reply = connection.reply().await.unwrap();
    assert_eq!((reply.status(), reply.header("connection")), (200, Some("close")));
    assert_eq!(connection.rest().await.unwrap(), b"");
}

const UPSTREAM: File = File {
    cluster: "typed_extension_protocol_options:\n  HTTP_OPTIONS:\n    \
        \"@type\": type.googleapis.com/HTTP_OPTIONS\n    \
        common_http_protocol_options: {max_connection_duration: 0.3s}\n    \
        explicit_http_config: {http_protocol_options: {}}",
    ..EMPTY
};

async fn slow() -> Origin {
    origin().delay(Duration::from_millis(600)).start().await.unwrap()
}

each_proxy!(an_upstream_connection_lasts_for_so_long_and_ends_with_its_request, slow(), UPSTREAM);
async fn an_upstream_connection_lasts_for_so_long_and_ends_with_its_request(
    mesh: &Mesh,
    _: &Origin,
) {
    mesh.client().get("/").await.unwrap().expect_status(200);
    assert_stats(
        mesh,
        &[
            ("cluster.app.upstream_cx_max_duration_reached", 1),
            ("cluster.app.upstream_cx_destroy_local", 1),
            ("cluster.app.upstream_cx_destroy_with_active_rq", 0),
            ("cluster.app.upstream_cx_active", 0),
        ],
    )
    .await;
}

const NO_PATIENCE: File =
    File { manager: "stream_idle_timeout: 0.5s\ndelayed_close_timeout: 0s", ..EMPTY };

each_proxy!(a_client_that_does_not_close_may_be_given_no_time, silent(), NO_PATIENCE);
async fn a_client_that_does_not_close_may_be_given_no_time(mesh: &Mesh, _: &Scripted) {
    let mut connection = mesh.connect().await;
    connection.send(HALF).await.unwrap();
    assert_eq!(connection.reply().await.unwrap().status(), 408);
    assert_stats(
        mesh,
        &[
            ("http.test.downstream_cx_destroy_local", 1),
            ("http.test.downstream_cx_delayed_close_timeout", 0),
        ],
    )
    .await;
}
