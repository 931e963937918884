//! Pages beside those of Envoy 1.40.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use http::{Method, StatusCode, Uri};
use serde_json::{Value, json};

use super::endpoint::{ENDPOINTS, answer};
use super::page::Page;
use super::{Admin, Life, Parts, State};
use crate::access_log::Files;
use crate::base::clock;
use crate::config::bootstrap::{Bootstrap, Node, Version};
use crate::config::cluster::{CircuitBreakers, Cluster, Discovery, Protocol};
use crate::config::hcm::HttpConnectionManager;
use crate::config::listener::{DEFAULT_BUFFER_LIMIT, FilterChain, Listener, Terminal};
use crate::hcm::{Ending, Handler};
use crate::message::{Body, Request};
use crate::stats::Store;
use crate::upstream::{self, Host};
use crate::{base::drain::Phase, listener};

fn cluster(name: &str) -> Cluster {
    Cluster {
        tls: None,
        name: name.to_owned(),
        alt_stat_name: None,
        discovery: Discovery::Static,
        lb: crate::config::lb::LoadBalancing::default(),
        connect_timeout: Duration::from_millis(250),
        buffer_limit: DEFAULT_BUFFER_LIMIT,
        protocol: Protocol::Http1,
        idle_timeout: None,
        max_connection_duration: None,
        max_requests_per_connection: None,
        endpoints: Vec::new(),
        outlier_detection: None,
        health_check: None,
        ignore_health_on_host_removal: false,
        mirrors: Vec::new(),
        circuit_breakers: CircuitBreakers::usual(),
    }
}

fn listener() -> Listener {
    Listener {
        name: String::from("front"),
        address: "127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into(),
        stat_prefix: None,
        buffer_limit: DEFAULT_BUFFER_LIMIT,
        backlog: 1,
        most_connections: None,
        ignores_global_limit: false,
        reuse_port: false,
        bind_to_port: true,
        listener_filters: Vec::new(),
        listener_filters_timeout: None,
        continues_on_timeout: false,
        chains: vec![FilterChain::of(Terminal::Http(Arc::new(HttpConnectionManager::of_admin(
            Vec::new(),
        ))))],
        default_chain: None,
        matcher: None,
    }
}

/// The tutorial's sidecar, more or less: a cluster with a host that was asked three times, and a listener.
fn parts() -> Parts {
    let store = Store::new();
    let root = store.root();
    let routes = json!({ "name": "local", "virtual_hosts": [] });
    let bootstrap = Bootstrap {
        outlier_event_log: None,
        overload: None,
        most_connections: None,
        path: None,
        version: Version::V3,
        node: Node { id: String::from("sidecar-1"), ..Node::default() },
        admin: None,
        listeners: vec![listener()],
        clusters: ["local_service", "other"].map(|name| Arc::new(cluster(name))).into(),
        dump: json!({
            "node": { "id": "sidecar-1" },
            "static_resources": {
                "clusters": [{ "name": "local_service" }, { "name": "other" }],
                "listeners": [{
                    "name": "front",
                    "filter_chains": [{ "filters": [{ "typed_config": { "route_config": routes } }] }],
                }],
            },
        })
        .to_string(),
    };
    let clusters = upstream::Manager::new(&bootstrap.clusters, &root);
    let host = Host::new("127.0.0.1:41941".parse().unwrap(), "127.0.0.1", Arc::default());
    host.stats.cx_total.inc();
    host.stats.cx_active.inc();
    host.stats.rq_total.add(3);
    host.stats.rq_success.add(3);
    clusters.get("local_service").unwrap().publish(vec![Arc::new(host)]);
    Parts {
        listeners: Arc::new(listener::Manager::bind(&bootstrap.listeners, 1, &root).unwrap()),
        bootstrap: Arc::new(bootstrap),
        clusters: Arc::new(clusters),
        life: Arc::new(Life::new(
            clock::now(),
            UNIX_EPOCH + Duration::from_millis(1_795_448_277_030),
        )),
        ending: Ending::default(),
        drain_time: Duration::from_secs(600),
        files: Files::new(&root, Duration::from_secs(10)),
        command_line: json!({ "concurrency": 1 }),
        store,
    }
}

