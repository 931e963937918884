//! Hosts that stand in a file of their own, with the files of `compose/features/service-discovery`.

use std::{fs, net::SocketAddr, os::unix::fs::symlink, path::PathBuf, time::Duration};

use outrigger_harness::{
    client::Client,
    eventually::becomes_true,
    mesh::Mesh,
    node::{Config, ConfigVersion, Node},
    origin::{Origin, origin},
    topology::Topology,
    trial::{self, Mode},
};
use tempfile::TempDir;

/// The file in the folder of the example, as it is named there.
const ENDPOINTS: &str = "./compose/features/service-discovery/endpoints.yaml";

/// Two hosts, and a file that names the first.
pub(super) struct Given {
    folder: TempDir,
    path: PathBuf,
    pub(super) one: Origin,
    pub(super) two: Origin,
}

fn example(file: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../compose/features/service-discovery/");
    fs::read_to_string(format!("{folder}{file}")).unwrap()
}

/// The example's file of endpoints, for that host and of that version.
pub(super) fn endpoints(host: SocketAddr, version: &str) -> String {
    let port = format!("port_value: {}", host.port());
    let text = example("endpoints.yaml").replace("port_value: 8080", &port);
    text.replace("version_info: \"1\"", &format!("version_info: \"{version}\""))
}

// === impl Given ===

impl Given {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let one = origin().body("one").start().await.unwrap();
        let two = origin().body("two").start().await.unwrap();
        let path = folder.path().join("endpoints.yaml");
        fs::write(&path, endpoints(one.address(), "1")).unwrap();
        Self { folder, path, one, two }
    }

    /// Puts another file in the place of the one that is there.
    pub(super) fn replace(&self, text: &str) {
        let new = self.folder.path().join("new.yaml");
        fs::write(&new, text).unwrap();
        fs::rename(new, &self.path).unwrap();
    }

    /// The example's gateway, with something done to its text.
    pub(super) fn changed(&self, change: impl FnOnce(String) -> String) -> Topology {
        gateway_with(self.path.to_str().unwrap(), change)
    }
}

/// The example's gateway, with the hosts in that file.
fn gateway(path: &str) -> Topology {
    gateway_with(path, |text| text)
}

/// The same with something done to its text.
fn gateway_with(path: &str, change: impl FnOnce(String) -> String) -> Topology {
    // The harness finds a free port in place of this one.
    let text = example("eds.yaml").replace(ENDPOINTS, path).replace(": 8000 }", ": 80 }");
    let text = change(text);
    let path = PathBuf::from("eds.yaml");
    Topology::new()
        .lone_sidecar(Config { version: ConfigVersion::V3, path, text })
        .arguments(Node::SIDECAR, &["--concurrency", "1"])
}

pub(super) async fn given() -> Given {
    Given::new().await
}

fn plain(_version: ConfigVersion, given: &Given) -> Topology {
    gateway(given.path.to_str().unwrap())
}

/// Waits until that host answers.
pub(super) async fn until(client: &Client, body: &str) {
    let what = format!("{body} answers");
    let answers = becomes_true(&what, async || {
        let reply = client.get("/").await.unwrap();
        Ok(if reply.text() == body { Ok(()) } else { Err(reply.text()) })
    });
    answers.await.unwrap();
}

async fn stat(mesh: &Mesh, name: &str) -> String {
    let path = format!("/stats?filter=^cluster.app.{name}$");
    mesh.admin(Node::SIDECAR).get(&path).await.unwrap().text().trim().to_owned()
}

/// The hash of the version. Ours keeps 63 bits of a gauge, the upmost of which is a sign.
async fn assert_version(mesh: &Mesh, hash: u64) {
    let stats = mesh.admin(Node::SIDECAR).stats().await.unwrap();
    let shown = stats.value("cluster.app.version").unwrap();
    assert_eq!(shown << 2, hash << 2);
}

