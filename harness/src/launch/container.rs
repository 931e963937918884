//! Runs the nodes of one mesh as containers on a network of their own.
//!
//! Nodes are started through testcontainers. What they share is made through the engine's own client, because testcontainers
//! knows neither aliases on a network nor network namespaces that outlive a container: one network per mesh, and for each
//! app with its sidecar one namespace, in which they reach each other on loopback. The namespace is held by a third
//! container, as in Kubernetes, so that app and sidecar can each be killed and started again while the other lives on; it
//! carries the alias `app` on the network and the sidecar's published ports.

mod request;
mod shared;

#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, mem, sync::Arc, thread, time::Duration};

use bollard::{
    errors::Error as EngineError,
    query_parameters::{
        InspectContainerOptions, KillContainerOptionsBuilder, LogsOptionsBuilder,
        WaitContainerOptionsBuilder,
    },
};
use futures_util::{StreamExt as _, TryStreamExt as _};
use testcontainers::{ContainerAsync, GenericImage, runners::AsyncRunner as _};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

use self::shared::Shared;
use crate::{
    engine,
    error::{BoxError, Error},
    eventually::patience,
    images::{self, Images},
    launch::{
        Exit, Plan, Ports,
        certificates::{self, Certificates},
    },
    node::{Addresses, Node, Program, Role},
    reaper::{self, Owner},
};

/// Where both proxies take requests in their container, by the files under `compose/`.
const TRAFFIC_PORT: u16 = 80;
/// Where both proxies' admin interfaces listen in their container, by the files under `compose/`.
const ADMIN_PORT: u16 = 8001;

/// How many meshes of this process may be up at once. Each takes a network, and an engine has addresses for about thirty.
const MAX_MESHES: usize = 12;
static MESHES: Semaphore = Semaphore::const_new(MAX_MESHES);

/// Containers of one mesh.
#[derive(Debug)]
pub struct ContainerLauncher {
    images: &'static Images,
    /// In an [`Arc`], because what is dropped is removed by another thread.
    shared: Arc<Shared>,
    slots: BTreeMap<Node, Slot>,
    ports: Ports,
    /// Where a file looks for some.
    certificates: Option<Certificates>,
    _permit: SemaphorePermit<'static>,
}

/// The place of one node.
#[derive(Debug)]
struct Slot {
    program: Program,
    /// Made by the first start and kept until the end, so that its log spans all starts.
    container: OnceCell<ContainerAsync<GenericImage>>,
}

// === impl ContainerLauncher ===

impl ContainerLauncher {
    /// Whether an engine answers and the images can be built.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with `what: "docker"` says in one line why not.
    pub async fn available() -> Result<(), Error> {
        engine::connect().await.map(drop)
    }

    /// Makes what the mesh's containers share, and starts none of them.
    ///
    /// # Errors
    /// [`Error::Unavailable`] without an engine, [`Error::Step`] if an image or the network cannot be made.
    pub async fn new(plan: Plan) -> Result<Self, Error> {
        Self::owned(plan, &Owner::this_process()?).await
    }

    async fn owned(plan: Plan, owner: &Owner) -> Result<Self, Error> {
        static REAPED: OnceCell<()> = OnceCell::const_new();
        let docker = engine::connect().await?;
        REAPED.get_or_try_init(async || reaper::reap_with(&docker).await.map(drop)).await?;
        let images = images::prepared(&docker).await?;
        let slot = |program| Slot { program, container: OnceCell::new() };
        let certificates = Certificates::wanted(&plan.nodes)?;
        let launcher = Self {
            certificates,
            shared: Arc::new(Shared::new(docker, &plan.name, owner)),
            images,
            slots: plan.nodes.into_iter().map(|plan| (plan.node, slot(plan.program))).collect(),
            ports: plan.ports,
            _permit: MESHES.acquire().await.expect("nobody closes the semaphore"),
        };
        launcher.shared.create_network().await?;
        Ok(launcher)
    }

    pub(crate) async fn start(&self, node: Node) -> Result<(), Error> {
        let failed = |source: BoxError| Error::node("start", node, source);
        let slot = self.slot("start", node)?;
        let Some(container) = slot.container.get() else {
            let container = self.create(node, &slot.program).await?;
            return slot.container.set(container).map_err(|error| failed(error.into()));
        };
        if container.is_running().await.map_err(|error| failed(error.into()))? {
            return Err(failed("it runs already".into()));
        }
        container.start().await.map_err(|error| failed(error.into()))
    }

    pub(crate) async fn stop(&self, node: Node) -> Result<Exit, Error> {
        self.end("stop", node, "SIGTERM").await
    }

    pub(crate) async fn kill(&self, node: Node) -> Result<(), Error> {
        self.end("kill", node, "SIGKILL").await.map(drop)
    }

    pub(crate) async fn pause(&self, node: Node) -> Result<(), Error> {
        let container = self.container("pause", node)?;
        container.pause().await.map_err(|error| Error::node("pause", node, error))
    }

    pub(crate) async fn unpause(&self, node: Node) -> Result<(), Error> {
        let container = self.container("unpause", node)?;
        container.unpause().await.map_err(|error| Error::node("unpause", node, error))
    }

