//! The top of a v1 file.

use crate::config::diagnostic::Findings;
use crate::config::source::{Node, Value};

use super::build::{self, Build};
use super::object::{Context, Key, Kind, POSITIVE, optional, refused, required};
use super::{access_log, address, cluster, listener};

/// The keys of the top.
pub(in crate::config) const KEYS: &[Key] = &[
    required("listeners", Kind::List),
    required("admin", Kind::Object),
    required("cluster_manager", Kind::Object),
    optional("stats_flush_interval_ms", POSITIVE),
    refused("lds"),
    refused("flags_path"),
    refused("statsd_udp_ip_address"),
    refused("statsd_tcp_cluster_name"),
    refused("watchdog_miss_timeout_ms"),
    refused("watchdog_megamiss_timeout_ms"),
    refused("watchdog_kill_timeout_ms"),
    refused("watchdog_multikill_timeout_ms"),
    refused("tracing"),
    refused("rate_limit_service"),
    refused("runtime"),
];

const ADMIN: &[Key] = &[
    required("access_log_path", Kind::Text),
    required("address", Kind::Text),
    optional("profile_path", Kind::Text),
];

const CLUSTER_MANAGER: &[Key] = &[
    required("clusters", Kind::List),
    refused("sds"),
    refused("cds"),
    refused("local_cluster_name"),
    refused("outlier_detection"),
];

/// The whole file as a v3 bootstrap.
pub(in crate::config) fn convert(root: &Node, findings: &mut Findings) -> Option<Node> {
    let cx = &mut Context { findings, loose: false };
    let top = cx.closed(root, KEYS)?;
    let listeners = top.convert_list("listeners", |node| listener::convert(node, cx));
    let clusters = top.convert("cluster_manager", |node| clusters(node, cx));
    let resources =
        Build::at(root.at).maybe("listeners", listeners).maybe("clusters", clusters).finish();
    let bootstrap = Build::at(root.at)
        .set("static_resources", resources)
        .maybe("admin", top.convert("admin", |node| admin(node, cx)))
        .maybe("stats_flush_interval", top.convert("stats_flush_interval_ms", build::milliseconds));
    Some(bootstrap.finish())
}

fn admin(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let admin = cx.closed(node, ADMIN)?;
    let log = admin.convert("access_log_path", |path| {
        let log = access_log::file(path.at, Some(path.clone()), None);
        Some(Node::new(path.at, Value::List(vec![log])))
    });
    let built = Build::at(admin.at)
        .maybe("access_log", log)
        .maybe("profile_path", admin.copy("profile_path"))
        .maybe("address", admin.convert("address", |node| address::literal(node, cx)));
    Some(built.finish())
}

fn clusters(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let manager = cx.closed(node, CLUSTER_MANAGER)?;
    manager.convert_list("clusters", |node| cluster::convert(node, cx))
}
