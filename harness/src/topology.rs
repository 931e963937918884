//! Describes a mesh: which nodes, with which files, started how.

use std::{
    collections::BTreeMap,
    fs, io,
    net::SocketAddr,
    path::PathBuf,
    process,
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::{
    binaries,
    error::Error,
    launch::{Launcher, Plan, Ports, container::ContainerLauncher, process::ProcessLauncher},
    mesh::Mesh,
    node::{AppPlan, Config, ConfigVersion, Node, NodePlan, Program, ProxyPlan, Role},
    settings::{self, DataPlane, Launch, Need},
};

/// A mesh that is not up yet.
#[derive(Debug, Clone)]
pub struct Topology {
    nodes: BTreeMap<Node, Program>,
    launch: Option<Launch>,
    data_plane: Option<DataPlane>,
    ports: Ports,
    waiting: Vec<Node>,
}

/// How a launcher was chosen, for messages and for tests that differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Launched {
    /// As child processes.
    Process,
    /// As containers.
    Container,
}

// === impl Topology ===

impl Topology {
    /// A mesh without nodes.
    pub fn new() -> Self {
        Self {
            nodes: BTreeMap::new(),
            launch: None,
            data_plane: None,
            ports: Ports::Ephemeral,
            waiting: Vec::new(),
        }
    }

    /// The mesh of the tutorial: gateway, one sidecar and the app beside it, with the files under `compose/`.
    ///
    /// # Errors
    /// [`Error::File`] if one of them cannot be read.
    pub fn tutorial(version: ConfigVersion) -> Result<Self, Error> {
        Ok(Self::new()
            .gateway(Config::of(Role::Gateway, version)?)
            .service(Config::of(Role::Sidecar, version)?))
    }

    /// The mesh of a feature, one of [`Config::features`]: the gateway of `compose/features/NAME/` before two instances of
    /// the app, each with the sidecar of that folder, or the tutorial's where it has none. In a folder with a `host.yaml`
    /// both stand behind one proxy, on one host.
    ///
    /// # Errors
    /// [`Error::Step`] if there is no such feature, [`Error::File`] if one of its files cannot be read.
    pub fn feature(name: &str) -> Result<Self, Error> {
        let mesh = Self::new().gateway(Config::of_feature(name, GATEWAY_FILE)?);
        if Config::feature_has(name, HOST_FILE) {
            return Ok(mesh.host(Config::of_feature(name, HOST_FILE)?, 2));
        }
        let sidecar = match Config::feature_has(name, SIDECAR_FILE) {
            true => Config::of_feature(name, SIDECAR_FILE)?,
            false => Config::of(Role::Sidecar, ConfigVersion::V3)?,
        };
        Ok(mesh.service(sidecar.clone()).service(sidecar))
    }

    /// Adds the gateway, with this file.
    #[must_use]
    pub fn gateway(self, config: Config) -> Self {
        self.proxy(Node::GATEWAY, config, "front-proxy")
    }

    /// Adds an app and the sidecar beside it, with this file. A second call adds a second instance of the same service.
    #[must_use]
    pub fn service(self, config: Config) -> Self {
        self.host(config, 1)
    }

    /// Adds a host with so many apps and one proxy for all of them, with this file: the deployment per host. The apps
    /// listen on the host's loopback, on 8080, 8081 and so on.
    #[must_use]
    pub fn host(mut self, config: Config, apps: u16) -> Self {
        let count = |nodes: &BTreeMap<Node, Program>, role| {
            nodes.keys().filter(|node| node.role == role).count()
        };
        let host = count(&self.nodes, Role::Sidecar);
        for beside in 0..apps {
            let app = Node::app(count(&self.nodes, Role::App));
            let environment = BTreeMap::from([("SERVICE_NAME".to_owned(), app.to_string())]);
            let port = FIRST_APP_PORT + beside;
            self.nodes.insert(app, Program::App(AppPlan { environment, host, port }));
        }
        self.proxy(Node::sidecar(host), config, "app")
    }

    /// Adds a sidecar alone, with this file; what it forwards to is given with [`Topology::origin`].
    #[must_use]
    pub fn lone_sidecar(self, config: Config) -> Self {
        self.proxy(Node::SIDECAR, config, "app")
    }

    fn proxy(mut self, node: Node, config: Config, service_cluster: &str) -> Self {
        let plan = ProxyPlan {
            config,
            service_cluster: service_cluster.to_owned(),
            arguments: Vec::new(),
            origins: BTreeMap::new(),
        };
        self.nodes.insert(node, Program::Proxy(plan));
        self
    }

    /// Puts a server of the test's own in the place of a host that a proxy's file names, such as `app:80`.
    #[must_use]
    pub fn origin(mut self, node: Node, host: &str, address: SocketAddr) -> Self {
        if let Some(Program::Proxy(plan)) = self.nodes.get_mut(&node) {
            plan.origins.entry(host.to_owned()).or_default().push(address);
        }
        self
    }

    /// Gives a proxy further arguments.
    #[must_use]
    pub fn arguments(mut self, node: Node, arguments: &[&str]) -> Self {
        if let Some(Program::Proxy(plan)) = self.nodes.get_mut(&node) {
            plan.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        }
        self
    }

    /// Leaves a node out of the start; [`Mesh::start`] starts it later.
    #[must_use]
    pub fn waiting(mut self, node: Node) -> Self {
        self.waiting.push(node);
        self
    }

    /// Chooses the launcher. Without it, `MESH_LAUNCH` does.
    #[must_use]
    pub fn launch(mut self, launch: Launch) -> Self {
        self.launch = Some(launch);
        self
    }

