//! The rate limit filter and the service that it asks, on our proxy and on the real Envoy.

use std::{net::SocketAddr, time::Duration};

use outrigger_harness::{
    client::raw::RawReply,
    eventually::satisfies,
    mesh::Mesh,
    node::{Config, ConfigVersion, Node},
    origin::{Origin, origin},
    rls::{Answer, Code, DescriptorStatus, Entry, Header, Limit, LimitResponse, Rls, Seconds},
    topology::Topology,
    trial::{self, Mode},
};

/// Makes a test of each proxy out of `async fn name(mesh: &Mesh, origins: &Origins)` and what the filter has beside what every
/// one has.
macro_rules! each_proxy {
    ($name:ident, $filter:expr) => {
        mod $name {
            #[test]
            fn outrigger() {
                super::run(super::Mode::V3Process, $filter, super::$name);
            }

            #[test]
            fn envoy() {
                super::run(super::Mode::Envoy, $filter, super::$name);
            }
        }
    };
}

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
          stat_prefix: limited
          use_remote_address: true
          internal_address_config: { cidr_ranges: [{ address_prefix: 192.0.2.0, prefix_len: 24 }] }
          xff_num_trusted_hops: 0
          access_log:
          - name: log
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
              log_format: { text_format_source: { inline_string: "LOG %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n" } }
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              rate_limits: [{ actions: [{ generic_key: { descriptor_value: host } }] }]
              routes:
              - match: { prefix: /actions }
                route:
                  cluster: app
                  rate_limits:
                  - actions:
                    - source_cluster: {}
                    - destination_cluster: {}
                    - remote_address: {}
                    - generic_key: { descriptor_value: value, descriptor_key: own }
                    - request_headers: { header_name: ":path", descriptor_key: path }
                    - request_headers: { header_name: x-absent, descriptor_key: absent, skip_if_absent: true }
                    - masked_remote_address: { v4_prefix_mask_len: 16 }
                    - query_parameters: { query_parameter_name: q, descriptor_key: q }
                    - query_parameters: { query_parameter_name: absent, descriptor_key: absent, skip_if_absent: true }
                    - query_parameter_value_match: { descriptor_value: one, query_parameters: [{ name: q, string_match: { exact: "1" } }] }
                    - query_parameter_value_match: { descriptor_value: not-two, descriptor_key: not, expect_match: false, query_parameters: [{ name: q, string_match: { exact: "2" } }] }
                    - header_value_match: { descriptor_value: no-header, headers: [{ name: x-a, present_match: true }], expect_match: false }
                  - { stage: 1, actions: [{ generic_key: { descriptor_value: another-stage } }] }
                  - { disable_key: never, actions: [{ generic_key: { descriptor_value: second } }] }
                  - { actions: [{ request_headers: { header_name: x-absent, descriptor_key: absent } }] }
                  - { actions: [{ generic_key: { descriptor_value: lost } }, { query_parameters: { query_parameter_name: absent, descriptor_key: absent } }] }
              - match: { prefix: /both }
                route: { cluster: app, include_vh_rate_limits: true, rate_limits: [{ actions: [{ generic_key: { descriptor_value: route } }] }] }
              - match: { prefix: /route }
                route: { cluster: app, rate_limits: [{ actions: [{ generic_key: { descriptor_value: route } }] }] }
              - match: { prefix: /include }
                route: { cluster: app, rate_limits: [{ actions: [{ generic_key: { descriptor_value: route } }] }] }
                typed_per_filter_config:
                  limit:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute
                    vh_rate_limits: INCLUDE
                    domain: another
              - match: { prefix: /ignore }
                route: { cluster: app }
                typed_per_filter_config:
                  limit:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute
                    vh_rate_limits: IGNORE
              - match: { prefix: /own }
                route: { cluster: app, rate_limits: [{ actions: [{ generic_key: { descriptor_value: route } }] }] }
                typed_per_filter_config:
                  limit:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute
                    rate_limits:
                    - { hits_addend: { number: 7 }, actions: [{ generic_key: { descriptor_value: seven } }] }
                    - { actions: [{ generic_key: { descriptor_value: one } }] }
              - match: { prefix: /off }
                route: { cluster: app }
                typed_per_filter_config: { limit: { "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true } }
              - { match: { prefix: /direct }, direct_response: { status: 200 } }
              - { match: { prefix: / }, route: { cluster: app } }
          http_filters:
          - name: limit
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit
              domain: the-domain
              rate_limit_service: { grpc_service: { envoy_grpc: { cluster_name: limits } }, transport_api_version: V3 }
FILTER
          - name: envoy.filters.http.router
            typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router }
  clusters:
  - name: app
    connect_timeout: 1s
    load_assignment: { cluster_name: app, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 8080 } } } }] }] }
  - name: limits
    connect_timeout: 1s
    load_assignment: { cluster_name: limits, endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 8081 } } } }] }] }
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http2_protocol_options: {} }
"#;

