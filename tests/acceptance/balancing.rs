//! Which host a request meets, by every policy; ours and the real Envoy.
//!
//! The hosts are addresses at which nobody listens: which one was chosen stands in the log all the same, and is the same
//! address on every machine.

use std::{collections::BTreeMap, fmt::Write, fs, path::PathBuf};

use outrigger_harness::{
    eventually::satisfies,
    mesh::Mesh,
    node::{Config, ConfigVersion, Node},
    settings::DataPlane,
    topology::Topology,
};

/// Makes a test of each proxy out of `async fn name(mesh: &Mesh)`, fields of the cluster and fields of the route.
macro_rules! each_balancer {
    ($name:ident, $cluster:expr, $route:expr) => {
        mod $name {
            fn topology(
                _version: outrigger_harness::node::ConfigVersion,
            ) -> outrigger_harness::topology::Topology {
                use super::*;
                balancer($cluster, $route)
            }

            #[test]
            fn outrigger() {
                let mode = outrigger_harness::trial::Mode::V3Process;
                outrigger_harness::trial::run(mode, topology, super::$name);
            }

            #[test]
            fn envoy() {
                let mode = outrigger_harness::trial::Mode::Envoy;
                outrigger_harness::trial::run(mode, topology, super::$name);
            }
        }
    };
}

