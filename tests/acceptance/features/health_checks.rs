//! An instance that does not answer well when it is asked is left out until it does.

use outrigger_harness::mesh::Mesh;
use outrigger_harness::node::Node;

use super::{flags, logged, put_failure, until_alone, until_both};

each_feature_mesh!(an_instance_that_fails_its_checks_is_left_out_until_it_passes, "health-checks");
async fn an_instance_that_fails_its_checks_is_left_out_until_it_passes(mesh: &Mesh) {
    let client = mesh.client();
    let gateway = mesh.admin(Node::GATEWAY);
    gateway.gauge("cluster.app.membership_healthy").becomes(2).await;
    gateway.gauge("cluster.app.health_check.healthy").becomes(2).await;

    put_failure(&client, r#"{"status":503,"times":10}"#).await;
    gateway.gauge("cluster.app.membership_healthy").becomes(1).await;
    assert_eq!(flags(&gateway, "failed_active_health_check").await, 1);
    until_alone(&client).await;
    for _ in 0..40 {
        client.get("/").await.unwrap().expect_status(200);
    }
    let stats = gateway.stats().await.unwrap();
    let of = |name: &str| stats.value(&format!("cluster.app.health_check.{name}"));
    assert_eq!(of("healthy"), Some(1));
    assert_eq!((of("network_failure"), of("passive_failure")), (Some(0), Some(0)));
    assert!(of("failure") >= Some(1) && of("attempt") >= of("failure"));

    gateway.gauge("cluster.app.membership_healthy").becomes(2).await;
    gateway.counter("cluster.app.health_check.failure").becomes(10).await;
    assert_eq!(flags(&gateway, "failed_active_health_check").await, 0);
    until_both(&client).await;
    let events = logged(mesh, Node::GATEWAY, r#""first_check":false"#).await;
    let first: Vec<_> =
        events.iter().filter(|it| it["add_healthy_event"]["first_check"] == true).collect();
    assert_eq!(first.len(), 2, "{events:?}");
    let ejected = events.iter().find(|event| !event["eject_unhealthy_event"].is_null()).unwrap();
    assert_eq!(ejected["health_checker_type"], "HTTP");
    assert_eq!(ejected["eject_unhealthy_event"]["failure_type"], "ACTIVE");
    assert_eq!(ejected["eject_unhealthy_event"]["http_status_code"], 503);
    let last = events.last().unwrap();
    assert_eq!(last["add_healthy_event"]["first_check"], false);
    assert_eq!(last["host"], ejected["host"]);
}