    /// Chooses whose proxy runs. Without it, `MESH_PROXY` does.
    #[must_use]
    pub fn data_plane(mut self, data_plane: DataPlane) -> Self {
        self.data_plane = Some(data_plane);
        self
    }

    /// Chooses the gateway's ports. Without it, they are any free ones.
    #[must_use]
    pub fn ports(mut self, ports: Ports) -> Self {
        self.ports = ports;
        self
    }

    /// Starts every node that is not [waiting](Self::waiting), and returns when all of them are ready.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if this machine lacks what the choice needs; otherwise what went wrong.
    pub async fn up(self) -> Result<Mesh, Error> {
        let data_plane = self.data_plane.map_or_else(DataPlane::from_env, Ok)?;
        let launch = self.launch.map_or_else(Launch::from_env, Ok)?;
        let waiting = self.waiting.clone();
        let plan = self.plan();
        let launched = choose(launch, data_plane, &plan).await?;
        let launcher = match launched {
            Launched::Process => {
                Launcher::Process(ProcessLauncher::new(plan.clone(), data_plane).await?)
            }
            Launched::Container => {
                Launcher::Container(Box::new(ContainerLauncher::new(plan.clone()).await?))
            }
        };
        let mesh = Mesh::new(launcher, &plan, (launched, data_plane));
        for planned in plan.nodes.iter().filter(|planned| !waiting.contains(&planned.node)) {
            mesh.start(planned.node).await?;
        }
        Ok(mesh)
    }

    fn plan(self) -> Plan {
        static MESHES: AtomicUsize = AtomicUsize::new(0);
        let name = format!("{}-{}", process::id(), MESHES.fetch_add(1, Ordering::Relaxed));
        let nodes =
            self.nodes.into_iter().map(|(node, program)| NodePlan { node, program }).collect();
        Plan { name, nodes, ports: self.ports }
    }
}

impl Default for Topology {
    fn default() -> Self {
        Self::new()
    }
}

async fn choose(launch: Launch, data_plane: DataPlane, plan: &Plan) -> Result<Launched, Error> {
    let proxies = plan.nodes.iter().filter_map(|planned| match &planned.program {
        Program::Proxy(proxy) => Some(proxy),
        Program::App(_) => None,
    });
    if data_plane == DataPlane::Envoy {
        let unfit =
            |why: &str| Err(Error::Unavailable { what: Need::Envoy.name(), why: why.to_owned() });
        if launch == Launch::Container {
            return unfit(
                "the real Envoy runs as a process only: leave MESH_LAUNCH alone or say process",
            );
        }
        if proxies.clone().any(|proxy| proxy.config.version == ConfigVersion::V1) {
            return unfit("the real Envoy of today reads v3 files only");
        }
        // Before anything is built for it.
        settings::envoy_binary()?;
        return Ok(Launched::Process);
    }
    let only_processes = proxies.clone().any(|proxy| !proxy.origins.is_empty());
    match launch {
        Launch::Process => Ok(Launched::Process),
        Launch::Auto if only_processes || ContainerLauncher::available().await.is_err() => {
            Ok(Launched::Process)
        }
        Launch::Auto | Launch::Container => Ok(Launched::Container),
    }
}

// === impl Config ===

impl Config {
    /// The file of the tutorial for a proxy, as it stands under `compose/`.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read.
    pub fn of(role: Role, version: ConfigVersion) -> Result<Self, Error> {
        let folder = match role {
            Role::Gateway => "gateway",
            Role::Sidecar | Role::App => "sidecar",
        };
        Self::read(compose().join(folder).join(version.file_name()), version)
    }

    /// The features that have a folder of their own, in the order of their names.
    ///
    /// # Errors
    /// [`Error::File`] if their folder cannot be read.
    pub fn features() -> Result<Vec<String>, Error> {
        let path = compose().join(FEATURES);
        let failed = |source| Error::File { path: path.clone(), source };
        let entries = fs::read_dir(&path).map_err(failed)?;
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let mut names = names.collect::<io::Result<Vec<_>>>().map_err(failed)?;
        names.retain(|name| path.join(name).join(GATEWAY_FILE).is_file());
        names.sort();
        Ok(names)
    }

    /// A file of a feature.
    fn of_feature(name: &str, file: &str) -> Result<Self, Error> {
        let features = Self::features()?;
        if !features.iter().any(|feature| feature == name) {
            let why = format!("there is none of that name, but {}", features.join(", "));
            return Err(Error::step(format!("find the feature {name:?}"), why));
        }
        Self::read(compose().join(FEATURES).join(name).join(file), ConfigVersion::V3)
    }

    fn feature_has(name: &str, file: &str) -> bool {
        compose().join(FEATURES).join(name).join(file).is_file()
    }

    fn read(path: PathBuf, version: ConfigVersion) -> Result<Self, Error> {
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Self { version, path, text }),
            Err(source) => Err(Error::File { path, source }),
        }
    }
}

/// The folder, under `compose/`, of the features' folders.
const FEATURES: &str = "features";

/// The files in the folder of a feature; only the gateway's is always there.
const GATEWAY_FILE: &str = "gateway.yaml";
const SIDECAR_FILE: &str = "sidecar.yaml";
const HOST_FILE: &str = "host.yaml";

/// Where the first app of a host listens, by the sidecars' files; the others follow.
const FIRST_APP_PORT: u16 = 8080;

fn compose() -> PathBuf {
    binaries::workspace().join("compose")
}
