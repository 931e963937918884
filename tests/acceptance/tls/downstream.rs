//! What clients meet.

use outrigger_harness::{mesh::Mesh, node::Node};
use serde_json::{Value, json};

use super::{Bench, address, assert_counts, each_tls, listener, manager, merged, says};
use crate::network::assert_logged;

/// The proxy's own listener, which the harness waits for.
pub(crate) fn front() -> Value {
    listener("front", address("0.0.0.0", 80), None, manager(says("front"), json!({})))
}

fn file(bench: &Bench) -> Value {
    let at = |index| address("127.0.0.1", bench.port(index));
    let hello = || manager(says("hello"), json!({}));
    let spiffe = json!([{ "san_type": "URI", "matcher": { "exact": "spiffe://mesh/client" } }]);
    let optional = json!({ "validation_context": bench.trusting(json!({})) });
    let required = bench.trusting(json!({ "match_typed_subject_alt_names": spiffe }));
    let revoking = bench.trusting(json!({ "crl": bench.file("crl.pem") }));
    let must = json!({ "require_client_certificate": true });
    let lenient = bench.trusting(json!({ "trust_chain_verification": "ACCEPT_UNTRUSTED" }));
    let plain = bench.server("server", json!({}), json!({}));
    let alpn = bench.server("server", json!({ "alpn_protocols": ["h2", "http/1.1"] }), json!({}));
    json!({ "listeners": [
        front(),
        listener("plain", at(0), Some(plain), hello()),
        listener("optional", at(1), Some(bench.server("server", optional, json!({}))), hello()),
        listener("required", at(2), Some(bench.server(
            "server",
            json!({ "validation_context": required }),
            must.clone(),
        )), hello()),
        listener("unasked", at(3), Some(bench.server(
            "server",
            json!({}),
            merged(must.clone(), json!({ "require_sni": true })),
        )), hello()),
        listener("alpn", at(4), Some(alpn), hello()),
        listener("newest", at(5), Some(bench.server(
            "server",
            json!({ "tls_params": { "tls_minimum_protocol_version": "TLSv1_3" } }),
            json!({}),
        )), hello()),
        listener("revoking", at(6), Some(bench.server(
            "server",
            json!({ "validation_context": revoking }),
            must.clone(),
        )), hello()),
        listener("lenient", at(7), Some(bench.server(
            "server",
            json!({ "validation_context": lenient }),
            must,
        )), hello()),
        merged(listener("named", at(8), None, hello()), json!({ "filter_chains": [{
            "filters": [hello()],
            "transport_socket": bench.server(
                "server",
                json!({ "tls_certificates": [bench.pair("client"), bench.pair("server")] }),
                json!({}),
            ),
        }] })),
    ] })
}

each_tls!(a_client_that_names_no_server_is_served_even_so, super::file);
async fn a_client_that_names_no_server_is_served_even_so(mesh: &Mesh, bench: &Bench) {
    let port = bench.port(3);
    // For an address curl sends no name.
    let ask = format!("curl --silent --insecure https://127.0.0.1:{port}/; echo \"exit $?\"");
    assert_eq!(bench.run(&ask).await, "helloexit 0\n");
    assert_counts(mesh, "listener.unasked.", &[("ssl.handshake", 1)]).await;
}

each_tls!(a_client_is_served_by_https, super::file);
async fn a_client_is_served_by_https(mesh: &Mesh, bench: &Bench) {
    let said = bench.curl(bench.port(0), "").await;
    assert_eq!(said, "helloexit 0\n");
    let counts = [
        ("ssl.handshake", 1),
        ("ssl.no_certificate", 1),
        ("ssl.connection_error", 0),
        ("ssl.session_reused", 0),
        ("ssl.versions.TLSv1.3", 1),
        ("ssl.curves.X25519", 1),
        ("ssl.ciphers.TLS_AES_256_GCM_SHA384", 1),
        ("downstream_cx_total", 1),
    ];
    assert_counts(mesh, "listener.plain.", &counts).await;
    assert_counts(mesh, "http.test.", &[("downstream_cx_ssl_total", 1)]).await;
    assert_logged(mesh, "LINE 200 - direct_response HTTP/1.1 TLSv1.3 - - - -").await;
}

each_tls!(both_sides_agree_on_the_version_and_the_protocol, super::file);
async fn both_sides_agree_on_the_version_and_the_protocol(mesh: &Mesh, bench: &Bench) {
    let version = "--write-out ' %{http_version} '";
    let said = bench.curl(bench.port(4), &format!("--http2 {version}")).await;
    assert_eq!(said, "hello 2 exit 0\n");
    let said = bench.curl(bench.port(4), &format!("--http1.1 {version}")).await;
    assert_eq!(said, "hello 1.1 exit 0\n");
    // Without a protocol in common, the first bytes decide.
    let said = bench.curl(bench.port(4), &format!("--no-alpn {version}")).await;
    assert_eq!(said, "hello 1.1 exit 0\n");
    let connect = |port, arguments| {
        format!("openssl s_client -connect localhost:{port} {arguments} </dev/null 2>&1")
    };
    let said = bench.run(&connect(bench.port(4), "-alpn unknown")).await;
    assert!(said.contains("No ALPN negotiated"), "{said}");
    let said = bench.run(&connect(bench.port(0), "-tls1_2")).await;
    assert!(said.contains("Protocol  : TLSv1.2"), "{said}");
    assert_counts(mesh, "listener.plain.ssl.", &[("versions.TLSv1.2", 1)]).await;
    let said = bench.run(&connect(bench.port(5), "-tls1_2")).await;
    assert!(said.contains("alert protocol version"), "{said}");
    assert_counts(mesh, "listener.newest.ssl.", &[("connection_error", 1), ("handshake", 0)]).await;
}

