//! The worker threads: each has a runtime of its own, and shares nothing on a request's way.

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use crate::access_log::AccessLogs;
use crate::base::task::{self, Owned};
use crate::config::listener::Terminal;
use crate::hcm::{self, Ending, Hcm};
use crate::listener::{self, Acceptor, Listener};
use crate::route::Table;
use crate::router::{Clusters, Router};
use crate::stats::Scope;
use crate::upstream::{self, Local};

/// What every worker is given.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) listeners: Arc<listener::Manager>,
    pub(super) clusters: Arc<upstream::Manager>,
    /// By the listener's name.
    pub(super) sites: Arc<HashMap<String, Site>>,
    pub(super) ending: Ending,
    pub(super) root: Scope,
}

/// What the connection managers of one listener share on all workers.
#[derive(Clone, Debug, Default)]
pub(super) struct Site {
    pub(super) logs: Arc<AccessLogs>,
    pub(super) table: Arc<Table>,
}

/// Starts `count` workers. Each holds a clone of `done` until its last connection has ended.
///
/// # Errors
/// The system has no thread for us.
pub(super) fn start(count: usize, shared: &Shared, done: &mpsc::Sender<()>) -> io::Result<()> {
    for index in 0..count {
        let (shared, done) = (shared.clone(), done.clone());
        thread::Builder::new().name(format!("wrk:worker_{index}")).spawn(move || {
            match runtime() {
                Ok(runtime) => block_on(&runtime, run(index, shared)),
                Err(error) => tracing::error!(%error, index, "a worker cannot start"),
            }
            drop(done);
        })?;
    }
    Ok(())
}

/// One thread's runtime.
pub(super) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_io().enable_time().build()
}

/// Runs `future`, and the local tasks it spawns, to its end.
pub(super) fn block_on<T>(runtime: &Runtime, future: impl Future<Output = T>) -> T {
    LocalSet::new().block_on(runtime, future)
}

async fn run(index: usize, shared: Shared) {
    let clusters: Clusters = shared
        .clusters
        .clusters()
        .iter()
        .map(|cluster| (cluster.name.clone(), Rc::new(Local::new(cluster.clone()))))
        .collect();
    let clusters = Rc::new(clusters);
    let mut acceptors = Owned::new();
    for listener in shared.listeners.listeners() {
        let acceptor = Acceptor {
            hcm: Rc::new(hcm(listener, &shared, &clusters)),
            listener: listener.clone(),
            worker: format!("worker_{index}"),
            drain: shared.ending.drain.clone(),
        };
        task::spawn_in(&mut acceptors, listener::accept(acceptor));
    }
    while acceptors.join_next().await.is_some() {}
}

fn hcm(listener: &Listener, shared: &Shared, clusters: &Rc<Clusters>) -> Hcm {
    let Terminal::Http(config) = &listener.config.terminal;
    let Site { logs, table } = shared.sites.get(&listener.config.name).cloned().unwrap_or_default();
    let scope = shared.root.scope("http").scope(&config.stat_prefix);
    let router = Router::new(table, config.router, clusters.clone(), &scope);
    let parts = hcm::Parts {
        config: config.clone(),
        terminal: hcm::Terminal::Router(router),
        logs,
        ending: shared.ending.clone(),
        buffer_limit: listener.config.buffer_limit,
    };
    Hcm::new(parts, &shared.root, &listener.scope)
}
