//! Starts and breaks the nodes of one mesh, as child processes or as containers, behind one interface.

pub mod certificates;
pub mod container;
pub mod process;

use crate::{
    error::Error,
    node::{Addresses, Node, NodePlan},
};

use self::{container::ContainerLauncher, process::ProcessLauncher};

/// What a launcher is to run: the nodes of one mesh. Nothing is started by a plan.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Unique among the meshes of this machine; lower-case letters, digits and `-`. Names networks and containers.
    pub name: String,
    /// The nodes, in the order in which they are started: apps, sidecars, gateway.
    pub nodes: Vec<NodePlan>,
    /// What the gateway's ports are on this machine.
    pub ports: Ports,
}

/// On which ports of this machine the gateway is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// On any free ones: what tests use.
    Ephemeral,
    /// On these.
    Fixed {
        /// Where it takes requests: 8000 in the tutorial.
        traffic: u16,
        /// Its admin interface: 8001 in the tutorial.
        admin: u16,
    },
}

/// Runs the nodes of one mesh.
///
/// Every verb takes `&self` and may run concurrently with verbs on *other* nodes. A node that was stopped or killed and is
/// started again is reached by its peers as before, and nothing else needs a restart: the sidecar outlives its app, although
/// it lives in the app's network namespace. Dropping a launcher ends and removes everything that it started, also while the
/// thread panics.
#[derive(Debug)]
pub enum Launcher {
    /// Child processes on 127.0.0.1.
    Process(ProcessLauncher),
    /// Containers on a network of their own.
    Container(Box<ContainerLauncher>),
}

/// How a node ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// The exit code; `None` if a signal ended it.
    pub code: Option<i32>,
}

// === impl Launcher ===

impl Launcher {
    /// Starts a node that is not running, and returns as soon as it runs; whether it is ready is for others to ask.
    ///
    /// # Errors
    /// [`Error::Node`] if it cannot be started.
    pub async fn start(&self, node: Node) -> Result<(), Error> {
        match self {
            Self::Process(launcher) => launcher.start(node).await,
            Self::Container(launcher) => launcher.start(node).await,
        }
    }

    /// Sends SIGTERM and waits until the node has ended by itself.
    ///
    /// # Errors
    /// [`Error::Node`] if it does not run, or has not ended within the patience of the harness.
    pub async fn stop(&self, node: Node) -> Result<Exit, Error> {
        match self {
            Self::Process(launcher) => launcher.stop(node).await,
            Self::Container(launcher) => launcher.stop(node).await,
        }
    }

    /// Sends SIGKILL and waits until the node is gone.
    ///
    /// # Errors
    /// [`Error::Node`] if it does not run.
    pub async fn kill(&self, node: Node) -> Result<(), Error> {
        match self {
            Self::Process(launcher) => launcher.kill(node).await,
            Self::Container(launcher) => launcher.kill(node).await,
        }
    }

    /// Freezes a node: it keeps its sockets and does nothing.
    ///
    /// # Errors
    /// [`Error::Node`] if it does not run.
    pub async fn pause(&self, node: Node) -> Result<(), Error> {
        match self {
            Self::Process(launcher) => launcher.pause(node).await,
            Self::Container(launcher) => launcher.pause(node).await,
        }
    }

    /// Lets a frozen node go on.
    ///
    /// # Errors
    /// [`Error::Node`] if it does not run.
    pub async fn unpause(&self, node: Node) -> Result<(), Error> {
        match self {
            Self::Process(launcher) => launcher.unpause(node).await,
            Self::Container(launcher) => launcher.unpause(node).await,
        }
    }

    /// Everything the node has printed, over all its starts.
    ///
    /// # Errors
    /// [`Error::Node`] if the log cannot be read.
    pub async fn logs(&self, node: Node) -> Result<String, Error> {
        match self {
            Self::Process(launcher) => launcher.logs(node).await,
            Self::Container(launcher) => launcher.logs(node).await,
        }
    }

    /// Where the node is reached from here; asked again after every start, since a container's published port may change.
    ///
    /// # Errors
    /// [`Error::Node`] if it was never started.
    pub async fn addresses(&self, node: Node) -> Result<Addresses, Error> {
        match self {
            Self::Process(launcher) => launcher.addresses(node),
            Self::Container(launcher) => launcher.addresses(node).await,
        }
    }

    /// The id of the node's process as this machine's `/proc` knows it; `None` while it does not run.
    ///
    /// # Errors
    /// [`Error::Node`] if the engine cannot tell.
    pub async fn pid(&self, node: Node) -> Result<Option<u32>, Error> {
        match self {
            Self::Process(launcher) => Ok(launcher.pid(node)),
            Self::Container(launcher) => launcher.pid(node).await,
        }
    }

    /// How the node ended, in words; `None` while it runs.
    ///
    /// # Errors
    /// [`Error::Node`] if the engine cannot tell.
    pub async fn ended(&self, node: Node) -> Result<Option<String>, Error> {
        match self {
            Self::Process(launcher) => Ok(launcher.status(node)),
            Self::Container(launcher) => Ok(launcher
                .pid(node)
                .await?
                .is_none()
                .then(|| "its container does not run".to_owned())),
        }
    }

    /// Ends and removes everything, and says so if something stays behind. Dropping does the same without a word.
    ///
    /// # Errors
    /// [`Error::Step`] names what could not be removed.
    pub async fn tear_down(self) -> Result<(), Error> {
        match self {
            Self::Process(launcher) => launcher.tear_down().await,
            Self::Container(launcher) => launcher.tear_down().await,
        }
    }
}