fn get(parts: &Parts, uri: &'static str) -> Page {
    answer(parts, &Method::GET, &Uri::from_static(uri))
}

fn post(parts: &Parts, uri: &'static str) -> Page {
    answer(parts, &Method::POST, &Uri::from_static(uri))
}

fn read(page: &Page) -> Value {
    assert_eq!(page.content_type, "application/json");
    serde_json::from_str(&page.body).unwrap()
}

#[test]
fn unknown_paths_are_answered_with_the_list() {
    let parts = parts();
    let help = get(&parts, "/help");
    assert!(help.body.starts_with("admin commands are:\n  /: "), "{}", help.body);
    assert!(help.body.contains("\n  /quitquitquit (POST): "));
    assert!(help.body.contains("\n      format: how to write it; One of (text, json)\n"));
    for path in ["/nope", "/stats/", "/ready/", "/favicon.ico"] {
        let page = get(&parts, path);
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(page.body, format!("invalid path. {}", help.body));
    }
    assert!(ENDPOINTS.is_sorted_by_key(|endpoint| endpoint.path));
}

#[test]
fn what_changes_something_takes_post_only() {
    let parts = parts();
    let orders: Vec<_> = ENDPOINTS.iter().filter(|endpoint| endpoint.mutates).collect();
    assert_eq!(orders.len(), 6);
    for order in orders {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT] {
            let page = answer(&parts, &method, &Uri::from_static(order.path));
            assert_eq!(page.status, StatusCode::METHOD_NOT_ALLOWED);
            assert_eq!(page.body, format!("Method {method} not allowed, POST required."));
        }
    }
    assert_eq!(parts.life.state(), State::PreInitializing);
    assert_eq!(post(&parts, "/help").status, StatusCode::OK, "and what does not, any method");
}

#[test]
fn a_process_is_ready_when_it_is_live_and_healthy() {
    let parts = parts();
    for (state, status, word) in [
        (State::PreInitializing, StatusCode::SERVICE_UNAVAILABLE, "PRE_INITIALIZING\n"),
        (State::Initializing, StatusCode::SERVICE_UNAVAILABLE, "INITIALIZING\n"),
        (State::Live, StatusCode::OK, "LIVE\n"),
        (State::Draining, StatusCode::SERVICE_UNAVAILABLE, "DRAINING\n"),
        (State::Live, StatusCode::OK, "LIVE\n"),
    ] {
        parts.life.set(state);
        let page = get(&parts, "/ready");
        assert_eq!((page.status, page.body.as_str()), (status, word));
    }
    assert_eq!(post(&parts, "/healthcheck/fail").body, "OK\n");
    assert_eq!(get(&parts, "/ready").body, "DRAINING\n");
    assert_eq!(read(&get(&parts, "/server_info"))["state"], "DRAINING");
    assert_eq!(parts.store.root().gauge("server.live").value(), 0);
    assert_eq!(post(&parts, "/healthcheck/ok").body, "OK\n");
    assert_eq!(get(&parts, "/ready").body, "LIVE\n");
    assert_eq!(parts.store.root().gauge("server.live").value(), 1);
}

