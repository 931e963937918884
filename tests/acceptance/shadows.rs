//! Copies of requests for other clusters (`request_mirror_policies`), on our proxy and on the real Envoy.

use std::{
    io::Read,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Request, StatusCode, header::HeaderValue};
use outrigger_harness::{
    client::{
        pattern,
        stream::{Http, exchange},
    },
    eventually::satisfies,
    mesh::Mesh,
    node::{Config, ConfigVersion, Node},
    origin::{Origin, Seen, origin},
    topology::Topology,
    trial::{self, Mode},
};

/// Makes a test of each proxy out of `async fn name(mesh: &Mesh, origins: &Origins)`.
macro_rules! each_proxy {
    ($name:ident) => {
        mod $name {
            #[test]
            fn outrigger() {
                super::run(super::Mode::V3Process, super::$name);
            }

            #[test]
            fn envoy() {
                super::run(super::Mode::Envoy, super::$name);
            }
        }
    };
}

/// Everything goes to `primary`, and copies of it where the route says.
const FILE: &str = r#"
admin: { address: { socket_address: { address: 0.0.0.0, port_value: 8001 } } }
static_resources:
  listeners:
  - address: { socket_address: { address: 0.0.0.0, port_value: 80 } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: shadows
          use_remote_address: true
          http_filters:
          - name: envoy.filters.http.router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
          route_config:
            request_mirror_policies: [{ cluster: two }]
            virtual_hosts:
            - name: table
              domains: [table.example]
              routes:
              - { match: { prefix: /own }, route: { cluster: own } }
              - { match: { prefix: / }, route: { cluster: primary } }
            - name: host
              domains: ["*"]
              request_mirror_policies: [{ cluster: one }]
              routes:
              - match: { prefix: /two }
                route:
                  cluster: primary
                  prefix_rewrite: /zwei
                  host_rewrite_literal: "other.example:99"
                  request_mirror_policies:
                  - cluster: one
                  - cluster: two
                    host_rewrite_literal: literal.example
                    request_headers_mutations:
                    - { remove: x-gone }
                    - { append: { header: { key: x-path, value: "%REQ(:path)%" } } }
                    - { append: { header: { key: x-path, value: "again" } } }
              - match: { prefix: /same }
                route:
                  cluster: primary
                  timeout: 0s
                  request_mirror_policies: [{ cluster: one, disable_shadow_host_suffix_append: true }]
              - match: { prefix: /timed }
                route:
                  cluster: primary
                  request_mirror_policies:
                  - cluster: one
                    request_headers_mutations:
                    - { append: { header: { key: x-envoy-upstream-rq-timeout-ms, value: "500" } } }
                    - { append: { header: { key: x-envoy-retry-on, value: "5xx" } } }
                    - { append: { header: { key: x-envoy-internal, value: "false" }, append_action: OVERWRITE_IF_EXISTS_OR_ADD } }
              - match: { prefix: /named }
                route: { cluster: primary, request_mirror_policies: [{ cluster_header: x-copy-to }] }
              - match: { prefix: /nested }
                route: { cluster: primary, request_mirror_policies: [{ cluster: own }] }
              - match: { prefix: /all }
                route: { cluster: primary, request_mirror_policies: [{ cluster: one, trace_sampled: false, runtime_fraction: { default_value: { numerator: 100 } } }] }
              - match: { prefix: /none }
                route: { cluster: primary, request_mirror_policies: [{ cluster: one, runtime_fraction: { default_value: { numerator: 0 }, runtime_key: a.key } }] }
              - match: { prefix: /half }
                route: { cluster: primary, request_mirror_policies: [{ cluster: one, runtime_fraction: { default_value: { numerator: 50 } } }, { cluster: two, runtime_fraction: { default_value: { numerator: 50 } } }] }
              - match: { prefix: /failing }
                route: { cluster: failing, retry_policy: { retry_on: 5xx, num_retries: 2 } }
              - match: { prefix: /to-nobody }
                route: { cluster: primary, request_mirror_policies: [{ cluster: nobody }] }
              - match: { prefix: /to-refusing }
                route: { cluster: primary, request_mirror_policies: [{ cluster: refusing }] }
              - match: { prefix: /to-tight }
                route: { cluster: primary, request_mirror_policies: [{ cluster: tight }] }
              - match: { prefix: /to-silent }
                route: { cluster: primary, timeout: 0.5s, request_mirror_policies: [{ cluster: silent }] }
              - match: { prefix: /to-failing }
                route: { cluster: primary, request_mirror_policies: [{ cluster: failing }] }
              - match: { prefix: /to-counting }
                route: { cluster: primary, request_mirror_policies: [{ cluster: counting }] }
              - match: { prefix: /to-deaf }
                route: { cluster: primary, request_mirror_policies: [{ cluster: deaf }] }
              - { match: { prefix: /nobody }, route: { cluster: nobody } }
              - { match: { prefix: /closed }, route: { cluster: closed } }
              - { match: { prefix: /refusing }, route: { cluster: refusing } }
              - match: { prefix: /http2 }
                route: { cluster: primary2, request_mirror_policies: [{ cluster: one2 }] }
              - match: { prefix: /large }
                request_body_buffer_limit: 100000000
                route: { cluster: primary, request_mirror_policies: [{ cluster: one }] }
              - { match: { prefix: / }, route: { cluster: primary } }
  clusters:
"#;

/// The clusters: name, port of the file, and what more there is.
const CLUSTERS: [(&str, u16, &str); 13] = [
    ("primary", 8080, ""),
    ("one", 8081, ""),
    ("two", 8082, ""),
    ("own", 8080, OWN),
    ("failing", 8083, ""),
    ("refusing", 8084, ""),
    ("silent", 8085, ""),
    ("counting", 8086, ""),
    ("deaf", 8087, ""),
    (
        "closed",
        8080,
        ", circuit_breakers: { thresholds: [{ max_connections: 0, max_pending_requests: 0 }] }",
    ),
    ("tight", 8081, ", circuit_breakers: { thresholds: [{ max_requests: 0 }] }"),
    ("primary2", 8080, HTTP2),
    ("one2", 8081, HTTP2),
];

/// A cluster that says itself where copies go.
const OWN: &str = r#", typed_extension_protocol_options: { envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {
      "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions,
      explicit_http_config: { http_protocol_options: {} }, request_mirror_policies: [{ cluster: one }] } }"#;

