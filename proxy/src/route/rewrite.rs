//! Makes the paths and URLs that routes ask for. Text in, text out.

use crate::config::route::{PathRewrite, Redirect};
use crate::stream_info::StreamInfo;

use super::head::Head;
use super::virtual_host::Route;

/// What `rewrite` makes of a request's path, with its query; none if it stays.
pub fn new_path(
    rewrite: &PathRewrite,
    route: &Route,
    head: &Head<'_>,
    info: &StreamInfo,
) -> Option<Vec<u8>> {
    let (path, target) = (head.path, head.target());
    let (replaced, by) = match rewrite {
        PathRewrite::Prefix(by) => (route.matched(path), by.as_bytes().to_vec()),
        PathRewrite::Regex(rewrite) => (path, rewrite.apply(path)),
        PathRewrite::Format(format) => (path, format.print(head.parts(), info)),
    };
    // Envoy takes nothing for no rewrite.
    if by.is_empty() {
        return None;
    }
    Some([&by, &target.as_bytes()[replaced.len()..]].concat())
}

/// Where a redirect leads: a URL. `path` is what its path rewrite made of the request's, or the request's own.
pub fn location_of(redirect: &Redirect, head: &Head<'_>, path: &[u8]) -> Vec<u8> {
    let scheme = redirect.scheme.as_deref().unwrap_or_else(|| head.scheme());
    let mut location = format!("{scheme}://").into_bytes();
    match &redirect.host {
        Some(host) => location.extend_from_slice(host.as_bytes()),
        None => {
            let host = host(head, scheme, redirect.port.is_some());
            location.extend_from_slice(host.as_bytes());
        }
    }
    if let Some(port) = redirect.port {
        location.extend_from_slice(format!(":{port}").as_bytes());
    }
    let (path, query) = match &redirect.path {
        None => split(path),
        // A query of the new path takes the place of the request's, and is never stripped.
        Some(new) if new.contains('?') => (new.as_bytes(), None),
        Some(new) => (new.as_bytes(), split(path).1),
    };
    if !path.starts_with(b"/") {
        location.push(b'/');
    }
    location.extend_from_slice(path);
    if let Some(query) = query.filter(|_| !redirect.strip_query) {
        location.push(b'?');
        location.extend_from_slice(query);
    }
    location
}

/// The same URL by `https`, for a virtual host that wants that.
pub fn location_of_tls(head: &Head<'_>) -> Vec<u8> {
    format!("https://{}{}", head.host, head.target()).into_bytes()
}

/// The request's host as another URL needs it: without its port if that gets one of its own, or if it was the ordinary one
/// of a scheme that changes.
fn host<'h>(head: &Head<'h>, scheme: &str, has_port: bool) -> &'h str {
    let Some((name, port)) = head.host.rsplit_once(':').filter(|(_, port)| !port.contains(']'))
    else {
        return head.host;
    };
    let ordinary = match head.forwarded_proto() {
        Some("https") => port == "443",
        Some("http") => port == "80",
        _ => false,
    };
    let changes = head.forwarded_proto() != Some(scheme);
    if has_port || (changes && ordinary) { name } else { head.host }
}

fn split(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    match path.iter().position(|byte| *byte == b'?') {
        Some(at) => (&path[..at], Some(&path[at + 1..])),
        None => (path, None),
    }
}
