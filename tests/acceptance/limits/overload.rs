//! How much a proxy takes on as a whole: limits of connections, and what it does when it has too much to do.

use std::{fs, path::PathBuf};

use outrigger_harness::{
    client::{Client, raw::RawConnection},
    eventually::satisfies,
    mesh::Mesh,
    node::{Config, ConfigVersion, Node, Role},
    topology::Topology,
};
use tempfile::TempDir;

use super::{ACCESS_LOG, GET, assert_logged, assert_stats};

/// Makes a test of each proxy out of `async fn name(mesh: &Mesh, used: &Used)`, what its file has at its top, and its
/// listener.
macro_rules! each_top {
    ($name:ident, $top:expr, $listener:expr) => {
        mod $name {
            use outrigger_harness::{node::ConfigVersion, topology::Topology, trial};

            use super::*;

            fn topology(_version: ConfigVersion, used: &Used) -> Topology {
                super::topology(&$top.replace("FILE", used.path().to_str().unwrap()), &$listener)
            }

            #[test]
            fn outrigger() {
                let mode = trial::Mode::V3Process;
                trial::run_with(mode, async || Used::new(), topology, super::$name);
            }

            #[test]
            fn envoy() {
                let mode = trial::Mode::Envoy;
                trial::run_with(mode, async || Used::new(), topology, super::$name);
            }
        }
    };
}

/// A file that says how much of a resource is used.
struct Used(TempDir);

impl Used {
    fn new() -> Self {
        let used = Self(tempfile::tempdir().unwrap());
        used.say("0");
        used
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("used")
    }

    /// In one step, which is how Envoy notices.
    fn say(&self, text: &str) {
        let new = self.0.path().join("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.path()).unwrap();
    }
}

fn topology(top: &str, listener: &str) -> Topology {
    let mut config = Config::of(Role::Sidecar, ConfigVersion::V3).unwrap();
    config.text = format!(
        "{top}\nadmin: {{address: {{socket_address: {{address: 0.0.0.0, port_value: 8001}}}}}}\n\
         static_resources:\n  listeners:\n  - name: test\n    stat_prefix: test\n    \
         address: {{socket_address: {{address: 0.0.0.0, port_value: 80}}}}\n{listener}"
    );
    Topology::new()
        .lone_sidecar(config)
        .arguments(Node::SIDECAR, &["--concurrency", "2", "--file-flush-interval-msec", "50"])
}

/// A listener that sends back what comes, with this field more.
fn echo(more: &str) -> String {
    format!(
        "    {more}\n    filter_chains: [{{filters: [{{name: e, typed_config: {{'@type': \
         type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}}}}]}}]\n"
    )
}

/// A listener that answers every request.
fn answering() -> String {
    format!(
        r#"    filter_chains:
    - filters:
      - name: h
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: test
          {ACCESS_LOG}
          route_config: {{virtual_hosts: [{{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, direct_response: {{status: 200, body: {{inline_string: ok}}}}}}]}}]}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
"#
    )
}

const OF_LISTENER: &str = "layered_runtime: {layers: [{name: s, static_layer: \
    {envoy.resource_limits.listener.test.connection_limit: 3}}]}";

const OF_RUNTIME: &str = "layered_runtime: {layers: [{name: s, static_layer: \
    {overload.global_downstream_max_connections: 3}}]}";

const OF_MONITOR: &str = "overload_manager: {resource_monitors: [{name: \
    envoy.resource_monitors.global_downstream_max_connections, typed_config: {'@type': \
    type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig, \
    max_active_downstream_connections: 3}}]}";

/// Whether a new connection is served; it stays open if so.
async fn served(mesh: &Mesh) -> Option<RawConnection> {
    let mut connection = mesh.connect().await;
    // One that is closed already may say so here.
    connection.send("x").await.ok()?;
    connection.until_text("x").await.ok().map(|_| connection)
}

