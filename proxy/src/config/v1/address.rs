//! Addresses of the v1 form: `tcp://127.0.0.1:80`, `tcp://[::1]:80`, `tcp://name:80`.

use std::net::SocketAddr;

use crate::config::source::{Node, Value};

use super::build::Build;
use super::object::Context;

/// The scheme, which is matched exactly.
const TCP: &str = "tcp://";

/// A v3 `Address` of a literal.
pub(super) fn literal(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let Ok(address) = rest(node, cx)?.parse::<SocketAddr>() else {
        cx.wrong(node, "tcp://IP-ADDRESS:PORT");
        return None;
    };
    Some(address_node(node, &address.ip().to_string(), address.port()))
}

/// A v3 `Address` of a name or an IPv4 literal, split at the first colon as the form always split it.
pub(super) fn name(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let rest = rest(node, cx)?;
    let parts = rest.split_once(':').filter(|(name, _)| !name.is_empty() && !name.starts_with('['));
    let parsed = parts.and_then(|(name, port)| Some((name, port.parse::<u16>().ok()?)));
    let Some((name, port)) = parsed else {
        cx.wrong(node, "tcp://NAME:PORT");
        return None;
    };
    Some(address_node(node, name, port))
}

fn rest<'n>(node: &'n Node, cx: &mut Context<'_>) -> Option<&'n str> {
    let Value::Text(text) = &node.value else { return None };
    if text.starts_with("unix://") {
        cx.findings.error(node.at, "unix:// addresses are not supported yet");
        return None;
    }
    let rest = text.strip_prefix(TCP);
    if rest.is_none() {
        cx.wrong(node, "an address that begins with tcp://");
    }
    rest
}

fn address_node(node: &Node, host: &str, port: u16) -> Node {
    let at = node.at;
    let socket = Build::at(at)
        .text("address", at, host)
        .set("port_value", Node::new(at, Value::Int(port.into())))
        .finish();
    Build::at(at).set("socket_address", socket).finish()
}
