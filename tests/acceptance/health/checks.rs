//! Active health checks.

use outrigger_harness::{
    eventually::becomes_true,
    mesh::Mesh,
    node::Node,
    origin::{OriginPlan, origin},
};
use reqwest::{Method, StatusCode, Version};

use super::{
    Hosts, count, counted, flags, gauge, good_and, good_and_closed, good_and_failing,
    good_and_late, sidecar, statuses,
};

const SCOPE: &str = "health_check";

/// Checks that come often, and decide soon.
macro_rules! check {
    ($($rest:literal),+) => {
        concat!(
            "health_checks: [{interval: 0.1s, no_traffic_interval: 0.1s, unhealthy_threshold: 2, healthy_threshold: 2, ",
            $($rest),+, "}]"
        )
    };
}

/// A check once, and then not before the test is over.
macro_rules! check_once {
    ($($rest:literal),+) => {
        concat!(
            "health_checks: [{interval: 600s, no_traffic_interval: 600s, unhealthy_threshold: 1, healthy_threshold: 1, timeout: 5s, ",
            $($rest),+, "}]"
        )
    };
}

/// Waits until the hosts have these flags: Envoy begins to serve when it has checked the first of them.
async fn await_flags(mesh: &Mesh, hosts: &Hosts, expected: [&str; 2]) {
    let admin = mesh.admin(Node::SIDECAR);
    let look = becomes_true("the flags of both hosts", async || {
        let first = flags(&admin, hosts.addresses[0]).await;
        let seen = [first, flags(&admin, hosts.addresses[1]).await];
        Ok(if seen == expected { Ok(()) } else { Err(seen.join(" and ")) })
    });
    look.await.unwrap_or_else(|error| panic!("expected {expected:?}: {}", error.report()));
}

/// What was counted, which the first check of each host has decided.
async fn once(mesh: &Mesh) -> Vec<(String, u64)> {
    counted(&mesh.admin(Node::SIDECAR).stats().await.unwrap(), SCOPE)
}

each_proxy!(
    a_start_waits_for_the_first_checks_and_no_request_goes_to_who_fails,
    good_and_failing,
    check_once!("http_health_check: {path: /healthz}")
);
async fn a_start_waits_for_the_first_checks_and_no_request_goes_to_who_fails(
    mesh: &Mesh,
    hosts: &Hosts,
) {
    assert_eq!(count(&statuses(mesh, 10).await, 200), 10);
    await_flags(mesh, hosts, ["healthy", "/failed_active_hc"]).await;
    let expected = [("attempt", 2), ("failure", 1), ("healthy", 1), ("success", 1)];
    assert_eq!(once(mesh).await, super::named(&expected));
    gauge(mesh, "membership_healthy", 1).await;
    gauge(mesh, "membership_total", 2).await;
    // Checks have connections of their own, and ask what they are told to.
    let stats = mesh.admin(Node::SIDECAR).stats().await.unwrap();
    assert_eq!(stats.value("cluster.local_service.upstream_cx_total"), Some(1));
    let asked = &hosts.origins[1].seen()[0];
    assert_eq!((&asked.method, asked.target.as_str()), (&Method::GET, "/healthz"));
    assert_eq!(asked.version, Version::HTTP_11);
    assert_eq!(asked.headers["host"], "local_service");
    assert_eq!(asked.headers["user-agent"], "Envoy/HC");
    assert_eq!(asked.headers.len(), 2, "{:?}", asked.headers);
}

async fn echoing() -> Hosts {
    good_and(origin().status(StatusCode::ACCEPTED).body("it is well, all of it")).await
}