const BOOTSTRAP: &str = r#"
admin: { address: { socket_address: { address: 0.0.0.0, port_value: 8001 } } }
static_resources:
  listeners:
  - address: { socket_address: { address: 0.0.0.0, port_value: 80 } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: front
          use_remote_address: false
          access_log:
          - name: log
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
              log_format:
                text_format_source: { inline_string: "CHOSE %UPSTREAM_HOST%\n" }
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
ROUTES
  clusters:
  - name: app
    connect_timeout: 1s
CLUSTER
"#;

/// How a line of the log begins among all that a proxy prints.
const CHOSE: &str = "CHOSE ";

fn balancer(cluster: &str, route: &str) -> Topology {
    balancer_of(cluster, &[("/", route)])
}

/// One with several routes: prefixes, and fields of the routes.
fn balancer_of(cluster: &str, routes: &[(&str, &str)]) -> Topology {
    let indented = |text: &str, by: usize| -> String {
        text.lines().map(|line| format!("{}{line}\n", " ".repeat(by))).collect()
    };
    let route = |(prefix, fields): &(&str, &str)| {
        let head = format!("- match: {{ prefix: {prefix} }}\n  route:\n    cluster: app\n");
        indented(&head, 14) + &indented(fields, 18)
    };
    let routes: String = routes.iter().map(route).collect();
    let text = BOOTSTRAP.replace("ROUTES\n", &routes).replace("CLUSTER\n", &indented(cluster, 4));
    let config = Config { version: ConfigVersion::V3, path: "balancing.yaml".into(), text };
    Topology::new()
        .lone_sidecar(config)
        .arguments(Node::SIDECAR, &["--file-flush-interval-msec", "50", "--concurrency", "1"])
}

/// Port, weight and health of each host.
type Hosts<'a> = &'a [(u16, u32, &'a str)];

/// A `load_assignment` of these localities: priority, zone, the locality's weight, and each host's port, weight and health.
fn localities(localities: &[(u32, &str, u32, Hosts<'_>)], policy: &str) -> String {
    let mut text =
        format!("load_assignment:\n  cluster_name: app\n  policy: {{ {policy} }}\n  endpoints:\n");
    for (priority, zone, weight, hosts) in localities {
        writeln!(text, "  - priority: {priority}\n    locality: {{ zone: \"{zone}\" }}").unwrap();
        writeln!(text, "    load_balancing_weight: {weight}\n    lb_endpoints:").unwrap();
        for (port, weight, health) in *hosts {
            let address =
                format!("{{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}");
            writeln!(text, "    - endpoint: {{ address: {address}, hostname: \"host-{port}\" }}")
                .unwrap();
            writeln!(text, "      load_balancing_weight: {weight}\n      health_status: {health}")
                .unwrap();
        }
    }
    text
}

/// Hosts of one locality, all healthy: their ports and weights.
fn hosts(hosts: &[(u16, u32)]) -> String {
    let hosts: Vec<_> = hosts.iter().map(|(port, weight)| (*port, *weight, "HEALTHY")).collect();
    localities(&[(0, "a", 1, &hosts)], "overprovisioning_factor: 140")
}

/// Sends requests with these lines below their first ones, and says which hosts they met: ports, or nothing.
async fn chosen(mesh: &Mesh, requests: &[String]) -> Vec<String> {
    let before = lines(&mesh.logs(Node::SIDECAR).await.unwrap()).len();
    let mut connection = mesh.connect().await;
    for request in requests {
        let (line, headers) = request.split_once('\n').unwrap_or((request, ""));
        let headers: String = headers.lines().map(|header| format!("{header}\r\n")).collect();
        let request = format!("GET {line} HTTP/1.1\r\nhost: a\r\n{headers}\r\n");
        let reply = connection.exchange(request).await.unwrap();
        assert_eq!(reply.status(), 503);
    }
    let logs = async || mesh.logs(Node::SIDECAR).await;
    let all = |logs: &String| lines(logs).len() == before + requests.len();
    let logs = satisfies("a line for each request", logs, all).await.unwrap();
    lines(&logs).split_off(before)
}

fn lines(logs: &str) -> Vec<String> {
    let lines = logs.lines().filter_map(|line| Some(line.split_once(CHOSE)?.1));
    lines.map(|host| host.rsplit(':').next().unwrap().to_owned()).collect()
}

/// How often each host was met.
async fn counted(mesh: &Mesh, requests: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for host in chosen(mesh, &vec![String::from("/"); requests]).await {
        *counts.entry(host).or_default() += 1;
    }
    counts
}

/// Holds counts to shares, five standard deviations wide where chance decides.
#[track_caller]
fn assert_shares(counts: &BTreeMap<String, usize>, shares: &[(&str, f64)]) {
    let total: usize = counts.values().sum();
    for (host, share) in shares {
        let count = counts.get(*host).copied().unwrap_or_default() as f64;
        let wanted = total as f64 * share;
        let slack = 5.0 * (total as f64 * share * (1.0 - share)).sqrt() + 1.0;
        assert!((count - wanted).abs() <= slack, "{host} is to get {wanted}: {counts:?}");
    }
    let known: f64 = shares.iter().map(|(_, share)| share).sum();
    assert!((known - 1.0).abs() < 0.01 && counts.len() <= shares.len(), "{counts:?}");
}

/// Holds what each request met to what the real Envoy made of it; `UPDATE_EXPECT=1` writes that anew, from Envoy only.
async fn assert_as_envoy(mesh: &Mesh, name: &str, requests: &[String]) {
    let met = chosen(mesh, requests).await;
    let mut text = String::new();
    for (request, host) in requests.iter().zip(met) {
        writeln!(text, "{} -> {host}", request.replace('\n', " | ")).unwrap();
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/balancing/{name}"));
    let path = path.with_extension("expected");
    if mesh.data_plane() == DataPlane::Envoy && std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap();
    let differ = expected.lines().zip(text.lines()).find(|(expected, met)| expected != met);
    assert_eq!(differ, None, "expected first, {}", path.display());
    assert_eq!(expected.lines().count(), text.lines().count());
}

/// Requests of that many users.
fn users(count: usize) -> Vec<String> {
    (0..count).map(|user| format!("/\nx-user: user-{user}")).collect()
}

const BY_USER: &str = "hash_policy: [{ header: { header_name: x-user } }]";

each_balancer!(
    a_ring_gives_a_user_the_same_host_as_envoys,
    &format!("lb_policy: RING_HASH\n{}", hosts(&[(1, 1), (2, 1), (3, 2), (4, 5), (5, 1)])),
    BY_USER
);
async fn a_ring_gives_a_user_the_same_host_as_envoys(mesh: &Mesh) {
    assert_as_envoy(mesh, "ring", &users(100)).await;
    let admin = mesh.admin(Node::SIDECAR);
    admin.gauge("cluster.app.ring_hash_lb.size").becomes(1030).await;
    admin.gauge("cluster.app.ring_hash_lb.min_hashes_per_host").becomes(103).await;
    admin.gauge("cluster.app.ring_hash_lb.max_hashes_per_host").becomes(515).await;
}

each_balancer!(
    a_small_ring_of_names_is_envoys_too,
    &format!(
        "type: STRICT_DNS\nlb_policy: RING_HASH\nring_hash_lb_config: {{ minimum_ring_size: 4, maximum_ring_size: 7, hash_function: MURMUR_HASH_2 }}\ncommon_lb_config: {{ consistent_hashing_lb_config: {{ use_hostname_for_hashing: true }} }}\n{}",
        hosts(&[(1, 1), (2, 1), (3, 2), (4, 5), (5, 1)])
    ),
    BY_USER
);
async fn a_small_ring_of_names_is_envoys_too(mesh: &Mesh) {
    assert_as_envoy(mesh, "small_ring", &users(100)).await;
    let admin = mesh.admin(Node::SIDECAR);
    admin.gauge("cluster.app.ring_hash_lb.size").becomes(7).await;
}

each_balancer!(
    maglev_gives_a_user_the_same_host_as_envoys,
    &format!("lb_policy: MAGLEV\n{}", hosts(&[(1, 1), (2, 1), (3, 2), (4, 5), (5, 1)])),
    BY_USER
);
async fn maglev_gives_a_user_the_same_host_as_envoys(mesh: &Mesh) {
    assert_as_envoy(mesh, "maglev", &users(100)).await;
    let stats = mesh.admin(Node::SIDECAR).stats().await.unwrap();
    let spread = ["min", "max"]
        .map(|end| stats.value(&format!("cluster.app.maglev_lb.{end}_entries_per_host")));
    assert_eq!(spread, [Some(6554), Some(32767)]);
}

each_balancer!(
    tables_of_the_extensions_and_of_localities_are_envoys,
    &format!(
        "load_balancing_policy: {{ policies: [{{ typed_extension_config: {{ name: maglev, typed_config: {{ '@type': type.googleapis.com/envoy.extensions.load_balancing_policies.maglev.v3.Maglev, table_size: 101, locality_weighted_lb_config: {{}} }} }} }}] }}\n{}",
        localities(
            &[
                (0, "b", 3, &[(1, 1, "HEALTHY"), (2, 2, "HEALTHY"), (6, 2, "UNHEALTHY")]),
                (0, "a", 1, &[(3, 1, "HEALTHY"), (4, 1, "HEALTHY")]),
                (1, "a", 1, &[(5, 1, "HEALTHY")]),
            ],
            "overprovisioning_factor: 100"
        )
    ),
    BY_USER
);
async fn tables_of_the_extensions_and_of_localities_are_envoys(mesh: &Mesh) {
    assert_as_envoy(mesh, "extension", &users(100)).await;
}

each_balancer!(
    hash_policies_hash_what_envoys_hash,
    &format!("lb_policy: RING_HASH\n{}", hosts(&[(1, 1), (2, 1), (3, 1), (4, 1), (5, 1)])),
    "hash_policy:\n- header: { header_name: x-user, regex_rewrite: { pattern: { regex: '-[0-9]' }, substitution: '' } }\n  terminal: true\n- cookie: { name: sticky }\n- query_parameter: { name: user }\n- connection_properties: { source_ip: true }\n- header: { header_name: ':path' }"
);
async fn hash_policies_hash_what_envoys_hash(mesh: &Mesh) {
    let mut requests = Vec::new();
    for key in 0..12 {
        requests.push(format!("/\nx-user: a-{key}b{key}"));
        requests.push(format!("/\nx-user: b{key}\nx-user: a{key}"));
        requests.push(format!("/\nx-user: a{key}\nx-user: b{key}"));
        requests.push(format!("/\ncookie: other=1; sticky=\"c{key}\"; sticky=2"));
        requests.push(format!("/?a=b&user={key}&user=1"));
        requests.push(format!("/{key}?user"));
        requests.push(format!("/\nx-forwarded-for: 10.0.0.{key}"));
        requests.push(format!("/\ncookie: sticky=\nx-forwarded-for: 10.0.0.{key}"));
    }
    assert_as_envoy(mesh, "hash_policies", &requests).await;
}

each_balancer!(
    weights_say_how_often_hosts_take_turns,
    &format!("lb_policy: ROUND_ROBIN\n{}", hosts(&[(1, 1), (2, 2), (3, 5)])),
    ""
);
async fn weights_say_how_often_hosts_take_turns(mesh: &Mesh) {
    let counts = counted(mesh, 80).await;
    for (host, wanted) in [("1", 10), ("2", 20), ("3", 50_usize)] {
        assert!(counts[host].abs_diff(wanted) <= 1, "{counts:?}");
    }
}

each_balancer!(
    least_request_and_random_draw,
    &format!("lb_policy: LEAST_REQUEST\n{}", hosts(&[(1, 1), (2, 1), (3, 1), (4, 1)])),
    ""
);
async fn least_request_and_random_draw(mesh: &Mesh) {
    let even = ["1", "2", "3", "4"].map(|host| (host, 0.25));
    assert_shares(&counted(mesh, 600).await, &even);
}

each_balancer!(
    least_request_goes_by_weights_where_they_differ,
    &format!("lb_policy: LEAST_REQUEST\n{}", hosts(&[(1, 1), (2, 3)])),
    ""
);
async fn least_request_goes_by_weights_where_they_differ(mesh: &Mesh) {
    assert_shares(&counted(mesh, 400).await, &[("1", 0.25), ("2", 0.75)]);
}

each_balancer!(
    random_does_not_look_at_weights,
    &format!("lb_policy: RANDOM\n{}", hosts(&[(1, 1), (2, 9)])),
    ""
);
async fn random_does_not_look_at_weights(mesh: &Mesh) {
    assert_shares(&counted(mesh, 600).await, &[("1", 0.5), ("2", 0.5)]);
}

each_balancer!(
    what_a_priority_cannot_take_goes_to_the_next,
    &localities(
        &[
            (0, "a", 1, &[(1, 1, "HEALTHY"), (2, 1, "UNHEALTHY"), (6, 1, "DRAINING")]),
            (1, "a", 1, &[(3, 1, "HEALTHY"), (4, 1, "HEALTHY")]),
        ],
        "overprovisioning_factor: 140"
    ),
    ""
);
async fn what_a_priority_cannot_take_goes_to_the_next(mesh: &Mesh) {
    assert_shares(&counted(mesh, 800).await, &[("1", 0.7), ("3", 0.15), ("4", 0.15)]);
    let admin = mesh.admin(Node::SIDECAR);
    for (gauge, count) in [("total", 5), ("healthy", 3), ("degraded", 0), ("excluded", 1)] {
        admin.gauge(&format!("cluster.app.membership_{gauge}")).becomes(count).await;
    }
    admin.counter("cluster.app.lb_healthy_panic").becomes(0).await;
    let lines = admin.get("/clusters").await.unwrap().text();
    for line in [
        "app::127.0.0.1:1::health_flags::healthy",
        "app::127.0.0.1:2::health_flags::/failed_eds_health",
        "app::127.0.0.1:6::health_flags::/eds_status_draining",
        "app::127.0.0.1:3::priority::1",
        "app::127.0.0.1:3::zone::a",
    ] {
        assert!(lines.lines().any(|other| other == line), "no {line} in {lines}");
    }
}

each_balancer!(
    degraded_hosts_take_what_is_left,
    &localities(
        &[(0, "a", 1, &[(1, 1, "HEALTHY"), (2, 1, "DEGRADED"), (3, 1, "UNHEALTHY")])],
        "overprovisioning_factor: 150"
    ),
    ""
);
async fn degraded_hosts_take_what_is_left(mesh: &Mesh) {
    assert_shares(&counted(mesh, 600).await, &[("1", 0.5), ("2", 0.5)]);
    mesh.admin(Node::SIDECAR).gauge("cluster.app.membership_degraded").becomes(1).await;
}

each_balancer!(
    in_a_panic_every_host_will_do,
    &localities(
        &[(0, "a", 1, &[(1, 1, "HEALTHY"), (2, 1, "UNHEALTHY"), (3, 1, "UNHEALTHY")])],
        "overprovisioning_factor: 140"
    ),
    ""
);
async fn in_a_panic_every_host_will_do(mesh: &Mesh) {
    let third = 1.0 / 3.0;
    assert_shares(&counted(mesh, 300).await, &[("1", third), ("2", third), ("3", third)]);
    mesh.admin(Node::SIDECAR).counter("cluster.app.lb_healthy_panic").becomes(300).await;
}

each_balancer!(
    a_panic_may_fail_requests_instead,
    &format!(
        "common_lb_config: {{ zone_aware_lb_config: {{ fail_traffic_on_panic: true }} }}\n{}",
        localities(
            &[(0, "a", 1, &[(1, 1, "HEALTHY"), (2, 1, "UNHEALTHY"), (3, 1, "UNHEALTHY")])],
            "overprovisioning_factor: 140"
        )
    ),
    ""
);
async fn a_panic_may_fail_requests_instead(mesh: &Mesh) {
    assert_shares(&counted(mesh, 20).await, &[("-", 1.0)]);
    let admin = mesh.admin(Node::SIDECAR);
    admin.counter("cluster.app.lb_healthy_panic").becomes(20).await;
    admin.counter("cluster.app.upstream_cx_none_healthy").becomes(20).await;
}

each_balancer!(
    with_a_threshold_of_zero_there_is_no_panic,
    &format!(
        "common_lb_config: {{ healthy_panic_threshold: {{ value: 0 }} }}\n{}",
        localities(
            &[(0, "a", 1, &[(1, 1, "UNHEALTHY"), (2, 1, "UNHEALTHY")])],
            "overprovisioning_factor: 140"
        )
    ),
    ""
);
async fn with_a_threshold_of_zero_there_is_no_panic(mesh: &Mesh) {
    assert_shares(&counted(mesh, 20).await, &[("-", 1.0)]);
    mesh.admin(Node::SIDECAR).counter("cluster.app.lb_healthy_panic").becomes(0).await;
}

each_balancer!(
    localities_get_traffic_by_weight_and_health,
    &format!(
        "common_lb_config: {{ locality_weighted_lb_config: {{}} }}\n{}",
        localities(
            &[
                (0, "a", 2, &[(1, 1, "HEALTHY"), (2, 3, "HEALTHY")]),
                (0, "b", 2, &[(3, 1, "HEALTHY"), (4, 1, "UNHEALTHY")]),
                (0, "c", 0, &[(5, 1, "HEALTHY")]),
            ],
            "overprovisioning_factor: 100"
        )
        .replace("    load_balancing_weight: 0\n", "")
    ),
    ""
);
async fn localities_get_traffic_by_weight_and_health(mesh: &Mesh) {
    let shares = [("1", 1.0 / 6.0), ("2", 0.5), ("3", 1.0 / 3.0)];
    assert_shares(&counted(mesh, 600).await, &shares);
}

/// Hosts by what their metadata says, and what serves where none says what the route wants.
const SUBSETS: &str = r#"
lb_subset_config:
  fallback_policy: DEFAULT_SUBSET
  default_subset: { stage: dev }
  subset_selectors:
  - { keys: [stage], fallback_policy: NO_FALLBACK }
  - keys: [version, stage]
  - { keys: [version], fallback_policy: ANY_ENDPOINT }
  - { keys: [stage, number], fallback_policy: KEYS_SUBSET, fallback_keys_subset: [stage] }
load_assignment:
  cluster_name: app
  endpoints:
  - lb_endpoints:
    - { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 1 } } }, metadata: { filter_metadata: { envoy.lb: { version: "1", stage: prod } } } }
    - { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 2 } } }, metadata: { filter_metadata: { envoy.lb: { version: "2", stage: prod } } } }
    - { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 3 } } }, metadata: { filter_metadata: { envoy.lb: { version: "1", stage: dev } } } }
    - { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 4 } } } }
    - { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 5 } } }, metadata: { filter_metadata: { envoy.lb: { stage: prod, number: 5 } } } }