#[test]
fn clusters_are_shown_as_lines() {
    let page = get(&parts(), "/clusters?filter=local");
    let expected = "\
local_service::observability_name::local_service
local_service::default_priority::max_connections::1024
local_service::default_priority::max_pending_requests::1024
local_service::default_priority::max_requests::1024
local_service::default_priority::max_retries::3
local_service::high_priority::max_connections::1024
local_service::high_priority::max_pending_requests::1024
local_service::high_priority::max_requests::1024
local_service::high_priority::max_retries::3
local_service::added_via_api::false
local_service::127.0.0.1:41941::cx_active::1
local_service::127.0.0.1:41941::cx_connect_fail::0
local_service::127.0.0.1:41941::cx_total::1
local_service::127.0.0.1:41941::rq_active::0
local_service::127.0.0.1:41941::rq_error::0
local_service::127.0.0.1:41941::rq_pending_active::0
local_service::127.0.0.1:41941::rq_success::3
local_service::127.0.0.1:41941::rq_timeout::0
local_service::127.0.0.1:41941::rq_total::3
local_service::127.0.0.1:41941::hostname::127.0.0.1
local_service::127.0.0.1:41941::health_flags::healthy
local_service::127.0.0.1:41941::weight::1
local_service::127.0.0.1:41941::region::
local_service::127.0.0.1:41941::zone::
local_service::127.0.0.1:41941::sub_zone::
local_service::127.0.0.1:41941::canary::false
local_service::127.0.0.1:41941::priority::0
local_service::127.0.0.1:41941::success_rate::-1
local_service::127.0.0.1:41941::local_origin_success_rate::-1
";
    assert_eq!(page.body, expected);
    assert_eq!(get(&parts(), "/clusters?format=bogus&filter=local").body, expected);
}

#[test]
fn clusters_are_shown_as_a_message() {
    let page = get(&parts(), "/clusters?format=json");
    assert!(
        page.body
            .starts_with("{\n \"cluster_statuses\": [\n  {\n   \"name\": \"local_service\",\n")
    );
    let statuses = &read(&page)["cluster_statuses"];
    let thresholds = json!({
        "max_connections": 1024, "max_pending_requests": 1024, "max_requests": 1024, "max_retries": 3,
    });
    let mut high = thresholds.clone();
    high["priority"] = "HIGH".into();
    let expected = json!({
        "name": "local_service",
        "host_statuses": [{
            "address": { "socket_address": { "address": "127.0.0.1", "port_value": 41941 } },
            "stats": [
                { "name": "cx_connect_fail" },
                { "value": "1", "name": "cx_total" },
                { "name": "rq_error" },
                { "value": "3", "name": "rq_success" },
                { "name": "rq_timeout" },
                { "value": "3", "name": "rq_total" },
                { "type": "GAUGE", "value": "1", "name": "cx_active" },
                { "type": "GAUGE", "name": "rq_active" },
                { "type": "GAUGE", "name": "rq_pending_active" },
            ],
            "health_status": { "eds_health_status": "HEALTHY" },
            "weight": 1,
            "hostname": "127.0.0.1",
            "locality": {},
        }],
        "circuit_breakers": { "thresholds": [thresholds, high] },
        "observability_name": "local_service",
    });
    assert_eq!(statuses[0], expected);
    assert_eq!(statuses[1]["host_statuses"], json!([]));
}

#[test]
fn listeners_show_where_they_really_listen() {
    let parts = parts();
    let address = parts.listeners.listeners()[0].address;
    assert_ne!(address.port(), 0);
    assert_eq!(get(&parts, "/listeners").body, format!("front::{address}\n"));
    let port = address.port();
    assert_eq!(
        get(&parts, "/listeners?format=json").body,
        format!(
            "{{\n \"listener_statuses\": [\n  {{\n   \"name\": \"front\",\n   \"local_address\": {{\n    \
             \"socket_address\": {{\n     \"address\": \"127.0.0.1\",\n     \"port_value\": {port}\n    \
             }}\n   }}\n  }}\n ]\n}}\n"
        )
    );
}