each_proxy!(
    a_check_asks_as_it_is_told_and_looks_into_the_answer,
    echoing,
    check_once!(
        "http_health_check: {host: checks, path: /deep?x=1, method: POST, send: {text: '6869'}, ",
        "receive: [{text: '77656c6c'}, {text: '616c6c'}], expected_statuses: [{start: 202, end: 203}], ",
        "request_headers_to_add: [{header: {key: x-who, value: '%PROTOCOL%'}}], ",
        "request_headers_to_remove: [user-agent]}"
    )
);
async fn a_check_asks_as_it_is_told_and_looks_into_the_answer(mesh: &Mesh, hosts: &Hosts) {
    await_flags(mesh, hosts, ["/failed_active_hc", "healthy"]).await;
    let asked = &hosts.origins[1].seen()[0];
    assert_eq!((&asked.method, asked.target.as_str()), (&Method::POST, "/deep?x=1"));
    assert_eq!(asked.headers["host"], "checks");
    assert_eq!(asked.headers["x-who"], "HTTP/1.1");
    assert_eq!(asked.headers["content-length"], "2");
    assert!(!asked.headers.contains_key("user-agent"));
    assert_eq!(&*asked.body, b"hi");
}

each_proxy!(
    a_check_speaks_http2_if_it_is_told_to,
    good_and_failing,
    check_once!("http_health_check: {path: /healthz, codec_client_type: HTTP2}")
);
async fn a_check_speaks_http2_if_it_is_told_to(mesh: &Mesh, hosts: &Hosts) {
    await_flags(mesh, hosts, ["healthy", "/failed_active_hc"]).await;
    let asked = &hosts.origins[0].seen()[0];
    assert_eq!((asked.version, asked.target.as_str()), (Version::HTTP_2, "/healthz"));
}

async fn named_and_degraded() -> Hosts {
    let other = origin()
        .header("x-envoy-upstream-healthchecked-cluster", "other")
        .header("x-envoy-degraded", "true");
    good_and(other).await
}

each_proxy!(
    a_host_may_say_that_it_is_degraded,
    named_and_degraded,
    check_once!("http_health_check: {path: /}")
);
async fn a_host_may_say_that_it_is_degraded(mesh: &Mesh, hosts: &Hosts) {
    await_flags(mesh, hosts, ["healthy", "/degraded_active_hc"]).await;
    let expected = [("attempt", 2), ("degraded", 1), ("healthy", 2), ("success", 2)];
    assert_eq!(once(mesh).await, super::named(&expected));
    gauge(mesh, "membership_degraded", 1).await;
    gauge(mesh, "membership_healthy", 1).await;
}

each_proxy!(
    a_host_must_be_the_service_that_is_wanted,
    named_and_degraded,
    check_once!("http_health_check: {path: /, service_name_matcher: {prefix: oth}}")
);
async fn a_host_must_be_the_service_that_is_wanted(mesh: &Mesh, hosts: &Hosts) {
    await_flags(mesh, hosts, ["/failed_active_hc", "/degraded_active_hc"]).await;
    assert!(once(mesh).await.contains(&("verify_cluster".to_owned(), 2)));
}

each_proxy!(
    who_cannot_be_reached_and_who_is_late_fails,
    good_and_late,
    check!("timeout: 0.1s, http_health_check: {path: /}")
);
async fn who_cannot_be_reached_and_who_is_late_fails(mesh: &Mesh, hosts: &Hosts) {
    assert_eq!(count(&statuses(mesh, 10).await, 200), 10);
    await_flags(mesh, hosts, ["healthy", "/failed_active_hc/active_hc_timeout"]).await;
    let stats = mesh.admin(Node::SIDECAR).stats().await.unwrap();
    let value = |name: &str| stats.value(&format!("cluster.local_service.health_check.{name}"));
    assert!(value("network_failure") >= Some(1));
    assert_eq!(value("failure"), value("network_failure"));
}

each_proxy!(
    a_connection_is_enough_for_a_tcp_check_that_expects_nothing,
    good_and_closed,
    check_once!("tcp_health_check: {}")
);
async fn a_connection_is_enough_for_a_tcp_check_that_expects_nothing(mesh: &Mesh, hosts: &Hosts) {
    await_flags(mesh, hosts, ["healthy", "/failed_active_hc"]).await;
    let expected =
        [("attempt", 2), ("failure", 1), ("healthy", 1), ("network_failure", 1), ("success", 1)];
    assert_eq!(once(mesh).await, super::named(&expected));
}

