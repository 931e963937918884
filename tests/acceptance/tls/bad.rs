//! Clients that mean no good, or do not mean TLS.

use std::time::Duration;

use outrigger_harness::{client::raw::RawConnection, mesh::Mesh, node::Node};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::downstream::front;
use super::{Bench, address, assert_counts, each_tls, listener, manager, says};

/// A handshake may take so long.
const LIMIT: &str = "0.5s";

/// By then it has been broken off.
const PATIENCE: Duration = Duration::from_secs(20);

fn file(bench: &Bench) -> Value {
    let hello = || manager(says("hello"), json!({}));
    let at = |index| address("127.0.0.1", bench.port(index));
    let mutual = bench.server(
        "server",
        json!({ "validation_context": bench.trusting(json!({})) }),
        json!({ "require_client_certificate": true }),
    );
    let server = bench.server("server", json!({}), json!({}));
    let mut hasty = listener("hasty", at(0), Some(server.clone()), hello());
    hasty["filter_chains"][0]["transport_socket_connect_timeout"] = LIMIT.into();
    json!({ "listeners": [
        front(),
        hasty,
        listener("server", at(1), Some(server), hello()),
        listener("mutual", at(2), Some(mutual), hello()),
    ] })
}

async fn connect(bench: &Bench, index: usize) -> RawConnection {
    RawConnection::to(([127, 0, 0, 1], bench.port(index)).into()).await.unwrap()
}

/// What still comes, until the end.
async fn rest(connection: &mut RawConnection) -> Vec<u8> {
    let rest = timeout(PATIENCE, connection.rest()).await;
    rest.expect("the connection ends").unwrap_or_default()
}

each_tls!(a_slow_handshake_is_broken_off, super::file);
async fn a_slow_handshake_is_broken_off(mesh: &Mesh, bench: &Bench) {
    let mut connection = connect(bench, 0).await;
    // The beginning of a record of a handshake.
    connection.send([0x16, 3, 1, 1, 0, 1]).await.unwrap();
    assert_eq!(rest(&mut connection).await, b"");
    let counts = [
        ("downstream_cx_transport_socket_connect_timeout", 1),
        ("downstream_cx_destroy", 1),
        ("ssl.handshake", 0),
        ("ssl.connection_error", 0),
    ];
    assert_counts(mesh, "listener.hasty.", &counts).await;
    assert_counts(mesh, "http.test.", &[("downstream_cx_ssl_total", 1)]).await;
    assert_eq!(bench.curl(bench.port(0), "").await, "helloexit 0\n");
}

each_tls!(what_is_no_handshake_is_refused, super::file);
async fn what_is_no_handshake_is_refused(mesh: &Mesh, bench: &Bench) {
    let stats = "listener.server.";
    let url = format!("http://localhost:{}/", bench.port(1));
    let said = bench.run(&format!("curl --silent --http0.9 {url}; echo \"exit $?\"")).await;
    assert!(!said.contains("hello"), "{said}");
    assert_counts(mesh, stats, &[("ssl.connection_error", 1)]).await;
    let client = format!("openssl s_client -connect localhost:{}", bench.port(1));
    let old = "-tls1 -cipher ALL:@SECLEVEL=0";
    let said = bench.run(&format!("{client} {old} </dev/null 2>&1")).await;
    // rustls looks first for what so old a client does not say either.
    let ours = said.contains("alert handshake failure");
    assert!(said.contains("alert protocol version") || ours, "{said}");
    assert_counts(mesh, stats, &[("ssl.connection_error", 2)]).await;
    let weak = "-tls1_2 -cipher ECDHE-ECDSA-AES128-SHA";
    let said = bench.run(&format!("{client} {weak} </dev/null 2>&1")).await;
    assert!(said.contains("alert handshake failure"), "{said}");
    assert_counts(mesh, stats, &[("ssl.connection_error", 3)]).await;
    // Who goes away before it has said anything is no error.
    drop(connect(bench, 1).await);
    let counts = [("downstream_cx_destroy", 4), ("ssl.connection_error", 3), ("ssl.handshake", 0)];
    assert_counts(mesh, stats, &counts).await;
    mesh.admin(Node::SIDECAR).gauge("listener.server.downstream_cx_active").becomes(0).await;
    assert_eq!(bench.curl(bench.port(1), "").await, "helloexit 0\n");
}

each_tls!(a_huge_certificate_is_refused, super::file);
async fn a_huge_certificate_is_refused(mesh: &Mesh, bench: &Bench) {
    // A megabyte of names.
    let mut leaf = outrigger_harness::authority::Leaf::new("huge");
    for number in 0..16_000 {
        leaf = leaf.dns(&format!("{number:0>60}.example"));
    }
    let pair = bench.mesh.issue(&leaf).unwrap();
    assert!(pair.chain.len() > 1024 * 1024);
    std::fs::write(bench.folder.path().join("huge.pem"), pair.chain).unwrap();
    std::fs::write(bench.folder.path().join("huge.key"), pair.key).unwrap();
    let said = bench.curl(bench.port(2), "--cert huge.pem --key huge.key").await;
    assert!(!said.contains("hello") && !said.contains("exit 0"), "{said}");
    let counts = [("connection_error", 1), ("handshake", 0), ("fail_verify_error", 0)];
    assert_counts(mesh, "listener.mutual.ssl.", &counts).await;
    let shown = "--cert client.pem --key client.key";
    assert_eq!(bench.curl(bench.port(2), shown).await, "helloexit 0\n");
}
