//! Test bench for meshes: brings gateway, sidecar and app up, breaks them on purpose and says what a client sees.
//!
//! ```no_run
//! use outrigger_harness::{mesh::Mesh, node::Node, topology::Topology, trial::{Mode, run}};
//!
//! // The whole of a test called `the_gateway_outlives_its_sidecar`.
//! run(Mode::V1Process, |version| Topology::tutorial(version).unwrap(), async |mesh: &Mesh| {
//!     let client = mesh.client();
//!     client.get("/").await.unwrap().expect_status(200).expect_header("server", "envoy");
//!     mesh.kill(Node::SIDECAR).await.unwrap();
//!     mesh.admin(Node::GATEWAY).gauge("cluster.app.upstream_cx_active").becomes(0).await;
//!     client.get("/").await.unwrap().expect_status(503);
//!     mesh.start(Node::SIDECAR).await.unwrap();
//!     client.get("/").await.unwrap().expect_status(200);
//! });
//! ```
//!
//! | question | answer |
//! |---|---|
//! | What is in a mesh? | [`topology`], [`node`] |
//! | How do nodes start, end and freeze? | [`launch`]: as processes or as containers, with the same verbs |
//! | How do I ask, look and wait? | [`mesh`], [`client`], [`admin`], [`eventually`] |
//! | What stands in for an upstream, for a rate limit service, or for users? | [`origin`], [`rls`], [`load`] |
//! | What happens around a test? | [`trial`], and [`failure_bundle`] when it fails |
//! | Where do programs and images come from? | [`binaries`], [`images`]; [`reaper`] removes what killed runs left |
//! | What can a person choose? | [`settings`]: `MESH_LAUNCH`, `MESH_PROXY`, `MESH_REQUIRE`, and `MESH_PATIENCE_MS` in [`eventually`] |
//! | What is behind `cargo mesh`? | [`cli`] |

pub mod admin;
pub mod authority;
pub mod binaries;
pub mod cargo;
pub mod cli;
pub mod client;
pub mod engine;
pub mod error;
pub mod eventually;
pub mod failure_bundle;
pub mod images;
pub mod launch;
pub mod load;
pub mod mesh;
pub mod node;
pub mod origin;
pub mod reaper;
pub mod rls;
pub mod settings;
pub mod topology;
pub mod trial;