each_tls!(a_client_shows_who_it_is, super::file);
async fn a_client_shows_who_it_is(mesh: &Mesh, bench: &Bench) {
    let shows = |name: &str| format!("--cert {name}.pem --key {name}.key");
    assert_eq!(bench.curl(bench.port(1), "").await, "helloexit 0\n");
    assert_eq!(bench.curl(bench.port(1), &shows("client")).await, "helloexit 0\n");
    let counts = [
        ("handshake", 2),
        ("no_certificate", 1),
        ("sigalgs.ecdsa_secp256r1_sha256", 1),
        ("fail_verify_error", 0),
    ];
    assert_counts(mesh, "listener.optional.ssl.", &counts).await;
    assert_eq!(bench.curl(bench.port(2), &shows("client")).await, "helloexit 0\n");
    assert_logged(mesh, "HTTP/1.1 TLSv1.3 spiffe://mesh/client - -").await;
    // Without anything to verify it by none is asked for, required or not.
    assert_eq!(bench.curl(bench.port(3), &shows("client")).await, "helloexit 0\n");
    assert_counts(mesh, "listener.unasked.ssl.", &[("no_certificate", 1)]).await;
}

each_tls!(a_client_with_the_wrong_certificate_is_refused, super::file);
async fn a_client_with_the_wrong_certificate_is_refused(mesh: &Mesh, bench: &Bench) {
    let shows = |name: &str| format!("--cert {name}.pem --key {name}.key");
    let refused = async |port: u16, arguments: &str| {
        let said = bench.curl(port, arguments).await;
        assert!(!said.contains("hello") && !said.contains("exit 0"), "{said}");
    };
    refused(bench.port(1), &shows("stranger")).await;
    let counts = [("fail_verify_error", 1), ("connection_error", 0), ("handshake", 0)];
    assert_counts(mesh, "listener.optional.ssl.", &counts).await;
    let required = "listener.required.ssl.";
    refused(bench.port(2), "").await;
    assert_counts(mesh, required, &[("fail_verify_no_cert", 1)]).await;
    refused(bench.port(2), &shows("server")).await;
    assert_counts(mesh, required, &[("fail_verify_san", 1)]).await;
    for (count, name) in [(1, "stranger"), (2, "expired"), (3, "future")] {
        refused(bench.port(2), &shows(name)).await;
        assert_counts(mesh, required, &[("fail_verify_error", count)]).await;
    }
    assert_counts(mesh, required, &[("handshake", 0), ("connection_error", 0)]).await;
    refused(bench.port(6), &shows("revoked")).await;
    assert_counts(mesh, "listener.revoking.ssl.", &[("fail_verify_error", 1)]).await;
    assert_eq!(bench.curl(bench.port(6), &shows("client")).await, "helloexit 0\n");
    // Where it is not to be refused it is counted all the same.
    assert_eq!(bench.curl(bench.port(7), &shows("stranger")).await, "helloexit 0\n");
    assert_counts(mesh, "listener.lenient.ssl.", &[("fail_verify_error", 1), ("handshake", 1)])
        .await;
    mesh.admin(Node::SIDECAR).gauge("http.test.downstream_cx_ssl_active").becomes(0).await;
}

each_tls!(a_session_is_taken_up_again, super::file);
async fn a_session_is_taken_up_again(mesh: &Mesh, bench: &Bench) {
    let port = bench.port(0);
    for (version, count) in [("-tls1_2", 1), ("-tls1_3", 2)] {
        // With TLS 1.3 the ticket comes after the handshake, with the first bytes that are read.
        let ask = "printf 'GET / HTTP/1.1\\r\\nhost: x\\r\\nconnection: close\\r\\n\\r\\n'";
        let client = format!("openssl s_client -connect localhost:{port} {version} -ign_eof");
        bench.run(&format!("{ask} | {client} -sess_out session 2>&1")).await;
        let said = bench.run(&format!("{ask} | {client} -sess_in session 2>&1")).await;
        assert!(said.contains("Reused, TLSv1"), "{said}");
        assert_counts(mesh, "listener.plain.ssl.", &[("session_reused", count)]).await;
    }
}

each_tls!(the_certificate_is_that_of_the_name, super::file);
async fn the_certificate_is_that_of_the_name(_mesh: &Mesh, bench: &Bench) {
    for (name, wanted) in
        [("www.example.com", "server"), ("localhost", "client"), ("unknown", "client")]
    {
        let port = bench.port(8);
        let client = format!("openssl s_client -connect localhost:{port} -servername {name}");
        let said = bench.run(&format!("{client} </dev/null 2>&1")).await;
        assert!(said.contains(&format!("subject=O = Mesh, CN = {wanted}")), "{name}: {said}");
    }
}
