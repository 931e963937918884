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
use crate::base::bell::Ear;
use crate::base::task::{self, Owned};
use crate::config;
use crate::config::hcm::HttpConnectionManager;
use crate::config::listener::FilterChain;
use crate::filter;
use crate::hcm::{self, Ending, Hcm};
use crate::listener::{self, Acceptor, Chain, Listener, Terminal};
use crate::network::{Filter, TcpProxy};
use crate::overload::Limit;
use crate::route::Table;
use crate::router::{Clusters, Router};
use crate::stats::Scope;
use crate::upstream::{self, Local};

/// What every worker is given.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) listeners: Arc<listener::Manager>,
    pub(super) clusters: Arc<upstream::Manager>,
    /// One for each filter chain, by the listener's name.
    pub(super) sites: Arc<HashMap<String, Vec<Site>>>,
    pub(super) ending: Ending,
    pub(super) most_connections: Option<Arc<Limit>>,
    pub(super) root: Scope,
}

/// What a filter chain shares on all workers.
#[derive(Clone, Debug, Default)]
pub(super) struct Site {
    pub(super) logs: Arc<AccessLogs>,
    /// For HTTP.
    pub(super) table: Arc<Table>,
    pub(super) filters: Vec<Filter>,
    /// The HTTP filters before the router; none if there are none.
    pub(super) http_filters: Option<Arc<filter::http::Chain>>,
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
    let _following = task::spawn_guarded(follow(clusters.clone(), shared.clusters.ear()));
    let mut acceptors = Owned::new();
    for listener in shared.listeners.listeners() {
        let acceptor = Acceptor {
            chains: chains(listener, &shared, &clusters),
            listener: listener.clone(),
            worker: format!("worker_{index}"),
            drain: shared.ending.drain.clone(),
            overload: shared.ending.overload.clone(),
            most_connections: shared.most_connections.clone(),
        };
        task::spawn_in(&mut acceptors, listener::accept(acceptor));
    }
    while acceptors.join_next().await.is_some() {}
}

/// Lets the clusters that this worker has used take over hosts as they are published, whether requests come or not.
async fn follow(clusters: Rc<Clusters>, mut published: Ear) {
    while published.hears().await {
        clusters.values().for_each(|cluster| cluster.catch_up());
    }
}

/// The filter chains of a listener on one worker.
fn chains(listener: &Listener, shared: &Shared, clusters: &Rc<Clusters>) -> Rc<[Chain]> {
    let sites = shared.sites.get(&listener.config.name).map_or(&[][..], Vec::as_slice);
    let chains = listener.config.chains.iter().zip(sites);
    let terminal = |chain: &FilterChain, site: &Site| match &chain.terminal {
        config::listener::Terminal::Http(config) => {
            Terminal::Http(Rc::new(hcm(listener, config, site, (shared, clusters))))
        }
        config::listener::Terminal::Tcp(config) => {
            Terminal::Tcp(Rc::new(tcp_proxy(listener, config, site, (shared, clusters))))
        }
        config::listener::Terminal::Echo => Terminal::Echo,
        config::listener::Terminal::DirectResponse(response) => {
            Terminal::DirectResponse(response.clone())
        }
        config::listener::Terminal::Nothing => Terminal::Nothing,
    };
    chains
        .map(|(chain, site)| Chain {
            filters: site.filters.clone(),
            terminal: terminal(chain, site),
        })
        .collect()
}

fn hcm(
    listener: &Listener,
    config: &Arc<HttpConnectionManager>,
    site: &Site,
    (shared, clusters): (&Shared, &Rc<Clusters>),
) -> Hcm {
    let scope = shared.root.scope("http").scope(&config.stat_prefix);
    let router = Router::new(site.table.clone(), config.router, clusters.clone(), &scope)
        .with_buffer_limit(listener.config.buffer_limit);
    let parts = hcm::Parts {
        config: config.clone(),
        filters: site.http_filters.clone(),
        terminal: hcm::Terminal::Router(router),
        logs: site.logs.clone(),
        ending: shared.ending.clone(),
        buffer_limit: listener.config.buffer_limit,
    };
    Hcm::new(parts, &shared.root, &listener.scope)
}

fn tcp_proxy(
    listener: &Listener,
    config: &Arc<config::tcp_proxy::TcpProxy>,
    site: &Site,
    (shared, clusters): (&Shared, &Rc<Clusters>),
) -> TcpProxy {
    let cluster = |name: &str| clusters.get(name).cloned();
    let bounds = (shared.ending.drain.clone(), listener.config.buffer_limit);
    TcpProxy::new(config.clone(), cluster, site.logs.clone(), bounds, &shared.root)
}
