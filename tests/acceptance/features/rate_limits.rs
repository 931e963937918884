//! So many requests a minute go, whoever asks, and what goes beyond is refused.

use outrigger_harness::{
    client::{Client, Reply},
    mesh::Mesh,
    node::Node,
};
use reqwest::Method;

async fn of(client: &Client, user: &str) -> Reply {
    Client::send(client.request(Method::GET, "/").header("x-user", user)).await.unwrap()
}

each_feature_mesh!(what_goes_beyond_a_limit_is_refused, "rate-limits");
async fn what_goes_beyond_a_limit_is_refused(mesh: &Mesh) {
    let client = mesh.client();
    let admin = mesh.admin(Node::GATEWAY);
    for _ in 0..3 {
        client.get("/echo").await.unwrap().expect_status(200).expect_no_header("x-ratelimit-limit");
    }
    let refused = client.get("/echo").await.unwrap();
    refused.expect_status(429).expect_body("local_rate_limited");
    admin.counter("echo.http_local_rate_limit.enabled").becomes(4).await;
    admin.counter("echo.http_local_rate_limit.ok").becomes(3).await;
    admin.counter("echo.http_local_rate_limit.enforced").becomes(1).await;

    let first = of(&client, "ann").await;
    first.expect_status(200).expect_header("x-ratelimit-limit", "2");
    first.expect_header("x-ratelimit-remaining", "1");
    of(&client, "ann").await.expect_status(200).expect_header("x-ratelimit-remaining", "0");
    of(&client, "ann").await.expect_status(429).expect_header("x-limited-by", "gateway");
    of(&client, "bob").await.expect_status(200).expect_header("x-ratelimit-limit", "1000");
    admin.counter("users.http_local_rate_limit.rate_limited").becomes(1).await;
}