const HTTP2: &str = r#", typed_extension_protocol_options: { envoy.extensions.upstreams.http.v3.HttpProtocolOptions: {
      "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions,
      explicit_http_config: { http2_protocol_options: {} } } }"#;

/// Who is behind the clusters.
struct Origins {
    primary: Origin,
    one: Origin,
    two: Origin,
    failing: Origin,
    silent: Counting,
    counting: Counting,
    deaf: SocketAddr,
    refusing: SocketAddr,
}

/// A server that counts the bytes that it reads and answers nothing.
struct Counting {
    address: SocketAddr,
    read: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
}

impl Counting {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (read, ended) = (Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let counts = (read.clone(), ended.clone());
        // Ends with the test's process: a thread that waits for bytes costs nothing until then.
        thread::spawn(move || {
            while let Ok((mut stream, _peer)) = listener.accept() {
                let (read, ended) = counts.clone();
                thread::spawn(move || {
                    let mut buffer = [0; 64 * 1024];
                    while let Ok(more @ 1..) = stream.read(&mut buffer) {
                        read.fetch_add(more as u64, Ordering::SeqCst);
                    }
                    ended.store(true, Ordering::SeqCst);
                });
            }
        });
        Self { address, read, ended }
    }

    async fn reads(&self, least: u64) {
        let read = async || Ok(self.read.load(Ordering::SeqCst));
        satisfies("bytes of a copy", read, |read| *read >= least).await.unwrap();
    }

    async fn ends(&self) {
        let ended = async || Ok(self.ended.load(Ordering::SeqCst));
        satisfies("the end of a copy", ended, |ended| *ended).await.unwrap();
    }
}