struct Origins {
    app: Origin,
    rls: Rls,
}

fn run(mode: Mode, filter: &'static str, body: impl AsyncFnOnce(&Mesh, &Origins)) {
    let start = async || Origins {
        app: origin().body("answered").start().await.unwrap(),
        rls: Rls::start().await.unwrap(),
    };
    trial::run_with(
        mode,
        start,
        |_version, origins| topology(filter, origins.app.address(), origins.rls.address()),
        body,
    );
}

fn topology(filter: &str, app: SocketAddr, rls: SocketAddr) -> Topology {
    let filter = filter.lines().map(|line| format!("              {line}\n"));
    let text = FILE.replace("FILTER\n", &filter.collect::<String>());
    let config = Config { version: ConfigVersion::V3, path: "limited.yaml".into(), text };
    Topology::new()
        .lone_sidecar(config)
        .arguments(Node::SIDECAR, &["--concurrency", "1", "--file-flush-interval-msec", "50"])
        .origin(Node::SIDECAR, "127.0.0.1:8080", app)
        .origin(Node::SIDECAR, "127.0.0.1:8081", rls)
}

async fn ask(mesh: &Mesh, path: &str, more: &str) -> RawReply {
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n{more}\r\n");
    mesh.connect().await.exchange(&request).await.unwrap()
}

/// Status, what is said of limits, and body.
fn shown(reply: &RawReply) -> String {
    let fields = reply.headers.iter().filter(|(name, _)| {
        name.contains("rate") || name.starts_with("x-said") || name.starts_with("grpc")
    });
    let mut fields: Vec<String> = fields.map(|(name, value)| format!("{name}: {value}")).collect();
    fields.sort();
    format!("{} [{}] {}", reply.status(), fields.join(" | "), reply.text())
}

async fn logged(mesh: &Mesh, number: usize) -> String {
    let lines = async || {
        let logs = mesh.logs(Node::SIDECAR).await?;
        let lines = logs.lines().filter_map(|line| line.strip_prefix("LOG "));
        Ok(lines.map(str::to_owned).collect::<Vec<_>>())
    };
    let there = |lines: &Vec<String>| lines.len() >= number;
    let lines = satisfies("a line in the log for each request", lines, there).await.unwrap();
    lines[number - 1].clone()
}

async fn assert_counters(mesh: &Mesh, expected: &[(&str, u64)]) {
    let admin = mesh.admin(Node::SIDECAR);
    for (name, value) in expected {
        admin.counter(name).becomes(*value).await;
    }
}

const PATIENT: &str = "timeout: 10s";

