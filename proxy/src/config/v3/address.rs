//! `envoy.config.core.v3.Address` and `DataSource`.

use std::net::{IpAddr, SocketAddr};

use crate::config::address::{CidrRange, Host, SocketAddress};
use crate::config::diagnostic::Findings;
use crate::config::source::Quoted;

use super::message::Message;

/// The address under `field`, which may hold a name.
pub(super) fn any(
    parent: &Message<'_>,
    field: &str,
    findings: &mut Findings,
) -> Option<SocketAddress> {
    let Some(address) = parent.message(field) else {
        if !parent.has(field) {
            findings.error(parent.at, format!("{field} is missing"));
        }
        return None;
    };
    any_here(address, findings)
}

/// The address that this message is, which may hold a name.
fn any_here(address: &Message<'_>, findings: &mut Findings) -> Option<SocketAddress> {
    let socket = address.message("socket_address")?;
    if socket.enumeration("protocol").is_some_and(|protocol| protocol != "TCP") {
        findings.error(socket.place("protocol"), "only TCP is supported");
    }
    let name = socket.nonempty("address")?;
    let port = u16::try_from(socket.u32("port_value")?).ok()?;
    let host = name.parse().map_or_else(|_| Host::Name(name.to_owned()), Host::Ip);
    Some(SocketAddress { host, port })
}

/// The address under `field`, which must be a literal; `hint` says what to do about a name.
pub(super) fn literal(
    parent: &Message<'_>,
    field: &str,
    hint: &str,
    findings: &mut Findings,
) -> Option<SocketAddress> {
    let address = any(parent, field, findings)?;
    if let Host::Name(name) = &address.host {
        let socket = parent.message(field).and_then(|address| address.message("socket_address"));
        let at = socket.map_or(parent.at, |socket| socket.place("address"));
        let message = format!("expected an IP address, found {}", Quoted(name));
        findings.error(at, message).hint(hint);
        return None;
    }
    Some(address)
}

/// The address that this message is, which must be a literal.
pub(super) fn literal_here(address: &Message<'_>, findings: &mut Findings) -> Option<SocketAddr> {
    let read = any_here(address, findings)?;
    if let Host::Name(name) = &read.host {
        let socket = address.message("socket_address");
        let at = socket.map_or(address.at, |socket| socket.place("address"));
        findings.error(at, format!("expected an IP address, found {}", Quoted(name)));
    }
    read.literal()
}

/// A `CidrRange`, of either package.
pub(super) fn cidr_range(range: &Message<'_>, findings: &mut Findings) -> Option<CidrRange> {
    let length = range.u32("prefix_len").unwrap_or_default();
    let text = range.nonempty("address_prefix")?;
    let Ok(address) = text.parse::<IpAddr>() else {
        let message = format!("expected an IP address, found {}", Quoted(text));
        findings.error(range.place("address_prefix"), message);
        return None;
    };
    Some(CidrRange { address, length })
}

/// The text of a `DataSource` under `field`, of which only the inline form is supported.
pub(super) fn inline_text<'m>(parent: &'m Message<'_>, field: &str) -> Option<&'m str> {
    parent.message(field)?.text("inline_string")
}
