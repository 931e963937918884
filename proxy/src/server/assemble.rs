//! Makes running parts of a configuration, in the order of their dependencies. The only file that knows everybody.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::access_log::{self, AccessLogs, Files};
use crate::admin::{self, Life, State};
use crate::base::clock;
use crate::base::drain::Phase;
use crate::base::task::{self, Owned};
use crate::config::access_log::AccessLog;
use crate::config::diagnostic::Lenience;
use crate::config::listener::{FilterChain, Listener, Terminal};
use crate::config::{self, Bootstrap, Manner};
use crate::filter;
use crate::hcm::Ending;
use crate::listener;
use crate::network::Filter;
use crate::overload::Overload;
use crate::route::Table;
use crate::stats::{Scope, Store};
use crate::upstream::events::EventLog;
use crate::upstream::{self, discovery};

use super::admin as admin_server;
use super::memory;
use super::options::{Mode, Options};
use super::overload;
use super::secrets;
use super::signal::{Signals, Wish};
use super::workers::{self, Shared, Site};

type Error = Box<dyn std::error::Error>;

/// How long the first answers of name servers may hold back the start. A name that does not resolve is no reason not
/// to serve: its requests are answered 503 until it does.
const WARMING_PATIENCE: Duration = Duration::from_secs(5);

/// How long the last lines of access logs may take on their way to a slow disk.
const LAST_FLUSH: Duration = Duration::from_secs(1);

/// What reading the configuration has left, kept until everything is built: what is built does not take the place of it,
/// and all of it goes back to the system. Otherwise pages that are used in part would stay whole.
#[derive(Debug)]
pub(super) struct Remains(#[expect(dead_code, reason = "it is only dropped")] std_mpsc::Sender<()>);

/// Reads the configuration that the command line names.
pub(super) fn read(options: &Options) -> Result<(Bootstrap, Remains), Error> {
    let (path, yaml) = (options.config_path.clone(), options.config_yaml.clone());
    let node = options.node();
    let variables = options.expand_env.then_some(super::VARIABLES);
    let validating = options.mode == Mode::Validate;
    let manner = Manner {
        lenience: Lenience { unsupported: options.allow_unsupported, files: false },
        lints: validating.then(Vec::new),
        uses: false,
        route_tables: false,
    };
    let (found, checked) = std_mpsc::channel();
    let (forget, forgotten) = std_mpsc::channel::<()>();
    // On a thread of its own, whose memory is its own too.
    let load = thread::spawn(move || {
        let texts = (path.as_deref(), yaml.as_deref());
        config::check_then(texts, &node, variables, &manner, |checked| {
            // Neither fails but where the other side has given up.
            let _ = found.send(checked);
            let _ = forgotten.recv();
        });
    });
    let Ok(checked) = checked.recv() else {
        return match load.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => Err("the configuration was not read".into()),
        };
    };
    let Some(bootstrap) = checked.bootstrap else { return Err(checked.report.into()) };
    for finding in &checked.report.findings {
        tracing::warn!("{}", finding.to_string().replace('\n', ";"));
    }
    Ok((bootstrap.compact(), Remains(forget)))
}

/// Serves until told to end.
pub(super) fn serve(
    bootstrap: Bootstrap,
    remains: Remains,
    options: &Options,
) -> Result<(), Error> {
    let runtime = workers::runtime()?;
    workers::block_on(&runtime, run(bootstrap, remains, options))
}

