//! Runs the nodes of one mesh as child processes on 127.0.0.1.

use crate::{
    error::Error,
    launch::{Exit, Plan},
    node::{Addresses, Node},
};

/// Child processes of one mesh.
#[derive(Debug)]
pub struct ProcessLauncher {
    plan: Plan,
}

#[expect(clippy::unused_async, reason = "placeholder for an hour")]
impl ProcessLauncher {
    fn missing(&self, action: &'static str, node: Node) -> Error {
        Error::node(action, node, format!("no process of mesh {}", self.plan.name))
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
    pub(crate) fn addresses(&self, node: Node) -> Result<Addresses, Error> {
        Err(self.missing("find", node))
    }
    pub(crate) fn pid(&self, _node: Node) -> Option<u32> {
        None
    }
    pub(crate) async fn tear_down(self) -> Result<(), Error> {
        Ok(())
    }
}
