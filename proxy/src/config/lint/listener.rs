//! Traps in listeners, their connection managers, and the admin server.

use std::net::IpAddr;
use std::time::Duration;

use super::view::View;
use super::{
    ADMIN_PUBLIC, EDGE_HEADERS_TIMEOUT, EDGE_PATH_FORMS, EDGE_UNDERSCORES, IDLE_TIMEOUT_OFF,
    LISTENER_OVERLAP, Traps, XFF_TRUST, route,
};

pub(super) fn lint(bootstrap: View<'_>, traps: &mut Traps) {
    admin(bootstrap, traps);
    overlap(bootstrap, traps);
    let clusters = bootstrap.at(&["static_resources", "clusters"]);
    for listener in bootstrap.at(&["static_resources", "listeners"]).items() {
        let public = address(listener.get("address")).is_some_and(|(ip, _)| !ip.is_loopback());
        for manager in managers(listener) {
            trust(manager, public, traps);
            edge(manager, traps);
            idle_timeout(manager, traps);
            route::lint(manager, clusters, traps);
        }
    }
}

/// The HTTP connection managers of a listener.
fn managers(listener: View<'_>) -> impl Iterator<Item = View<'_>> {
    let default = listener.get("default_filter_chain");
    let chains = listener.get("filter_chains").items().chain(Some(default));
    let filters = chains.flat_map(|chain| chain.get("filters").items());
    filters.map(|filter| filter.get("typed_config")).filter(|config| {
        let kind = config.get("@type").text();
        kind.is_some_and(|kind| kind.ends_with(".HttpConnectionManager"))
    })
}

fn address(address: View<'_>) -> Option<(IpAddr, i64)> {
    let socket = address.get("socket_address");
    let ip = socket.get("address").text()?.parse().ok()?;
    Some((ip, socket.get("port_value").number().unwrap_or(0)))
}

fn admin(bootstrap: View<'_>, traps: &mut Traps) {
    let place = bootstrap.at(&["admin", "address"]);
    let Some((ip, _)) = address(place).filter(|(ip, _)| !ip.is_loopback()) else { return };
    let at = place.at(&["socket_address", "address"]).place();
    let message = match ip.is_unspecified() {
        true => "the admin server listens on all addresses".to_owned(),
        false => format!("the admin server listens on {ip}, which others may reach"),
    };
    at.into_iter().for_each(|at| traps.add(ADMIN_PUBLIC, at, message.clone()));
}

/// An address on a port that another one has on all addresses. Equal ones are an error.
fn overlap(bootstrap: View<'_>, traps: &mut Traps) {
    let listeners = bootstrap.at(&["static_resources", "listeners"]);
    let places = listeners.items().map(|listener| listener.get("address"));
    let places = places.chain(Some(bootstrap.at(&["admin", "address"])));
    let all: Vec<(View<'_>, IpAddr, i64)> =
        places.filter_map(|view| address(view).map(|(ip, port)| (view, ip, port))).collect();
    for (index, (view, ip, port)) in all.iter().enumerate().filter(|(_, (.., port))| *port != 0) {
        let covers = |(other, wide): (usize, &(View<'_>, IpAddr, i64))| {
            let same = other < index && wide.1 == *ip && index + 1 == all.len();
            let family = wide.1.is_ipv4() == ip.is_ipv4();
            wide.2 == *port && ((wide.1.is_unspecified() && !ip.is_unspecified() && family) || same)
        };
        if let Some((_, (_, wide, _))) = all.iter().enumerate().find(|(i, w)| covers((*i, w)))
            && let Some(at) = view.at(&["socket_address", "address"]).place()
        {
            let message = format!("{ip} is within {wide}, which another one has on port {port}");
            traps.add(LISTENER_OVERLAP, at, message);
        }
    }
}

fn trust(manager: View<'_>, public: bool, traps: &mut Traps) {
    let hops = manager.get("xff_num_trusted_hops");
    if let (Some(1..), Some(at)) = (hops.number(), hops.place())
        && public
        && !manager.get("use_remote_address").is_true()
    {
        traps.add(XFF_TRUST, at, "hops are trusted, and clients may write them themselves");
    }
}

/// Who takes the client's address for the truth is at the edge, where strangers come.
fn edge(manager: View<'_>, traps: &mut Traps) {
    let remote = manager.get("use_remote_address");
    let Some(at) = remote.place().filter(|_| remote.is_true()) else { return };
    if !manager.get("request_headers_timeout").is_set() {
        let message = "this is an edge, and a request's header may take for ever";
        traps.add(EDGE_HEADERS_TIMEOUT, at, message);
    }
    if !manager.get("normalize_path").is_set() {
        traps.add(EDGE_PATH_FORMS, at, "this is an edge, and paths are taken as they are written");
    }
    let underscores = ["headers_with_underscores_action"];
    if !manager.get("common_http_protocol_options").at(&underscores).is_set() {
        let message = "this is an edge, and headers with underscores are let through";
        traps.add(EDGE_UNDERSCORES, at, message);
    }
}

fn idle_timeout(manager: View<'_>, traps: &mut Traps) {
    let timeout = manager.at(&["common_http_protocol_options", "idle_timeout"]);
    if let (Some(Duration::ZERO), Some(at)) = (timeout.duration(), timeout.place()) {
        traps.add(IDLE_TIMEOUT_OFF, at, "idle connections of clients are kept for ever");
    }
}