/// A server that reads nothing.
fn deaf() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let mut open = Vec::new();
        while let Ok((stream, _peer)) = listener.accept() {
            open.push(stream);
        }
    });
    address
}

impl Origins {
    async fn start() -> Self {
        let answering =
            async |plan: outrigger_harness::origin::OriginPlan| plan.start().await.unwrap();
        Self {
            primary: answering(origin().body("primary")).await,
            one: answering(origin().body("one")).await,
            two: answering(origin().body("two")).await,
            failing: answering(origin().status(StatusCode::SERVICE_UNAVAILABLE)).await,
            silent: Counting::start(),
            counting: Counting::start(),
            deaf: deaf(),
            refusing: TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap(),
        }
    }

    fn topology(&self) -> Topology {
        let mut text = FILE.to_owned();
        for (name, port, more) in CLUSTERS {
            text += &format!(
                "  - {{ name: {name}, connect_timeout: 1s, load_assignment: {{ cluster_name: {name}, endpoints: [{{ \
                 lb_endpoints: [{{ endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} \
                 }} }} }} }}] }}] }}{more} }}\n"
            );
        }
        text += "  - { name: nobody, connect_timeout: 1s, load_assignment: { cluster_name: nobody } }\n";
        let config = Config { version: ConfigVersion::V3, path: "shadows.yaml".into(), text };
        let mut topology =
            Topology::new().lone_sidecar(config).arguments(Node::SIDECAR, &["--concurrency", "1"]);
        for (port, address) in [
            (8080, self.primary.address()),
            (8081, self.one.address()),
            (8082, self.two.address()),
            (8083, self.failing.address()),
            (8084, self.refusing),
            (8085, self.silent.address),
            (8086, self.counting.address),
            (8087, self.deaf),
        ] {
            topology = topology.origin(Node::SIDECAR, &format!("127.0.0.1:{port}"), address);
        }
        topology
    }
}

fn run(mode: Mode, body: impl AsyncFnOnce(&Mesh, &Origins)) {
    trial::run_with(
        mode,
        async || Origins::start().await,
        |_version, origins| origins.topology(),
        body,
    );
}

/// Waits for the request of that number, from one, that an origin gets.
async fn got(origin: &Origin, number: usize) -> Seen {
    let seen = async || Ok(origin.seen());
    let seen = satisfies("a request", seen, |seen| seen.len() >= number).await.unwrap();
    seen[number - 1].clone()
}

/// What is said of a request in its head, with its own address in place of each in `x-forwarded-for`.
fn said(seen: &Seen) -> String {
    let header = |name: &str| {
        let values = seen.headers.get_all(name).iter().map(|value| value.to_str().unwrap());
        values.collect::<Vec<_>>().join("|")
    };
    let forwarded = header("x-forwarded-for").split(',').count();
    let mut text = format!("{} {} {} xff {forwarded}", seen.method, seen.target, header("host"));
    for name in ["internal", "expected-rq-timeout-ms", "original-path", "retry-on"] {
        let value = header(&format!("x-envoy-{name}"));
        if !value.is_empty() {
            text += &format!(" {name} {value}");
        }
    }
    for name in ["x-gone", "x-path"] {
        if !header(name).is_empty() {
            text += &format!(" {name} {}", header(name));
        }
    }
    text
}

async fn ask(mesh: &Mesh, path: &str, host: &str, more: &str) -> u16 {
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{more}\r\n");
    mesh.connect().await.exchange(&request).await.unwrap().status()
}

