//! The admin interface: the pages a person and a machine look at, and the few that change something.

use outrigger_harness::{eventually::satisfies, mesh::Mesh, node::Node};
use serde_json::Value;

/// A page that answers a GET: path, content type, a piece of its text.
const PAGES: &[(&str, &str, &str)] = &[
    ("/", "text/html; charset=UTF-8", "<html"),
    ("/help", "text/plain; charset=UTF-8", "admin commands are:\n"),
    ("/ready", "text/plain; charset=UTF-8", "LIVE\n"),
    ("/server_info", "application/json", "\"state\": \"LIVE\""),
    ("/stats", "text/plain; charset=UTF-8", "server.live: 1\n"),
    ("/stats?format=json", "application/json", "\"stats\""),
    ("/stats/prometheus", "text/plain; charset=UTF-8", "envoy_server_live{} 1\n"),
    ("/clusters", "text/plain; charset=UTF-8", "app::default_priority::max_connections::1024\n"),
    ("/clusters?format=json", "application/json", "\"cluster_statuses\""),
    ("/listeners", "text/plain; charset=UTF-8", "::"),
    ("/listeners?format=json", "application/json", "\"listener_statuses\""),
    ("/config_dump", "application/json", "\"configs\""),
];

/// A page that changes something, and therefore answers a POST only.
const MUTATIONS: &[&str] =
    &["/healthcheck/fail", "/healthcheck/ok", "/drain_listeners", "/quitquitquit"];

each_mesh!(every_page_answers_in_its_form);
async fn every_page_answers_in_its_form(mesh: &Mesh) {
    let admin = mesh.admin(Node::GATEWAY);
    // Some gauges are brought up to date every few seconds only.
    admin.gauge("server.live").becomes(1).await;
    for (path, content_type, piece) in PAGES {
        let reply = admin.get(path).await.unwrap();
        reply
            .expect_status(200)
            .expect_header("content-type", content_type)
            .expect_header("cache-control", "no-cache, max-age=0")
            .expect_header("x-content-type-options", "nosniff")
            .expect_header("server", "envoy");
        assert!(reply.text().contains(piece), "{path} has no {piece:?}: {reply}");
        if *content_type == "application/json" {
            reply.json().unwrap();
        }
    }
}

each_mesh!(an_unknown_page_is_a_404_with_help);
async fn an_unknown_page_is_a_404_with_help(mesh: &Mesh) {
    let reply = mesh.admin(Node::GATEWAY).get("/nothing/here").await.unwrap();
    reply.expect_status(404);
    assert!(reply.text().starts_with("invalid path. admin commands are:\n"), "{reply}");
}

each_mesh!(what_changes_something_wants_a_post);
async fn what_changes_something_wants_a_post(mesh: &Mesh) {
    let admin = mesh.admin(Node::GATEWAY);
    for path in MUTATIONS {
        let reply = admin.get(path).await.unwrap();
        reply.expect_status(405).expect_body("Method GET not allowed, POST required.");
    }
    admin.get("/ready").await.unwrap().expect_status(200).expect_body("LIVE\n");
    mesh.client().get("/").await.unwrap().expect_status(200);
}