#[test]
fn the_configuration_is_shown_whole_or_in_part() {
    let parts = parts();
    let whole = read(&get(&parts, "/config_dump"));
    let types: Vec<_> =
        whole["configs"].as_array().unwrap().iter().map(|one| &one["@type"]).collect();
    let expected = ["Bootstrap", "Clusters", "Listeners", "ScopedRoutes", "Routes", "Secrets"];
    let expected =
        expected.map(|kind| format!("type.googleapis.com/envoy.admin.v3.{kind}ConfigDump"));
    assert_eq!(types, expected.each_ref());
    assert_eq!(whole["configs"][0]["bootstrap"]["node"]["id"], "sidecar-1");
    assert_eq!(whole["configs"][0]["bootstrap"]["node"]["user_agent_name"], "outrigger");
    assert_eq!(whole["configs"][4]["static_route_configs"][0]["route_config"]["name"], "local");

    let clusters = read(&get(&parts, "/config_dump?resource=static_clusters&name_regex=%5Eo"));
    assert_eq!(
        clusters,
        json!({ "configs": [{
            "@type": "type.googleapis.com/envoy.admin.v3.ClustersConfigDump.StaticCluster",
            "cluster": {
                "@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster",
                "name": "other",
            },
            "last_updated": "2026-11-23T15:37:57.030Z",
        }] })
    );
    let masked = read(&get(&parts, "/config_dump?mask=bootstrap.node.id"));
    assert_eq!(
        masked,
        json!({ "configs": [{
            "@type": "type.googleapis.com/envoy.admin.v3.BootstrapConfigDump",
            "bootstrap": { "node": { "id": "sidecar-1" } },
        }] })
    );
    assert_eq!(get(&parts, "/config_dump?resource=dynamic_listeners").body, "{}\n");
    let unknown = get(&parts, "/config_dump?resource=bogus");
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert_eq!(unknown.body, "bogus not found in config dump");
    assert_eq!(get(&parts, "/config_dump?resource=bootstrap").status, StatusCode::BAD_REQUEST);
}

#[test]
fn stats_are_shown_in_each_format() {
    let parts = parts();
    parts.store.root().counter("x.count").add(2);
    parts.store.root().histogram("x.time").record(1);
    parts.store.flush();
    assert_eq!(get(&parts, "/stats?filter=%5Ex.count").body, "x.count: 2\n");
    assert_eq!(
        get(&parts, "/stats?filter=count&invert_filter&type=Histograms&usedonly").body[..12],
        *"x.time: P0(1"
    );
    let json = get(&parts, "/stats?format=json&filter=x.count");
    assert_eq!(read(&json), json!({ "stats": [{ "name": "x.count", "value": 2 }] }));
    let expected = "# TYPE envoy_x_count counter\nenvoy_x_count{} 2\n";
    for uri in ["/stats?format=prometheus&filter=x.count", "/stats/prometheus?filter=x.count"] {
        assert_eq!(get(&parts, uri), Page::text(expected));
    }
    assert!(
        get(&parts, "/stats/prometheus?histogram_buckets=summary")
            .body
            .contains("quantile=\"0.5\"")
    );
    let html = get(&parts, "/stats?format=html&filter=x.%3Cb%3E");
    assert!(html.body.contains("value=\"x.&lt;b&gt;\""), "{}", html.body);
    assert_eq!(html.content_type, "text/html; charset=UTF-8");
}

#[test]
fn parameters_that_make_no_sense_are_refused() {
    for (uri, body) in [
        ("/stats?filter=(", "Invalid re2 regex: missing ): ("),
        ("/stats/prometheus?filter=(", "Invalid re2 regex: missing ): ("),
        ("/clusters?filter=(", "Invalid re2 regex: missing ): ("),
        ("/stats?format=bogus", "usage: /stats?format=(html|active-html|json|prometheus|text)\n\n"),
        (
            "/stats?histogram_buckets=bogus",
            "usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary|prometheusnative)\n",
        ),
        ("/stats?type=bogus", "invalid &type= param"),
        (
            "/stats?histogram_buckets=prometheusnative",
            "Invalid histogram_buckets type for non prometheus stats type",
        ),
        (
            "/stats/prometheus?histogram_buckets=detailed",
            "unsupported prometheus histogram bucket mode",
        ),
    ] {
        let page = get(&parts(), uri);
        assert_eq!((page.status, page.body.as_str()), (StatusCode::BAD_REQUEST, body), "{uri}");
    }
}

