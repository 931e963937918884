//! The verbs of the launcher, on an app alone: what proxies do is for the acceptance tests.

use std::{
    collections::{BTreeMap, HashMap},
    panic::AssertUnwindSafe,
};

use bollard::query_parameters::{ListContainersOptionsBuilder, ListNetworksOptionsBuilder};
use futures_util::FutureExt as _;

use super::*;
use crate::{
    eventually,
    node::{AppPlan, NodePlan},
    settings::Need,
};

/// A mesh with an app in both places that a container may have; `None`, with a line that says so, where there is no engine and none is required.
async fn app(name: &str) -> Option<ContainerLauncher> {
    app_of(name, &Owner::this_process().unwrap()).await
}

async fn app_of(name: &str, owner: &Owner) -> Option<ContainerLauncher> {
    let environment = BTreeMap::from([("SERVICE_NAME".to_owned(), name.to_owned())]);
    let program = Program::App(AppPlan { environment, host: 0, port: 8080 });
    let plan = Plan {
        name: format!("test-{}-{name}", std::process::id()),
        nodes: [Node::APP, Node::GATEWAY]
            .map(|node| NodePlan { node, program: program.clone() })
            .into(),
        ports: Ports::Ephemeral,
    };
    match ContainerLauncher::owned(plan, owner).await {
        Ok(launcher) => Some(launcher),
        Err(missing @ Error::Unavailable { .. }) if !Need::Docker.is_required().unwrap() => {
            eprintln!("skipped: {missing}");
            None
        }
        Err(error) => panic!("{}", error.report()),
    }
}

async fn log_has(launcher: &ContainerLauncher, line: &str, times: usize) -> String {
    let read = async || launcher.logs(Node::APP).await;
    eventually::satisfies(line, read, |log| log.matches(line).count() == times).await.unwrap()
}

/// How many containers and networks of a mesh the engine knows.
async fn parts(mesh: &str) -> usize {
    let docker = engine::connect().await.unwrap();
    let filters = HashMap::from([("label", vec![format!("outrigger.mesh={mesh}")])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let containers = docker.list_containers(Some(options)).await.unwrap();
    let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
    containers.len() + docker.list_networks(Some(options)).await.unwrap().len()
}

#[tokio::test]
async fn a_node_is_started_stopped_and_started_again() {
    let Some(launcher) = app("stop").await else { return };
    launcher.start(Node::APP).await.unwrap();
    log_has(&launcher, "listening on http://127.0.0.1:8080", 1).await;
    assert!(launcher.pid(Node::APP).await.unwrap().is_some());

    let again = launcher.start(Node::APP).await.unwrap_err();
    assert_eq!(again.report(), "cannot start app\n  because: it runs already");

    assert_eq!(launcher.stop(Node::APP).await.unwrap(), Exit { code: Some(0) });
    assert_eq!(launcher.pid(Node::APP).await.unwrap(), None);
    assert!(launcher.stop(Node::APP).await.is_err());

    launcher.start(Node::APP).await.unwrap();
    log_has(&launcher, "listening on http://127.0.0.1:8080", 2).await;
    launcher.tear_down().await.unwrap();
}

#[tokio::test]
async fn a_killed_node_leaves_its_namespace_to_the_next_start() {
    let Some(launcher) = app("kill").await else { return };
    launcher.start(Node::APP).await.unwrap();
    let namespace = launcher.shared.namespace(0).await.unwrap();
    launcher.kill(Node::APP).await.unwrap();
    assert_eq!(launcher.pid(Node::APP).await.unwrap(), None);
    launcher.start(Node::APP).await.unwrap();
    assert_eq!(launcher.shared.namespace(0).await.unwrap(), namespace);
    launcher.tear_down().await.unwrap();
}

#[tokio::test]
async fn a_frozen_node_goes_on_or_is_killed() {
    let Some(launcher) = app("pause").await else { return };
    launcher.start(Node::APP).await.unwrap();
    launcher.pause(Node::APP).await.unwrap();
    assert!(launcher.pause(Node::APP).await.is_err());
    launcher.unpause(Node::APP).await.unwrap();
    launcher.pause(Node::APP).await.unwrap();
    launcher.kill(Node::APP).await.unwrap();
    assert_eq!(launcher.pid(Node::APP).await.unwrap(), None);
    launcher.tear_down().await.unwrap();
}

#[tokio::test]
async fn a_node_that_was_never_started_says_so() {
    let Some(launcher) = app("never").await else { return };
    let error = launcher.logs(Node::APP).await.unwrap_err();
    assert_eq!(error.report(), "cannot read the log of app\n  because: it was never started");
    let error = launcher.start(Node::SIDECAR).await.unwrap_err();
    assert!(error.report().ends_with("has no such node"), "{}", error.report());
}

#[tokio::test]
async fn a_gateway_is_reached_on_loopback_while_it_runs() {
    let Some(launcher) = app("gateway").await else { return };
    launcher.start(Node::GATEWAY).await.unwrap();
    let Addresses { traffic: Some(traffic), admin: Some(admin) } =
        launcher.addresses(Node::GATEWAY).await.unwrap()
    else {
        panic!("both ports are published");
    };
    assert!(traffic.ip().is_loopback() && admin.ip().is_loopback() && traffic != admin);

    launcher.kill(Node::GATEWAY).await.unwrap();
    let error = launcher.addresses(Node::GATEWAY).await.unwrap_err();
    assert!(matches!(error, Error::Ended { node: Node::GATEWAY, .. }), "{error}");
    launcher.tear_down().await.unwrap();
}

#[tokio::test]
async fn tearing_down_leaves_nothing() {
    let Some(launcher) = app("down").await else { return };
    let mesh = launcher.shared.mesh().to_owned();
    launcher.start(Node::APP).await.unwrap();
    assert_eq!(parts(&mesh).await, 3, "the app, its namespace and the network");
    launcher.tear_down().await.unwrap();
    assert_eq!(parts(&mesh).await, 0);
}

#[tokio::test]
async fn a_panic_leaves_nothing_even_of_a_frozen_node() {
    let Some(launcher) = app("panic").await else { return };
    let mesh = launcher.shared.mesh().to_owned();
    let body = AssertUnwindSafe(async move {
        launcher.start(Node::APP).await.unwrap();
        launcher.pause(Node::APP).await.unwrap();
        panic!("as a test does that fails");
    });
    body.catch_unwind().await.unwrap_err();
    assert_eq!(parts(&mesh).await, 0);
}

#[test]
fn dropping_outside_of_a_runtime_leaves_nothing() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let Some(launcher) = runtime.block_on(app("outside")) else { return };
    let mesh = launcher.shared.mesh().to_owned();
    runtime.block_on(launcher.start(Node::APP)).unwrap();
    drop(launcher);
    assert_eq!(runtime.block_on(parts(&mesh)), 0);
}

#[tokio::test]
async fn the_reaper_takes_what_the_dead_have_left_and_nothing_else() {
    let Some(alive) = app("alive").await else { return };
    // As if another process had had our id before us.
    let this = Owner::this_process().unwrap().to_string();
    let (rest, _started) = this.rsplit_once('/').unwrap();
    let dead: Owner = format!("{rest}/1").parse().unwrap();
    let orphan = app_of("orphan", &dead).await.unwrap();
    orphan.start(Node::APP).await.unwrap();
    alive.start(Node::APP).await.unwrap();

    reaper::reap().await.unwrap();
    assert_eq!(parts(orphan.shared.mesh()).await, 0);
    assert_eq!(parts(alive.shared.mesh()).await, 3);
}