each_mesh!(a_failed_health_check_can_be_taken_back);
async fn a_failed_health_check_can_be_taken_back(mesh: &Mesh) {
    let admin = mesh.admin(Node::GATEWAY);
    admin.post("/healthcheck/fail").await.unwrap().expect_status(200).expect_body("OK\n");
    admin.get("/ready").await.unwrap().expect_status(503).expect_body("DRAINING\n");
    assert_eq!(admin.server_info().await.unwrap()["state"], "DRAINING");
    admin.gauge("server.live").becomes(0).await;
    // Requests are still served, and each is the last of its connection.
    let mut connection = mesh.connect().await;
    let reply = connection.exchange("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert_eq!((reply.status(), reply.header("connection")), (200, Some("close")), "{reply:?}");
    assert_eq!(connection.rest().await.unwrap(), b"");

    admin.post("/healthcheck/ok").await.unwrap().expect_status(200).expect_body("OK\n");
    admin.get("/ready").await.unwrap().expect_status(200).expect_body("LIVE\n");
    admin.gauge("server.live").becomes(1).await;
    mesh.client().get("/").await.unwrap().expect_status(200).expect_no_header("connection");
}

each_mesh!(stats_can_be_chosen);
async fn stats_can_be_chosen(mesh: &Mesh) {
    mesh.client().get("/").await.unwrap().expect_status(200);
    let admin = mesh.admin(Node::GATEWAY);
    admin.counter("cluster.app.upstream_rq_200").becomes(1).await;

    let chosen = admin.get("/stats?filter=upstream_rq_200$").await.unwrap().text();
    let chosen: Vec<&str> = chosen.lines().collect();
    assert_eq!(
        chosen,
        ["cluster.app.external.upstream_rq_200: 1", "cluster.app.upstream_rq_200: 1"]
    );

    let used = admin.get("/stats?usedonly").await.unwrap().text();
    assert!(used.contains("\ncluster.app.upstream_rq_total: 1\n"), "{used}");
    assert!(!used.contains("cluster.app.upstream_cx_connect_timeout"), "never moved: {used}");

    let json = admin
        .get("/stats?format=json&filter=^cluster.app.upstream_rq_total$")
        .await
        .unwrap()
        .json()
        .unwrap();
    assert_eq!(
        json,
        serde_json::json!({"stats": [{"name": "cluster.app.upstream_rq_total", "value": 1}]})
    );

    let unreadable = admin.get("/stats?filter=(").await.unwrap();
    unreadable.expect_status(400);
}

each_mesh!(prometheus_reads_the_same_numbers);
async fn prometheus_reads_the_same_numbers(mesh: &Mesh) {
    let client = mesh.client();
    for _ in 0..3 {
        client.get("/").await.unwrap().expect_status(200);
    }
    let admin = mesh.admin(Node::GATEWAY);
    let lines = [
        "# TYPE envoy_cluster_upstream_rq_total counter",
        "envoy_cluster_upstream_rq_total{envoy_cluster_name=\"app\"} 3",
        "# TYPE envoy_cluster_upstream_rq_time histogram",
        "envoy_cluster_upstream_rq_time_count{envoy_cluster_name=\"app\"} 3",
        "envoy_http_downstream_rq_xx{envoy_response_code_class=\"2\",envoy_http_conn_manager_prefix=\"ingress_http\"} 3",
    ];
    // Histograms are gathered every few seconds.
    let missing = async || {
        let page = admin.get("/stats/prometheus").await?.text();
        let is_missing = |line: &&str| !page.lines().any(|found| found == *line);
        Ok(lines.into_iter().filter(is_missing).collect::<Vec<_>>())
    };
    satisfies("lines of the prometheus page", missing, Vec::is_empty).await.unwrap();
}

each_mesh!(clusters_tell_their_hosts_and_what_became_of_requests);
async fn clusters_tell_their_hosts_and_what_became_of_requests(mesh: &Mesh) {
    mesh.client().get("/").await.unwrap().expect_status(200);
    let admin = mesh.admin(Node::GATEWAY);
    admin.counter("cluster.app.upstream_rq_200").becomes(1).await;
    let clusters = admin.clusters().await.unwrap();
    let statuses = clusters["cluster_statuses"].as_array().unwrap();
    let app = statuses.iter().find(|cluster| cluster["name"] == "app").unwrap();
    let hosts = app["host_statuses"].as_array().unwrap();
    assert_eq!(hosts.len(), 1, "{app:#}");
    assert_eq!(hosts[0]["health_status"]["eds_health_status"], "HEALTHY");
    let stat = |name: &str| {
        let stats = hosts[0]["stats"].as_array().unwrap();
        stats.iter().find(|stat| stat["name"] == name).and_then(|stat| stat["value"].as_str())
    };
    assert_eq!(
        (stat("rq_total"), stat("rq_success"), stat("cx_total")),
        (Some("1"), Some("1"), Some("1"))
    );

    let text = admin.get("/clusters").await.unwrap().text();
    let address = &hosts[0]["address"]["socket_address"];
    let host = format!("{}:{}", address["address"].as_str().unwrap(), address["port_value"]);
    for line in [format!("app::{host}::rq_total::1"), format!("app::{host}::health_flags::healthy")]
    {
        assert!(text.lines().any(|found| found == line), "{line} is not in:\n{text}");
    }
}

each_mesh!(the_configuration_can_be_dumped);
async fn the_configuration_can_be_dumped(mesh: &Mesh) {
    let dump = mesh.admin(Node::GATEWAY).config_dump().await.unwrap();
    let types: Vec<&str> = dump["configs"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|config| config["@type"].as_str())
        .collect();
    for kind in
        ["BootstrapConfigDump", "ClustersConfigDump", "ListenersConfigDump", "RoutesConfigDump"]
    {
        let name = format!("type.googleapis.com/envoy.admin.v3.{kind}");
        assert!(types.contains(&name.as_str()), "{name} is not in {types:?}");
    }
    let clusters = part(&dump, "ClustersConfigDump");
    let cluster = &clusters["static_clusters"][0]["cluster"];
    assert_eq!(
        (&cluster["name"], &cluster["type"]),
        (&Value::from("app"), &Value::from("STRICT_DNS"))
    );
    assert_eq!(cluster["connect_timeout"], "0.250s");
}

fn part<'a>(dump: &'a Value, kind: &str) -> &'a Value {
    let parts = dump["configs"].as_array().unwrap();
    parts.iter().find(|part| part["@type"].as_str().unwrap().ends_with(kind)).unwrap()
}

