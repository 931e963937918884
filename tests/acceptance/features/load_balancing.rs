//! The least busy host, and the same host for the same user.

use std::collections::BTreeSet;

use outrigger_harness::{
    client::{Client, Reply},
    mesh::Mesh,
    node::Node,
};
use reqwest::Method;

fn service(reply: &Reply) -> String {
    let described = reply.expect_status(200).json().unwrap();
    described["service"].as_str().unwrap().to_owned()
}

async fn sticky(mesh: &Mesh, name: &'static str, value: &str) -> Reply {
    let request = mesh.client().request(Method::GET, "/sticky/echo").header(name, value);
    Client::send(request).await.unwrap()
}

each_feature_mesh!(a_user_meets_the_same_host_and_others_the_least_busy, "load-balancing");
async fn a_user_meets_the_same_host_and_others_the_least_busy(mesh: &Mesh) {
    let admin = mesh.admin(Node::GATEWAY);
    for cluster in ["app", "app_by_user"] {
        admin.gauge(&format!("cluster.{cluster}.membership_healthy")).becomes(2).await;
    }
    let both = BTreeSet::from(["app".to_owned(), "app-1".to_owned()]);
    let client = mesh.client();
    let mut seen = BTreeSet::new();
    for _ in 0..40 {
        seen.insert(service(&client.get("/echo").await.unwrap()));
    }
    assert_eq!(seen, both);
    let mut seen = BTreeSet::new();
    for user in 0..20 {
        let user = format!("user-{user}");
        let first = service(&sticky(mesh, "x-user", &user).await);
        assert_eq!(service(&sticky(mesh, "x-user", &user).await), first, "{user}");
        seen.insert(first);
    }
    assert_eq!(seen, both);
    for _ in 0..4 {
        // Each is a connection of its own, and so a cookie of its own.
        let reply = sticky(mesh, "x-other", "1").await;
        let cookie = reply.headers["set-cookie"].to_str().unwrap();
        let (value, rest) = cookie.strip_prefix("sticky=\"").unwrap().split_once('"').unwrap();
        assert_eq!((value.len(), rest), (16, "; Max-Age=60; Path=/sticky; HttpOnly"), "{cookie}");
        let again = sticky(mesh, "cookie", &format!("sticky={value}")).await;
        assert!(!again.headers.contains_key("set-cookie"));
        assert_eq!(service(&again), service(&reply));
    }
    admin.gauge("cluster.app_by_user.ring_hash_lb.size").becomes(1024).await;
}