"#;

/// Prefix, what the route wants, and the hosts that it is to meet.
const WANTED: [(&str, &str, &[&str]); 8] = [
    ("/both", "{ stage: prod, version: '1' }", &["1"]),
    ("/stage", "{ stage: prod }", &["1", "2", "5"]),
    ("/no-stage", "{ stage: test }", &["-"]),
    ("/any", "{ version: '9' }", &["1", "2", "3", "4", "5"]),
    ("/number", "{ number: 5, stage: prod }", &["5"]),
    ("/fewer", "{ number: 6, stage: dev }", &["3"]),
    ("/unknown", "{ other: true }", &["3"]),
    ("/", "{}", &["3"]),
];

mod a_route_meets_the_subset_that_it_wants {
    use outrigger_harness::{node::ConfigVersion, topology::Topology, trial};

    use super::{SUBSETS, WANTED, balancer_of};

    fn topology(_version: ConfigVersion) -> Topology {
        let routes = WANTED.map(|(prefix, wanted, _)| {
            let fields = format!("metadata_match: {{ filter_metadata: {{ envoy.lb: {wanted} }} }}");
            (prefix, fields)
        });
        let routes = routes.each_ref().map(|(prefix, fields)| (*prefix, fields.as_str()));
        balancer_of(SUBSETS, &routes)
    }

