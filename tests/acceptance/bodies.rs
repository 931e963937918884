//! Bodies of any size pass through unchanged, in bounded memory; trailers pass where Envoy lets them.

use std::io;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Full};
use hyper::{
    HeaderMap, Request,
    header::{HeaderName, HeaderValue},
};
use outrigger_harness::{
    client::{
        Client, pattern,
        stream::{Http, exchange},
    },
    mesh::Mesh,
    node::{ConfigVersion, Node},
    origin::{Origin, origin},
    settings::DataPlane,
    topology::Topology,
};
use reqwest::{Body, Method};

const MEGABYTE: usize = 1 << 20;
const LARGE: usize = 50 * MEGABYTE;

each_mesh!(an_empty_body_passes);
async fn an_empty_body_passes(mesh: &Mesh) {
    echoes(&mesh.client(), 0).await;
}

each_mesh!(a_kilobyte_passes);
async fn a_kilobyte_passes(mesh: &Mesh) {
    echoes(&mesh.client(), 1024).await;
    echoes(&mesh.client_http2(), 1024).await;
}

async fn echoes(client: &Client, length: usize) {
    let body = pattern(length);
    let reply = client.post("/echo/body", body.clone()).await.unwrap();
    reply.expect_status(200);
    assert!(reply.body == body, "{} of {length} bytes came back, or others", reply.body.len());
}

each_mesh!(fifty_megabytes_pass_in_bounded_memory);
async fn fifty_megabytes_pass_in_bounded_memory(mesh: &Mesh) {
    // None of the 100 MB that pass is kept. On a busy machine Envoy fills two stream windows of 16 MiB, one each way; ours
    // are of 1 MiB, and with the codecs' buffers we have been seen to grow by 16 MB, for 50 MB as for 200.
    let bound = match mesh.data_plane() {
        DataPlane::Outrigger => 32 * MEGABYTE,
        DataPlane::Envoy => 45 * MEGABYTE,
    };
    let proxies = [Node::GATEWAY, Node::SIDECAR];
    echoes(&mesh.client(), 1024).await;
    let mut before = Vec::new();
    for node in proxies {
        before.push(
            mesh.peak_memory(node)
                .await
                .unwrap()
                .expect("the system says how much memory a process had"),
        );
    }
    echoes(&mesh.client(), LARGE).await;
    for (node, before) in proxies.into_iter().zip(before) {
        let grown = mesh.peak_memory(node).await.unwrap().unwrap().saturating_sub(before);
        assert!(grown < bound as u64, "{node} grew by {grown} bytes");
    }
}

each_mesh!(a_body_of_unknown_length_passes);
async fn a_body_of_unknown_length_passes(mesh: &Mesh) {
    let whole = pattern(3 * MEGABYTE);
    let parts: Vec<io::Result<Bytes>> =
        whole.chunks(10_000).map(|part| Ok(Bytes::copy_from_slice(part))).collect();
    for client in [mesh.client(), mesh.client_http2()] {
        let parts = parts
            .iter()
            .map(|part| Ok(part.as_ref().unwrap().clone()))
            .collect::<Vec<io::Result<Bytes>>>();
        let request =
            client.request(Method::POST, "/echo/body").body(Body::wrap_stream(stream::iter(parts)));
        let reply = Client::send(request).await.unwrap();
        reply.expect_status(200).expect_no_header("content-length");
        assert!(reply.body == whole, "{} bytes came back, or others", reply.body.len());
    }
}

each_mesh!(a_body_is_passed_on_before_it_has_ended);
async fn a_body_is_passed_on_before_it_has_ended(mesh: &Mesh) {
    let mut connection = mesh.connect().await;
    let head = "POST /echo/body HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    connection.send(format!("{head}5\r\nfirst\r\n")).await.unwrap();
    // The answer to the first part arrives while the second is not sent.
    connection.until_text("first").await.unwrap();
    connection.send("6\r\nsecond\r\n0\r\n\r\n").await.unwrap();
    connection.until_text("second").await.unwrap();
}

each_mesh!(many_bodies_at_once_do_not_mix);
async fn many_bodies_at_once_do_not_mix(mesh: &Mesh) {
    let clients = [mesh.client(), mesh.client_http2()];
    stream::iter(0..40_usize)
        .for_each_concurrent(None, async |number| {
            let body = pattern(200_000 + number).slice(number..);
            let reply = clients[number % 2].post("/echo/body", body.clone()).await.unwrap();
            assert!(reply.body == body, "body {number} came back otherwise");
        })
        .await;
}

/// A gateway, which speaks HTTP/2 upstream, with an origin in place of the sidecar.
fn gateway_before(version: ConfigVersion, origin: &Origin) -> Topology {
    crate::modes::lone_gateway(version).origin(Node::GATEWAY, "app:80", origin.address())
}

async fn answering_with_a_trailer() -> Origin {
    origin().body("answer").trailer("x-answered", "yes").start().await.unwrap()
}

each_mesh_with_origin!(
    trailers_pass_both_ways_over_http2,
    answering_with_a_trailer,
    gateway_before
);
async fn trailers_pass_both_ways_over_http2(mesh: &Mesh, origin: &Origin) {
    let trailers =
        HeaderMap::from_iter([(HeaderName::from_static("x-sum"), HeaderValue::from_static("abc"))]);
    let body = Full::new(Bytes::from_static(b"question")).map_err(|never| match never {});
    let body = body.with_trailers(async move { Some(Ok(trailers)) }).boxed();
    let request =
        Request::post("http://mesh/trailers").header("te", "trailers").body(body).unwrap();

    let reply = exchange(mesh.front_address(), Http::Two, request).await.unwrap();
    assert_eq!((reply.status, reply.body.as_ref()), (200, b"answer".as_slice()));
    assert_eq!(reply.trailers.get("x-answered").unwrap(), "yes");
    let seen = origin.seen();
    assert_eq!((seen.len(), seen[0].body.as_ref()), (1, b"question".as_slice()));
    assert_eq!(seen[0].trailers.get("x-sum").unwrap(), "abc");
}
