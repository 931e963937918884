//! A service says which users have asked too often. It is one of the test's own, in the place of `cargo mesh rls`.

use outrigger_harness::{
    client::{Client, Reply},
    mesh::Mesh,
    node::Node,
    rls::{Answer, Rls},
    topology::Topology,
    trial::{self, Mode},
};
use reqwest::Method;

#[test]
fn process() {
    run(Mode::V3Process);
}

#[test]
fn envoy() {
    run(Mode::Envoy);
}

fn run(mode: Mode) {
    let start = async || {
        let rls = Rls::start().await.unwrap();
        let rules = ["user=ann:2/hour", "user:5/hour"].map(|rule| rule.parse().unwrap());
        rls.answer(Answer::Limits(rules.to_vec()));
        rls
    };
    trial::run_with(
        mode,
        start,
        |_version, rls| {
            let topology = Topology::feature("global-rate-limit").unwrap();
            topology.origin(Node::GATEWAY, "127.0.0.1:8089", rls.address())
        },
        async |mesh, rls| a_user_may_ask_so_often(mesh, rls).await,
    );
}

async fn of(client: &Client, user: &str) -> Reply {
    Client::send(client.request(Method::GET, "/").header("x-user", user)).await.unwrap()
}

async fn a_user_may_ask_so_often(mesh: &Mesh, rls: &Rls) {
    let client = mesh.client();
    client.get("/").await.unwrap().expect_status(200).expect_no_header("x-ratelimit-limit");
    assert_eq!(rls.asked().len(), 0);
    let first = of(&client, "ann").await;
    first.expect_status(200).expect_header("x-ratelimit-limit", "2, 2;w=3600");
    first.expect_header("x-ratelimit-remaining", "1");
    of(&client, "ann").await.expect_status(200).expect_header("x-ratelimit-remaining", "0");
    of(&client, "ann").await.expect_status(429).expect_header("x-envoy-ratelimited", "true");
    of(&client, "bob").await.expect_status(200).expect_header("x-ratelimit-remaining", "4");
    let asked = rls.asked();
    assert_eq!(asked.len(), 4);
    assert_eq!(asked[3].request.domain, "gateway");
    assert_eq!(asked[3].request.descriptors[0].to_string(), "user=bob");
    let admin = mesh.admin(Node::GATEWAY);
    admin.counter("cluster.app.ratelimit.ok").becomes(3).await;
    admin.counter("cluster.app.ratelimit.over_limit").becomes(1).await;
}