each_proxy!(a_copy_says_what_it_is);
async fn a_copy_says_what_it_is(mesh: &Mesh, origins: &Origins) {
    let Origins { primary, one, two, .. } = origins;
    let mut asked = 0;
    let mut ask = async |path: &str, host: &str, more: &str, expected: &str| {
        assert_eq!(ask(mesh, path, host, more).await, 200, "{path}");
        asked += 1;
        assert_eq!(said(&got(primary, asked).await), expected, "{path}");
    };
    // What the virtual host says.
    ask("/a", "a.example:8080", "", "GET /a a.example:8080 xff 1 expected-rq-timeout-ms 15000")
        .await;
    let expected = "GET /a a.example-shadow:8080 xff 2 internal true expected-rq-timeout-ms 15000";
    assert_eq!(said(&got(one, 1).await), expected);
    assert_eq!(
        got(one, 1).await.headers["x-request-id"],
        got(primary, 1).await.headers["x-request-id"]
    );
    for (number, host, copy) in [
        (2, "[::1]:8080", "[::1]-shadow:8080"),
        (3, "[::1]", "[::1]-shadow"),
        (4, "a:b:c", "a:b-shadow:c"),
        (5, "a:", "a-shadow:"),
    ] {
        let timeout = "expected-rq-timeout-ms 15000";
        ask("/", host, "", &format!("GET / {host} xff 1 {timeout}")).await;
        let expected = format!("GET / {copy} xff 2 internal true {timeout}");
        assert_eq!(said(&got(one, number).await), expected);
    }
    // What the route says, of two clusters.
    let more = "x-gone: x\r\nx-forwarded-for: 192.0.2.1\r\n";
    let expected =
        "GET /zwei other.example:99 xff 2 expected-rq-timeout-ms 15000 original-path /two x-gone x";
    ask("/two", "a", more, expected).await;
    let expected = "GET /zwei other.example-shadow:99 xff 3 internal true expected-rq-timeout-ms 15000 \
                    original-path /two x-gone x";
    assert_eq!(said(&got(one, 6).await), expected);
    let expected = "GET /zwei literal.example xff 3 internal true expected-rq-timeout-ms 15000 \
                    original-path /two x-path /zwei|again";
    assert_eq!(said(&got(two, 1).await), expected);
    // Without a timeout, and with one that the copy is given.
    ask("/same", "a", "", "GET /same a xff 1").await;
    assert_eq!(said(&got(one, 7).await), "GET /same a xff 2 internal true");
    ask("/timed", "a", "", "GET /timed a xff 1 expected-rq-timeout-ms 15000").await;
    let expected = "GET /timed a-shadow xff 2 internal true expected-rq-timeout-ms 500";
    assert_eq!(said(&got(one, 8).await), expected);
    // What the table says, and what a cluster says in its place.
    ask("/t", "table.example", "", "GET /t table.example xff 1 expected-rq-timeout-ms 15000").await;
    let expected = "GET /t table.example-shadow xff 2 internal true expected-rq-timeout-ms 15000";
    assert_eq!(said(&got(two, 2).await), expected);
    ask("/own", "table.example", "", "GET /own table.example xff 1 expected-rq-timeout-ms 15000")
        .await;
    let expected = "GET /own table.example-shadow xff 2 internal true expected-rq-timeout-ms 15000";
    assert_eq!(said(&got(one, 9).await), expected);
    // Nothing but what was expected has come, but for what is still on its way; the last one was the last.
    assert_eq!((primary.seen().len(), one.seen().len(), two.seen().len()), (10, 9, 2));
    let admin = mesh.admin(Node::SIDECAR);
    admin.counter("http.async-client.rq_total").becomes(11).await;
    admin.counter("http.shadows.rq_total").becomes(10).await;
}

each_proxy!(a_copy_is_copied_where_its_cluster_says_so);
async fn a_copy_is_copied_where_its_cluster_says_so(mesh: &Mesh, origins: &Origins) {
    assert_eq!(ask(mesh, "/nested", "a", "").await, 200);
    let seen = async || Ok(origins.primary.seen());
    let seen = satisfies("both requests", seen, |seen| seen.len() == 2).await.unwrap();
    let mut hosts: Vec<_> = seen.iter().map(|seen| seen.headers["host"].clone()).collect();
    hosts.sort();
    assert_eq!(hosts, ["a", "a-shadow"]);
    let expected = "GET /nested a-shadow-shadow xff 3 internal true expected-rq-timeout-ms 15000";
    assert_eq!(said(&got(&origins.one, 1).await), expected);
    mesh.admin(Node::SIDECAR).counter("http.async-client.rq_total").becomes(2).await;
}