    pub(crate) async fn logs(&self, node: Node) -> Result<String, Error> {
        const ACTION: &str = "read the log of";
        let container = self.container(ACTION, node)?;
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail("all").build();
        let bytes = self
            .shared
            .docker()
            .logs(container.id(), Some(options))
            .try_fold(Vec::new(), async |mut bytes, piece| {
                bytes.extend_from_slice(&piece.into_bytes());
                Ok(bytes)
            })
            .await
            .map_err(|error| Error::node(ACTION, node, error))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    pub(crate) async fn addresses(&self, node: Node) -> Result<Addresses, Error> {
        let container = self.container("find", node)?;
        let published_by = match node.role {
            Role::App => return Ok(Addresses { traffic: None, admin: None }),
            Role::Sidecar => self.shared.namespace(node.instance).await?,
            Role::Gateway => container.id().to_owned(),
        };
        let addresses = self.shared.addresses(&published_by).await?;
        if addresses.admin.is_none() && self.pid(node).await?.is_none() {
            // Nothing is published of a container that does not run.
            let status = "its container does not run".to_owned();
            return Err(Error::Ended { node, status, log: self.logs(node).await? });
        }
        Ok(addresses)
    }

    pub(crate) async fn pid(&self, node: Node) -> Result<Option<u32>, Error> {
        let container = self.container("find", node)?;
        let found = self
            .shared
            .docker()
            .inspect_container(container.id(), None::<InspectContainerOptions>)
            .await
            .map_err(|error| Error::node("find", node, error))?;
        let pid = found.state.and_then(|state| state.pid);
        // The engine says 0 of a container that does not run.
        Ok(pid.and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid != 0))
    }

    pub(crate) async fn tear_down(self) -> Result<(), Error> {
        self.shared.remove().await
    }

    /// Makes the container of a node and starts it for the first time.
    async fn create(
        &self,
        node: Node,
        program: &Program,
    ) -> Result<ContainerAsync<GenericImage>, Error> {
        let network = match node.role {
            Role::App | Role::Sidecar => {
                let host = match program {
                    Program::App(app) => app.host,
                    Program::Proxy(_) => node.instance,
                };
                let holder = self.shared.hold_namespace(host, self.images).await?;
                request::Network::Of { container: holder }
            }
            Role::Gateway => {
                request::Network::Own { name: self.shared.network().to_owned(), ports: self.ports }
            }
        };
        let files = match (&self.certificates, program) {
            (Some(certificates), Program::Proxy(_)) => {
                certificates.of(certificates::service(node.role))?.into()
            }
            _ => Vec::new(),
        };
        request::of(program, self.images, network)
            .with_certificates(files)
            .named(self.shared.container_name(&node.to_string()), self.shared.labels())
            .start()
            .await
            .map_err(|error| Error::node("start", node, error))
    }

    /// Sends a signal and waits for the end.
    async fn end(&self, action: &'static str, node: Node, signal: &str) -> Result<Exit, Error> {
        let failed = |source: BoxError| Error::node(action, node, source);
        let container = self.container(action, node)?;
        let options = KillContainerOptionsBuilder::new().signal(signal).build();
        self.shared
            .docker()
            .kill_container(container.id(), Some(options))
            .await
            .map_err(|error| failed(error.into()))?;
        let ended = tokio::time::timeout(patience(), self.exit_code(container.id())).await;
        match ended {
            Err(_elapsed) => Err(failed(not_ended(patience()).into())),
            Ok(Err(error)) => Err(failed(error.into())),
            Ok(Ok(code)) => Ok(Exit { code }),
        }
    }

    /// Waits until a container does not run; `None` if a signal ended its program.
    async fn exit_code(&self, id: &str) -> Result<Option<i32>, EngineError> {
        let options = WaitContainerOptionsBuilder::new().condition("not-running").build();
        let code = match self.shared.docker().wait_container(id, Some(options)).next().await {
            None => return Ok(None),
            Some(Ok(answer)) => answer.status_code,
            Some(Err(EngineError::DockerContainerWaitError { code, .. })) => code,
            Some(Err(error)) => return Err(error),
        };
        // Engines, like shells, add 128 to the number of a signal.
        Ok(i32::try_from(code).ok().filter(|code| *code <= 128))
    }

    fn slot(&self, action: &'static str, node: Node) -> Result<&Slot, Error> {
        let missing =
            || Error::node(action, node, format!("{} has no such node", self.shared.mesh()));
        self.slots.get(&node).ok_or_else(missing)
    }

    fn container(
        &self,
        action: &'static str,
        node: Node,
    ) -> Result<&ContainerAsync<GenericImage>, Error> {
        let container = self.slot(action, node)?.container.get();
        container.ok_or_else(|| Error::node(action, node, "it was never started"))
    }
}

impl Drop for ContainerLauncher {
    fn drop(&mut self) {
        let shared = Arc::clone(&self.shared);
        let slots = mem::take(&mut self.slots);
        // A runtime of its own, because this may run in one that blocks on nothing, or outside of any.
        let removal = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let removed = shared.remove().await;
                // Only now, when they find nothing left to remove; they need a runtime for that, too.
                drop(slots);
                removed.map_err(BoxError::from)
            })
        });
        // What could not be removed is left to the reaper of the next run.
        let _removed: Result<Result<(), BoxError>, _> = removal.join();
    }
}

fn not_ended(patience: Duration) -> String {
    format!("it has not ended within {patience:?}")
}
