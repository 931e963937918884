//! Circuit breakers: who is turned away, what the gauges say meanwhile, and that all is given back.

use futures_util::future::join_all;
use outrigger_harness::{
    client::raw::{RawConnection, RawReply},
    mesh::Mesh,
    node::Node,
    origin::{Origin, origin},
    settings::DataPlane,
};

use super::{EMPTY, File, GET, Gate, assert_logged, assert_stats, gate};

const OVERFLOW: &str =
    "upstream connect error or disconnect/reset before headers. reset reason: overflow";

/// Sends a request on a connection of its own.
async fn ask(mesh: &Mesh, path: &str) -> RawConnection {
    let mut connection = mesh.connect().await;
    connection.send(GET.replacen('/', path, 1)).await.unwrap();
    connection
}

fn assert_turned_away(reply: &RawReply) {
    assert_eq!((reply.status(), reply.text().as_str()), (503, OVERFLOW));
    assert_eq!(reply.header("x-envoy-overloaded"), Some("true"));
}

async fn assert_served(mut connections: Vec<RawConnection>) {
    for connection in &mut connections {
        assert_eq!(connection.reply().await.unwrap().status(), 200);
    }
}

const WAITING: File = File {
    cluster: "circuit_breakers: {thresholds: [{max_connections: 1, max_pending_requests: 1, track_remaining: true}]}",
    ..EMPTY
};

each_proxy!(of_requests_that_wait_for_a_connection_there_are_so_many, gate(), WAITING);
async fn of_requests_that_wait_for_a_connection_there_are_so_many(mesh: &Mesh, gate: &Gate) {
    let first = ask(mesh, "/").await;
    assert_stats(mesh, &[("cluster.app.upstream_rq_active", 1)]).await;
    let second = ask(mesh, "/").await;
    assert_stats(mesh, &[("cluster.app.upstream_rq_pending_active", 1)]).await;
    assert_turned_away(&ask(mesh, "/").await.reply().await.unwrap());
    assert_stats(
        mesh,
        &[
            ("cluster.app.circuit_breakers.default.cx_open", 1),
            ("cluster.app.circuit_breakers.default.rq_pending_open", 1),
            ("cluster.app.circuit_breakers.default.remaining_cx", 0),
            ("cluster.app.circuit_breakers.default.remaining_pending", 0),
            ("cluster.app.circuit_breakers.default.rq_open", 0),
            ("cluster.app.circuit_breakers.high.cx_open", 0),
        ],
    )
    .await;
    gate.open();
    assert_served(vec![first, second]).await;
    assert_stats(
        mesh,
        &[
            ("cluster.app.circuit_breakers.default.rq_pending_open", 0),
            ("cluster.app.circuit_breakers.default.remaining_pending", 1),
            ("cluster.app.upstream_rq_active", 0),
            ("cluster.app.upstream_rq_pending_active", 0),
            ("cluster.app.upstream_rq_pending_total", 2),
            ("cluster.app.upstream_rq_pending_overflow", 1),
            ("cluster.app.upstream_cx_overflow", 1),
            ("cluster.app.upstream_cx_total", 1),
            ("cluster.app.upstream_rq_total", 2),
        ],
    )
    .await;
    assert_logged(
        mesh,
        "LINE GET HTTP/1.1 503 UO upstream_reset_before_response_started{overflow}",
    )
    .await;
}

const REQUESTS: File = File {
    cluster: "circuit_breakers: {thresholds: [{max_requests: 1, track_remaining: true}, {priority: HIGH, max_requests: 1}]}",
    ..EMPTY
};

each_proxy!(of_requests_there_are_so_many_of_each_priority, gate(), REQUESTS);
async fn of_requests_there_are_so_many_of_each_priority(mesh: &Mesh, gate: &Gate) {
    let first = ask(mesh, "/").await;
    assert_stats(mesh, &[("cluster.app.upstream_rq_active", 1)]).await;
    let high = ask(mesh, "/high").await;
    assert_stats(mesh, &[("cluster.app.upstream_rq_active", 2)]).await;
    assert_turned_away(&ask(mesh, "/").await.reply().await.unwrap());
    assert_turned_away(&ask(mesh, "/high").await.reply().await.unwrap());
    assert_stats(
        mesh,
        &[
            ("cluster.app.circuit_breakers.default.rq_open", 1),
            ("cluster.app.circuit_breakers.default.remaining_rq", 0),
            ("cluster.app.circuit_breakers.high.rq_open", 1),
            ("cluster.app.upstream_rq_active_overflow", 2),
            ("cluster.app.upstream_rq_pending_overflow", 0),
        ],
    )
    .await;
    gate.open();
    assert_served(vec![first, high]).await;
    assert_stats(
        mesh,
        &[
            ("cluster.app.circuit_breakers.default.rq_open", 0),
            ("cluster.app.circuit_breakers.default.remaining_rq", 1),
            ("cluster.app.circuit_breakers.high.rq_open", 0),
            ("cluster.app.upstream_rq_active", 0),
        ],
    )
    .await;
}

