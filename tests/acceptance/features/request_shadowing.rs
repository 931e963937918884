//! Every request goes to a second cluster too, and no client sees anything of it.

use futures_util::join;
use outrigger_harness::{mesh::Mesh, node::Node};

each_feature_mesh!(a_second_cluster_gets_what_the_first_one_answers, "request-shadowing");
async fn a_second_cluster_gets_what_the_first_one_answers(mesh: &Mesh) {
    let client = mesh.client();
    let admin = mesh.admin(Node::GATEWAY);
    client.get("/").await.unwrap().expect_status(200).expect_no_header("x-copy");
    admin.counter("cluster.app.external.upstream_rq_200").becomes(1).await;
    admin.counter("cluster.shadow.internal.upstream_rq_200").becomes(1).await;
    admin.counter("http.async-client.rq_total").becomes(1).await;
    for _ in 0..60 {
        client.get("/half/").await.unwrap().expect_status(200);
    }
    admin.counter("cluster.app.external.upstream_rq_200").becomes(61).await;
    let copies = admin.counter("http.async-client.rq_total").value().await.unwrap() - 1;
    assert!((5..=55).contains(&copies), "{copies} of 60");
}

each_feature_mesh!(a_second_cluster_that_is_full_turns_copies_away, "request-shadowing");
async fn a_second_cluster_that_is_full_turns_copies_away(mesh: &Mesh) {
    let admin = mesh.admin(Node::GATEWAY);
    let slow = async {
        mesh.client().get("/delay/3000").await.unwrap().expect_status(200);
    };
    let quick = async {
        admin.gauge("cluster.shadow.upstream_rq_active").becomes(1).await;
        // Each on a connection of its own, for all workers.
        for _ in 0..4 {
            mesh.client().get("/").await.unwrap().expect_status(200);
        }
    };
    join!(slow, quick);
    admin.counter("cluster.shadow.upstream_rq_active_overflow").becomes(4).await;
    admin.counter("cluster.shadow.internal.upstream_rq_503").becomes(4).await;
    admin.counter("cluster.shadow.internal.upstream_rq_200").becomes(1).await;
    admin.counter("cluster.app.external.upstream_rq_200").becomes(5).await;
    admin.gauge("cluster.shadow.upstream_rq_active").becomes(0).await;
}