each_proxy!(hosts_are_those_of_the_file_whenever_it_is_replaced, given, plain);
async fn hosts_are_those_of_the_file_whenever_it_is_replaced(mesh: &Mesh, given: &Given) {
    let (client, admin) = (mesh.client(), mesh.admin(Node::SIDECAR));
    until(&client, "one").await;
    assert_eq!(stat(mesh, "version_text").await, "cluster.app.version_text: \"1\"");
    assert_version(mesh, 13_237_225_503_670_494_420).await;
    given.replace(&endpoints(given.two.address(), "2"));
    until(&client, "two").await;
    assert_eq!(stat(mesh, "version_text").await, "cluster.app.version_text: \"2\"");
    assert_version(mesh, 6_927_017_134_761_466_251).await;
    let clusters = admin.get("/clusters").await.unwrap().text();
    assert!(clusters.contains("app::added_via_api::false\napp::127.0.0.1:"), "{clusters}");
    for (counter, times) in [
        ("update_attempt", 2),
        ("update_success", 2),
        ("update_failure", 0),
        ("update_rejected", 0),
        ("update_empty", 0),
        ("update_no_rebuild", 0),
        ("membership_change", 2),
        ("init_fetch_timeout", 0),
    ] {
        admin.counter(&format!("cluster.app.{counter}")).becomes(times).await;
    }
    admin.gauge("cluster.app.membership_total").becomes(1).await;
}

each_proxy!(a_file_that_is_wrong_changes_nothing, given, plain);
async fn a_file_that_is_wrong_changes_nothing(mesh: &Mesh, given: &Given) {
    let (client, admin) = (mesh.client(), mesh.admin(Node::SIDECAR));
    let good = endpoints(given.two.address(), "2");
    let failure = admin.counter("cluster.app.update_failure");
    let rejected = admin.counter("cluster.app.update_rejected");
    given.replace("resources: [");
    failure.becomes(1).await;
    given.replace("");
    failure.becomes(2).await;
    given.replace(&good.replace(": 127.0.0.1", ": [127]"));
    failure.becomes(3).await;
    given.replace(&good.replace("cluster_name: app", "cluster_name: other"));
    rejected.becomes(1).await;
    given.replace(&good.replace("address: 127.0.0.1", "address: localhost"));
    rejected.becomes(2).await;
    given.replace(&good.replace("cluster_name: app", "cluster_name: \"\""));
    rejected.becomes(3).await;
    let resource = good.split_once("resources:\n").unwrap().1;
    given.replace(&format!("{good}{resource}"));
    rejected.becomes(4).await;
    given.replace("resources:\n- \"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster\n  name: app\n");
    rejected.becomes(5).await;
    given.replace("version_info: none\n");
    admin.counter("cluster.app.update_empty").becomes(1).await;
    failure.becomes(3).await;
    admin.gauge("cluster.app.membership_total").becomes(1).await;
    assert_eq!(client.get("/").await.unwrap().text(), "one");
    let logs = mesh.logs(Node::SIDECAR).await.unwrap();
    assert!(logs.contains("Unexpected EDS cluster (expecting app): other"), "{logs}");
    given.replace(&good);
    until(&client, "two").await;
    admin.counter("cluster.app.update_attempt").becomes(11).await;
}

each_proxy!(health_weight_and_priority_of_a_host_change_without_another_host, given, plain);
async fn health_weight_and_priority_of_a_host_change_without_another_host(
    mesh: &Mesh,
    given: &Given,
) {
    let admin = mesh.admin(Node::SIDECAR);
    until(&mesh.client(), "one").await;
    let good = endpoints(given.one.address(), "1");
    let with = |fields: &str| good.clone() + &fields.replace("; ", "\n            ") + "\n";
    given.replace(&with("            health_status: DEGRADED; load_balancing_weight: 7"));
    admin.gauge("cluster.app.membership_degraded").becomes(1).await;
    admin.gauge("cluster.app.max_host_weight").becomes(7).await;
    given.replace(&with("            health_status: UNHEALTHY"));
    admin.gauge("cluster.app.membership_healthy").becomes(0).await;
    admin.gauge("cluster.app.membership_degraded").becomes(0).await;
    given.replace(&good);
    admin.gauge("cluster.app.membership_healthy").becomes(1).await;
    given.replace(&with("            health_status: DRAINING"));
    admin.gauge("cluster.app.membership_excluded").becomes(1).await;
    given.replace(&good);
    admin.gauge("cluster.app.membership_healthy").becomes(1).await;
    given.replace(&good);
    admin.counter("cluster.app.update_no_rebuild").becomes(1).await;
    admin.counter("cluster.app.update_success").becomes(7).await;
    admin.counter("cluster.app.membership_change").becomes(1).await;
    // It is the same host, with the connection that it had.
    until(&mesh.client(), "one").await;
    admin.counter("cluster.app.upstream_cx_total").becomes(1).await;
}

