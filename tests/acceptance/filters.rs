//! HTTP filters where they meet the rest of a proxy: what the admin interface says, and what several workers share.

use futures_util::future::join_all;
use outrigger_harness::{
    mesh::Mesh,
    node::{Config, ConfigVersion, Node, Role},
    origin::{Origin, origin},
    topology::Topology,
    trial::{self, Mode},
};

/// Makes a test of each proxy out of `async fn name(mesh: &Mesh)` and a filter before the tutorial sidecar's router.
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

fn run(mode: Mode, filter: &str, body: impl AsyncFnOnce(&Mesh)) {
    let origin = async || origin().body("answered").start().await.unwrap();
    trial::run_with(
        mode,
        origin,
        |_version, origin| sidecar(filter, origin),
        async |mesh, _origin| body(mesh).await,
    );
}

fn sidecar(filter: &str, origin: &Origin) -> Topology {
    let mut config = Config::of(Role::Sidecar, ConfigVersion::V3).unwrap();
    let place = "http_filters:\n";
    let (before, after) = config.text.split_once(place).unwrap();
    let indent: String = after.chars().take_while(|c| *c == ' ').collect();
    config.text = format!("{before}{place}{indent}- {filter}\n{after}");
    Topology::new().lone_sidecar(config).arguments(Node::SIDECAR, &["--concurrency", "2"]).origin(
        Node::SIDECAR,
        "127.0.0.1:8080",
        origin.address(),
    )
}

const HEALTH_CHECK: &str = "{ name: check, typed_config: { \
    \"@type\": type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck, \
    pass_through_mode: false, headers: [{ name: \":path\", string_match: { exact: /check } }] } }";

each_proxy!(a_proxy_that_is_to_fail_its_check_fails_it, super::HEALTH_CHECK);
async fn a_proxy_that_is_to_fail_its_check_fails_it(mesh: &Mesh) {
    let (client, admin) = (mesh.client(), mesh.admin(Node::SIDECAR));
    client.get("/check").await.unwrap().expect_status(200);
    client.get("/").await.unwrap().expect_no_header("x-envoy-immediate-health-check-fail");
    admin.post("/healthcheck/fail").await.unwrap();
    let failed = client.get("/check").await.unwrap();
    failed.expect_status(503).expect_header("x-envoy-immediate-health-check-fail", "true");
    let other = client.get("/").await.unwrap();
    other.expect_status(200).expect_header("x-envoy-immediate-health-check-fail", "true");
    admin.post("/healthcheck/ok").await.unwrap();
    client.get("/check").await.unwrap().expect_status(200);
    admin.counter("http.ingress_http.health_check.ok").becomes(2).await;
    admin.counter("http.ingress_http.health_check.failed").becomes(1).await;
    // Checks are no requests like others.
    admin.counter("http.ingress_http.downstream_rq_total").becomes(5).await;
    admin.counter("http.ingress_http.downstream_rq_2xx").becomes(2).await;
    admin.counter("http.ingress_http.downstream_rq_5xx").becomes(0).await;
}

const LIMIT: &str = "{ name: limit, typed_config: { \
    \"@type\": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit, \
    stat_prefix: shared, token_bucket: { max_tokens: 20, tokens_per_fill: 1, fill_interval: 3600s }, \
    filter_enabled: { default_value: { numerator: 100 } }, \
    filter_enforced: { default_value: { numerator: 100 } } } }";

each_proxy!(all_workers_take_from_one_bucket, super::LIMIT);
async fn all_workers_take_from_one_bucket(mesh: &Mesh) {
    // Each on a connection of its own, so that both workers get some.
    let one = async || mesh.client().get("/").await.unwrap().status;
    let statuses = join_all((0..50).map(|_| one())).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 20);
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 30);
    mesh.admin(Node::SIDECAR).counter("shared.http_local_rate_limit.ok").becomes(20).await;
}

const OWN_LIMIT: &str = "{ name: limit, typed_config: { \
    \"@type\": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit, \
    stat_prefix: own, token_bucket: { max_tokens: 2, tokens_per_fill: 1, fill_interval: 3600s }, \
    local_rate_limit_per_downstream_connection: true, \
    filter_enabled: { default_value: { numerator: 100 } }, \
    filter_enforced: { default_value: { numerator: 100 } } } }";

each_proxy!(each_connection_may_have_a_bucket, super::OWN_LIMIT);
async fn each_connection_may_have_a_bucket(mesh: &Mesh) {
    for _ in 0..3 {
        let mut connection = mesh.connect().await;
        for expected in [200, 200, 429, 429] {
            connection.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
            assert_eq!(connection.reply().await.unwrap().status(), expected);
        }
    }
    let admin = mesh.admin(Node::SIDECAR);
    admin.counter("own.http_local_rate_limit.ok").becomes(6).await;
    admin.counter("own.http_local_rate_limit.rate_limited").becomes(6).await;
}
