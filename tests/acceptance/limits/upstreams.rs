//! Upstreams that misbehave: the client gets its answer, the right counter moves, and nothing stays behind.

use std::{
    future::{Ready, ready},
    io::Write,
    thread,
    time::Duration,
};

use outrigger_harness::mesh::Mesh;

use super::{EMPTY, File, GET, Scripted, assert_logged, assert_stats, read_head, scripted, silent};

const ROUTE: File = File { route: ", timeout: 1s", ..EMPTY };

const PROTOCOL: (u16, &str) = (
    502,
    "upstream connect error or disconnect/reset before headers. reset reason: protocol error",
);

const TERMINATED: (u16, &str) = (
    503,
    "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
);

const TIMEOUT: (u16, &str) = (504, "upstream request timeout");

/// A server that answers each request's head with these bytes, and then ends the connection or waits for its end.
fn answering(bytes: &'static [u8], closes: bool) -> Ready<Scripted> {
    ready(scripted(move |mut stream| {
        read_head(&mut stream)?;
        stream.write_all(bytes)?;
        if closes { Ok(()) } else { read_head(&mut stream) }
    }))
}

/// A server that sends these bytes again and again, with a pause after each time.
fn repeating(begin: &'static [u8], bytes: &'static [u8], pause: Duration) -> Ready<Scripted> {
    ready(scripted(move |mut stream| {
        read_head(&mut stream)?;
        stream.write_all(begin)?;
        loop {
            stream.write_all(bytes)?;
            thread::sleep(pause);
        }
    }))
}

async fn assert_answer(mesh: &Mesh, expected: (u16, &str), line: &str) {
    let mut connection = mesh.connect().await;
    connection.send(GET).await.unwrap();
    let reply = connection.reply().await.unwrap();
    assert_eq!((reply.status(), reply.text().as_str()), expected);
    assert_logged(mesh, line).await;
    assert_nothing_left(mesh).await;
}

async fn assert_nothing_left(mesh: &Mesh) {
    assert_stats(
        mesh,
        &[
            ("cluster.app.upstream_rq_active", 0),
            ("cluster.app.upstream_rq_pending_active", 0),
            ("cluster.app.upstream_cx_active", 0),
            ("cluster.app.upstream_cx_total", 1),
            ("cluster.app.upstream_rq_total", 1),
            ("http.test.downstream_rq_active", 0),
        ],
    )
    .await;
}

async fn assert_no_http(mesh: &Mesh) {
    let line = "LINE GET HTTP/1.1 502 UPE upstream_reset_before_response_started{protocol_error}";
    assert_answer(mesh, PROTOCOL, line).await;
    assert_stats(
        mesh,
        &[("cluster.app.upstream_cx_protocol_error", 1), ("cluster.app.upstream_rq_502", 1)],
    )
    .await;
}

/// Makes a test of each proxy for an answer that is not HTTP.
macro_rules! no_http {
    ($name:ident, $bytes:expr) => {
        each_proxy!($name, answering($bytes, false), ROUTE);
        async fn $name(mesh: &Mesh, _: &Scripted) {
            assert_no_http(mesh).await;
        }
    };
}

no_http!(garbage_is_a_502, b"garbage garbage\r\n\r\n");
no_http!(bytes_of_http2_are_a_502, b"\x00\x00\x00\x04\x00\x00\x00\x00\x00");
no_http!(
    two_status_lines_are_a_502,
    b"HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
);
no_http!(a_length_that_is_none_is_a_502, b"HTTP/1.1 200 OK\r\ncontent-length: abc\r\n\r\nok");
no_http!(
    two_lengths_are_a_502,
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok"
);
no_http!(a_status_of_two_digits_is_a_502, b"HTTP/1.1 99 X\r\ncontent-length: 2\r\n\r\nok");
no_http!(a_name_with_a_blank_is_a_502, b"HTTP/1.1 200 OK\r\na name: x\r\n\r\n");
no_http!(a_nul_in_a_value_is_a_502, b"HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n");

each_proxy!(a_connection_that_ends_without_an_answer_is_a_503, answering(b"", true), ROUTE);
async fn a_connection_that_ends_without_an_answer_is_a_503(mesh: &Mesh, _: &Scripted) {
    let line =
        "LINE GET HTTP/1.1 503 UC upstream_reset_before_response_started{connection_termination}";
    assert_answer(mesh, TERMINATED, line).await;
    assert_stats(mesh, &[("cluster.app.upstream_cx_destroy_remote_with_active_rq", 1)]).await;
}

/// What a request that is not answered in time comes to.
async fn assert_late(mesh: &Mesh) {
    assert_answer(mesh, TIMEOUT, "LINE GET HTTP/1.1 504 UT response_timeout").await;
    assert_stats(
        mesh,
        &[
            ("cluster.app.upstream_rq_timeout", 1),
            ("cluster.app.upstream_cx_destroy_local_with_active_rq", 1),
        ],
    )
    .await;
}

each_proxy!(no_answer_is_a_504, silent(), ROUTE);
async fn no_answer_is_a_504(mesh: &Mesh, _: &Scripted) {
    assert_late(mesh).await;
}

each_proxy!(
    a_head_that_comes_by_bytes_is_a_504,
    repeating(b"HTTP/1.1 200 OK\r\nx: ", b"y", Duration::from_millis(200)),
    ROUTE
);
async fn a_head_that_comes_by_bytes_is_a_504(mesh: &Mesh, _: &Scripted) {
    assert_late(mesh).await;
}

each_proxy!(
    informational_responses_without_an_end_are_a_504,
    repeating(b"", b"HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\n", Duration::from_millis(5)),
    ROUTE
);
async fn informational_responses_without_an_end_are_a_504(mesh: &Mesh, _: &Scripted) {
    assert_late(mesh).await;
}

/// A response that begins, and how it ends.
async fn assert_broken_off(mesh: &Mesh, line: &str, counter: &str) {
    let mut connection = mesh.connect().await;
    connection.send(GET).await.unwrap();
    let all = String::from_utf8(connection.rest().await.unwrap()).unwrap();
    assert!(all.starts_with("HTTP/1.1 200 OK\r\n"), "{all}");
    assert_logged(mesh, line).await;
    assert_stats(mesh, &[(counter, 1), ("http.test.downstream_rq_tx_reset", 1)]).await;
    assert_nothing_left(mesh).await;
}

each_proxy!(
    a_body_that_comes_by_bytes_is_cut_off,
    repeating(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n", b"y", Duration::from_millis(200)),
    ROUTE
);
async fn a_body_that_comes_by_bytes_is_cut_off(mesh: &Mesh, _: &Scripted) {
    let line = "LINE GET HTTP/1.1 200 UT response_timeout";
    assert_broken_off(mesh, line, "cluster.app.upstream_rq_timeout").await;
}

each_proxy!(
    a_body_that_ends_before_its_end_is_told_by_a_reset,
    answering(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", true),
    ROUTE
);
async fn a_body_that_ends_before_its_end_is_told_by_a_reset(mesh: &Mesh, _: &Scripted) {
    let line = "LINE GET HTTP/1.1 200 UPE upstream_reset_after_response_started{protocol_error}";
    assert_broken_off(mesh, line, "cluster.app.upstream_cx_protocol_error").await;
}