each_proxy!(hosts_that_nobody_says_anew_go, given, plain);
async fn hosts_that_nobody_says_anew_go(mesh: &Mesh, given: &Given) {
    let (client, admin) = (mesh.client(), mesh.admin(Node::SIDECAR));
    let good = endpoints(given.one.address(), "1");
    let stale =
        good.replace("    endpoints:", "    policy: { endpoint_stale_after: 1s }\n    endpoints:");
    given.replace(&stale);
    admin.counter("cluster.app.assignment_timeout_received").becomes(1).await;
    admin.counter("cluster.app.assignment_stale").becomes(1).await;
    admin.gauge("cluster.app.membership_total").becomes(0).await;
    client.get("/").await.unwrap().expect_status(503).expect_body("no healthy upstream");
    given.replace(&good);
    until(&client, "one").await;
}

/// Two hosts of which the first takes its time.
async fn given_slow() -> Given {
    let given = Given::new().await;
    let one = origin().body("one").delay(Duration::from_secs(2)).start().await.unwrap();
    fs::write(&given.path, endpoints(one.address(), "1")).unwrap();
    Given { one, ..given }
}

each_proxy!(a_host_that_goes_ends_what_it_has_begun, given_slow, plain);
async fn a_host_that_goes_ends_what_it_has_begun(mesh: &Mesh, given: &Given) {
    let (client, admin) = (mesh.client(), mesh.admin(Node::SIDECAR));
    let swap = async {
        admin.gauge("cluster.app.upstream_rq_active").becomes(1).await;
        given.replace(&endpoints(given.two.address(), "2"));
        admin.counter("cluster.app.membership_change").becomes(2).await;
        admin.gauge("cluster.app.upstream_rq_active").becomes(1).await;
    };
    let (reply, ()) = tokio::join!(client.get("/"), swap);
    reply.unwrap().expect_status(200).expect_body("one");
    // Its connection is not kept.
    admin.gauge("cluster.app.upstream_cx_active").becomes(0).await;
    until(&client, "two").await;
    admin.gauge("cluster.app.upstream_cx_active").becomes(1).await;
    // Nor is one that nobody uses.
    given.replace(&endpoints(given.one.address(), "3"));
    admin.gauge("cluster.app.upstream_cx_active").becomes(0).await;
    admin.counter("cluster.app.upstream_cx_destroy_local").becomes(2).await;
}

/// A file behind a link to a folder that is swapped, as Kubernetes mounts its maps.
async fn given_linked() -> Given {
    let given = Given::new().await;
    let folder = given.folder.path();
    for (name, host) in [("first", &given.one), ("second", &given.two)] {
        fs::create_dir(folder.join(name)).unwrap();
        fs::write(folder.join(name).join("endpoints.yaml"), endpoints(host.address(), name))
            .unwrap();
    }
    symlink("first", folder.join("..data")).unwrap();
    fs::remove_file(&given.path).unwrap();
    symlink("..data/endpoints.yaml", &given.path).unwrap();
    given
}

fn watching(_version: ConfigVersion, given: &Given) -> Topology {
    let folder = given.folder.path().display();
    gateway(&format!("{}, watched_directory: {{ path: {folder} }}", given.path.display()))
}

each_proxy!(a_link_that_is_swapped_is_seen, given_linked, watching);
async fn a_link_that_is_swapped_is_seen(mesh: &Mesh, given: &Given) {
    let client = mesh.client();
    until(&client, "one").await;
    let new = given.folder.path().join("..new");
    symlink("second", &new).unwrap();
    fs::rename(new, given.folder.path().join("..data")).unwrap();
    until(&client, "two").await;
    assert_eq!(stat(mesh, "version_text").await, "cluster.app.version_text: \"second\"");
}

/// Envoy does not see it: it waits for a rename.
#[test]
fn a_file_that_is_written_in_place_is_seen() {
    trial::run_with(Mode::V3Process, given, plain, async |mesh, given| {
        let client = mesh.client();
        until(&client, "one").await;
        fs::write(&given.path, endpoints(given.two.address(), "2")).unwrap();
        until(&client, "two").await;
        mesh.admin(Node::SIDECAR).counter("cluster.app.update_failure").becomes(0).await;
    });
}
