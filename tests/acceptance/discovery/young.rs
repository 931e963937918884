//! Hosts that are new, or are canaries: what they get of the traffic.

use std::{collections::BTreeMap, time::Duration};

use outrigger_harness::{
    mesh::Mesh,
    node::{ConfigVersion, Node},
    origin::origin,
    topology::Topology,
};
use reqwest::StatusCode;

use super::eds::{Given, endpoints, given, until};

/// How long a host is young in these tests.
const WINDOW: Duration = Duration::from_secs(5);

/// The file with a second host, which has these fields beside its address.
fn both(given: &Given, fields: &str) -> String {
    let one = endpoints(given.one.address(), "2");
    let (_, host) = one.split_once("          - endpoint:").unwrap();
    let port = |host: &str| format!("port_value: {host}");
    let old = port(&given.one.address().port().to_string());
    let new = port(&given.two.address().port().to_string());
    format!("{one}          - endpoint:{}{fields}", host.replace(&old, &new))
}

fn slow(policy: &str, slow_start: &str, given: &Given) -> Topology {
    let name = policy.to_lowercase();
    let fields = format!(
        "      type: EDS\n      lb_policy: {policy}\n      {name}_lb_config: {{ slow_start_config: {{ slow_start_window: 5s, {slow_start} }} }}\n"
    );
    given.changed(|text| text.replace("      type: EDS\n", &fields))
}

fn round_robin(_version: ConfigVersion, given: &Given) -> Topology {
    slow("ROUND_ROBIN", "min_weight_percent: { value: 5 }", given)
}

fn bold(_version: ConfigVersion, given: &Given) -> Topology {
    slow("ROUND_ROBIN", "aggression: { default_value: 4, runtime_key: a }", given)
}

fn least(_version: ConfigVersion, given: &Given) -> Topology {
    slow("LEAST_REQUEST", "min_weight_percent: { value: 60 }", given)
}

/// The part of so many requests that the second host got.
async fn share(mesh: &Mesh, requests: u32) -> f64 {
    let client = mesh.client();
    let mut counts = BTreeMap::<String, u32>::new();
    for _ in 0..requests {
        *counts.entry(client.get("/").await.unwrap().text()).or_default() += 1;
    }
    f64::from(counts.get("two").copied().unwrap_or_default()) / f64::from(requests)
}

/// Lets the first host grow old, adds the second, and holds what that gets at first to these bounds, and what it gets
/// later to a half.
async fn assert_starts_with(mesh: &Mesh, given: &Given, [least, most]: [f64; 2]) {
    until(&mesh.client(), "one").await;
    tokio::time::sleep(WINDOW).await;
    given.replace(&both(given, ""));
    let admin = mesh.admin(Node::SIDECAR);
    admin.gauge("cluster.app.membership_total").becomes(2).await;
    // Nobody says at which moment of its window a host is.
    let young = share(mesh, 100).await;
    assert!((least..=most).contains(&young), "{young}");
    tokio::time::sleep(WINDOW).await;
    let grown = share(mesh, 200).await;
    assert!((0.4..=0.6).contains(&grown), "{grown}");
}

each_proxy!(a_young_host_gets_little, given, round_robin);
async fn a_young_host_gets_little(mesh: &Mesh, given: &Given) {
    assert_starts_with(mesh, given, [0.01, 0.3]).await;
}

each_proxy!(a_young_host_gets_more_where_the_file_is_bold, given, bold);
async fn a_young_host_gets_more_where_the_file_is_bold(mesh: &Mesh, given: &Given) {
    assert_starts_with(mesh, given, [0.2, 0.49]).await;
}

each_proxy!(a_young_host_gets_its_least_by_least_request_too, given, least);
async fn a_young_host_gets_its_least_by_least_request_too(mesh: &Mesh, given: &Given) {
    assert_starts_with(mesh, given, [0.3, 0.47]).await;
}

/// A host that fails, and another.
async fn given_failing() -> Given {
    let mut given = given().await;
    let fails = origin().status(StatusCode::SERVICE_UNAVAILABLE).body("fails");
    given.one = fails.start().await.unwrap();
    given.replace(&both(&given, CANARY));
    given
}

const CANARY: &str = "            metadata: { filter_metadata: { envoy.lb: { canary: true } } }\n";

fn without_canaries(_version: ConfigVersion, given: &Given) -> Topology {
    const RETRY: &str = "route: { cluster: app, retry_policy: { retry_on: 5xx, num_retries: 1, host_selection_retry_max_attempts: 5, retry_host_predicate: [{ name: canaries, typed_config: { '@type': type.googleapis.com/envoy.extensions.retry.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate } }] } }";
    given.changed(|text| text.replace("route: { cluster: app }", RETRY))
}

each_proxy!(no_canary_gets_another_try, given_failing, without_canaries);
async fn no_canary_gets_another_try(mesh: &Mesh, given: &Given) {
    let (client, admin) = (mesh.client(), mesh.admin(Node::SIDECAR));
    admin.gauge("cluster.app.membership_total").becomes(2).await;
    let (mut good, mut bad) = (0, 0);
    for _ in 0..12 {
        match client.get("/").await.unwrap().status {
            200 => good += 1,
            _ => bad += 1,
        }
    }
    assert!(good > 0 && bad > 0, "{good} {bad}");
    assert_eq!((given.two.seen().len(), given.one.seen().len()), (good, 2 * bad));
    admin.counter("cluster.app.upstream_rq_retry").becomes(bad as u64).await;
}