each_mesh!(the_server_tells_how_it_was_started);
async fn the_server_tells_how_it_was_started(mesh: &Mesh) {
    let info = mesh.admin(Node::GATEWAY).server_info().await.unwrap();
    assert_eq!(info["state"], "LIVE");
    assert_eq!(info["command_line_options"]["service_cluster"], "front-proxy");
    assert_eq!(info["node"]["cluster"], "front-proxy");
    assert!(info["command_line_options"]["concurrency"].as_u64().unwrap() >= 1, "{info:#}");
}

each_mesh!(a_proxy_can_be_told_to_quit);
async fn a_proxy_can_be_told_to_quit(mesh: &Mesh) {
    mesh.admin(Node::GATEWAY)
        .post("/quitquitquit")
        .await
        .unwrap()
        .expect_status(200)
        .expect_body("OK\n");
    let runs = async || mesh.is_running(Node::GATEWAY).await;
    satisfies("the end of the gateway", runs, |runs| !runs).await.unwrap();
}

each_mesh!(drained_listeners_refuse_new_connections_and_serve_the_old);
async fn drained_listeners_refuse_new_connections_and_serve_the_old(mesh: &Mesh) {
    let mut old = mesh.connect().await;
    assert_eq!(old.exchange("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap().status(), 200);
    let admin = mesh.admin(Node::GATEWAY);
    admin.post("/drain_listeners").await.unwrap().expect_status(200);
    admin.counter("listener_manager.listener_stopped").becomes(1).await;
    assert_eq!(old.exchange("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap().status(), 200);
    admin.get("/ready").await.unwrap().expect_status(200);
    // Workers stop one after the other, and who connects before the last has stopped is served.
    let refused = async || Ok(mesh.client().get("/").await.is_err());
    satisfies("new connections are refused", refused, |refused| *refused).await.unwrap();
    assert_eq!(old.exchange("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap().status(), 200);
}