async fn run(mut bootstrap: Bootstrap, remains: Remains, options: &Options) -> Result<(), Error> {
    let mut signals = Signals::new()?;
    let tables = tables(&mut bootstrap);
    let bootstrap = Arc::new(bootstrap);
    let store = Store::new();
    let root = store.root();
    let life = Arc::new(Life::new(clock::now(), clock::wall()));
    let mut tasks = Owned::new();
    let ending = ending(&bootstrap, &root, &mut tasks);
    let most_connections = overload::limit(&bootstrap, &root);
    let clusters = Arc::new(upstream::Manager::new(&bootstrap.clusters, &root));
    let count = options.workers();
    let listeners = Arc::new(listener::Manager::bind(&bootstrap.listeners, count, &root)?);
    let files = Files::new(&root, options.file_flush_interval());
    let parts = admin::Parts {
        store: store.clone(),
        bootstrap: bootstrap.clone(),
        clusters: clusters.clone(),
        listeners: listeners.clone(),
        life: life.clone(),
        ending: ending.clone(),
        drain_time: options.drain_time(),
        files: files.clone(),
        command_line: options.as_json(),
    };
    let sites = Arc::new(sites(&bootstrap, &files, &tables, (&root, &clusters, &ending))?);
    task::spawn_in(&mut tasks, admin::tend(parts.clone()));
    admin_server::start(parts, options.admin_address_path.as_deref(), &files, &mut tasks)?;
    tend_clusters(&bootstrap, &clusters, &files, &mut tasks)?;
    secrets::start(&listeners, &clusters, &root, &mut tasks);
    tokio::select! {
        () = warm(&clusters) => {}
        _end = until_end(&mut signals, &life, &files) => return Ok(()),
    }
    life.set(State::Initializing);
    // Nothing is ever sent: the receiver learns that all workers are done when the last sender is gone.
    let (working, done) = mpsc::channel(1);
    let shared = Shared {
        listeners: listeners.clone(),
        clusters,
        sites,
        ending: ending.clone(),
        most_connections,
        root,
    };
    workers::start(count, &shared, &working)?;
    drop(working);
    listeners.workers_started();
    life.set(State::Live);
    drop(remains);
    task::spawn_in(&mut tasks, memory::give_back());
    tracing::info!(workers = count, "all dependencies initialized, serving");
    if until_end(&mut signals, &life, &files).await == End::Gracefully {
        life.set(State::Draining);
        listeners.stop();
        drain(&ending, done, &mut signals, options.drain_time()).await;
    }
    files.flush(LAST_FLUSH);
    tracing::info!("exiting");
    Ok(())
}

/// What tells connections to end or to hold back. Starts the overload manager, if there is one.
fn ending(bootstrap: &Bootstrap, root: &Scope, tasks: &mut Owned) -> Ending {
    let overload = bootstrap.overload.clone().map(|config| {
        let overload = Arc::new(Overload::default());
        task::spawn_in(tasks, overload::watch(config, overload.clone(), root.clone()));
        overload
    });
    Ending { overload, ..Ending::default() }
}

/// Starts what goes on beside the requests of clusters: ejections, health checks, discovery.
fn tend_clusters(
    bootstrap: &Bootstrap,
    clusters: &upstream::Manager,
    files: &Files,
    tasks: &mut Owned,
) -> Result<(), Error> {
    let ejections = bootstrap.outlier_event_log.as_deref();
    let ejections = ejections.map(|path| event_log(path, files)).transpose()?;
    for cluster in clusters.clusters() {
        let checks = cluster.config.health_check.iter().flat_map(|check| &check.event_logs);
        let checks = checks.map(|path| event_log(path, files)).collect::<Result<_, _>>()?;
        upstream::outlier::start(cluster, ejections.clone(), tasks);
        upstream::health_check::start(cluster, checks, tasks);
        discovery::start(cluster, tasks);
    }
    Ok(())
}

/// The access logs that a filter chain's terminal filter asks for.
fn logs_of(chain: &FilterChain) -> &[AccessLog] {
    match &chain.terminal {
        Terminal::Http(manager) => &manager.access_logs,
        Terminal::Tcp(proxy) => &proxy.access_logs,
        Terminal::Echo | Terminal::DirectResponse(_) | Terminal::Nothing => &[],
    }
}

/// The route tables of connection managers, by the listener's name and the number of the filter chain.
type Tables = HashMap<(String, usize), Arc<Table>>;

/// Builds all route tables. What they are made from is dropped: it would take as much memory as they do, and nobody
/// looks at it again.
fn tables(bootstrap: &mut Bootstrap) -> Tables {
    let mut tables = HashMap::new();
    for listener in &mut bootstrap.listeners {
        let name = listener.name.clone();
        for (chain, manager) in listener.managers_mut() {
            let routes = std::mem::take(&mut Arc::make_mut(manager).routes);
            tables.insert((name.clone(), chain), Arc::new(Table::new(&routes)));
        }
    }
    tables
}

