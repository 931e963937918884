//! `cargo mesh up`: builds what is needed, starts the mesh, shows it, and stays.

use std::{
    cmp::Reverse,
    fs::File,
    os::unix::process::CommandExt,
    process::{self, ExitCode, Stdio},
};

use tokio::signal::unix::{SignalKind, signal};

use super::{
    UpOptions,
    picture::Picture,
    screen,
    state::{self, Found, Held, NodeState, State},
    transcript,
};
use crate::{
    binaries::Binaries,
    error::Error,
    eventually, images,
    launch::{Ports, container::ContainerLauncher},
    mesh::Mesh,
    node::{Node, Role},
    settings::{DataPlane, Launch},
    topology::{Launched, Topology},
};

/// The tutorial's ports.
const TRAFFIC: u16 = 8000;
const ADMIN: u16 = 8001;

/// Starts the mesh and stays until Ctrl-C or `cargo mesh down`.
pub(super) async fn stay(options: &UpOptions) -> Result<ExitCode, Error> {
    let mut held = Held::take()?;
    let start = async {
        let launch = prepare(options).await?;
        let step = screen::step("starting gateway, sidecar and app");
        let started = start(options, launch).await?;
        step.done();
        Ok(started)
    };
    let Some((mesh, state)) = unless_asked_to_end(start).await? else {
        screen::note("Ended before the mesh was up; nothing of it is left.");
        return Ok(ExitCode::FAILURE);
    };
    held.tell(&state)?;
    show(&state).await?;
    screen::note("The mesh stays up until Ctrl-C.");
    until_asked_to_end().await?;
    let step = screen::step("ending the mesh");
    mesh.tear_down().await?;
    step.done();
    Ok(ExitCode::SUCCESS)
}

/// Starts a process that holds the mesh, and returns when the mesh answers.
pub(super) async fn detach(options: &UpOptions) -> Result<ExitCode, Error> {
    // Only to say at once that another is up: the holder takes the lock itself.
    drop(Held::take()?);
    prepare(options).await?;
    let step = screen::step("starting gateway, sidecar and app");
    let state = spawn_holder(options).await?;
    step.done();
    show(&state).await?;
    screen::note(format_args!(
        "The mesh runs on; `cargo mesh down` ends it. Process {} holds it.",
        state.pid
    ));
    Ok(ExitCode::SUCCESS)
}

/// Holds a detached mesh until `cargo mesh down`.
pub(super) async fn hold(options: &UpOptions) -> Result<ExitCode, Error> {
    let mut held = Held::take()?;
    let Some((mesh, state)) = unless_asked_to_end(start(options, options.launch())).await? else {
        return Ok(ExitCode::FAILURE);
    };
    held.tell(&state)?;
    until_asked_to_end().await?;
    mesh.tear_down().await?;
    Ok(ExitCode::SUCCESS)
}

/// Builds what the chosen launcher needs, and tells how the nodes will be started.
async fn prepare(options: &UpOptions) -> Result<Launch, Error> {
    let mut launch = options.launch();
    if launch == Launch::Auto {
        let unfit = match options.data_plane() {
            DataPlane::Envoy => None,
            DataPlane::Outrigger => Some(ContainerLauncher::available().await),
        };
        launch = match unfit {
            Some(Ok(())) => Launch::Container,
            Some(Err(why)) => {
                screen::note(format_args!("Without containers, as processes: {why}"));
                Launch::Process
            }
            None => Launch::Process,
        };
    }
    if launch == Launch::Container {
        let step = screen::step("building the container images");
        images::build(&|done| step.tell(&done.to_string())).await?;
        step.done();
    } else {
        let step = screen::step("building outrigger and demo-app");
        Binaries::find_and_tell(&|line| step.tell(line)).await?;
        step.done();
    }
    Ok(launch)
}

async fn start(options: &UpOptions, launch: Launch) -> Result<(Mesh, State), Error> {
    let topology = match &options.feature {
        Some(feature) => Topology::feature(feature)?,
        None => Topology::tutorial(options.version())?,
    };
    let topology = topology.launch(launch).data_plane(options.data_plane()).ports(ports(options));
    let mesh = topology.up().await?;
    let answers = async || {
        let status = mesh.client().get("/").await.map(|reply| reply.status);
        Ok(match status {
            Ok(200) => Ok(()),
            Ok(other) => Err(format!("status {other}")),
            Err(error) => Err(error.to_string()),
        })
    };
    eventually::becomes_true("an answer of the app through both proxies", answers).await?;
    let state = describe(&mesh, options);
    Ok((mesh, state))
}

