//! An instance that fails is left out for a while.

use outrigger_harness::client::Client;
use outrigger_harness::mesh::Mesh;
use outrigger_harness::node::Node;
use serde_json::Value;

use super::{flags, logged, put_failure, until_alone, until_both};

each_feature_mesh!(an_instance_that_fails_is_left_out_for_a_while, "outlier-detection");
async fn an_instance_that_fails_is_left_out_for_a_while(mesh: &Mesh) {
    let client = mesh.client();
    let gateway = mesh.admin(Node::GATEWAY);
    gateway.gauge("cluster.app.membership_healthy").becomes(2).await;
    assert_eq!(flags(&gateway, "failed_outlier_check").await, 0);

    put_failure(&client, r#"{"status":500,"times":3}"#).await;
    let errors = errors_of(&client, 40).await;
    assert_eq!(errors, 3, "one more, and the instance was asked after it was ejected");
    gateway.gauge("cluster.app.membership_healthy").becomes(1).await;
    assert_eq!(flags(&gateway, "failed_outlier_check").await, 1);
    until_alone(&client).await;
    let stats = gateway.stats().await.unwrap();
    let of = |name: &str| stats.value(&format!("cluster.app.outlier_detection.{name}"));
    assert_eq!(of("ejections_active"), Some(1));
    assert_eq!(of("ejections_enforced_total"), Some(1));
    assert_eq!(of("ejections_enforced_consecutive_5xx"), Some(1));
    assert_eq!(of("ejections_detected_consecutive_5xx"), Some(1));
    assert_eq!(of("ejections_detected_consecutive_gateway_failure"), Some(0));
    assert_eq!(of("ejections_overflow"), Some(0));
    assert_eq!(stats.value("cluster.app.lb_healthy_panic"), Some(0));

    gateway.gauge("cluster.app.outlier_detection.ejections_active").becomes(0).await;
    gateway.gauge("cluster.app.membership_healthy").becomes(2).await;
    assert_eq!(flags(&gateway, "failed_outlier_check").await, 0);
    until_both(&client).await;
    let events: Vec<Value> = logged(mesh, Node::GATEWAY, r#""action":"UNEJECT""#).await;
    let [ejected, let_in] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!(ejected["type"], "CONSECUTIVE_5XX");
    assert_eq!(ejected["action"], "EJECT");
    assert_eq!(ejected["enforced"], true);
    assert_eq!(ejected["cluster_name"], "app");
    assert_eq!(ejected["num_ejections"], 1);
    assert_eq!(let_in["upstream_url"], ejected["upstream_url"]);
    let seconds = let_in["secs_since_last_action"].as_str().unwrap();
    assert!(seconds.parse::<u64>().unwrap() >= 2, "{seconds}");
}

/// How many of so many requests one after the other are answered with the error.
async fn errors_of(client: &Client, requests: usize) -> usize {
    let mut errors = 0;
    for _ in 0..requests {
        let status = client.get("/").await.unwrap().status;
        assert!(status == 200 || status == 500, "{status}");
        errors += usize::from(status == 500);
    }
    errors
}
