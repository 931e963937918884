//! A mesh that is up: talk to it, look into it, break it.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{
    admin::Admin,
    client::{Client, raw::RawConnection},
    error::Error,
    eventually,
    launch::{Exit, Launcher, Plan},
    node::{Addresses, Node, Role},
    settings::DataPlane,
    topology::Launched,
};

/// A mesh that is up. Dropping it tears it down.
#[derive(Debug)]
pub struct Mesh {
    launcher: Launcher,
    name: String,
    nodes: Vec<Node>,
    launched: Launched,
    data_plane: DataPlane,
    state: Mutex<BTreeMap<Node, State>>,
}

/// What is known of a node that was started at least once.
#[derive(Debug)]
struct State {
    addresses: Addresses,
    starts: usize,
}

/// What the demo app prints as soon as it takes requests.
const APP_IS_READY: &str = "listening on http://";

// === impl Mesh ===

impl Mesh {
    pub(crate) fn new(
        launcher: Launcher,
        plan: &Plan,
        (launched, data_plane): (Launched, DataPlane),
    ) -> Self {
        let nodes = plan.nodes.iter().map(|planned| planned.node).collect();
        Self {
            launcher,
            name: plan.name.clone(),
            nodes,
            launched,
            data_plane,
            state: Mutex::default(),
        }
    }

    /// Its name among the meshes of this machine.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How its nodes were started.
    pub fn launched(&self) -> Launched {
        self.launched
    }

    /// Whose proxy runs on its nodes.
    pub fn data_plane(&self) -> DataPlane {
        self.data_plane
    }

    /// Its nodes, started or not: apps, sidecars, gateway.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The proxy that a client talks to: the gateway, or the sidecar where there is none.
    pub fn front(&self) -> Node {
        let gateway = self.nodes.iter().find(|node| node.role == Role::Gateway);
        gateway.copied().unwrap_or(Node::SIDECAR)
    }

    /// Where the front proxy takes requests.
    ///
    /// # Panics
    /// If it was never started.
    pub fn front_address(&self) -> SocketAddr {
        let address = self.addresses(self.front()).and_then(|addresses| addresses.traffic);
        address.expect("the front proxy was started and takes requests")
    }

    /// Where the front proxy takes requests, as a URL without a path.
    ///
    /// # Panics
    /// If it was never started.
    pub fn gateway_url(&self) -> String {
        format!("http://{}", self.front_address())
    }

    /// Where a node is reached; `None` before its first start.
    pub fn addresses(&self, node: Node) -> Option<Addresses> {
        self.state().get(&node).map(|state| state.addresses)
    }

    /// A new client of the front proxy, over HTTP/1.1, with a pool of its own.
    pub fn client(&self) -> Client {
        Client::http1(&self.gateway_url())
    }

    /// A new client of the front proxy, over HTTP/2 with prior knowledge.
    pub fn client_http2(&self) -> Client {
        Client::http2(&self.gateway_url())
    }

    /// A new connection to the front proxy, for exact bytes.
    ///
    /// # Panics
    /// If it cannot be made.
    pub async fn connect(&self) -> RawConnection {
        RawConnection::to(self.front_address()).await.expect("the front proxy takes connections")
    }

    /// The admin interface of a proxy.
    ///
    /// # Panics
    /// If the node has none, or was never started.
    pub fn admin(&self, node: Node) -> Admin {
        let address = self.addresses(node).and_then(|addresses| addresses.admin);
        Admin::new(node, address.expect("a proxy that was started has an admin interface"))
    }

    /// Starts a node, for the first time or again, and waits until it is ready.
    ///
    /// # Errors
    /// [`Error::Node`] if it cannot be started, [`Error::Ended`] if it ends at once, [`Error::Patience`] if it is not ready
    /// in time.
    pub async fn start(&self, node: Node) -> Result<(), Error> {
        self.launcher.start(node).await?;
        let addresses = self.launcher.addresses(node).await?;
        {
            let mut state = self.state();
            let starts = state.get(&node).map_or(0, |state| state.starts) + 1;
            state.insert(node, State { addresses, starts });
        }
        self.wait_ready(node).await
    }