each_proxy!(a_request_may_name_the_cluster_and_chance_may_decide);
async fn a_request_may_name_the_cluster_and_chance_may_decide(mesh: &Mesh, origins: &Origins) {
    let admin = mesh.admin(Node::SIDECAR);
    for (path, more) in [
        ("/named", "x-copy-to: one\r\n"),
        ("/named", "x-copy-to: unknown\r\n"),
        ("/named", "x-copy-to:\r\n"),
        ("/named", ""),
        ("/none", ""),
        ("/all", ""),
    ] {
        assert_eq!(ask(mesh, path, "a", more).await, 200);
    }
    admin.counter("http.async-client.rq_total").becomes(2).await;
    assert_eq!(got(&origins.one, 1).await.target, "/named");
    assert_eq!(got(&origins.one, 2).await.target, "/all");
    // One number decides for all policies of a request.
    for _ in 0..100 {
        assert_eq!(ask(mesh, "/half", "a", "").await, 200);
    }
    let copies = async || Ok((origins.one.seen().len() - 2, origins.two.seen().len()));
    let (one, _two) = satisfies("copies", copies, |(one, two)| one == two).await.unwrap();
    assert!((20..=80).contains(&one), "{one} of 100");
    admin.counter("http.async-client.rq_total").becomes(2 + 2 * one as u64).await;
}

each_proxy!(copies_count_as_requests_from_inside_and_fail_alone);
async fn copies_count_as_requests_from_inside_and_fail_alone(mesh: &Mesh, origins: &Origins) {
    let admin = mesh.admin(Node::SIDECAR);
    for path in ["/", "/to-nobody", "/to-refusing", "/to-tight", "/to-silent", "/to-failing"] {
        assert_eq!(ask(mesh, path, "a", "").await, 200, "{path}");
    }
    for (name, value) in [
        ("http.async-client.rq_total", 6),
        ("http.shadows.downstream_rq_2xx", 6),
        ("cluster.primary.external.upstream_rq_200", 6),
        ("cluster.primary.upstream_rq_total", 6),
        ("cluster.one.internal.upstream_rq_200", 1),
        ("cluster.one.upstream_rq_200", 1),
        ("cluster.one.upstream_rq_completed", 1),
        ("cluster.one.upstream_rq_total", 1),
        ("cluster.nobody.internal.upstream_rq_503", 1),
        ("cluster.nobody.upstream_cx_none_healthy", 1),
        ("cluster.refusing.internal.upstream_rq_503", 1),
        ("cluster.refusing.upstream_rq_pending_failure_eject", 1),
        ("cluster.tight.internal.upstream_rq_503", 1),
        ("cluster.tight.upstream_rq_active_overflow", 1),
        ("cluster.tight.upstream_rq_total", 0),
        ("cluster.silent.internal.upstream_rq_504", 1),
        ("cluster.silent.upstream_rq_timeout", 1),
        ("cluster.failing.internal.upstream_rq_503", 1),
        ("cluster.failing.upstream_rq_503", 1),
    ] {
        admin.counter(name).becomes(value).await;
    }
    for cluster in ["primary", "one", "nobody", "refusing", "tight", "silent", "failing"] {
        admin.gauge(&format!("cluster.{cluster}.upstream_rq_active")).becomes(0).await;
    }
    assert_eq!(got(&origins.one, 1).await.target, "/");
}

