//! Outlier detection.

use outrigger_harness::{eventually::becomes_true, mesh::Mesh, node::Node};

use super::{
    Hosts, count, counted, flags, gauge, good_and_closed, good_and_failing, good_and_late, named,
    sidecar, statuses,
};

const SCOPE: &str = "outlier_detection";

/// Waits until a host is ejected, and tells what was counted.
async fn ejected(mesh: &Mesh, hosts: &Hosts) -> Vec<(String, u64)> {
    gauge(mesh, "outlier_detection.ejections_active", 1).await;
    gauge(mesh, "membership_healthy", 1).await;
    let admin = mesh.admin(Node::SIDECAR);
    assert_eq!(flags(&admin, hosts.addresses[0]).await, "healthy");
    assert_eq!(flags(&admin, hosts.addresses[1]).await, "/failed_outlier_check");
    counted(&admin.stats().await.unwrap(), SCOPE)
}

/// Two failures it takes; a few more may pass before the main thread, on a machine that is busy, has had its turn.
fn assert_two(statuses: &[u16], failure: u16) {
    let failures = count(statuses, failure);
    let good = count(statuses, 200);
    assert!((2..=10).contains(&failures) && failures + good == statuses.len(), "{statuses:?}");
}

/// The names of what was counted.
fn names(counted: &[(String, u64)]) -> Vec<&str> {
    counted.iter().map(|(name, _)| name.as_str()).collect()
}

each_proxy!(
    a_connection_that_is_refused_counts_as_a_503,
    good_and_closed,
    "outlier_detection: {consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100, max_ejection_percent: 50}"
);
async fn a_connection_that_is_refused_counts_as_a_503(mesh: &Mesh, hosts: &Hosts) {
    let statuses = statuses(mesh, 40).await;
    assert_two(&statuses, 503);
    let expected = named(&[
        ("ejections_active", 1),
        ("ejections_detected_consecutive_gateway_failure", 1),
        ("ejections_enforced_consecutive_gateway_failure", 1),
        ("ejections_enforced_total", 1),
    ]);
    assert_eq!(ejected(mesh, hosts).await, expected);
}

each_proxy!(
    what_fails_on_our_side_counts_apart_when_it_is_split,
    good_and_closed,
    "outlier_detection: {split_external_local_origin_errors: true, consecutive_local_origin_failure: 2, consecutive_5xx: 1, max_ejection_percent: 50}"
);
async fn what_fails_on_our_side_counts_apart_when_it_is_split(mesh: &Mesh, hosts: &Hosts) {
    let statuses = statuses(mesh, 40).await;
    assert_two(&statuses, 503);
    let expected = named(&[
        ("ejections_active", 1),
        ("ejections_detected_consecutive_local_origin_failure", 1),
        ("ejections_enforced_consecutive_local_origin_failure", 1),
        ("ejections_enforced_total", 1),
    ]);
    assert_eq!(ejected(mesh, hosts).await, expected);
}

each_proxy!(
    a_timeout_counts_as_a_504,
    good_and_late,
    "outlier_detection: {consecutive_gateway_failure: 2, enforcing_consecutive_gateway_failure: 100, max_ejection_percent: 50}"
);
async fn a_timeout_counts_as_a_504(mesh: &Mesh, hosts: &Hosts) {
    let statuses = statuses(mesh, 40).await;
    assert_two(&statuses, 504);
    ejected(mesh, hosts).await;
}

each_proxy!(
    a_timeout_after_a_connection_is_no_failure_in_a_row_when_it_is_split,
    good_and_late,
    "outlier_detection: {split_external_local_origin_errors: true, consecutive_local_origin_failure: 2, consecutive_5xx: 2, max_ejection_percent: 50}"
);
async fn a_timeout_after_a_connection_is_no_failure_in_a_row_when_it_is_split(
    mesh: &Mesh,
    _hosts: &Hosts,
) {
    // Each connection that is there for a request ends the row.
    let statuses = statuses(mesh, 10).await;
    assert_eq!((count(&statuses, 504), count(&statuses, 200)), (5, 5), "{statuses:?}");
    let stats = mesh.admin(Node::SIDECAR).stats().await.unwrap();
    assert_eq!(counted(&stats, SCOPE), []);
}

each_proxy!(
    a_500_is_no_gateway_failure_and_what_is_not_enforced_is_only_counted,
    good_and_failing,
    "outlier_detection: {consecutive_5xx: 3, enforcing_consecutive_5xx: 0, consecutive_gateway_failure: 2, max_ejection_percent: 50}"
);
async fn a_500_is_no_gateway_failure_and_what_is_not_enforced_is_only_counted(
    mesh: &Mesh,
    _hosts: &Hosts,
) {
    let statuses = statuses(mesh, 40).await;
    assert_eq!((count(&statuses, 500), count(&statuses, 200)), (20, 20), "{statuses:?}");
    let admin = mesh.admin(Node::SIDECAR);
    let detected = "cluster.local_service.outlier_detection.ejections_detected_consecutive_5xx";
    admin.counter(detected).reaches(2).await;
    let expected =
        ["ejections_consecutive_5xx", "ejections_detected_consecutive_5xx", "ejections_total"];
    assert_eq!(names(&counted(&admin.stats().await.unwrap(), SCOPE)), expected);
}