/// Three connections are served at a time, whichever workers have them; those beyond count there.
async fn assert_three(mesh: &Mesh, overflow: &str) {
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(served(mesh).await.unwrap());
    }
    for _ in 0..4 {
        assert!(served(mesh).await.is_none());
    }
    let gauge = "listener.test.downstream_cx_active";
    assert_stats(mesh, &[(gauge, 3), ("listener.test.downstream_cx_total", 3), (overflow, 4)])
        .await;
    drop(open.pop());
    assert_stats(mesh, &[(gauge, 2)]).await;
    assert!(served(mesh).await.is_some());
    assert_stats(mesh, &[(gauge, 2), (overflow, 4)]).await;
}

each_top!(a_listener_has_so_many_connections, OF_LISTENER, echo(""));
async fn a_listener_has_so_many_connections(mesh: &Mesh, _: &Used) {
    assert_three(mesh, "listener.test.downstream_cx_overflow").await;
    assert_stats(mesh, &[("listener.test.downstream_global_cx_overflow", 0)]).await;
}

each_top!(all_listeners_have_so_many_connections, OF_MONITOR, echo(""));
async fn all_listeners_have_so_many_connections(mesh: &Mesh, _: &Used) {
    assert_three(mesh, "listener.test.downstream_global_cx_overflow").await;
    let monitor = "overload.envoy.resource_monitors.global_downstream_max_connections";
    assert_stats(mesh, &[(&format!("{monitor}.failed_updates"), 4)]).await;
    assert_stats(mesh, &[("listener.test.downstream_cx_overflow", 0)]).await;
}

each_top!(all_listeners_have_as_many_connections_as_the_runtime_says, OF_RUNTIME, echo(""));
async fn all_listeners_have_as_many_connections_as_the_runtime_says(mesh: &Mesh, _: &Used) {
    // The admin interface is asked only at the end, and over its own connection: Envoy counts that one, too.
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(served(mesh).await.unwrap());
    }
    for _ in 0..4 {
        assert!(served(mesh).await.is_none());
    }
    drop(open.pop());
    let again = async || Ok(served(mesh).await);
    open.extend(satisfies("one more is served", again, Option::is_some).await.unwrap());
    assert!(served(mesh).await.is_none());
    drop(open);
    let again = async || Ok(mesh.admin(Node::SIDECAR).is_ready().await);
    satisfies("the admin interface answers", again, |answers| *answers).await.unwrap();
    let overflow = "listener.test.downstream_global_cx_overflow";
    mesh.admin(Node::SIDECAR).counter(overflow).reaches(5).await;
}

each_top!(
    a_listener_may_ignore_the_limit_of_all,
    OF_MONITOR,
    echo("ignore_global_conn_limit: true")
);
async fn a_listener_may_ignore_the_limit_of_all(mesh: &Mesh, _: &Used) {
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(served(mesh).await.unwrap());
    }
    assert_stats(mesh, &[("listener.test.downstream_cx_active", 5)]).await;
}

/// An overload manager that takes this action when so much is used.
fn acting(action: &str, trigger: &str) -> String {
    format!(
        "overload_manager: {{refresh_interval: 0.05s, resource_monitors: [{{name: \
         envoy.resource_monitors.injected_resource, typed_config: {{'@type': \
         type.googleapis.com/envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig, \
         filename: 'FILE'}}}}], actions: [{{name: envoy.overload_actions.{action}, triggers: [{{name: \
         envoy.resource_monitors.injected_resource, {trigger}}}]}}]}}"
    )
}

const FROM_HALF: &str = "threshold: {value: 0.5}";

/// Says that so much is used, and waits until that is known.
async fn use_up(mesh: &Mesh, used: &Used, share: &str, (action, strength): (&str, u64)) {
    used.say(share);
    let percent = (share.parse::<f64>().unwrap() * 100.0) as u64;
    let pressure = "overload.envoy.resource_monitors.injected_resource.pressure";
    let action = format!("overload.envoy.overload_actions.{action}");
    assert_stats(
        mesh,
        &[
            (pressure, percent),
            (&format!("{action}.scale_percent"), strength),
            (&format!("{action}.active"), u64::from(strength == 100)),
        ],
    )
    .await;
}

