//! Runs the nodes of one mesh as child processes on 127.0.0.1, each on ports of its own.

mod child;
mod folder;
mod port;
mod rewrite;
pub mod tether;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustix::process::Signal;

use crate::{
    binaries::Binaries,
    error::{BoxError, Error},
    eventually,
    launch::{
        Exit, Plan, Ports,
        certificates::{self, Certificates},
    },
    node::{Addresses, AppPlan, Node, NodePlan, Program, ProxyPlan, Role},
    settings::{self, DataPlane},
};

use self::{child::Child, folder::Folder, port::Port, rewrite::Places};

/// Child processes of one mesh.
#[derive(Debug)]
pub struct ProcessLauncher {
    // In this order: processes end before their files and ports go.
    slots: BTreeMap<Node, Slot>,
    mesh: PathBuf,
    _folder: Folder,
}

/// The place of one node: what it runs there, and what is kept while it does not run.
#[derive(Debug)]
struct Slot {
    command: Recipe,
    traffic: Port,
    admin: Option<Port>,
    log: PathBuf,
    child: Mutex<Option<Arc<Child>>>,
}

/// A command line, from which a command is made at each start.
#[derive(Debug)]
struct Recipe {
    program: PathBuf,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
}

/// The ports of all nodes, known before any of them starts.
type AllPorts = BTreeMap<Node, (Port, Option<Port>)>;

// === impl ProcessLauncher ===

impl ProcessLauncher {
    /// Reserves ports and writes files for every node, and starts none of them.
    ///
    /// # Errors
    /// [`Error::Unavailable`] without an Envoy where one is asked for, [`Error::Step`] if a program cannot be built or a port
    /// is taken, [`Error::File`] if a file cannot be written.
    pub async fn new(plan: Plan, data_plane: DataPlane) -> Result<Self, Error> {
        let binaries = Binaries::find().await?;
        let proxy = match data_plane {
            DataPlane::Outrigger => binaries.outrigger.clone(),
            DataPlane::Envoy => settings::envoy_binary()?,
        };
        let folder = Folder::create(&plan.name)?;
        let ports = plan
            .nodes
            .iter()
            .map(|planned| Ok((planned.node, reserve(planned.node, plan.ports)?)))
            .collect::<Result<AllPorts, Error>>()?;
        let mut recipes = BTreeMap::new();
        let nodes = plan.nodes;
        let certificates = Certificates::wanted(&nodes)?;
        for planned in &nodes {
            let recipe = match &planned.program {
                Program::App(app) => app_recipe(&binaries.demo_app, planned.node, app, &ports),
                Program::Proxy(plan) => {
                    let mut places = places(planned.node, &nodes, &ports);
                    places.extend(plan.origins.clone());
                    let mut plan = plan.clone();
                    if let Some(certificates) = &certificates {
                        write_certificates(certificates, planned.node, &mut plan, folder.path())?;
                    }
                    proxy_recipe(&proxy, data_plane, planned.node, (&plan, &places), folder.path())?
                }
            };
            recipes.insert(planned.node, recipe);
        }
        let slots = ports
            .into_iter()
            .filter_map(|(node, (traffic, admin))| {
                let log = folder.path().join(format!("{node}.log"));
                let command = recipes.remove(&node)?;
                Some((node, Slot { command, traffic, admin, log, child: Mutex::default() }))
            })
            .collect();
        Ok(Self { slots, mesh: binaries.mesh.clone(), _folder: folder })
    }

    pub(crate) async fn start(&self, node: Node) -> Result<(), Error> {
        let failed = |source: BoxError| Error::node("start", node, source);
        let slot = self.slot("start", node)?;
        if slot.running().is_some() {
            return Err(failed("it runs already".into()));
        }
        let command = slot.command.command(&self.mesh);
        let child = Child::spawn(command, &slot.log).await.map_err(|error| failed(error.into()))?;
        *slot.child() = Some(Arc::new(child));
        Ok(())
    }

    pub(crate) async fn stop(&self, node: Node) -> Result<Exit, Error> {
        self.end("stop", node, Signal::TERM).await
    }

    pub(crate) async fn kill(&self, node: Node) -> Result<(), Error> {
        self.end("kill", node, Signal::KILL).await.map(drop)
    }

    async fn end(&self, action: &'static str, node: Node, signal: Signal) -> Result<Exit, Error> {
        let child = self.signal(action, node, signal)?;
        let status = tokio::time::timeout(eventually::patience(), child.end());
        let status = status.await.map_err(|late| Error::node(action, node, late))?;
        Ok(Exit { code: status.code() })
    }

    /// Comes back when it stands still: a thread may have something to finish when the signal comes.
    pub(crate) async fn pause(&self, node: Node) -> Result<(), Error> {
        let child = self.signal("pause", node, Signal::STOP)?;
        let look = async || child.is_stopped().map_err(|error| Error::node("pause", node, error));
        eventually::satisfies("the process stands still", look, |stopped| *stopped).await.map(drop)
    }

    #[expect(clippy::unused_async, reason = "a verb of the interface that both launchers have")]
    pub(crate) async fn unpause(&self, node: Node) -> Result<(), Error> {
        self.signal("unpause", node, Signal::CONT).map(drop)
    }

    fn signal(
        &self,
        action: &'static str,
        node: Node,
        signal: Signal,
    ) -> Result<Arc<Child>, Error> {
        let running = self.slot(action, node)?.running();
        let child = running.ok_or_else(|| Error::node(action, node, "it does not run"))?;
        child.signal(signal).map_err(|error| Error::node(action, node, error))?;
        Ok(child)
    }