/// Those that were asked for; otherwise the tutorial's, if nobody else has them.
fn ports(options: &UpOptions) -> Ports {
    let is_free = |port: u16| std::net::TcpListener::bind(("0.0.0.0", port)).is_ok();
    options.ports.unwrap_or_else(|| {
        if is_free(TRAFFIC) && is_free(ADMIN) {
            Ports::Fixed { traffic: TRAFFIC, admin: ADMIN }
        } else {
            Ports::Ephemeral
        }
    })
}

fn describe(mesh: &Mesh, options: &UpOptions) -> State {
    let proxy = match mesh.data_plane() {
        DataPlane::Outrigger => "outrigger",
        DataPlane::Envoy => "the real Envoy",
    };
    let launched = match mesh.launched() {
        Launched::Process => "as processes",
        Launched::Container => "in containers",
    };
    let files = match &options.feature {
        Some(feature) => format!("files of compose/features/{feature}/"),
        None => format!("{} files of compose/", options.version()),
    };
    // On the way of a request, one instance after the other.
    let mut nodes = mesh.nodes().to_vec();
    nodes.sort_by_key(|node| (node.role != Role::Gateway, node.instance, Reverse(node.role)));
    let nodes = nodes.into_iter().map(|node| {
        let addresses = mesh.addresses(node);
        NodeState {
            name: node.to_string(),
            way: way(node, options),
            traffic: addresses.and_then(|addresses| addresses.traffic),
            admin: addresses.and_then(|addresses| addresses.admin),
        }
    });
    State {
        pid: process::id(),
        summary: format!("{proxy}, {launched}, with the {files}"),
        nodes: nodes.collect(),
    }
}

/// How requests come to a node, as far as it is known: a feature's files may say anything.
fn way(node: Node, options: &UpOptions) -> String {
    let way = match (node.role, node.instance) {
        (Role::Gateway, _) => "HTTP/1.1 or HTTP/2",
        (Role::Sidecar, 0) if options.feature.is_none() => "HTTP/2",
        (Role::Sidecar, 0) => "",
        (Role::Sidecar, _) => "from the gateway as well",
        (Role::App, _) => "HTTP/1.1",
    };
    way.to_owned()
}

async fn show(state: &State) -> Result<(), Error> {
    screen::print("");
    screen::print(Picture { state });
    match state.nodes.first().and_then(|gateway| gateway.traffic) {
        Some(gateway) => transcript::show(gateway).await,
        None => Ok(()),
    }
}

async fn spawn_holder(options: &UpOptions) -> Result<State, Error> {
    let log_path = state::log_path();
    let failed = |source| Error::File { path: log_path.clone(), source };
    let log = File::create(&log_path).map_err(failed)?;
    let own = std::env::current_exe()
        .map_err(|error| Error::step("find this program's own file", error))?;
    let mut command = process::Command::new(own);
    command
        .args(options.to_arguments())
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(failed)?)
        .stderr(log)
        // Ctrl-C in this terminal is not meant for it.
        .process_group(0);
    let mut holder = command
        .spawn()
        .map_err(|error| Error::step("start the process that holds the mesh", error))?;
    // As long as the holder lives it is at work: each of its own waits has an end.
    loop {
        if let Ok(Found::Up(state)) = state::find()
            && state.pid == holder.id()
        {
            return Ok(state);
        }
        if !matches!(holder.try_wait(), Ok(None)) {
            let said = std::fs::read_to_string(&log_path).unwrap_or_default();
            return Err(Error::step("start the mesh", said));
        }
        tokio::time::sleep(eventually::INTERVAL).await;
    }
}

/// Does this unless asked to end before it is done; then it is dropped, and with it whatever it had started.
async fn unless_asked_to_end<T>(
    work: impl Future<Output = Result<T, Error>>,
) -> Result<Option<T>, Error> {
    tokio::select! {
        done = work => done.map(Some),
        asked = until_asked_to_end() => asked.map(|()| None),
    }
}

/// Waits for Ctrl-C or for SIGTERM. A terminal that is closed is no reason to end.
async fn until_asked_to_end() -> Result<(), Error> {
    let listen = |kind| signal(kind).map_err(|error| Error::step("listen for signals", error));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hangup = listen(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = hangup.recv() => {}
        }
    }
}