each_top!(requests_are_refused, acting("stop_accepting_requests", FROM_HALF), answering());
async fn requests_are_refused(mesh: &Mesh, used: &Used) {
    let action = "stop_accepting_requests";
    use_up(mesh, used, "0.25", (action, 0)).await;
    mesh.client().get("/").await.unwrap().expect_status(200);
    use_up(mesh, used, "0.5", (action, 100)).await;
    let mut connection = mesh.connect().await;
    for _ in 0..2 {
        connection.send(GET).await.unwrap();
        let reply = connection.reply().await.unwrap();
        assert_eq!((reply.status(), reply.text().as_str()), (503, "envoy overloaded"));
        assert_eq!(reply.header("connection"), None);
        assert_eq!(reply.header("content-type"), Some("text/plain"));
    }
    // What is still to come of a request is not waited for.
    connection.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc").await.unwrap();
    let reply = connection.reply().await.unwrap();
    assert_eq!((reply.status(), reply.header("connection")), (503, Some("close")));
    let reply = mesh.client_http2().get("/").await.unwrap();
    reply.expect_status(503).expect_body("envoy overloaded");
    assert_logged(mesh, "LINE GET HTTP/1.1 503 - overload").await;
    assert_logged(mesh, "LINE POST HTTP/1.1 503 - overload").await;
    assert_logged(mesh, "LINE GET HTTP/2 503 - overload").await;
    assert_stats(mesh, &[("http.test.downstream_rq_overload_close", 4)]).await;
    use_up(mesh, used, "0.4", (action, 0)).await;
    mesh.client().get("/").await.unwrap().expect_status(200);
}

each_top!(
    some_requests_are_refused,
    acting(
        "stop_accepting_requests",
        "scaled: {scaling_threshold: 0.2, saturation_threshold: 0.6}"
    ),
    answering()
);
async fn some_requests_are_refused(mesh: &Mesh, used: &Used) {
    use_up(mesh, used, "0.4", ("stop_accepting_requests", 50)).await;
    let client = mesh.client();
    let mut refused = 0;
    for _ in 0..200 {
        refused += u32::from(client.get("/").await.unwrap().status == 503);
    }
    // Five standard deviations around 100.
    assert!((65..=135).contains(&refused), "of 200, {refused}");
    use_up(mesh, used, "0.6", ("stop_accepting_requests", 100)).await;
    client.get("/").await.unwrap().expect_status(503);
}

each_top!(
    connections_end_after_a_response,
    acting("disable_http_keepalive", FROM_HALF),
    answering()
);
async fn connections_end_after_a_response(mesh: &Mesh, used: &Used) {
    let mut connection = mesh.connect().await;
    connection.send(GET).await.unwrap();
    assert_eq!(connection.reply().await.unwrap().header("connection"), None);
    use_up(mesh, used, "0.5", ("disable_http_keepalive", 100)).await;
    connection.send(GET).await.unwrap();
    let reply = connection.reply().await.unwrap();
    assert_eq!((reply.status(), reply.header("connection")), (200, Some("close")));
    assert_eq!(connection.rest().await.unwrap(), b"");
    let client: Client = mesh.client_http2();
    for _ in 0..2 {
        client.get("/").await.unwrap().expect_status(200).expect_no_header("connection");
        assert_stats(mesh, &[("http.test.downstream_cx_http2_active", 0)]).await;
    }
    assert_stats(
        mesh,
        &[
            ("http.test.downstream_cx_http2_total", 2),
            ("http.test.downstream_cx_overload_disable_keepalive", 3),
        ],
    )
    .await;
}