    pub(crate) async fn logs(&self, node: Node) -> Result<String, Error> {
        let slot = self.slot("read the log of", node)?;
        match tokio::fs::read(&slot.log).await {
            Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(Error::node("read the log of", node, error)),
        }
    }

    pub(crate) fn addresses(&self, node: Node) -> Result<Addresses, Error> {
        let slot = self.slot("find", node)?;
        Ok(Addresses {
            traffic: Some(slot.traffic.address()),
            admin: slot.admin.as_ref().map(Port::address),
        })
    }

    pub(crate) fn pid(&self, node: Node) -> Option<u32> {
        self.slots.get(&node)?.running()?.pid()
    }

    /// How the node ended, if it has.
    pub(crate) fn status(&self, node: Node) -> Option<String> {
        let child = self.slots.get(&node)?.child().clone()?;
        child.status().map(|status| status.to_string())
    }

    #[expect(clippy::unused_async, reason = "a verb of the interface that both launchers have")]
    pub(crate) async fn tear_down(self) -> Result<(), Error> {
        drop(self);
        Ok(())
    }

    fn slot(&self, action: &'static str, node: Node) -> Result<&Slot, Error> {
        self.slots.get(&node).ok_or_else(|| Error::node(action, node, "the mesh has no such node"))
    }
}

// === impl Slot ===

impl Slot {
    fn child(&self) -> MutexGuard<'_, Option<Arc<Child>>> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> Option<Arc<Child>> {
        self.child().clone().filter(|child| child.pid().is_some())
    }
}

// === impl Recipe ===

impl Recipe {
    fn command(&self, mesh: &Path) -> Command {
        let mut command = tether::command(mesh, &self.program);
        command.args(&self.arguments).envs(&self.environment);
        command
    }
}

fn reserve(node: Node, wished: Ports) -> Result<(Port, Option<Port>), Error> {
    let failed = |error| Error::step(format!("reserve a port for {node}"), error);
    let free = || Port::free().map_err(failed);
    let fixed = |port: u16| {
        Port::fixed(port).map_err(|error| Error::step(format!("use port {port} for {node}"), error))
    };
    match (node.role, wished) {
        (Role::App, _) => Ok((free()?, None)),
        (Role::Gateway, Ports::Fixed { traffic, admin }) => {
            Ok((fixed(traffic)?, Some(fixed(admin)?)))
        }
        (Role::Gateway | Role::Sidecar, _) => Ok((free()?, Some(free()?))),
    }
}

fn app_recipe(program: &Path, node: Node, plan: &AppPlan, ports: &AllPorts) -> Recipe {
    let mut environment = plan.environment.clone();
    let address = ports[&node].0.address();
    environment.insert("SERVICE_API_HOST".to_owned(), address.ip().to_string());
    environment.insert("SERVICE_API_PORT".to_owned(), address.port().to_string());
    Recipe { program: program.to_owned(), arguments: Vec::new(), environment }
}

fn proxy_recipe(
    program: &Path,
    data_plane: DataPlane,
    node: Node,
    (plan, places): (&ProxyPlan, &Places),
    folder: &Path,
) -> Result<Recipe, Error> {
    let folder = folder.join(node.to_string());
    let path = folder.join(plan.config.version.file_name());
    let text = rewrite::rewrite(&plan.config, places)?;
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&path, text))
        .map_err(|source| Error::File { path: path.clone(), source })?;
    let mut arguments = vec!["-c".to_owned(), path.display().to_string()];
    arguments.extend(["--service-cluster".to_owned(), plan.service_cluster.clone()]);
    if data_plane == DataPlane::Envoy {
        // Without it, two Envoys of one machine meet in the same shared memory.
        arguments.push("--disable-hot-restart".to_owned());
    }
    arguments.extend(plan.arguments.iter().cloned());
    Ok(Recipe { program: program.to_owned(), arguments, environment: BTreeMap::new() })
}

/// Writes the certificates of a node, and has its file look for them there.
fn write_certificates(
    certificates: &Certificates,
    node: Node,
    plan: &mut ProxyPlan,
    folder: &Path,
) -> Result<(), Error> {
    let folder = folder.join(node.to_string()).join("tls");
    let failed = |source| Error::File { path: folder.clone(), source };
    std::fs::create_dir_all(&folder).map_err(failed)?;
    for (name, text) in certificates.of(certificates::service(node.role))? {
        std::fs::write(folder.join(name), text).map_err(failed)?;
    }
    let text = plan.config.text.replace(certificates::FOLDER, &folder.display().to_string());
    plan.config.text = text;
    Ok(())
}

/// What the addresses in a node's file are here. The files say where everything is in containers; see `compose/`.
fn places(node: Node, nodes: &[NodePlan], ports: &AllPorts) -> Places {
    let (traffic, admin) = &ports[&node];
    let mut places = Places::from([("0.0.0.0:80".to_owned(), vec![traffic.address()])]);
    if let Some(admin) = admin {
        places.insert("0.0.0.0:8001".to_owned(), vec![admin.address()]);
    }
    if node.role == Role::Gateway {
        let sidecars = ports.iter().filter(|(node, _)| node.role == Role::Sidecar);
        places.insert(
            "app:80".to_owned(),
            sidecars.map(|(_, (traffic, _))| traffic.address()).collect(),
        );
        return places;
    }
    for planned in nodes {
        if let Program::App(app) = &planned.program
            && app.host == node.instance
        {
            let address = ports[&planned.node].0.address();
            places.insert(format!("127.0.0.1:{}", app.port), vec![address]);
        }
    }
    places
}
