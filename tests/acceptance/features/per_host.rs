//! One proxy serves several apps of a host.

use outrigger_harness::{mesh::Mesh, node::Node};

each_feature_mesh!(one_proxy_serves_several_apps_of_a_host, "per-host");
async fn one_proxy_serves_several_apps_of_a_host(mesh: &Mesh) {
    let client = mesh.client();
    for (path, service, host) in
        [("/first/echo", "app", "first.mesh"), ("/second/echo?a=b", "app-1", "second.mesh")]
    {
        let reply = client.get(path).await.unwrap();
        let described = reply.expect_status(200).json().unwrap();
        assert_eq!(described["service"], service, "{path}");
        assert_eq!(described["headers"]["host"][0], host, "{path}");
        let seen = described["path"].as_str().unwrap();
        assert!(path.ends_with(seen) && seen.starts_with("/echo"), "{path} became {seen}");
    }
    client.get("/third").await.unwrap().expect_status(404);
    let admin = mesh.admin(Node::SIDECAR);
    admin.counter("cluster.first.upstream_rq_200").becomes(1).await;
    admin.counter("cluster.second.upstream_rq_200").becomes(1).await;
    // One service that is gone does not touch the other.
    mesh.kill(Node::app(1)).await.unwrap();
    client.get("/second/").await.unwrap().expect_status(503);
    client.get("/first/").await.unwrap().expect_status(200);
}