    /// Waits until a node that was started is ready: a proxy says so itself, the app says that it listens.
    ///
    /// # Errors
    /// [`Error::Ended`] if it ends instead, [`Error::Patience`] if it is not ready in time.
    pub async fn wait_ready(&self, node: Node) -> Result<(), Error> {
        let what = format!("readiness of {node}");
        eventually::becomes_true(&what, async || {
            if self.is_ready(node).await? {
                return Ok(Ok(()));
            }
            if let Some(status) = self.launcher.ended(node).await? {
                let log = self.launcher.logs(node).await?;
                return Err(Error::Ended { node, status, log });
            }
            let log = self.launcher.logs(node).await?;
            Ok(Err(format!("it runs and is not ready; its log:\n{log}")))
        })
        .await
    }

    async fn is_ready(&self, node: Node) -> Result<bool, Error> {
        if node.role == Role::App {
            let starts = self.state().get(&node).map_or(0, |state| state.starts);
            let said = self.launcher.logs(node).await?.matches(APP_IS_READY).count();
            return Ok(starts > 0 && said >= starts);
        }
        // A container that has ended already is reached nowhere; that it has ended is seen next.
        let Some(address) = self.addresses(node).and_then(|addresses| addresses.admin) else {
            return Ok(false);
        };
        Ok(Admin::new(node, address).is_ready().await)
    }

    /// Asks a node to end (SIGTERM) and waits until it has.
    ///
    /// # Errors
    /// [`Error::Node`] if it does not run, or does not end in time.
    pub async fn stop(&self, node: Node) -> Result<Exit, Error> {
        self.launcher.stop(node).await
    }

    /// Ends a node without asking (SIGKILL).
    ///
    /// # Errors
    /// [`Error::Node`] if it does not run.
    pub async fn kill(&self, node: Node) -> Result<(), Error> {
        self.launcher.kill(node).await
    }

    /// Freezes a node: its connections stay, nothing answers.
    ///
    /// # Errors
    /// [`Error::Node`] if it does not run.
    pub async fn pause(&self, node: Node) -> Result<(), Error> {
        self.launcher.pause(node).await
    }

    /// Lets a frozen node go on.
    ///
    /// # Errors
    /// [`Error::Node`] if it does not run.
    pub async fn unpause(&self, node: Node) -> Result<(), Error> {
        self.launcher.unpause(node).await
    }

    /// Everything a node has printed.
    ///
    /// # Errors
    /// [`Error::Node`] if the engine does not say.
    pub async fn logs(&self, node: Node) -> Result<String, Error> {
        self.launcher.logs(node).await
    }

    /// Whether a node runs.
    ///
    /// # Errors
    /// [`Error::Node`] if the engine does not say.
    pub async fn is_running(&self, node: Node) -> Result<bool, Error> {
        Ok(self.launcher.pid(node).await?.is_some())
    }

    /// The most memory a node has ever had resident, in bytes. `None` where the system does not say, or it does not run.
    ///
    /// # Errors
    /// [`Error::Node`] if the engine does not say which process it is.
    pub async fn peak_memory(&self, node: Node) -> Result<Option<u64>, Error> {
        let Some(pid) = self.launcher.pid(node).await? else { return Ok(None) };
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Ok(kilobytes.map(|kilobytes| kilobytes * 1024))
    }

    /// Ends every node and removes what was made for them, and says so if something stays.
    ///
    /// # Errors
    /// [`Error::Step`] names what stays.
    pub async fn tear_down(self) -> Result<(), Error> {
        self.launcher.tear_down().await
    }

    fn state(&self) -> MutexGuard<'_, BTreeMap<Node, State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
