//! Addresses of the v1 form: `tcp://127.0.0.1:80`, `tcp://[::1]:80`, `tcp://name:80`, `unix://path`; lists of networks
//! and of ports.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use crate::config::source::{At, Node, Quoted, Value};

use super::build::{self, Build};
use super::object::Context;

/// The schemes, which are matched exactly.
const TCP: &str = "tcp://";
const UNIX: &str = "unix://";

/// A v3 `Address` of a literal.
pub(super) fn literal(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    address(node, rest(node, cx)?, "tcp://IP-ADDRESS:PORT", cx)
}

/// A v3 `Address` of a literal without a scheme.
pub(super) fn bare(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let Value::Text(text) = &node.value else { return None };
    address(node, text, "IP-ADDRESS:PORT", cx)
}

/// A v3 `Address` of a literal or of a socket's path.
pub(super) fn host(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let Value::Text(text) = &node.value else { return None };
    match text.strip_prefix(UNIX) {
        Some(path) => Some(build::one("pipe", build::one("path", Node::text(node.at, path)))),
        None => literal(node, cx),
    }
}

/// A v3 `Address` of a name or an IPv4 literal, split at the first colon as the form always split it.
pub(super) fn name(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let Value::Text(text) = &node.value else { return None };
    let Some(rest) = text.strip_prefix(TCP) else {
        malformed("unresolved URL must be TCP scheme, got", node, "tcp://NAME:PORT", cx);
        return None;
    };
    let parts = rest.split_once(':').filter(|(name, _)| !name.is_empty() && !name.starts_with('['));
    let parsed = parts.and_then(|(name, port)| Some((name, number::<u16>(port)?)));
    let Some((name, port)) = parsed else {
        malformed("malformed url", node, "tcp://NAME:PORT", cx);
        return None;
    };
    Some(socket(node.at, name, port))
}

/// v3's `CidrRange` of `10.0.0.0/8`.
pub(super) fn network(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let Value::Text(text) = &node.value else { return None };
    let parsed = text.split_once('/').and_then(|(address, length)| {
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let length: u8 = number(length)?;
        (length <= most).then_some((address, length))
    });
    let Some((address, length)) = parsed else {
        malformed("Invalid cidr entry", node, "ADDRESS/LENGTH, as in 10.0.0.0/8", cx);
        return None;
    };
    let range = Build::at(node.at).text("address_prefix", node.at, &address.to_string());
    Some(range.number("prefix_len", node.at, length.into()).finish())
}

/// A number without a sign, which Rust would take.
pub(super) fn number<N: FromStr>(text: &str) -> Option<N> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

fn rest<'n>(node: &'n Node, cx: &mut Context<'_>) -> Option<&'n str> {
    let Value::Text(text) = &node.value else { return None };
    let rest = text.strip_prefix(TCP);
    if rest.is_none() {
        let phrase = match text.starts_with(UNIX) {
            true => "expected TCP scheme, got",
            false => "unknown protocol scheme",
        };
        malformed(phrase, node, "tcp://IP-ADDRESS:PORT", cx);
    }
    rest
}

fn address(node: &Node, text: &str, wanted: &str, cx: &mut Context<'_>) -> Option<Node> {
    let Ok(address) = text.parse::<SocketAddr>() else {
        malformed("malformed IP address", node, wanted, cx);
        return None;
    };
    Some(socket(node.at, &address.ip().to_string(), address.port()))
}

/// Reports an address with the phrase that Envoy had for it, which people search for.
fn malformed(phrase: &str, node: &Node, wanted: &str, cx: &mut Context<'_>) {
    let Value::Text(text) = &node.value else { return };
    cx.findings.error(node.at, format!("{phrase}: {}, expected {wanted}", Quoted(text)));
}

fn socket(at: At, host: &str, port: u16) -> Node {
    let socket = Build::at(at).text("address", at, host).number("port_value", at, port.into());
    build::one("socket_address", socket.finish())
}
