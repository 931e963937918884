//! What hosts meet, and what becomes of requests to those that are not what they should be.

use outrigger_harness::{mesh::Mesh, node::Node};
use serde_json::{Value, json};

use super::{Bench, address, assert_counts, cluster, each_tls, listener, manager, says};
use crate::network::assert_logged;

/// The servers by name, and on which port each is.
const SERVERS: [&str; 7] = ["server", "stranger", "expired", "future", "mutual", "plain", "newest"];

/// A cluster, whom it asks, and what its validation context and its own context have more.
fn clusters(bench: &Bench) -> Vec<(&'static str, &'static str, Option<Value>)> {
    let uri = |name: &str| {
        json!({ "match_typed_subject_alt_names": [
            { "san_type": "URI", "matcher": { "exact": format!("spiffe://mesh/{name}") } },
        ] })
    };
    let checked = |more: Value| {
        Some(bench.client(json!({ "validation_context": bench.trusting(more) }), json!({})))
    };
    let shows = |name: &str| {
        let pair = json!([bench.pair(name)]);
        let context = bench.trusting(json!({}));
        let common = json!({ "validation_context": context, "tls_certificates": pair });
        Some(bench.client(common, json!({})))
    };
    let named = |name: &str| {
        let common = json!({ "validation_context": bench.trusting(json!({})) });
        let more = json!({ "sni": name, "auto_sni_san_validation": true });
        Some(bench.client(common, more))
    };
    let newest = json!({
        "validation_context": bench.trusting(json!({})),
        "tls_params": { "tls_maximum_protocol_version": "TLSv1_3" },
    });
    vec![
        ("good", "server", checked(json!({}))),
        ("unchecked", "stranger", Some(bench.client(json!({}), json!({})))),
        ("wrong_ca", "stranger", checked(json!({}))),
        ("expired", "expired", checked(json!({}))),
        ("future", "future", checked(json!({}))),
        ("forgiven", "expired", checked(json!({ "allow_expired_certificate": true }))),
        (
            "untrusted",
            "stranger",
            checked(json!({ "trust_chain_verification": "ACCEPT_UNTRUSTED" })),
        ),
        ("right_name", "server", checked(uri("server"))),
        ("wrong_name", "server", checked(uri("other"))),
        ("wrong_pin", "server", checked(json!({ "verify_certificate_hash": ["0".repeat(64)] }))),
        ("asked_name", "server", named("www.example.com")),
        ("other_name", "server", named("www.example.org")),
        ("shows", "mutual", shows("client")),
        ("shows_nothing", "mutual", checked(json!({}))),
        ("shows_wrong", "mutual", shows("stranger")),
        ("tls_to_plain", "plain", checked(json!({}))),
        ("plain_to_tls", "server", None),
        ("too_old", "newest", checked(json!({}))),
        ("newest", "newest", Some(bench.client(newest, json!({})))),
    ]
}

fn file(bench: &Bench) -> Value {
    let port = |server: &str| {
        bench.port(SERVERS.iter().position(|one| *one == server).expect("it is one of them"))
    };
    let mut listeners: Vec<Value> = Vec::new();
    for server in SERVERS {
        let context = match server {
            "mutual" => Some(bench.server(
                "server",
                json!({ "validation_context": bench.trusting(json!({})) }),
                json!({ "require_client_certificate": true }),
            )),
            "newest" => Some(bench.server(
                "server",
                json!({ "tls_params": { "tls_minimum_protocol_version": "TLSv1_3" } }),
                json!({}),
            )),
            "plain" => None,
            name => Some(bench.server(name, json!({}), json!({}))),
        };
        let at = address("127.0.0.1", port(server));
        let quiet = manager(says(server), json!({ "stat_prefix": server, "access_log": [] }));
        listeners.push(listener(server, at, context, quiet));
    }
    let clusters = clusters(bench);
    let routes: Vec<Value> = clusters
        .iter()
        .map(|(name, ..)| {
            let path = format!("/{name}");
            json!({ "match": { "path": path }, "route": { "cluster": name } })
        })
        .collect();
    listeners.push(listener(
        "front",
        address("0.0.0.0", 80),
        None,
        manager(routes.into(), json!({})),
    ));
    let clusters =
        clusters.into_iter().map(|(name, server, context)| cluster(name, port(server), context));
    json!({ "listeners": listeners, "clusters": clusters.collect::<Vec<_>>() })
}

async fn get(mesh: &Mesh, name: &str) -> (u16, String) {
    let reply = mesh.client().get(&format!("/{name}")).await.unwrap();
    (reply.status, reply.text())
}

