//! What the folders under `compose/features/` show, with their own files: one module for each feature.

mod back_pressure;
mod circuit_breakers;
mod faults;
mod global_rate_limit;
mod grpc;
mod health_checks;
mod load_balancing;
mod metrics;
mod outlier_detection;
mod per_host;
mod rate_limits;
mod request_shadowing;
mod retries;
mod service_discovery;
mod tcp_proxy;
mod timeouts;
mod tls;

use std::collections::BTreeSet;

use outrigger_harness::{
    admin::Admin,
    client::Client,
    eventually::becomes_true,
    mesh::Mesh,
    node::{Config, Node},
};
use reqwest::Method;
use serde_json::Value;

#[test]
fn every_feature_has_a_readme_that_says_how_to_run_it() {
    for feature in Config::features().unwrap() {
        let path =
            format!("{}/../compose/features/{feature}/README.md", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let command = format!("cargo mesh up --feature {feature}");
        assert!(text.contains(&command), "{path} does not say `{command}`");
    }
}

/// Switches the failure mode of one instance of the app on: the one that takes this request.
async fn put_failure(client: &Client, mode: &'static str) {
    let request = client.request(Method::PUT, "/failure").body(mode);
    Client::send(request).await.unwrap().expect_status(200);
}

/// Waits until one instance alone gets requests. Envoy's workers learn of a change up to a second later.
async fn until_alone(client: &Client) {
    until(client, 1).await;
}

/// Waits until both instances get requests.
async fn until_both(client: &Client) {
    until(client, 2).await;
}

async fn until(client: &Client, instances: usize) {
    let what = format!("requests go to {instances} of the instances");
    let seen = becomes_true(&what, async || {
        let seen = services(client).await;
        Ok(if seen.len() == instances { Ok(()) } else { Err(format!("{seen:?}")) })
    });
    seen.await.unwrap();
}

/// The instances that answer eight requests one after the other.
async fn services(client: &Client) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for _ in 0..8 {
        let described = client.get("/echo").await.unwrap().expect_status(200).json().unwrap();
        seen.insert(described["service"].as_str().unwrap().to_owned());
    }
    seen
}

/// How many hosts of the first cluster have that flag in `/clusters`.
async fn flags(admin: &Admin, flag: &str) -> usize {
    let clusters = admin.clusters().await.unwrap();
    let hosts = clusters["cluster_statuses"][0]["host_statuses"].as_array().unwrap();
    hosts.iter().filter(|host| host["health_status"][flag] == true).count()
}

/// The events that a proxy has logged on its standard output, once one of them has that text.
async fn logged(mesh: &Mesh, node: Node, text: &str) -> Vec<Value> {
    let what = format!("an event with {text}");
    let lines = becomes_true(&what, async || {
        let logs = mesh.logs(node).await?;
        Ok(if logs.contains(text) { Ok(logs) } else { Err(logs) })
    });
    let lines = lines.await.unwrap();
    let events = lines.lines().filter(|line| line.contains(r#""cluster_name":"#));
    events.map(|line| serde_json::from_str(line).unwrap()).collect()
}