#[test]
fn counters_are_reset() {
    let parts = parts();
    let counter = parts.store.root().counter("x.count");
    counter.inc();
    assert_eq!(post(&parts, "/reset_counters").body, "OK\n");
    assert_eq!(counter.value(), 0);
    assert_eq!(get(&parts, "/stats?usedonly&filter=x.count").body, "x.count: 0\n");
}

#[test]
fn listeners_stop_at_once_unless_asked_otherwise() {
    let parts = parts();
    let stops = |parts: &Parts| parts.listeners.listeners()[0].stop.reached(Phase::Draining);
    assert_eq!(post(&parts, "/drain_listeners?inboundonly").body, "OK\n");
    assert_eq!(post(&parts, "/drain_listeners?skip_exit").body, "OK\n");
    assert!(!stops(&parts));
    assert_eq!(post(&parts, "/drain_listeners").body, "OK\n");
    assert!(stops(&parts));
    assert!(
        get(&parts, "/listeners").body.starts_with("front::"),
        "a listener that stopped is shown"
    );
}

#[tokio::test(start_paused = true)]
async fn listeners_stop_gracefully_when_the_drain_time_is_over() {
    let parts = parts();
    let local = tokio::task::LocalSet::new();
    let waiting = local.run_until(async {
        let started = tokio::time::Instant::now();
        assert_eq!(post(&parts, "/drain_listeners?graceful").body, "OK\n");
        let stop = &parts.listeners.listeners()[0].stop;
        assert!(!stop.reached(Phase::Draining));
        stop.until(Phase::Draining).await;
        started.elapsed()
    });
    assert_eq!(waiting.await.as_secs(), 600);
}

#[tokio::test]
async fn the_process_is_told_to_quit() {
    let parts = parts();
    assert_eq!(post(&parts, "/quitquitquit").body, "OK\n");
    parts.life.quit.notified().await;
}

#[tokio::test]
async fn answers_have_envoys_headers() {
    let admin = Admin::new(parts());
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = Uri::from_static("/memory");
    let response = admin.handle(request).await;
    let header = |name: &str| response.headers()[name].to_str().unwrap();
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("cache-control"), "no-cache, max-age=0");
    assert_eq!(header("x-content-type-options"), "nosniff");
}

#[tokio::test(start_paused = true)]
async fn the_process_is_looked_at_every_five_seconds() {
    let parts = parts();
    parts.life.set(State::Live);
    let (server, time) = (parts.store.root().scope("server"), parts.store.root().histogram("time"));
    let look = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(server.gauge("live").value(), 1);
        assert!(server.gauge("memory_physical_size").value() > 0);
        assert_eq!(server.histogram("initialization_time_ms").cumulative().count(), 1);
        time.record(1);
        assert!(!time.is_used());
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(time.is_used());
    };
    tokio::select! {
        () = super::tend(parts.clone()) => {}
        () = look => {}
    }
}

#[test]
fn the_home_page_shows_what_runs_and_every_page() {
    let page = get(&parts(), "/");
    for endpoint in ENDPOINTS {
        assert!(
            page.body.contains(&format!("<code>{}</code>", endpoint.path)),
            "{}",
            endpoint.path
        );
    }
    for shown in
        ["PRE_INITIALIZING", "sidecar-1", "local_service", "127.0.0.1:41941", "front", "no hosts"]
    {
        assert!(page.body.contains(shown), "{shown}");
    }
    assert!(page.body.contains("<form method=\"post\" action=\"/quitquitquit\">"));
    assert!(
        !page.body.contains("http://") && !page.body.contains("https://"),
        "needs nothing from outside"
    );
}