each_tls!(a_host_is_spoken_to_by_tls, super::file);
async fn a_host_is_spoken_to_by_tls(mesh: &Mesh, _bench: &Bench) {
    for (name, server) in [
        ("good", "server"),
        ("unchecked", "stranger"),
        ("forgiven", "expired"),
        ("untrusted", "stranger"),
        ("right_name", "server"),
        ("asked_name", "server"),
        ("shows", "mutual"),
        ("newest", "newest"),
    ] {
        assert_eq!(get(mesh, name).await, (200, server.to_owned()), "{name}");
        let stats = format!("cluster.{name}.");
        let counts = [
            ("ssl.handshake", 1),
            ("ssl.connection_error", 0),
            ("ssl.sigalgs.ecdsa_secp256r1_sha256", 1),
            ("ssl.curves.X25519", u64::from(name != "newest")),
            ("ssl.curves.X25519MLKEM768", u64::from(name == "newest")),
            ("ssl.fail_verify_error", u64::from(name == "untrusted")),
            ("upstream_cx_total", 1),
            ("upstream_cx_http1_total", 1),
            ("upstream_cx_connect_fail", 0),
        ];
        assert_counts(mesh, &stats, &counts).await;
    }
    let counts = [("versions.TLSv1.2", 1), ("ciphers.ECDHE-ECDSA-AES128-GCM-SHA256", 1)];
    assert_counts(mesh, "cluster.good.ssl.", &counts).await;
    assert_counts(mesh, "cluster.newest.ssl.", &[("versions.TLSv1.3", 1)]).await;
    assert_logged(mesh, "LINE 200 - via_upstream HTTP/1.1 - - TLSv1.2 spiffe://mesh/server -")
        .await;
}

each_tls!(a_host_that_is_not_what_it_should_be_gets_no_request, super::file);
#[expect(clippy::too_many_lines, reason = "most of it is a table")]
async fn a_host_that_is_not_what_it_should_be_gets_no_request(mesh: &Mesh, _bench: &Bench) {
    const VERIFY: &str =
        "268435581:SSL_routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_";
    const CHAIN: &str = "X509_verify_cert:_certificate_verification_error_at_depth_0:_";
    let sans = "SAN_matcher,_certificate_SANs_are_\
                [localhost,_spiffe://mesh/server,_*.example.com,_127.0.0.1,_a@mesh]";
    for (name, stat, reason) in [
        (
            "wrong_ca",
            "fail_verify_error",
            format!("{VERIFY}{CHAIN}unable_to_get_local_issuer_certificate"),
        ),
        ("expired", "fail_verify_error", format!("{VERIFY}{CHAIN}certificate_has_expired")),
        ("future", "fail_verify_error", format!("{VERIFY}{CHAIN}certificate_is_not_yet_valid")),
        ("wrong_name", "fail_verify_san", format!("{VERIFY}{sans}")),
        ("other_name", "fail_verify_san", format!("{VERIFY}{sans}")),
        ("wrong_pin", "fail_verify_cert_hash", format!("{VERIFY}cert_hash_and_spki")),
        // Which alert it is that says so is the host's choice.
        ("shows_nothing", "connection_error", String::from("26843")),
        (
            "shows_wrong",
            "connection_error",
            String::from("268436504:SSL_routines:OPENSSL_internal:TLSV1_ALERT_UNKNOWN_CA"),
        ),
        (
            "tls_to_plain",
            "connection_error",
            String::from("268435703:SSL_routines:OPENSSL_internal:WRONG_VERSION_NUMBER"),
        ),
        (
            "too_old",
            "connection_error",
            String::from("268436526:SSL_routines:OPENSSL_internal:TLSV1_ALERT_PROTOCOL_VERSION"),
        ),
    ] {
        let (status, body) = get(mesh, name).await;
        let wanted = "upstream connect error or disconnect/reset before headers. reset reason: \
                      remote connection failure";
        assert_eq!((status, body.as_str()), (503, wanted), "{name}");
        let counts = [
            (format!("ssl.{stat}"), 1),
            (String::from("ssl.handshake"), 0),
            (String::from("upstream_cx_connect_fail"), 1),
            (String::from("upstream_cx_destroy"), 1),
            (String::from("upstream_cx_destroy_remote"), 1),
            (String::from("upstream_rq_pending_failure_eject"), 1),
        ];
        let counts: Vec<_> = counts.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_counts(mesh, &format!("cluster.{name}."), &counts).await;
        let line = format!(
            "LINE 503 UF upstream_reset_before_response_started{{remote_connection_failure|TLS_error:|\
             {reason}"
        );
        assert_logged(mesh, &line).await;
    }
    let (status, body) = get(mesh, "plain_to_tls").await;
    let wanted = "upstream connect error or disconnect/reset before headers. reset reason: \
                  connection termination";
    assert_eq!((status, body.as_str()), (503, wanted));
    // And three who did not like what they were shown.
    assert_counts(mesh, "listener.server.ssl.", &[("connection_error", 4)]).await;
    for name in ["wrong_ca", "shows_wrong"] {
        let gauge = format!("cluster.{name}.upstream_cx_active");
        mesh.admin(Node::SIDECAR).gauge(&gauge).becomes(0).await;
    }
}
