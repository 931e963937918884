//! Certificates that change while they are in use.

use std::{fs, path::Path};

use outrigger_harness::{authority::Leaf, eventually::satisfies, mesh::Mesh, node::Node};
use serde_json::{Value, json};

use super::downstream::front;
use super::{
    Bench, CONTEXTS, address, assert_counts, cluster, each_tls, listener, manager, says, socket,
};

/// Puts a file in the place of another at once, as everybody does who changes files in use.
fn put(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, path).unwrap();
}

/// A new pair for that name.
fn rotate(bench: &Bench, name: &str) {
    let leaf = Leaf::new(name).dns("localhost").uri(&format!("spiffe://mesh/{name}"));
    let pair = bench.mesh.issue(&leaf).unwrap();
    // As Kubernetes does it: a folder with all files, and a link to it that is swapped.
    let folder = bench.folder.path();
    let version = folder.join(format!("version-{name}"));
    fs::create_dir(&version).unwrap();
    fs::write(version.join("live.pem"), pair.chain).unwrap();
    fs::write(version.join("live.key"), pair.key).unwrap();
    let link = folder.join("data.new");
    std::os::unix::fs::symlink(&version, &link).unwrap();
    fs::rename(link, folder.join("data")).unwrap();
}

fn secret(bench: &Bench, file: &str, secret: Value) {
    let mut secret = secret;
    secret["@type"] = format!("{CONTEXTS}.Secret").into();
    let text = json!({ "version_info": "1", "resources": [secret] }).to_string();
    put(&bench.folder.path().join(file), &text);
}

fn file(bench: &Bench) -> Value {
    rotate(bench, "first");
    let folder = bench.folder.path();
    let live = |name: &str| json!({ "filename": folder.join("data").join(name) });
    secret(
        bench,
        "cert.json",
        json!({ "name": "cert", "tls_certificate": {
        "certificate_chain": live("live.pem"),
        "private_key": live("live.key"),
        // What is watched there is that something is moved, which is the link.
        "watched_directory": { "path": folder },
    } }),
    );
    let trusted = json!({ "trusted_ca": bench.file("ca.pem") });
    secret(bench, "ca.json", json!({ "name": "ca", "validation_context": trusted }));
    let of = |name: &str| {
        let path = folder.join(format!("{name}.json"));
        json!({ "name": name, "sds_config": { "path_config_source": { "path": path } } })
    };
    let server = socket(
        "DownstreamTlsContext",
        json!({ "common_tls_context": {
        "tls_certificate_sds_secret_configs": [of("cert")],
    } }),
    );
    let client = socket(
        "UpstreamTlsContext",
        json!({ "common_tls_context": {
        "validation_context_sds_secret_config": of("ca"),
    } }),
    );
    let route = json!([{ "match": { "prefix": "/" }, "route": { "cluster": "live" } }]);
    let at = |index| address("127.0.0.1", bench.port(index));
    json!({
        "listeners": [
            front(),
            listener("live", at(0), Some(server), manager(says("live"), json!({}))),
            listener("before", at(1), None, manager(route, json!({}))),
        ],
        "clusters": [cluster("live", bench.port(0), Some(client))],
    })
}

/// Waits until clients are shown the certificate of that name.
async fn shown(bench: &Bench, name: &str) {
    let client = format!("openssl s_client -connect localhost:{} </dev/null 2>&1", bench.port(0));
    let ask = async || Ok(bench.run(&client).await);
    let wanted = format!("subject=O = Mesh, CN = {name}");
    satisfies(&wanted.clone(), ask, |said| said.contains(&wanted)).await.unwrap();
}

each_tls!(a_certificate_changes_under_load_and_nothing_is_lost, super::file);
async fn a_certificate_changes_under_load_and_nothing_is_lost(mesh: &Mesh, bench: &Bench) {
    let through = async |count: u32| {
        for _ in 0..count {
            // Each a connection of its own, with a handshake behind the proxy now and then.
            let url = format!("http://localhost:{}/", bench.port(1));
            let said = bench.run(&format!("curl --silent --fail {url}; echo \" $?\"")).await;
            assert_eq!(said, "live 0\n");
            assert_eq!(bench.curl(bench.port(0), "").await, "liveexit 0\n");
        }
    };
    shown(bench, "first").await;
    for name in ["second", "third"] {
        let changing = async {
            rotate(bench, name);
            shown(bench, name).await;
        };
        tokio::join!(through(10), changing);
    }
    assert_counts(mesh, "sds.cert.", &[("update_success", 1), ("update_rejected", 0)]).await;
    let admin = mesh.admin(Node::SIDECAR);
    let certs = admin.get("/certs").await.unwrap().json().unwrap();
    let all = certs["certificates"].as_array().unwrap();
    let own: Vec<&Value> =
        all.iter().flat_map(|one| one["cert_chain"].as_array().unwrap()).collect();
    assert_eq!(own.len(), 1, "{certs}");
    let names = json!([{ "dns": "localhost" }, { "uri": "spiffe://mesh/third" }]);
    assert_eq!(own[0]["subject_alt_names"], names, "{certs}");
    assert_eq!(own[0]["valid_from"], "2020-01-01T00:00:00Z", "{certs}");
    assert_eq!(own[0]["expiration_time"], "2120-01-01T00:00:00Z", "{certs}");
    let days: u64 = own[0]["days_until_expiration"].as_str().unwrap().parse().unwrap();
    assert!(days > 30_000, "{certs}");
    let first = admin.gauge("server.days_until_first_cert_expiring");
    first.reaches(30_000).await;
    assert!(first.value().await.unwrap() <= days + 1);
    let admin = mesh.admin(Node::SIDECAR);
    admin.counter("cluster.live.ssl.handshake").reaches(1).await;
}

each_tls!(a_bad_pair_changes_nothing_and_is_said, super::file);
async fn a_bad_pair_changes_nothing_and_is_said(mesh: &Mesh, bench: &Bench) {
    shown(bench, "first").await;
    let folder = bench.folder.path();
    // A certificate with the key of another one.
    let bad = folder.join("version-bad");
    fs::create_dir(&bad).unwrap();
    fs::copy(folder.join("client.pem"), bad.join("live.pem")).unwrap();
    fs::copy(folder.join("server.key"), bad.join("live.key")).unwrap();
    let link = folder.join("data.new");
    std::os::unix::fs::symlink(&bad, &link).unwrap();
    fs::rename(link, folder.join("data")).unwrap();
    mesh.admin(Node::SIDECAR).counter("sds.cert.key_rotation_failed").reaches(1).await;
    shown(bench, "first").await;
    // What is no secret at all.
    fs::copy(folder.join("cert.json"), folder.join("good.json")).unwrap();
    put(&folder.join("cert.json"), "{");
    mesh.admin(Node::SIDECAR).counter("sds.cert.update_failure").becomes(1).await;
    shown(bench, "first").await;
    put(&folder.join("cert.json"), &fs::read_to_string(folder.join("good.json")).unwrap());
    rotate(bench, "better");
    shown(bench, "better").await;
}
