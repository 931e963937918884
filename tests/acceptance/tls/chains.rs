//! Filter chains chosen by what a client asks for before all else.

use outrigger_harness::mesh::Mesh;
use serde_json::{Value, json};

use super::downstream::front;
use super::{Bench, address, assert_counts, cluster, each_tls, listener, manager, merged, says};
use crate::network::assert_logged;

const INSPECTOR: &str =
    "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector";

fn chain(name: &str, criteria: Value, socket: Option<Value>, filter: Value) -> Value {
    let mut chain = json!({ "name": name, "filter_chain_match": criteria, "filters": [filter] });
    if let Some(socket) = socket {
        chain["transport_socket"] = socket;
    }
    chain
}

fn chains(bench: &Bench) -> Vec<Value> {
    let secure = || {
        let common = json!({ "alpn_protocols": ["h2", "http/1.1"] });
        Some(bench.server("server", common, json!({})))
    };
    let hello = |name: &str| manager(says(name), json!({}));
    let passes = json!({ "name": "tcp", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "passed",
        "cluster": "behind",
    } });
    let of = |name: &str, criteria: Value| chain(name, criteria, secure(), hello(name));
    vec![
        of("exact", json!({ "server_names": ["a.example.com"] })),
        of("any", json!({ "server_names": ["*.example.com"] })),
        of("below", json!({ "server_names": ["*.b.example.com"] })),
        of(
            "newer",
            json!({
                "server_names": ["c.example.com"],
                "application_protocols": ["h2"],
            }),
        ),
        chain("passed", json!({ "server_names": ["passed.example.org"] }), None, passes),
        of("tls", json!({ "transport_protocol": "tls" })),
        chain("plain", json!({ "transport_protocol": "raw_buffer" }), None, hello("plain")),
    ]
}

fn file(bench: &Bench) -> Value {
    let at = |index| address("127.0.0.1", bench.port(index));
    let inspected = |index: usize, name: &str, inspector: bool| {
        let filters = if inspector {
            json!([{ "name": "inspector", "typed_config": { "@type": INSPECTOR } }])
        } else {
            json!([])
        };
        let fields = json!({ "listener_filters": filters, "filter_chains": chains(bench) });
        let any = manager(says(""), json!({}));
        merged(listener(name, at(index), None, any), fields)
    };
    let behind = bench.server("server", json!({}), json!({}));
    json!({
        "listeners": [
            front(),
            inspected(0, "inspected", true),
            inspected(1, "blind", false),
            listener("behind", at(2), Some(behind), manager(says("behind"), json!({}))),
        ],
        "clusters": [cluster("behind", bench.port(2), None)],
    })
}

async fn ask(bench: &Bench, index: usize, name: &str, arguments: &str) -> String {
    let port = bench.port(index);
    let to = format!("--resolve {name}:{port}:127.0.0.1 https://{name}:{port}/");
    bench.run(&format!("curl --silent --insecure {arguments} {to}; echo \" $?\"")).await
}

each_tls!(a_chain_is_chosen_by_the_name_that_is_asked_for, super::file);
async fn a_chain_is_chosen_by_the_name_that_is_asked_for(mesh: &Mesh, bench: &Bench) {
    for (name, wanted) in [
        ("a.example.com", "exact 0\n"),
        ("A.Example.com", "exact 0\n"),
        ("x.example.com", "any 0\n"),
        ("y.b.example.com", "below 0\n"),
        ("example.com", "tls 0\n"),
        ("c.example.com", "newer 0\n"),
        ("other", "tls 0\n"),
        ("passed.example.org", "behind 0\n"),
    ] {
        assert_eq!(ask(bench, 0, name, "").await, wanted, "{name}");
    }
    // The name is that of a chain, and there is no way back from it.
    assert_eq!(ask(bench, 0, "c.example.com", "--http1.1").await, " 35\n");
    assert_logged(mesh, "LINE 200 - direct_response HTTP/2 TLSv1.3 - - - y.b.example.com").await;
    let url = format!("http://localhost:{}/", bench.port(0));
    assert_eq!(bench.run(&format!("curl --silent {url}")).await, "plain");
    let counts = [
        ("tls_found", 9),
        ("tls_not_found", 1),
        ("sni_found", 9),
        ("sni_not_found", 0),
        ("alpn_found", 9),
        ("alpn_not_found", 0),
        ("client_hello_too_large", 0),
    ];
    assert_counts(mesh, "tls_inspector.", &counts).await;
    assert_counts(mesh, "listener.inspected.", &[("no_filter_chain_match", 1)]).await;
    assert_counts(mesh, "tcp.passed.", &[("downstream_cx_total", 1)]).await;
}

each_tls!(without_an_inspector_nothing_is_known_of_a_client, super::file);
async fn without_an_inspector_nothing_is_known_of_a_client(mesh: &Mesh, bench: &Bench) {
    // It is taken for plain text, and is no HTTP then.
    assert_eq!(ask(bench, 1, "a.example.com", "").await, " 35\n");
    let url = format!("http://localhost:{}/", bench.port(1));
    assert_eq!(bench.run(&format!("curl --silent {url}")).await, "plain");
    assert_counts(mesh, "tls_inspector.", &[("tls_found", 0), ("tls_not_found", 0)]).await;
}
