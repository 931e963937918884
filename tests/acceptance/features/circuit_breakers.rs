//! Requests beyond the breakers are turned away at once, and those of high priority are not concerned.

use futures_util::future::join_all;
use outrigger_harness::{mesh::Mesh, node::Node};

each_feature_mesh!(what_is_too_much_is_turned_away_at_once, "circuit-breakers");
async fn what_is_too_much_is_turned_away_at_once(mesh: &Mesh) {
    let client = mesh.client();
    let admin = mesh.admin(Node::GATEWAY);
    let slow = join_all((0..5).map(|_| client.get("/delay/2000")));
    let meanwhile = async {
        admin.counter("cluster.app.upstream_rq_active_overflow").reaches(3).await;
        client.get("/echo").await.unwrap().expect_status(200);
    };
    let (replies, ()) = tokio::join!(slow, meanwhile);
    let mut statuses: Vec<u16> =
        replies.iter().map(|reply| reply.as_ref().unwrap().status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 503, 503, 503]);
    let turned_away = replies.iter().flatten().find(|reply| reply.status == 503).unwrap();
    turned_away.expect_header("x-envoy-overloaded", "true");
    admin.gauge("cluster.app.circuit_breakers.default.rq_open").becomes(0).await;
    admin.gauge("cluster.app.circuit_breakers.default.remaining_rq").becomes(2).await;
    admin.gauge("cluster.app.upstream_rq_active").becomes(0).await;
}