each_proxy!(
    a_tcp_check_waits_for_what_it_expects,
    good_and_failing,
    // GET / HTTP/1.1 with a host, and then 200 and OK.
    check_once!(
        "tcp_health_check: {send: {text: 474554202f20485454502f312e310d0a686f73743a20610d0a0d0a}, ",
        "receive: [{text: '323030'}, {text: '4f4b'}]}"
    )
);
async fn a_tcp_check_waits_for_what_it_expects(mesh: &Mesh, hosts: &Hosts) {
    // What is not what was expected may still be the beginning of it: only time tells.
    await_flags(mesh, hosts, ["healthy", "/failed_active_hc/active_hc_timeout"]).await;
}

fn health(status: u8) -> OriginPlan {
    origin()
        .header("content-type", "application/grpc")
        .body(vec![0, 0, 0, 0, 2, 8, status])
        .trailer("grpc-status", "0")
}

async fn serving_and_not() -> Hosts {
    let serving = health(1).start().await.unwrap();
    let not = health(2).start().await.unwrap();
    Hosts { addresses: [serving.address(), not.address()], origins: vec![serving, not] }
}

each_proxy!(
    a_grpc_check_asks_the_health_service,
    serving_and_not,
    concat!(
        "http2_protocol_options: {}\n",
        check_once!(
            "grpc_health_check: {service_name: date, authority: checks, ",
            "initial_metadata: [{header: {key: x-who, value: me}}]}"
        )
    )
);
async fn a_grpc_check_asks_the_health_service(mesh: &Mesh, hosts: &Hosts) {
    await_flags(mesh, hosts, ["healthy", "/failed_active_hc"]).await;
    let expected = [("attempt", 2), ("failure", 1), ("healthy", 1), ("success", 1)];
    assert_eq!(once(mesh).await, super::named(&expected));
    let asked = &hosts.origins[0].seen()[0];
    assert_eq!((asked.version, &asked.method), (Version::HTTP_2, &Method::POST));
    assert!(asked.target.ends_with("/grpc.health.v1.Health/Check"), "{}", asked.target);
    assert_eq!(asked.headers["content-type"], "application/grpc");
    assert_eq!(asked.headers["te"], "trailers");
    assert_eq!(asked.headers["user-agent"], "Envoy/HC");
    assert_eq!(asked.headers["grpc-timeout"], "5000m");
    assert_eq!(asked.headers["x-who"], "me");
    assert_eq!(&*asked.body, b"\0\0\0\0\x06\x0a\x04date");
}

async fn good_and_saying_no() -> Hosts {
    good_and(origin().header("x-envoy-immediate-health-check-fail", "true")).await
}

each_proxy!(
    a_response_may_tell_that_its_host_fails,
    good_and_saying_no,
    check_once!("http_health_check: {path: /}")
);
async fn a_response_may_tell_that_its_host_fails(mesh: &Mesh, hosts: &Hosts) {
    // A check that passes is a check that passes, whatever it says beside.
    await_flags(mesh, hosts, ["healthy", "healthy"]).await;
    let client = mesh.client();
    let mut told = None;
    while told.is_none() {
        let reply = client.get("/").await.unwrap();
        told = reply.header("x-envoy-immediate-health-check-fail").map(str::to_owned);
        if hosts.origins[1].seen().len() > 1 {
            break;
        }
    }
    gauge(mesh, "membership_healthy", 1).await;
    gauge(mesh, "membership_excluded", 1).await;
    let failed = "/failed_active_hc/excluded_via_immediate_hc_fail";
    await_flags(mesh, hosts, ["healthy", failed]).await;
    let expected =
        [("attempt", 2), ("failure", 1), ("healthy", 1), ("passive_failure", 1), ("success", 2)];
    assert_eq!(once(mesh).await, super::named(&expected));
    assert_eq!(told.as_deref(), Some("true"), "the header goes on to the client");
    assert_eq!(count(&statuses(mesh, 6).await, 200), 6);
    assert_eq!(hosts.origins[1].seen().len(), 2, "one check, one request");
}
