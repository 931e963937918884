//! `/listeners`: the addresses listened on.

use std::net::SocketAddr;

use serde::Serialize;

use super::Parts;
use super::page::Page;
use super::query::Query;

/// `envoy.admin.v3.Listeners`.
#[derive(Serialize)]
struct Listeners<'a> {
    listener_statuses: Vec<ListenerStatus<'a>>,
}

#[derive(Serialize)]
struct ListenerStatus<'a> {
    name: &'a str,
    local_address: Address,
}

/// `envoy.config.core.v3.Address`.
#[derive(Serialize)]
pub(super) struct Address {
    socket_address: SocketAddress,
}

#[derive(Serialize)]
struct SocketAddress {
    address: String,
    port_value: u16,
}

/// One line for each listener, or with `format=json` a message.
pub(super) fn listeners(parts: &Parts, query: &Query) -> Page {
    let listeners = parts.listeners.listeners().iter();
    if query.get("format") == Some("json") {
        let status = listeners.map(|listener| ListenerStatus {
            name: &listener.config.name,
            local_address: listener.address.into(),
        });
        return Page::message(&Listeners { listener_statuses: status.collect() });
    }
    let lines =
        listeners.map(|listener| format!("{}::{}\n", listener.config.name, listener.address));
    Page::text(lines.collect::<String>())
}

// === impl Address ===

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        let socket_address =
            SocketAddress { address: address.ip().to_string(), port_value: address.port() };
        Self { socket_address }
    }
}