    #[test]
    fn outrigger() {
        let body = super::a_route_meets_the_subset_that_it_wants;
        trial::run(trial::Mode::V3Process, topology, body);
    }

    #[test]
    fn envoy() {
        let body = super::a_route_meets_the_subset_that_it_wants;
        trial::run(trial::Mode::Envoy, topology, body);
    }
}
async fn a_route_meets_the_subset_that_it_wants(mesh: &Mesh) {
    for (prefix, _, wanted) in WANTED {
        let met = chosen(mesh, &vec![String::from(prefix); 15]).await;
        let mut counts = BTreeMap::new();
        met.iter().for_each(|host| *counts.entry(host.as_str()).or_default() += 1);
        let each = 15 / wanted.len();
        assert_eq!(counts, wanted.iter().map(|host| (*host, each)).collect(), "{prefix}");
    }
    let stats = mesh.admin(Node::SIDECAR).stats().await.unwrap();
    let counted = ["active", "created", "removed", "selected", "fallback", "fallback_panic"];
    let counted = counted.map(|name| stats.value(&format!("cluster.app.lb_subsets_{name}")));
    // Envoy counts the subsets of each of its threads, and has a main one beside the worker.
    let made = if mesh.data_plane() == DataPlane::Envoy { 16 } else { 8 };
    assert_eq!(counted, [made, made, 0, 60, 30, 0].map(Some));
}
