//! A client that reads slowly, before an app that sends fast.

use std::time::Duration;

use outrigger_harness::{mesh::Mesh, node::Node};
use tokio::time::sleep;

/// What has not grown for so long has stopped.
const STUCK: Duration = Duration::from_secs(1);

/// How much is asked for.
const ALL: u64 = 100_000_000;

each_feature_mesh!(a_client_that_reads_slowly_slows_the_app, "back-pressure");
async fn a_client_that_reads_slowly_slows_the_app(mesh: &Mesh) {
    let admin = mesh.admin(Node::GATEWAY);
    let before = mesh.peak_memory(Node::GATEWAY).await.unwrap().unwrap_or(0);
    let mut connection = mesh.connect().await;
    let request = format!("GET /bytes/{ALL} HTTP/1.1\r\nhost: a\r\n\r\n");
    connection.send(request).await.unwrap();
    let paused = "cluster.app.upstream_flow_control_paused_reading_total";
    admin.counter(paused).reaches(1).await;
    admin.gauge("http.ingress_http.downstream_cx_tx_bytes_buffered").reaches(1).await;
    let received = admin.counter("cluster.app.upstream_cx_rx_bytes_total");
    let mut last = received.value().await.unwrap();
    loop {
        sleep(STUCK).await;
        let now = received.value().await.unwrap();
        if now == last {
            break;
        }
        last = now;
    }
    assert!(last < ALL / 2, "the gateway has taken {last} bytes that nobody reads");
    let reply = connection.reply().await.unwrap();
    assert_eq!((reply.status(), reply.body.len() as u64), (200, ALL));
    assert!(reply.body.chunks_exact(64).all(|line| line[..63] == [b'.'; 63] && line[63] == b'\n'));
    let resumed = admin.counter("cluster.app.upstream_flow_control_resumed_reading_total");
    resumed.becomes(admin.counter(paused).value().await.unwrap()).await;
    admin.gauge("http.ingress_http.downstream_cx_tx_bytes_buffered").becomes(0).await;
    if let Some(after) = mesh.peak_memory(Node::GATEWAY).await.unwrap() {
        let grown = after.saturating_sub(before);
        assert!(grown < 16 << 20, "the gateway grew by {grown} bytes");
    }
}
