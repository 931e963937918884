//! `envoy.config.bootstrap.v3.Bootstrap`.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::access_log::{AccessLog, Sink};
use crate::config::admin::Admin;
use crate::config::bootstrap::Node;
use crate::config::cluster::Cluster;
use crate::config::diagnostic::Findings;
use crate::config::files;
use crate::config::hcm::UserAgent;
use crate::config::listener::Listener;
use crate::config::overload::OverloadManager;
use crate::config::source::Quoted;

use super::message::Message;
use super::{access_log, address, cluster, listener, overload, runtime_layers};

/// Its full name.
pub(in crate::config) const NAME: &str = "envoy.config.bootstrap.v3.Bootstrap";

/// What a bootstrap message says.
#[derive(Debug)]
pub(in crate::config) struct Lowered {
    pub(in crate::config) node: Node,
    pub(in crate::config) admin: Option<Admin>,
    pub(in crate::config) outlier_event_log: Option<PathBuf>,
    pub(in crate::config) overload: Option<OverloadManager>,
    pub(in crate::config) most_connections: Option<u64>,
    pub(in crate::config) listeners: Vec<Listener>,
    pub(in crate::config) clusters: Vec<Cluster>,
}

/// Lowers a bootstrap message, reporting all that it cannot mean here. It is complete only if nothing was reported.
pub(in crate::config) fn lower(bootstrap: &Message<'_>, findings: &mut Findings) -> Lowered {
    let resources = bootstrap.message("static_resources");
    let names = resources.and_then(|resources| cluster_names(resources, findings));
    let clusters = resources.iter().flat_map(|resources| resources.messages("clusters"));
    let clusters = clusters.filter_map(|cluster| cluster::lower(cluster, findings)).collect();
    let listeners = resources.iter().flat_map(|resources| resources.messages("listeners"));
    let mut listeners: Vec<Listener> = listeners
        .filter_map(|listener| listener::lower(listener, names.as_ref(), findings))
        .collect();
    let admin = bootstrap.message("admin").and_then(|admin| self::admin(admin, findings));
    let outlier_event_log = outlier_event_log(bootstrap, findings);
    let node = bootstrap.message("node").map(node).unwrap_or_default();
    introduce(&mut listeners, &node);
    let overload = overload::lower(bootstrap, findings);
    let layers = runtime_layers::lower(bootstrap, findings);
    for listener in &mut listeners {
        listener.most_connections = layers.listeners.get(&listener.name).copied();
    }
    let said = overload.as_ref().and_then(|overload| overload.most_connections);
    let most_connections = said.or(layers.global);
    if let Some(resources) = resources {
        check_listeners(resources, findings);
    }
    bootstrap.refuse_leftovers(findings);
    Lowered { node, admin, outlier_event_log, overload, most_connections, listeners, clusters }
}

/// The names of all clusters, none of which may be there twice. There are none to tell if one of them is not known,
/// which has been reported.
fn cluster_names<'m>(
    resources: &'m Message<'_>,
    findings: &mut Findings,
) -> Option<BTreeSet<&'m str>> {
    let mut names = BTreeSet::new();
    let mut complete = !resources.is_bad("clusters");
    for cluster in resources.messages("clusters") {
        match cluster.nonempty("name") {
            None => complete = false,
            Some(name) if names.insert(name) => {}
            Some(name) => {
                let message = format!("there is another cluster of the name {}", Quoted(name));
                findings.error(cluster.place("name"), message);
            }
        }
    }
    complete.then_some(names)
}

/// No two listeners may have one name or one address.
fn check_listeners(resources: &Message<'_>, findings: &mut Findings) {
    let mut names = BTreeSet::new();
    let mut addresses = HashMap::new();
    for listener in resources.messages("listeners") {
        if let Some(name) = listener.nonempty("name")
            && !names.insert(name)
        {
            let message = format!("there is another listener of the name {}", Quoted(name));
            findings.error(listener.place("name"), message);
        }
        // What is wrong with the address itself has been said.
        let address = address::any(listener, "address", &mut Findings::default());
        let Some(address) = address.filter(|address| address.port != 0) else { continue };
        let shown = address.to_string();
        if addresses.insert(address, ()).is_some() {
            let message = format!("there is another listener on {shown}");
            findings.error(listener.place("address"), message);
        }
    }
}

fn outlier_event_log(bootstrap: &Message<'_>, findings: &mut Findings) -> Option<PathBuf> {
    let manager = bootstrap.message("cluster_manager")?;
    let outliers = manager.message("outlier_detection")?;
    let path = PathBuf::from(outliers.nonempty("event_log_path")?);
    files::expect_folder(&path, outliers.place("event_log_path"), findings);
    Some(path)
}

fn node(node: &Message<'_>) -> Node {
    let text = |name| node.text(name).unwrap_or_default().to_owned();
    let locality = node.message("locality");
    // Only the zone is printed.
    locality.iter().for_each(|locality| locality.dismiss(&["region", "sub_zone"]));
    Node {
        id: text("id"),
        cluster: text("cluster"),
        zone: locality.and_then(|locality| locality.text("zone")).unwrap_or_default().to_owned(),
    }
}

/// Tells the connection managers who we are, if they are to say so.
fn introduce(listeners: &mut [Listener], node: &Node) {
    for (_, hcm) in listeners.iter_mut().flat_map(Listener::managers_mut) {
        // Nobody shares it yet.
        if let Some(agent) = Arc::get_mut(hcm).and_then(|hcm| hcm.user_agent.as_mut()) {
            *agent = UserAgent { cluster: node.cluster.clone(), node: node.id.clone() };
        }
    }
}

/// An admin server without an address is none, in Envoy too.
fn admin(admin: &Message<'_>, findings: &mut Findings) -> Option<Admin> {
    let mut access_logs = access_log::lower(admin, "access_log", findings);
    if let Some(path) = admin.nonempty("access_log_path") {
        let path = PathBuf::from(path);
        files::expect_folder(&path, admin.place("access_log_path"), findings);
        access_logs.push(AccessLog { sink: Sink::File(path), format: None, filter: None });
    }
    if !admin.has("address") {
        return None;
    }
    let hint = "the admin server resolves no names";
    let address = address::literal(admin, "address", hint, findings)?;
    Some(Admin { address, access_logs })
}
