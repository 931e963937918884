//! Runs the nodes of one mesh as containers on a network of their own.

use crate::{
    error::Error,
    launch::{Exit, Plan},
    node::{Addresses, Node},
};

/// Containers of one mesh.
#[derive(Debug)]
pub struct ContainerLauncher {
    plan: Plan,
}

// === impl ContainerLauncher ===

// Interface first: every body below is written with the launcher itself.
#[expect(
    clippy::unused_async,
    clippy::needless_pass_by_value,
    reason = "the engine is asked in each of them"
)]
impl ContainerLauncher {
    /// Whether an engine answers and the images can be built.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with `what: "docker"` says in one line why not.
    pub async fn available() -> Result<(), Error> {
        Err(Error::Unavailable {
            what: "docker",
            why: "the container launcher is not written yet".to_owned(),
        })
    }

    /// Makes what the mesh's containers share, and starts none of them.
    ///
    /// # Errors
    /// [`Error::Unavailable`] without an engine, [`Error::Step`] if an image or the network cannot be made.
    pub async fn new(plan: Plan) -> Result<Self, Error> {
        Self::available().await?;
        Ok(Self { plan })
    }

    fn missing(&self, action: &'static str, node: Node) -> Error {
        Error::node(action, node, format!("no container of mesh {}", self.plan.name))
    }

    pub(crate) async fn start(&self, node: Node) -> Result<(), Error> {
        Err(self.missing("start", node))
    }

    pub(crate) async fn stop(&self, node: Node) -> Result<Exit, Error> {
        Err(self.missing("stop", node))
    }

    pub(crate) async fn kill(&self, node: Node) -> Result<(), Error> {
        Err(self.missing("kill", node))
    }

    pub(crate) async fn pause(&self, node: Node) -> Result<(), Error> {
        Err(self.missing("pause", node))
    }

    pub(crate) async fn unpause(&self, node: Node) -> Result<(), Error> {
        Err(self.missing("unpause", node))
    }

    pub(crate) async fn logs(&self, node: Node) -> Result<String, Error> {
        Err(self.missing("read the log of", node))
    }

    pub(crate) async fn addresses(&self, node: Node) -> Result<Addresses, Error> {
        Err(self.missing("find", node))
    }

    pub(crate) async fn pid(&self, node: Node) -> Result<Option<u32>, Error> {
        Err(self.missing("find", node))
    }

    pub(crate) async fn tear_down(self) -> Result<(), Error> {
        Ok(())
    }
}
