//! Makes a request's head what its route wants upstream to get.

use bytes::Bytes;
use http::HeaderValue;
use http::header::HOST;
use http::uri::{PathAndQuery, Uri};

use crate::config::matcher::HeaderField;
use crate::config::route::HostRewrite;
use crate::message::{Body, Request, headers};
use crate::route::{Head, Rewrite, Route, new_path};
use crate::stream_info::StreamInfo;
use crate::upstream::Host;

use super::Note;

/// A rewrite has made something of the path that no request can say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct BadPath;

/// Rewrites host and path, in Envoy's order; `says_old` keeps the old ones in `x-envoy-original-*`.
pub(super) fn apply(
    rewrite: &Rewrite,
    route: &Route,
    request: &mut Request,
    (info, says_old): (&StreamInfo, bool),
) -> Result<(), BadPath> {
    if let Some(host) = rewrite.host.as_ref().and_then(|host| new_host(host, request, info)) {
        set_host(request, host, (rewrite.append_x_forwarded_host, says_old));
    }
    let path =
        rewrite.path.as_ref().and_then(|path| new_path(path, route, &Head::new("", request), info));
    match path {
        Some(path) => set_path(request, path, says_old),
        None => Ok(()),
    }
}

/// Says the name of the host that was chosen, if the route wants that and it has one.
pub(super) fn apply_auto(
    rewrite: &Rewrite,
    request: &mut Request,
    upstream: &Host,
    says_old: bool,
) {
    if rewrite.host == Some(HostRewrite::Auto)
        && !upstream.hostname.is_empty()
        && let Ok(name) = HeaderValue::from_str(&upstream.hostname)
    {
        set_host(request, name, (rewrite.append_x_forwarded_host, says_old));
    }
}

/// Shows what became of the head.
pub fn show(request: &mut Request, note: Note<'_>) {
    let (parts, body) = std::mem::replace(request, Request::new(Body::empty())).into_parts();
    note(&parts);
    *request = Request::from_parts(parts, body);
}

/// What upstream is to get as host; none if it stays.
fn new_host(rewrite: &HostRewrite, request: &Request, info: &StreamInfo) -> Option<HeaderValue> {
    let host = match rewrite {
        HostRewrite::Literal(host) => return Some(host.clone()),
        // Nobody knows yet which host it will be.
        HostRewrite::Auto => return None,
        HostRewrite::Header(HeaderField::Named(name)) => {
            return request.headers().get(name).filter(|host| !host.is_empty()).cloned();
        }
        HostRewrite::Header(field) => {
            Head::new(host_of(request), request).first(field)?.as_bytes().to_vec()
        }
        HostRewrite::PathRegex(rewrite) => rewrite.apply(request.uri().path()),
        HostRewrite::Format(format) => {
            format.print((request.method(), request.uri(), request.headers()), info)
        }
    };
    let host = Some(host).filter(|host| !host.is_empty())?;
    HeaderValue::from_maybe_shared(Bytes::from(host)).ok()
}

/// The host that a request is for.
pub(super) fn host_of(request: &Request) -> &str {
    request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("")
}

/// Says another host, and keeps the old one as Envoy keeps it.
fn set_host(
    request: &mut Request,
    host: HeaderValue,
    (append_x_forwarded_host, says_old): (bool, bool),
) {
    let headers = request.headers_mut();
    let Some(old) = headers.insert(HOST, host).filter(|old| !old.is_empty()) else { return };
    if append_x_forwarded_host {
        let before = headers.get_all(headers::X_FORWARDED_HOST).iter().map(HeaderValue::as_bytes);
        let mut list = before.collect::<Vec<_>>().join(b",".as_slice());
        // It is not said twice in a row.
        if list.rsplit(|byte| *byte == b',').next() != Some(old.as_bytes()) {
            if !list.is_empty() {
                list.push(b',');
            }
            list.extend_from_slice(old.as_bytes());
        }
        if let Ok(list) = HeaderValue::from_maybe_shared(Bytes::from(list)) {
            headers.insert(headers::X_FORWARDED_HOST, list);
        }
    }
    if says_old {
        headers.insert(headers::X_ENVOY_ORIGINAL_HOST, old);
    }
}

/// Says another path, and keeps the old one.
pub(super) fn set_path(
    request: &mut Request,
    path: Vec<u8>,
    says_old: bool,
) -> Result<(), BadPath> {
    if !path.starts_with(b"/") {
        return Err(BadPath);
    }
    let path = PathAndQuery::from_maybe_shared(Bytes::from(path)).map_err(|_invalid| BadPath)?;
    let old = std::mem::replace(request.uri_mut(), Uri::from(path));
    let old = old.path_and_query().map_or("/", |old| old.as_str());
    if let (true, Ok(old)) = (says_old, HeaderValue::from_str(old)) {
        request.headers_mut().insert(headers::X_ENVOY_ORIGINAL_PATH, old);
    }
    Ok(())
}