each_proxy!(what_is_not_sent_is_not_copied_and_what_is_tried_again_is_copied_once);
async fn what_is_not_sent_is_not_copied_and_what_is_tried_again_is_copied_once(
    mesh: &Mesh,
    origins: &Origins,
) {
    for path in ["/nobody", "/closed"] {
        assert_eq!(ask(mesh, path, "a", "").await, 503);
    }
    // Here it turns out too late.
    assert_eq!(ask(mesh, "/refusing", "a", "").await, 503);
    assert_eq!(got(&origins.one, 1).await.target, "/refusing");
    assert_eq!(ask(mesh, "/failing", "a", "").await, 503);
    assert_eq!(got(&origins.one, 2).await.target, "/failing");
    let admin = mesh.admin(Node::SIDECAR);
    admin.counter("cluster.failing.upstream_rq_retry").becomes(2).await;
    admin.counter("http.async-client.rq_total").becomes(2).await;
    assert_eq!(origins.failing.seen().len(), 3);
}

each_proxy!(a_large_body_is_copied_whole);
async fn a_large_body_is_copied_whole(mesh: &Mesh, origins: &Origins) {
    let body = pattern(20_000_000);
    mesh.client().post("/large", body.clone()).await.unwrap().expect_status(200);
    assert_eq!(got(&origins.primary, 1).await.body, body);
    let copy = got(&origins.one, 1).await;
    assert_eq!(copy.body, body);
    assert_eq!(copy.headers["content-length"], "20000000");
    let admin = mesh.admin(Node::SIDECAR);
    admin.counter("cluster.primary.retry_or_shadow_abandoned").becomes(0).await;
}

each_proxy!(a_copy_has_the_body_and_the_trailers_over_http2);
async fn a_copy_has_the_body_and_the_trailers_over_http2(mesh: &Mesh, origins: &Origins) {
    let trailers =
        HeaderMap::from_iter([("x-sum".parse().unwrap(), HeaderValue::from_static("1"))]);
    let body = Full::new(Bytes::from_static(b"asked")).map_err(|never| match never {});
    let body = body.with_trailers(async move { Some(Ok(trailers)) }).boxed();
    let request = Request::post("http://mesh/http2").header("te", "trailers").body(body).unwrap();
    let reply = exchange(mesh.front_address(), Http::Two, request).await.unwrap();
    assert_eq!(reply.status, 200);
    for origin in [&origins.primary, &origins.one] {
        let seen = got(origin, 1).await;
        assert_eq!(seen.body, "asked");
        assert_eq!(seen.trailers["x-sum"], "1");
        assert_eq!(seen.version, hyper::Version::HTTP_2);
    }
}

each_proxy!(a_copy_streams_and_is_given_up_with_its_request);
async fn a_copy_streams_and_is_given_up_with_its_request(mesh: &Mesh, origins: &Origins) {
    let mut client = mesh.connect().await;
    client
        .send("POST /to-counting HTTP/1.1\r\nhost: a\r\ncontent-length: 200000\r\n\r\n")
        .await
        .unwrap();
    client.send(vec![b'x'; 100_000]).await.unwrap();
    // The other half is not there yet.
    origins.counting.reads(100_000).await;
    drop(client);
    origins.counting.ends().await;
    let admin = mesh.admin(Node::SIDECAR);
    for (name, value) in [
        ("cluster.counting.upstream_rq_total", 1),
        ("cluster.counting.upstream_rq_active", 0),
        ("cluster.counting.upstream_cx_active", 0),
        ("cluster.counting.upstream_rq_completed", 0),
        ("http.shadows.downstream_cx_active", 0),
    ] {
        admin.counter(name).becomes(value).await;
    }
}

/// Envoy's copies hold up their request, and this one does so until the client gives up.
#[test]
fn a_copy_that_is_not_read_is_left_behind() {
    run(Mode::V3Process, async |mesh, origins| {
        let body = pattern(40_000_000);
        mesh.client().post("/to-deaf", body.clone()).await.unwrap().expect_status(200);
        assert_eq!(got(&origins.primary, 1).await.body.len(), body.len());
        let admin = mesh.admin(Node::SIDECAR);
        admin.counter("cluster.primary.retry_or_shadow_abandoned").becomes(1).await;
        admin.gauge("cluster.deaf.upstream_rq_active").becomes(0).await;
        admin.gauge("cluster.deaf.upstream_cx_active").becomes(0).await;
    });
}