each_proxy!(the_service_is_asked_what_routes_say, super::PATIENT);
async fn the_service_is_asked_what_routes_say(mesh: &Mesh, origins: &Origins) {
    let mut asked = 0;
    for (path, expected) in [
        (
            "/actions?q=1",
            "the-domain: source_cluster=app,destination_cluster=app,remote_address=127.0.0.1,own=value,\
             path=/actions?q=1,masked_remote_address=127.0.0.0/16,q=1,query_match=one,not=not-two,header_match=no-header \
             | generic_key=second",
        ),
        ("/actions?q=3", "the-domain: generic_key=second"),
        ("/both", "the-domain: generic_key=route | generic_key=host"),
        ("/route", "the-domain: generic_key=route"),
        ("/include", "another: generic_key=route | generic_key=host"),
        ("/ignore", ""),
        ("/own", "the-domain: generic_key=seven*7 | generic_key=one"),
        ("/off", ""),
        ("/direct", ""),
        ("/", "the-domain: generic_key=host"),
    ] {
        assert_eq!(ask(mesh, path, "").await.status(), 200, "{path}");
        let questions = origins.rls.asked();
        let new = questions[asked..].iter().map(|one| {
            let descriptors = one.request.descriptors.iter().map(ToString::to_string);
            format!("{}: {}", one.request.domain, descriptors.collect::<Vec<_>>().join(" | "))
        });
        assert_eq!(new.collect::<Vec<_>>().join("\n"), expected, "{path}");
        asked = questions.len();
    }
    let questions = origins.rls.asked();
    let question = &questions[0];
    assert_eq!(question.path, "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit");
    for (name, value) in [
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("grpc-timeout", "10000m"),
        ("x-envoy-expected-rq-timeout-ms", "10000"),
        ("x-envoy-internal", "true"),
    ] {
        assert_eq!(question.headers[name], value);
    }
    assert!(question.headers.contains_key("x-forwarded-for"));
    assert_counters(
        mesh,
        &[
            ("cluster.app.ratelimit.ok", 7),
            ("cluster.limits.internal.upstream_rq_200", 7),
            ("cluster.limits.upstream_rq_total", 7),
            ("http.async-client.rq_total", 7),
            ("cluster.app.external.upstream_rq_200", 9),
        ],
    )
    .await;
    assert_eq!(origins.app.seen().len(), 9);
}

const STAGE: &str = "timeout: 10s\nstage: 1\nrequest_type: external\nstat_prefix: first";

each_proxy!(a_stage_and_a_kind_of_requests_may_be_meant, super::STAGE);
async fn a_stage_and_a_kind_of_requests_may_be_meant(mesh: &Mesh, origins: &Origins) {
    for path in ["/actions", "/"] {
        ask(mesh, path, "").await;
    }
    let questions = origins.rls.asked();
    assert_eq!(questions.len(), 1);
    assert_eq!(questions[0].request.descriptors[0].to_string(), "generic_key=another-stage");
    assert_counters(mesh, &[("cluster.app.ratelimit.first.ok", 1)]).await;
}

fn header(key: &str, value: &str) -> Header {
    Header { key: key.to_owned(), value: value.to_owned(), ..Header::default() }
}

/// An answer with everything in it.
fn talkative(code: Code) -> Answer {
    let status = |requests_per_unit, unit, name: &str, remaining, seconds| DescriptorStatus {
        code: code.into(),
        current_limit: Some(Limit { requests_per_unit, unit, name: name.to_owned() }),
        limit_remaining: remaining,
        duration_until_reset: Some(Seconds { seconds }),
    };
    Answer::Response(LimitResponse {
        overall_code: code.into(),
        statuses: vec![
            status(100, 3, "an hour", 50, 1000),
            DescriptorStatus::default(),
            status(3, 2, "", 1, 30),
            status(9, 0, "", 7, 70),
        ],
        response_headers_to_add: vec![header("x-said", "a"), header("x-said", "b")],
        request_headers_to_add: vec![header("x-to-app", "c")],
        raw_body: "the service's words".into(),
    })
}

const OVER: fn() -> Answer = || Answer::code(Code::OverLimit);