each_top!(connections_are_rejected, acting("reject_incoming_connections", FROM_HALF), echo(""));
async fn connections_are_rejected(mesh: &Mesh, used: &Used) {
    let mut before = served(mesh).await.unwrap();
    use_up(mesh, used, "0.5", ("reject_incoming_connections", 100)).await;
    for _ in 0..2 {
        assert!(served(mesh).await.is_none());
    }
    before.send("y").await.unwrap();
    before.until_text("y").await.unwrap();
    assert_stats(
        mesh,
        &[
            ("listener.test.downstream_cx_overload_reject", 2),
            ("listener.test.downstream_cx_total", 1),
        ],
    )
    .await;
    use_up(mesh, used, "0", ("reject_incoming_connections", 0)).await;
    assert!(served(mesh).await.is_some());
}

each_top!(connections_wait, acting("stop_accepting_connections", FROM_HALF), echo(""));
async fn connections_wait(mesh: &Mesh, used: &Used) {
    let mut before = served(mesh).await.unwrap();
    use_up(mesh, used, "0.5", ("stop_accepting_connections", 100)).await;
    // The workers are told a moment later. Whom they still accept is served, and whom they do not, once they do.
    let mut waiting = Vec::new();
    for _ in 0..50 {
        let mut connection = mesh.connect().await;
        connection.send("x").await.unwrap();
        waiting.push(connection);
    }
    before.send("y").await.unwrap();
    before.until_text("y").await.unwrap();
    let admin = mesh.admin(Node::SIDECAR);
    let total = admin.counter("listener.test.downstream_cx_total");
    let accepted = total.value().await.unwrap();
    assert!(accepted < 51, "nobody waits");
    let one_more = mesh.connect().await;
    use_up(mesh, used, "0.1", ("stop_accepting_connections", 0)).await;
    for connection in &mut waiting {
        connection.until_text("x").await.unwrap();
    }
    total.becomes(52).await;
    drop(one_more);
}

each_top!(
    a_file_that_tells_nothing_changes_nothing,
    acting("stop_accepting_requests", FROM_HALF),
    answering()
);
async fn a_file_that_tells_nothing_changes_nothing(mesh: &Mesh, used: &Used) {
    use_up(mesh, used, "0.7", ("stop_accepting_requests", 100)).await;
    used.say("much");
    let failed = "overload.envoy.resource_monitors.injected_resource.failed_updates";
    mesh.admin(Node::SIDECAR).counter(failed).reaches(1).await;
    mesh.client().get("/").await.unwrap().expect_status(503);
    use_up(mesh, used, "0", ("stop_accepting_requests", 0)).await;
    mesh.client().get("/").await.unwrap().expect_status(200);
}

/// A limit of memory that every process is over.
const TINY_HEAP: &str = "overload_manager: {refresh_interval: 0.05s, resource_monitors: [{name: \
    envoy.resource_monitors.fixed_heap, typed_config: {'@type': \
    type.googleapis.com/envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig, max_heap_size_bytes: \
    100000}}], actions: [{name: envoy.overload_actions.stop_accepting_requests, triggers: [{name: \
    envoy.resource_monitors.fixed_heap, threshold: {value: 0.9}}]}, {name: envoy.overload_actions.shrink_heap, \
    triggers: [{name: envoy.resource_monitors.fixed_heap, threshold: {value: 0.8}}]}]}";

each_top!(a_process_that_has_grown_too_large_refuses_requests, TINY_HEAP, answering());
async fn a_process_that_has_grown_too_large_refuses_requests(mesh: &Mesh, _: &Used) {
    let action = "overload.envoy.overload_actions";
    assert_stats(
        mesh,
        &[
            (&format!("{action}.stop_accepting_requests.active"), 1),
            (&format!("{action}.shrink_heap.active"), 1),
        ],
    )
    .await;
    mesh.client().get("/").await.unwrap().expect_status(503).expect_body("envoy overloaded");
    let admin = mesh.admin(Node::SIDECAR);
    admin.gauge("overload.envoy.resource_monitors.fixed_heap.pressure").reaches(100).await;
    admin.counter(&format!("{action}.shrink_heap.shrink_count")).reaches(1).await;
}