/// What filters are given beside their configuration.
#[derive(Clone, Copy)]
struct Given<'a> {
    root: &'a Scope,
    clusters: &'a [Arc<upstream::Cluster>],
    ending: &'a Ending,
}

/// Opens the access logs of all filter chains, and puts them with the route tables and the filters, by the listener's
/// name.
fn sites(
    bootstrap: &Bootstrap,
    files: &Files,
    tables: &Tables,
    (root, clusters, ending): (&Scope, &upstream::Manager, &Ending),
) -> Result<HashMap<String, Vec<Site>>, Error> {
    let given = Given { root, clusters: clusters.clusters(), ending };
    let mut sites = HashMap::new();
    for listener in &bootstrap.listeners {
        let mut chains = Vec::with_capacity(listener.chains.len());
        for (index, chain) in listener.chains.iter().enumerate() {
            let place = (listener.name.clone(), index);
            let table = tables.get(&place).cloned().unwrap_or_default();
            chains.push(Site {
                logs: Arc::new(AccessLogs::build(logs_of(chain), files)?),
                http_filters: http_filters(
                    (listener, chain),
                    &table,
                    (&bootstrap.node.cluster, given),
                )
                .map(Arc::new),
                table,
                filters: chain
                    .filters
                    .iter()
                    .map(|filter| Filter::new(filter, given.root))
                    .collect(),
            });
        }
        sites.insert(listener.name.clone(), chains);
    }
    Ok(sites)
}

/// Opens a file for events.
fn event_log(path: &Path, files: &Files) -> Result<EventLog, Error> {
    Ok(EventLog::new(access_log::lines(path, files)?))
}

/// The HTTP filters of a filter chain, if it has any.
fn http_filters(
    (listener, chain): (&Listener, &FilterChain),
    table: &Table,
    (node_cluster, given): (&str, Given<'_>),
) -> Option<filter::http::Chain> {
    let Terminal::Http(manager) = &chain.terminal else { return None };
    let scope = given.root.scope("http").scope(&manager.stat_prefix);
    let site = filter::http::Site {
        table,
        scope: &scope,
        root: given.root,
        clusters: given.clusters,
        buffer_limit: listener.buffer_limit,
        health_failed: &given.ending.health_failed,
        node_cluster,
    };
    filter::http::Chain::new(&manager.filters, site)
}

/// Waits until all clusters have asked for their hosts once, and until the hosts that are to be checked have been,
/// which takes no longer than the timeout of a check.
async fn warm(clusters: &upstream::Manager) {
    let all = async {
        for cluster in clusters.clusters() {
            cluster.discovered().await;
        }
    };
    if timeout(WARMING_PATIENCE, all).await.is_err() {
        tracing::warn!("not all clusters know their hosts yet; serving without them");
    }
    for cluster in clusters.clusters() {
        cluster.checked().await;
    }
}

/// How the process was asked to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    /// By a signal.
    Gracefully,
    /// By `/quitquitquit`.
    AtOnce,
}

async fn until_end(signals: &mut Signals, life: &Life, files: &Files) -> End {
    loop {
        tokio::select! {
            () = life.quit.notified() => return End::AtOnce,
            wish = signals.next() => match wish {
                Wish::End => return End::Gracefully,
                Wish::Reopen => {
                    tracing::info!("SIGUSR1: opening access logs anew");
                    files.reopen();
                }
            },
        }
    }
}

/// Tells all clients to go and waits until they have, or until the time is up, or until somebody insists.
async fn drain(
    ending: &Ending,
    mut done: mpsc::Receiver<()>,
    signals: &mut Signals,
    most: Duration,
) {
    tracing::info!(?most, "draining");
    ending.drain.tell(Phase::Draining);
    let insisted = async { while signals.next().await != Wish::End {} };
    tokio::select! {
        drained = timeout(most, done.recv()) => {
            if drained.is_err() {
                tracing::warn!("the drain time is up: what still runs is cut off");
            }
        }
        () = insisted => tracing::warn!("second signal: ending at once"),
    }
    ending.drain.tell(Phase::Closing);
}
