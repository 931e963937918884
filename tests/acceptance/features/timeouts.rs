//! Each route's own timeout, with the answer that tells which one it was.

use outrigger_harness::{mesh::Mesh, node::Node};

each_feature_mesh!(each_route_has_its_timeout, "timeouts");
async fn each_route_has_its_timeout(mesh: &Mesh) {
    let client = mesh.client();
    for (path, status, body) in [
        ("/late/delay/10000", 504, "upstream request timeout"),
        ("/idle/delay/10000", 504, "stream timeout"),
        ("/delay/10000", 504, "downstream duration timeout"),
    ] {
        client.get(path).await.unwrap().expect_status(status).expect_body(body);
    }
    client.get("/delay/1500").await.unwrap().expect_status(200);
    client.get("/").await.unwrap().expect_status(200);
    let admin = mesh.admin(Node::GATEWAY);
    admin.counter("cluster.app.upstream_rq_timeout").becomes(1).await;
    admin.counter("http.ingress_http.downstream_rq_idle_timeout").becomes(1).await;
    admin.counter("http.ingress_http.downstream_rq_max_duration_reached").becomes(1).await;
    admin.gauge("cluster.app.upstream_rq_active").becomes(0).await;
}