each_proxy!(answers_are_followed, "timeout: 10s\nenable_x_ratelimit_headers: DRAFT_VERSION_03");
async fn answers_are_followed(mesh: &Mesh, origins: &Origins) {
    let limits = "x-ratelimit-limit: 3, 100;w=3600;name=\"an hour\", 3;w=60 | x-ratelimit-remaining: 1 | x-ratelimit-reset: 30";
    let mut number = 0;
    for (answer, expected, line) in [
        (Answer::code(Code::Ok), "200 [] answered".to_owned(), "200 - via_upstream"),
        (OVER(), "429 [x-envoy-ratelimited: true] ".to_owned(), "429 RL request_rate_limited"),
        (Answer::code(Code::Unknown), "200 [] answered".to_owned(), "200 - via_upstream"),
        (
            talkative(Code::Ok),
            format!("200 [{limits} | x-said: a | x-said: b] answered"),
            "200 - via_upstream",
        ),
        (
            talkative(Code::OverLimit),
            format!(
                "429 [x-envoy-ratelimited: true | {limits} | x-said: a | x-said: b] the service's words"
            ),
            "429 RL request_rate_limited",
        ),
        (Answer::Status(14), "200 [] answered".to_owned(), "200 - via_upstream"),
        (Answer::Garbage, "200 [] answered".to_owned(), "200 - via_upstream"),
        (
            Answer::OverIf(Entry { key: "generic_key".to_owned(), value: "host".to_owned() }),
            "429 [x-envoy-ratelimited: true] ".to_owned(),
            "429 RL request_rate_limited",
        ),
    ] {
        origins.rls.answer(answer);
        let reply = ask(mesh, "/", "").await;
        number += 1;
        assert_eq!(shown(&reply), expected, "{number}");
        assert_eq!(logged(mesh, number).await, line, "{number}");
    }
    let seen = origins.app.seen();
    assert_eq!(seen.len(), 5);
    assert_eq!(seen[2].headers["x-to-app"], "c");
    origins.rls.answer(OVER());
    let reply = ask(mesh, "/", "content-type: application/grpc\r\n").await;
    assert_eq!(shown(&reply), "200 [grpc-status: 14 | x-envoy-ratelimited: true] ");
    assert_counters(
        mesh,
        &[
            ("cluster.app.ratelimit.ok", 3),
            ("cluster.app.ratelimit.over_limit", 4),
            ("cluster.app.ratelimit.error", 2),
            ("cluster.app.ratelimit.failure_mode_allowed", 2),
            ("cluster.app.internal.upstream_rq_429", 4),
            ("cluster.app.upstream_rq_4xx", 4),
            ("cluster.limits.internal.upstream_rq_200", 9),
            ("http.limited.downstream_rq_4xx", 3),
        ],
    )
    .await;
}

const STRICT: &str = "timeout: 0.3s\nfailure_mode_deny: true\nstatus_on_error: { code: ServiceUnavailable }\n\
    rate_limited_status: { code: Forbidden }\nrate_limited_as_resource_exhausted: true\n\
    disable_x_envoy_ratelimited_header: true\n\
    response_headers_to_add: [{ header: { key: x-said-by, value: \"%REQ(:path)%\" } }]";

