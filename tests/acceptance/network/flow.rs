//! How connections that are not HTTP press back, and how they end: sides that do not read, and proxies that go away.

use std::{
    io::Write,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use outrigger_harness::{
    client::raw::RawConnection,
    eventually::satisfies,
    mesh::Mesh,
    node::Node,
    trial::{self, Mode},
};
use tokio::time::timeout;

use super::{assert_quiet, chain, echo, proxy, say, server, topology};

/// A client that has sent nothing for so long has been stopped.
const STUCK: Duration = Duration::from_millis(500);

/// Never reads.
fn stalls(stream: TcpStream) {
    let _open = stream;
    loop {
        thread::park();
    }
}

each_network!(
    a_slow_host_stops_its_client,
    super::stalls,
    super::chain(&[super::proxy("cluster: app")])
);
async fn a_slow_host_stops_its_client(mesh: &Mesh) {
    let mut connection = mesh.connect().await;
    // More than all buffers between can hold: the system's and the proxy's.
    let chunk = vec![7; 1024 * 1024];
    let mut sent = 0;
    while timeout(STUCK, connection.send(&chunk)).await.is_ok() {
        sent += 1;
        assert!(sent < 200, "nobody stops a client whose host does not read");
    }
    let admin = mesh.admin(Node::SIDECAR);
    admin.counter("tcp.test.downstream_flow_control_paused_reading_total").reaches(1).await;
    admin.gauge("cluster.app.upstream_cx_tx_bytes_buffered").reaches(1).await;
}

/// How much a server says: more than all buffers between can hold.
const FLOOD: usize = 64 * 1024 * 1024;

/// Says this much and nothing more.
fn floods(mut stream: TcpStream) {
    drop(stream.write_all(&vec![7; FLOOD]));
}

each_network!(
    a_slow_client_stops_its_host,
    super::floods,
    super::chain(&[super::proxy("cluster: app")])
);
async fn a_slow_client_stops_its_host(mesh: &Mesh) {
    let mut connection = mesh.connect().await;
    let admin = mesh.admin(Node::SIDECAR);
    let paused = "cluster.app.upstream_flow_control_paused_reading_total";
    admin.counter(paused).reaches(1).await;
    admin.gauge("tcp.test.downstream_cx_tx_bytes_buffered").reaches(1).await;
    let read = async || admin.counter("cluster.app.upstream_cx_rx_bytes_total").value().await;
    let (mut before, mut after) = (0, read().await.unwrap());
    while before != after {
        tokio::time::sleep(STUCK).await;
        (before, after) = (after, read().await.unwrap());
    }
    assert!(after < FLOOD as u64 / 2, "{after} bytes were read of the host");
    let all = connection.rest().await.unwrap();
    assert!(all.len() == FLOOD && all.iter().all(|byte| *byte == 7), "{} bytes", all.len());
    let resumed = admin.counter("cluster.app.upstream_flow_control_resumed_reading_total");
    resumed.becomes(admin.counter(paused).value().await.unwrap()).await;
    admin.gauge("tcp.test.downstream_cx_tx_bytes_buffered").becomes(0).await;
}

each_network!(
    a_connection_outlasts_its_listener,
    super::echo,
    super::chain(&[super::proxy("cluster: app")])
);
async fn a_connection_outlasts_its_listener(mesh: &Mesh) {
    let mut connection = mesh.connect().await;
    say(&mut connection, "before").await;
    let admin = mesh.admin(Node::SIDECAR);
    admin.post("/drain_listeners").await.unwrap().expect_status(200);
    admin.counter("listener_manager.listener_stopped").becomes(1).await;
    say(&mut connection, "after").await;
    connection.finish().await.unwrap();
    assert_eq!(connection.rest().await.unwrap(), b"bye");
    assert_quiet(mesh).await;
}

/// A proxy that drains for two seconds when it is asked to end. Envoy ends at once.
#[test]
fn a_connection_lasts_as_long_as_a_drain_may() {
    trial::run_with(
        Mode::V3Process,
        async || server(echo),
        |_version, server| {
            topology(chain(&[proxy("cluster: app")]), *server)
                .arguments(Node::SIDECAR, &["--drain-time-s", "2"])
        },
        async |mesh, _server| {
            let mut connection = mesh.connect().await;
            say(&mut connection, "before").await;
            let asked = Instant::now();
            let talk = async {
                // It listens no more, and so has begun to drain.
                let refused = async || Ok(RawConnection::to(mesh.front_address()).await.is_err());
                satisfies("nobody listens", refused, |refused| *refused).await.unwrap();
                say(&mut connection, "after").await;
                assert_eq!(connection.rest().await.unwrap(), b"");
            };
            let (exit, ()) = tokio::join!(mesh.stop(Node::SIDECAR), talk);
            assert_eq!(exit.unwrap().code, Some(0));
            assert!(asked.elapsed() >= Duration::from_secs(2), "{:?}", asked.elapsed());
        },
    );
}