const POOLS: File = File {
    cluster: "circuit_breakers: {thresholds: [{max_connection_pools: 0, track_remaining: true}]}",
    ..EMPTY
};

each_proxy!(without_a_pool_for_its_host_a_request_has_no_host, gate(), POOLS);
async fn without_a_pool_for_its_host_a_request_has_no_host(mesh: &Mesh, gate: &Gate) {
    gate.open();
    let reply = ask(mesh, "/").await.reply().await.unwrap();
    assert_eq!((reply.status(), reply.text().as_str()), (503, "no healthy upstream"));
    assert_eq!(ask(mesh, "/high").await.reply().await.unwrap().status(), 200);
    assert_stats(
        mesh,
        &[
            ("cluster.app.upstream_cx_pool_overflow", 1),
            ("cluster.app.upstream_cx_none_healthy", 0),
            ("cluster.app.circuit_breakers.default.remaining_cx_pools", 0),
            ("cluster.app.upstream_cx_total", 1),
        ],
    )
    .await;
    assert_logged(mesh, "LINE GET HTTP/1.1 503 UH no_healthy_upstream").await;
}

const PER_HOST: File =
    File { cluster: "circuit_breakers: {per_host_thresholds: [{max_connections: 1}]}", ..EMPTY };

each_proxy!(a_host_has_so_many_connections, gate(), PER_HOST);
async fn a_host_has_so_many_connections(mesh: &Mesh, gate: &Gate) {
    let first = ask(mesh, "/").await;
    assert_stats(mesh, &[("cluster.app.upstream_rq_active", 1)]).await;
    let second = ask(mesh, "/").await;
    assert_stats(
        mesh,
        &[
            ("cluster.app.upstream_rq_pending_active", 1),
            ("cluster.app.upstream_cx_overflow", 1),
            ("cluster.app.circuit_breakers.default.cx_open", 0),
        ],
    )
    .await;
    gate.open();
    assert_served(vec![first, second]).await;
    assert_stats(mesh, &[("cluster.app.upstream_cx_total", 1)]).await;
}

const HTTP2: File = File {
    cluster: "circuit_breakers: {thresholds: [{max_connections: 1}]}\n\
        typed_extension_protocol_options:\n  HTTP_OPTIONS:\n    \
        \"@type\": type.googleapis.com/HTTP_OPTIONS\n    \
        explicit_http_config: {http2_protocol_options: {max_concurrent_streams: 1}}",
    ..EMPTY
};

async fn slow() -> Origin {
    origin().delay(std::time::Duration::from_millis(400)).start().await.unwrap()
}

each_proxy!(streams_wait_for_room_where_no_connection_may_be_opened, slow(), HTTP2);
async fn streams_wait_for_room_where_no_connection_may_be_opened(mesh: &Mesh, _: &Origin) {
    let first = ask(mesh, "/").await;
    assert_stats(mesh, &[("cluster.app.upstream_rq_active", 1)]).await;
    let second = ask(mesh, "/").await;
    assert_served(vec![first, second]).await;
    assert_stats(
        mesh,
        &[
            ("cluster.app.upstream_cx_total", 1),
            ("cluster.app.upstream_cx_overflow", 1),
            ("cluster.app.upstream_rq_pending_total", 2),
        ],
    )
    .await;
}

/// Of how many requests some are let through.
const MANY: usize = 60;

const WORKERS: File = File {
    cluster: "circuit_breakers: {thresholds: [{max_requests: 5, track_remaining: true}]}",
    arguments: &["--concurrency", "4"],
    ..EMPTY
};

each_proxy!(workers_share_a_limit, gate(), WORKERS);
async fn workers_share_a_limit(mesh: &Mesh, gate: &Gate) {
    let connections = join_all((0..MANY).map(|_| ask(mesh, "/"))).await;
    let admin = mesh.admin(Node::SIDECAR);
    let turned_away = admin.counter("cluster.app.upstream_rq_active_overflow");
    // Envoy's workers look first and count then, so that some more may slip through.
    let most = if mesh.data_plane() == DataPlane::Outrigger { 5 } else { 5 + 4 };
    turned_away.reaches((MANY - most) as u64).await;
    gate.open();
    let replies = join_all(connections.into_iter().map(async |mut one| one.reply().await)).await;
    let served = replies.iter().filter(|reply| reply.as_ref().unwrap().status() == 200).count();
    assert!((5..=most).contains(&served), "{served} were served");
    assert_stats(
        mesh,
        &[
            ("cluster.app.circuit_breakers.default.rq_open", 0),
            ("cluster.app.circuit_breakers.default.remaining_rq", 5),
            ("cluster.app.upstream_rq_active", 0),
        ],
    )
    .await;
}