each_proxy!(a_filter_says_how_it_refuses, super::STRICT);
async fn a_filter_says_how_it_refuses(mesh: &Mesh, origins: &Origins) {
    let mut number = 0;
    for (answer, expected, line) in [
        (OVER(), "403 [x-said-by: /] ", "403 RL request_rate_limited"),
        (
            talkative(Code::OverLimit),
            "403 [x-said-by: / | x-said: a | x-said: b] the service's words",
            "403 RL request_rate_limited",
        ),
        (Answer::Status(14), "503 [] ", "503 RLSE rate_limiter_error"),
        (Answer::Garbage, "503 [] ", "503 RLSE rate_limiter_error"),
        (Answer::Late(Duration::from_secs(60)), "503 [] ", "503 RLSE rate_limiter_error"),
        (talkative(Code::Ok), "200 [x-said: a | x-said: b] answered", "200 - via_upstream"),
    ] {
        origins.rls.answer(answer);
        let reply = ask(mesh, "/", "").await;
        number += 1;
        assert_eq!(shown(&reply), expected, "{number}");
        assert_eq!(logged(mesh, number).await, line, "{number}");
    }
    origins.rls.answer(OVER());
    let reply = ask(mesh, "/", "content-type: application/grpc\r\n").await;
    assert_eq!(shown(&reply), "200 [grpc-status: 8 | x-said-by: /] ");
    assert_counters(
        mesh,
        &[
            ("cluster.app.ratelimit.ok", 1),
            ("cluster.app.ratelimit.over_limit", 3),
            ("cluster.app.ratelimit.error", 3),
            ("cluster.app.ratelimit.failure_mode_allowed", 0),
            ("cluster.app.internal.upstream_rq_403", 3),
            ("cluster.limits.upstream_rq_timeout", 1),
            ("cluster.limits.internal.upstream_rq_504", 1),
            ("cluster.limits.upstream_rq_active", 0),
        ],
    )
    .await;
}

each_proxy!(
    a_limit_may_be_tried_out,
    "timeout: 10s\nfilter_enforced: { default_value: { numerator: 0 } }\nresponse_headers_to_add: [{ header: { key: x-said-by, value: a } }]\nfailure_mode_deny: true"
);
async fn a_limit_may_be_tried_out(mesh: &Mesh, origins: &Origins) {
    for (answer, expected) in [
        (OVER(), "200 [x-envoy-ratelimited: true] answered"),
        (
            talkative(Code::OverLimit),
            "200 [x-envoy-ratelimited: true | x-said: a | x-said: b] answered",
        ),
        (Answer::Status(14), "500 [] "),
    ] {
        origins.rls.answer(answer);
        assert_eq!(shown(&ask(mesh, "/", "").await), expected);
    }
    let seen = origins.app.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[1].headers.contains_key("x-to-app"));
    assert_counters(
        mesh,
        &[("cluster.app.ratelimit.over_limit", 2), ("cluster.app.internal.upstream_rq_429", 2)],
    )
    .await;
}

each_proxy!(a_filter_may_be_off, "filter_enabled: { default_value: { numerator: 0 } }");
async fn a_filter_may_be_off(mesh: &Mesh, origins: &Origins) {
    origins.rls.answer(OVER());
    assert_eq!(ask(mesh, "/", "").await.status(), 200);
    assert_eq!(origins.rls.asked().len(), 0);
}

each_proxy!(
    chance_may_decide_what_a_failure_means,
    "timeout: 10s\nfailure_mode_deny_percent: { default_value: { numerator: 50 } }"
);
async fn chance_may_decide_what_a_failure_means(mesh: &Mesh, origins: &Origins) {
    origins.rls.answer(Answer::Status(13));
    let mut refused = 0;
    for _ in 0..60 {
        refused += u64::from(ask(mesh, "/", "").await.status() == 500);
    }
    assert!((5..=55).contains(&refused), "{refused} of 60");
    assert_counters(
        mesh,
        &[
            ("cluster.app.ratelimit.error", 60),
            ("cluster.app.ratelimit.failure_mode_allowed", 60 - refused),
        ],
    )
    .await;
}

/// Nobody listens at the address of the service.
fn without_service(mode: Mode) {
    let start = async || {
        let rls = Rls::start().await.unwrap();
        let address = rls.address();
        drop(rls);
        let app = origin().body("answered").start().await.unwrap();
        (app, address)
    };
    trial::run_with(
        mode,
        start,
        |_version, (app, rls)| {
            topology("timeout: 10s\nfailure_mode_deny: true", app.address(), *rls)
        },
        async |mesh, _origins| {
            assert_eq!(shown(&ask(mesh, "/", "").await), "500 [] ");
            assert_eq!(logged(mesh, 1).await, "500 RLSE rate_limiter_error");
            assert_counters(
                mesh,
                &[
                    ("cluster.app.ratelimit.error", 1),
                    ("cluster.limits.internal.upstream_rq_503", 1),
                    ("cluster.limits.upstream_rq_pending_failure_eject", 1),
                ],
            )
            .await;
        },
    );
}

