//! The top of a v1 file.

use crate::config::diagnostic::Findings;
use crate::config::note::Note;
use crate::config::source::{At, Node, Value};

use super::build::{self, Build, Part};
use super::object::{Context, Key, Kind, Loan, Object, TIME, gone, optional, required};
use super::{access_log, address, cluster, discovery, listener, rate_limit, tracing};

/// The keys of the top.
pub(in crate::config) const KEYS: &[Key] = &[
    required("listeners", Kind::List),
    required("admin", Kind::Object),
    required("cluster_manager", Kind::Object),
    gone("lds", discovery::GONE),
    optional("flags_path", Kind::Text),
    optional("statsd_udp_ip_address", Kind::Text),
    optional("statsd_tcp_cluster_name", Kind::Text),
    optional("stats_flush_interval_ms", TIME),
    optional("watchdog_miss_timeout_ms", TIME),
    optional("watchdog_megamiss_timeout_ms", TIME),
    optional("watchdog_kill_timeout_ms", TIME),
    optional("watchdog_multikill_timeout_ms", TIME),
    optional("tracing", Kind::Object),
    optional("rate_limit_service", Kind::Object),
    optional("runtime", Kind::Object),
];

const WATCHDOG: &[&str] =
    &["miss_timeout", "megamiss_timeout", "kill_timeout", "multikill_timeout"];

const ADMIN: &[Key] = &[
    required("access_log_path", Kind::Text),
    required("address", Kind::Text),
    optional("profile_path", Kind::Text),
];

const CLUSTER_MANAGER: &[Key] = &[
    required("clusters", Kind::List),
    optional("sds", Kind::Object),
    optional("cds", Kind::Object),
    optional("local_cluster_name", Kind::Text),
    optional("outlier_detection", Kind::Object),
];

const OUTLIER_DETECTION: &[Key] = &[optional("event_log_path", Kind::Text)];

const RUNTIME: &[Key] = &[
    required("symlink_root", Kind::Text),
    required("subdirectory", Kind::Text),
    optional("override_subdirectory", Kind::Text),
];

const STATSD_NAME: &str = "envoy.stat_sinks.statsd";

const STATSD: &str = "envoy.config.metrics.v3.StatsdSink";

/// The whole file as a v3 bootstrap.
pub(in crate::config) fn convert(root: &Node, findings: &mut Findings) -> Option<Node> {
    let cx = &mut Context::new(findings);
    let top = cx.closed(root, KEYS)?;
    // The listeners' filters take these up.
    let tracer = top.get("tracing").and_then(|node| tracing::provider(node, cx));
    cx.tracer = tracer.map(Loan::new);
    let limits = top.convert("rate_limit_service", |node| rate_limit::service(node, cx));
    cx.rate_limit_service = limits.map(|part| Loan::new(part.node));
    let listeners = top.convert_list("listeners", |node| listener::convert(node, cx));
    let unused = |loan: &Option<Loan>| loan.as_ref().is_some_and(|loan| !loan.used);
    if let (Some(at), true) = (top.key("tracing"), unused(&cx.tracer)) {
        cx.findings.warn(at, "no effect, no HTTP connection manager has tracing");
    }
    if let (Some(at), true) = (top.key("rate_limit_service"), unused(&cx.rate_limit_service)) {
        cx.findings.warn(at, "no effect, no filter asks it");
    }
    let manager = top.get("cluster_manager").and_then(|node| cluster_manager(node, cx));
    let broken = || Part { key: root.at, node: Node::wrong(root.at) };
    let manager =
        manager.unwrap_or_else(|| Manager { clusters: Some(broken()), ..Manager::default() });
    let resources = Build::at(root.at)
        .maybe("listeners", listeners)
        .maybe("clusters", manager.clusters)
        .finish();
    let bootstrap = Build::at(root.at)
        .set("static_resources", resources)
        .maybe("dynamic_resources", manager.discovery)
        .maybe("cluster_manager", manager.settings)
        .same(&["flags_path"], &top)
        .maybe("stats_sinks", statsd(&top, cx))
        .time("stats_flush_interval", &top)
        .maybe("watchdogs", watchdogs(&top))
        .note("watchdogs", Note::Watchdogs)
        .maybe("layered_runtime", top.convert("runtime", |node| runtime(node, cx)))
        .note("layered_runtime", Note::Layers)
        .maybe("admin", top.convert("admin", |node| admin(node, cx)));
    Some(bootstrap.finish())
}

/// The places of keys that become one v3 message together: what is said of that message is said of each of them.
pub(in crate::config) fn joined(root: &Node) -> Vec<Vec<At>> {
    let keys = |node: &Node, wanted: &dyn Fn(&str) -> bool| match &node.value {
        Value::Map(entries) => {
            entries.iter().filter(|entry| wanted(&entry.key)).map(|entry| entry.at).collect()
        }
        _ => Vec::new(),
    };
    let manager = root.get("cluster_manager").map(|manager| {
        keys(manager, &|key| ["local_cluster_name", "outlier_detection"].contains(&key))
    });
    let top = [
        keys(root, &|key| key.starts_with("watchdog_")),
        keys(root, &|key| ["statsd_udp_ip_address", "statsd_tcp_cluster_name"].contains(&key)),
    ];
    top.into_iter().chain(manager).filter(|places| places.len() > 1).collect()
}

