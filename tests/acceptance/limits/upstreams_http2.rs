//! Upstreams that refuse streams over HTTP/2, go away, or talk nonsense.

use std::{
    future::{Ready, ready},
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use outrigger_harness::mesh::Mesh;

use super::{File, GET, Scripted, assert_logged, assert_stats, scripted};

const HTTP2: &str = "typed_extension_protocol_options: {HTTP_OPTIONS: {\
    '@type': type.googleapis.com/HTTP_OPTIONS, explicit_http_config: {http2_protocol_options: {}}}}";

const ONCE: File = File {
    top: "",
    listener: "",
    manager: "",
    route: ", timeout: 5s",
    cluster: HTTP2,
    arguments: &[],
};

const RETRIED: File =
    File { route: ", timeout: 5s, retry_policy: {retry_on: refused-stream}", ..ONCE };

/// SETTINGS without any.
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// SETTINGS that says that the other's are known.
const SETTINGS_ACK: &[u8] = &[0, 0, 0, 4, 1, 0, 0, 0, 0];

/// `:status: 200`, and the end of the stream; the stream's number is to follow.
const OK: &[u8] = &[0, 0, 1, 1, 5];

/// A reset that says that the stream was not looked at.
const REFUSED_STREAM: u8 = 7;

/// A server that does with the first request as `first` says, given the connection and the stream's number, and answers
/// all others.
fn server(
    first: impl Fn(&mut TcpStream, [u8; 4]) -> std::io::Result<()> + Clone + Send + 'static,
) -> Ready<Scripted> {
    let met = Arc::new(AtomicBool::new(false));
    ready(scripted(move |mut stream| {
        stream.read_exact(&mut [0; 24])?;
        stream.write_all(SETTINGS)?;
        loop {
            let mut head = [0; 9];
            stream.read_exact(&mut head)?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            std::io::copy(&mut (&mut stream).take(length.into()), &mut std::io::sink())?;
            let number = [head[5], head[6], head[7], head[8]];
            match head[3] {
                1 if !met.swap(true, Ordering::SeqCst) => first(&mut stream, number)?,
                1 => stream.write_all(&[OK, &number, &[0x88]].concat())?,
                4 if head[4] & 1 == 0 => stream.write_all(SETTINGS_ACK)?,
                _ => {}
            }
        }
    }))
}

fn refusing() -> Ready<Scripted> {
    server(|stream, number| {
        stream.write_all(&[&[0, 0, 4, 3, 0][..], &number, &[0, 0, 0, REFUSED_STREAM]].concat())
    })
}

async fn answer(mesh: &Mesh) -> (u16, String) {
    let mut connection = mesh.connect().await;
    connection.send(GET).await.unwrap();
    let reply = connection.reply().await.unwrap();
    (reply.status(), reply.text())
}

each_proxy!(a_refused_stream_is_tried_again_where_the_policy_says_so, refusing(), RETRIED);
async fn a_refused_stream_is_tried_again_where_the_policy_says_so(mesh: &Mesh, _: &Scripted) {
    assert_eq!(answer(mesh).await, (200, String::new()));
    assert_logged(mesh, "LINE GET HTTP/1.1 200 - via_upstream").await;
    assert_stats(
        mesh,
        &[
            ("cluster.app.upstream_rq_retry", 1),
            ("cluster.app.upstream_rq_retry_success", 1),
            ("cluster.app.upstream_rq_rx_reset", 0),
            ("cluster.app.upstream_rq_total", 2),
            ("cluster.app.upstream_cx_total", 1),
            ("cluster.app.upstream_rq_active", 0),
        ],
    )
    .await;
}

each_proxy!(a_refused_stream_is_a_503_otherwise, refusing(), ONCE);
async fn a_refused_stream_is_a_503_otherwise(mesh: &Mesh, _: &Scripted) {
    let text = "upstream connect error or disconnect/reset before headers. reset reason: remote refused stream reset";
    assert_eq!(answer(mesh).await, (503, text.to_owned()));
    let details = "upstream_reset_before_response_started{remote_refused_stream_reset}";
    assert_logged(mesh, &format!("LINE GET HTTP/1.1 503 UR {details}")).await;
    assert_stats(
        mesh,
        &[
            ("cluster.app.upstream_rq_retry", 0),
            ("cluster.app.upstream_rq_rx_reset", 0),
            ("cluster.app.upstream_rq_active", 0),
            ("cluster.app.upstream_cx_active", 1),
        ],
    )
    .await;
    assert_eq!(answer(mesh).await, (200, String::new()));
}

fn going_away() -> Ready<Scripted> {
    // Of no stream, it says, anything was looked at.
    server(|stream, _number| stream.write_all(&[&[0, 0, 8, 7][..], &[0; 13]].concat()))
}

each_proxy!(a_stream_that_is_beyond_what_goes_away_is_tried_again, going_away(), RETRIED);
async fn a_stream_that_is_beyond_what_goes_away_is_tried_again(mesh: &Mesh, _: &Scripted) {
    assert_eq!(answer(mesh).await, (200, String::new()));
    assert_stats(
        mesh,
        &[
            ("cluster.app.upstream_rq_retry", 1),
            ("cluster.app.upstream_rq_retry_success", 1),
            ("cluster.app.upstream_cx_total", 2),
            ("cluster.app.upstream_rq_active", 0),
        ],
    )
    .await;
}

fn talking_nonsense() -> Ready<Scripted> {
    // A frame of a stream that nobody opened.
    server(|stream, _number| stream.write_all(&[0, 0, 1, 0, 0, 0, 0, 0, 99, 0]))
}

each_proxy!(a_breach_of_the_protocol_is_a_502, talking_nonsense(), ONCE);
async fn a_breach_of_the_protocol_is_a_502(mesh: &Mesh, _: &Scripted) {
    let text =
        "upstream connect error or disconnect/reset before headers. reset reason: protocol error";
    assert_eq!(answer(mesh).await, (502, text.to_owned()));
    let details = "upstream_reset_before_response_started{protocol_error}";
    assert_logged(mesh, &format!("LINE GET HTTP/1.1 502 UPE {details}")).await;
    assert_stats(
        mesh,
        &[
            ("cluster.app.upstream_cx_protocol_error", 1),
            ("cluster.app.upstream_rq_active", 0),
            ("cluster.app.upstream_cx_active", 0),
        ],
    )
    .await;
}