mod a_service_that_is_gone_is_an_error {
    #[test]
    fn outrigger() {
        super::without_service(super::Mode::V3Process);
    }

    #[test]
    fn envoy() {
        super::without_service(super::Mode::Envoy);
    }
}

/// The file that the tutorial's readers would have written in 2018.
const V1: &str = r#"{
  "rate_limit_service": { "type": "grpc_service", "config": { "cluster_name": "limits" } },
  "listeners": [{
    "address": "tcp://0.0.0.0:80",
    "filters": [{ "name": "http_connection_manager", "config": {
      "codec_type": "auto", "stat_prefix": "limited",
      "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [{
        "prefix": "/", "cluster": "app", "shadow": { "cluster": "copies" },
        "rate_limits": [{ "actions": [{ "type": "destination_cluster" }, { "type": "request_headers", "header_name": "x-user", "descriptor_key": "user" }] }]
      }] }] },
      "filters": [
        { "name": "rate_limit", "config": { "domain": "v1", "timeout_ms": 10000 } },
        { "name": "router", "config": {} }
      ]
    } }]
  }],
  "admin": { "access_log_path": "/dev/null", "address": "tcp://0.0.0.0:8001" },
  "cluster_manager": { "clusters": [
    { "name": "app", "type": "static", "connect_timeout_ms": 1000, "lb_type": "round_robin", "hosts": [{ "url": "tcp://127.0.0.1:8080" }] },
    { "name": "copies", "type": "static", "connect_timeout_ms": 1000, "lb_type": "round_robin", "hosts": [{ "url": "tcp://127.0.0.1:8080" }] },
    { "name": "limits", "type": "static", "connect_timeout_ms": 1000, "lb_type": "round_robin", "features": "http2", "hosts": [{ "url": "tcp://127.0.0.1:8081" }] }
  ] }
}"#;

#[test]
fn files_of_v1_ask_the_service_and_copy_requests_too() {
    let start = async || Origins {
        app: origin().body("answered").start().await.unwrap(),
        rls: Rls::start().await.unwrap(),
    };
    trial::run_with(
        Mode::V1Process,
        start,
        |version, origins| {
            let config = Config { version, path: "limited.json".into(), text: V1.to_owned() };
            Topology::new()
                .lone_sidecar(config)
                .origin(Node::SIDECAR, "127.0.0.1:8080", origins.app.address())
                .origin(Node::SIDECAR, "127.0.0.1:8081", origins.rls.address())
        },
        async |mesh, origins| {
            assert_eq!(ask(mesh, "/", "x-user: ann\r\n").await.status(), 200);
            let asked = origins.rls.asked();
            assert_eq!(asked[0].request.domain, "v1");
            let descriptor = asked[0].request.descriptors[0].to_string();
            assert_eq!(descriptor, "destination_cluster=app,user=ann");
            let seen = async || Ok(origins.app.seen());
            let seen = satisfies("request and copy", seen, |seen| seen.len() == 2).await.unwrap();
            let mut hosts: Vec<_> = seen.iter().map(|seen| seen.headers["host"].clone()).collect();
            hosts.sort();
            assert_eq!(hosts, ["a", "a-shadow"]);
            origins.rls.answer(OVER());
            assert_eq!(ask(mesh, "/", "x-user: ann\r\n").await.status(), 429);
            assert_counters(mesh, &[("cluster.app.ratelimit.over_limit", 1)]).await;
        },
    );
}