each_proxy!(
    with_the_default_percentage_none_of_two_hosts_is_ejected,
    good_and_failing,
    "outlier_detection: {consecutive_5xx: 2}"
);
async fn with_the_default_percentage_none_of_two_hosts_is_ejected(mesh: &Mesh, _hosts: &Hosts) {
    let statuses = statuses(mesh, 20).await;
    assert_eq!((count(&statuses, 500), count(&statuses, 200)), (10, 10), "{statuses:?}");
    let admin = mesh.admin(Node::SIDECAR);
    admin.counter("cluster.local_service.outlier_detection.ejections_overflow").reaches(2).await;
    let expected =
        ["ejections_consecutive_5xx", "ejections_detected_consecutive_5xx", "ejections_overflow"];
    assert_eq!(names(&counted(&admin.stats().await.unwrap(), SCOPE)), expected);
}

each_proxy!(
    one_host_is_ejected_whatever_the_percentage_if_the_file_says_so,
    good_and_failing,
    "outlier_detection: {consecutive_5xx: 2, always_eject_one_host: true}"
);
async fn one_host_is_ejected_whatever_the_percentage_if_the_file_says_so(
    mesh: &Mesh,
    hosts: &Hosts,
) {
    let statuses = statuses(mesh, 40).await;
    assert_two(&statuses, 500);
    ejected(mesh, hosts).await;
}

each_proxy!(
    a_rate_far_below_the_others_is_an_outlier,
    good_and_failing,
    "outlier_detection: {consecutive_5xx: 100000, interval: 1s, base_ejection_time: 60s, max_ejection_percent: 50, success_rate_minimum_hosts: 2, success_rate_request_volume: 3, success_rate_stdev_factor: 500, failure_percentage_request_volume: 3}"
);
async fn a_rate_far_below_the_others_is_an_outlier(mesh: &Mesh, hosts: &Hosts) {
    let expected = named(&[
        ("ejections_active", 1),
        ("ejections_detected_success_rate", 1),
        ("ejections_enforced_success_rate", 1),
        ("ejections_enforced_total", 1),
        ("ejections_success_rate", 1),
        ("ejections_total", 1),
    ]);
    ask_until_ejected(mesh).await;
    assert_eq!(ejected(mesh, hosts).await, expected);
    // An ejected host has no rate any more, from the next interval on.
    let line = format!("local_service::{}::success_rate::-1", hosts.addresses[1]);
    let admin = mesh.admin(Node::SIDECAR);
    let shown = becomes_true(&line, async || {
        let page = admin.get("/clusters").await?.text();
        Ok(if page.contains(&line) { Ok(page) } else { Err(page) })
    });
    let page = shown.await.unwrap();
    assert!(
        page.contains("local_service::outlier::local_origin_success_rate_average::-1"),
        "{page}"
    );
}

each_proxy!(
    too_large_a_share_of_failures_is_enough,
    good_and_failing,
    "outlier_detection: {consecutive_5xx: 100000, interval: 1s, base_ejection_time: 60s, max_ejection_percent: 50, enforcing_success_rate: 0, enforcing_failure_percentage: 100, failure_percentage_minimum_hosts: 2, failure_percentage_request_volume: 3}"
);
async fn too_large_a_share_of_failures_is_enough(mesh: &Mesh, hosts: &Hosts) {
    ask_until_ejected(mesh).await;
    let expected = named(&[
        ("ejections_active", 1),
        ("ejections_detected_failure_percentage", 1),
        ("ejections_enforced_failure_percentage", 1),
        ("ejections_enforced_total", 1),
    ]);
    assert_eq!(ejected(mesh, hosts).await, expected);
}

/// Rates are those of an interval, which begins when it will: requests go on until one of them had enough.
async fn ask_until_ejected(mesh: &Mesh) {
    let admin = mesh.admin(Node::SIDECAR);
    let active = admin.gauge("cluster.local_service.outlier_detection.ejections_active");
    for _ in 0..1000 {
        statuses(mesh, 10).await;
        if active.value().await.unwrap() > 0 {
            return;
        }
    }
    panic!("no host was ejected");
}

each_proxy!(
    an_idle_connection_to_a_host_that_is_ejected_closes_at_once,
    good_and_failing,
    "outlier_detection: {consecutive_5xx: 1, max_ejection_percent: 50}"
);
async fn an_idle_connection_to_a_host_that_is_ejected_closes_at_once(mesh: &Mesh, hosts: &Hosts) {
    // No request comes after the one that fails.
    let client = mesh.client();
    for _ in 0..4 {
        if client.get("/").await.unwrap().status == 500 {
            break;
        }
    }
    ejected(mesh, hosts).await;
    let good = u64::from(!hosts.origins[0].seen().is_empty());
    gauge(mesh, "upstream_cx_active", good).await;
}