fn admin(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let admin = cx.closed(node, ADMIN)?;
    let built = Build::at(admin.at)
        .maybe("access_log", admin.convert("access_log_path", access_log::file))
        .same(&["profile_path"], &admin)
        .maybe("address", admin.convert("address", |node| address::literal(node, cx)));
    Some(built.finish())
}

/// What the cluster manager becomes in v3, where it is in three places.
#[derive(Default)]
struct Manager {
    clusters: Option<Part>,
    discovery: Option<Part>,
    settings: Option<Part>,
}

fn cluster_manager(node: &Node, cx: &mut Context<'_>) -> Option<Manager> {
    let manager = cx.closed(node, CLUSTER_MANAGER)?;
    let sds = manager.get("sds").and_then(|node| discovery::sds(node, cx));
    let cds = manager.get("cds").and_then(|node| discovery::cds(node, cx));
    let (cds_cluster, cds_config) = cds.unzip();
    // The clusters of the discovery services are clusters like any other, and stand before them.
    let services: Vec<Node> = sds.into_iter().chain(cds_cluster).collect();
    let clusters =
        manager.convert_list("clusters", |node| cluster::convert(node, cx)).map(|part| {
            part.map(|clusters| match clusters.value {
                Value::List(list) => {
                    Node::new(clusters.at, Value::List(services.into_iter().chain(list).collect()))
                }
                _ => clusters,
            })
        });
    check_local_cluster(&manager, clusters.as_ref(), cx);
    let outliers = manager.convert("outlier_detection", |node| {
        let settings = cx.closed(node, OUTLIER_DETECTION)?;
        Some(Build::at(settings.at).copies(OUTLIER_DETECTION, &settings).finish())
    });
    let settings = Build::at(manager.at)
        .same(&["local_cluster_name"], &manager)
        .maybe("outlier_detection", outliers)
        .finish_unless_empty();
    // The place of what is in there, so that it is what is named if it is refused.
    let place = ["local_cluster_name", "outlier_detection"].iter().find_map(|key| manager.key(key));
    let settings = settings.map(|node| Part { key: place.unwrap_or(manager.at), node });
    let key = manager.key("cds");
    let discovery = cds_config.flatten().map(|config| Part {
        key: key.unwrap_or(manager.at),
        node: build::one("cds_config", config),
    });
    Some(Manager { clusters, discovery, settings })
}

fn check_local_cluster(manager: &Object<'_>, clusters: Option<&Part>, cx: &mut Context<'_>) {
    let Some(local) = manager.text("local_cluster_name") else { return };
    let Some(Value::List(clusters)) = clusters.map(|part| &part.node.value) else { return };
    let name = |cluster: &Node| match cluster.get("name").map(|name| &name.value) {
        Some(Value::Text(name)) => Some(name.clone()),
        _ => None,
    };
    let names: Option<Vec<String>> = clusters.iter().map(name).collect();
    // What has no name has been reported, and may have been meant.
    let Some(names) = names else { return };
    if let (false, Some(at)) =
        (names.iter().any(|name| name == local), manager.get("local_cluster_name"))
    {
        let message = format!("local cluster '{}' must be defined", local.escape_debug());
        let known = names.iter().map(String::as_str);
        cx.findings.error(at.at, message).did_you_mean(local, known);
    }
}

/// The two sinks of v1, either or both of which may be asked for.
fn statsd(top: &Object<'_>, cx: &mut Context<'_>) -> Option<Part> {
    let sink = |field: &str, part: Part| {
        let config = Build::any(part.key, STATSD).set(field, part.clone()).finish();
        Part { key: part.key, node: Build::extension(part.key, STATSD_NAME, config).finish() }
    };
    let udp = top.convert("statsd_udp_ip_address", |node| address::bare(node, cx));
    let udp = udp.map(|part| sink("address", part));
    let tcp = top.copy("statsd_tcp_cluster_name").map(|part| sink("tcp_cluster_name", part));
    let key = udp.as_ref().or(tcp.as_ref())?.key;
    let sinks = [udp, tcp].into_iter().flatten().map(|part| part.node).collect();
    Some(Part { key, node: Node::new(key, Value::List(sinks)) })
}

fn watchdogs(top: &Object<'_>) -> Option<Part> {
    let key = WATCHDOG.iter().find_map(|name| top.key(&format!("watchdog_{name}_ms")))?;
    let watchdog = || {
        let field = |built: Build, name: &&str| {
            let part = top.convert(&format!("watchdog_{name}_ms"), build::milliseconds);
            built.maybe(name, part)
        };
        WATCHDOG.iter().fold(Build::at(key), field).finish()
    };
    let both =
        Build::at(key).set("main_thread_watchdog", watchdog()).set("worker_watchdog", watchdog());
    Some(Part { key, node: both.finish() })
}

fn runtime(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let runtime = cx.closed(node, RUNTIME)?;
    let layer = |name: &str, disk: Build| {
        Build::at(runtime.at)
            .text("name", runtime.at, name)
            .set("disk_layer", disk.finish())
            .finish()
    };
    let disk = || Build::at(runtime.at).same(&["symlink_root"], &runtime);
    let mut layers = vec![layer("root", disk().same(&["subdirectory"], &runtime))];
    if let Some(folder) = runtime.copy("override_subdirectory") {
        let disk = disk().set("subdirectory", folder).on("append_service_cluster", runtime.at);
        layers.push(layer("override", disk));
    }
    Some(Build::at(runtime.at).list("layers", runtime.at, layers).finish())
}
