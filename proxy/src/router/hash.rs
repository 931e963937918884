//! What a route's `hash_policy` makes of a request, for balancing by hash.

use std::fmt::Write;
use std::net::SocketAddr;

use http::HeaderValue;

use crate::config::route::{HashCookie, HashPolicy, HashSource};
use crate::message::{Request, cookie};
use crate::route::Head;
use crate::stream_info::{Downstream, StreamInfo};
use crate::upstream::lb::hash::xx;

use super::prepare::Way;

/// A request's hash.
#[derive(Debug, Default)]
pub(super) struct Hashed {
    /// None if no policy found anything.
    pub(super) hash: Option<u64>,
    /// Cookies that were made for the client to come back with (`set-cookie`).
    pub(super) cookies: Vec<HeaderValue>,
}

// === impl Hashed ===

impl Hashed {
    /// A request's hash on that way, if its cluster goes by hashes and its route by anything.
    pub(super) fn wanted(
        way: &Way<'_>,
        host: &str,
        request: &Request,
        info: &StreamInfo,
    ) -> Option<Box<Self>> {
        let policies = &way.forward.hash_policy;
        let wanted = !policies.is_empty() && way.local.cluster.config.lb.policy.hashes();
        wanted.then(|| Box::new(Self::of(policies, host, request, info)))
    }

    /// Applies the policies one after the other.
    fn of(policies: &[HashPolicy], host: &str, request: &Request, info: &StreamInfo) -> Self {
        let head = Head::new(host, request);
        let mut hashed = Self::default();
        for policy in policies {
            let next = match &policy.source {
                HashSource::Header { field, rewrite } => {
                    let mut values: Vec<_> = head
                        .values(field)
                        .map(|value| match rewrite {
                            Some(rewrite) => {
                                rewrite.pattern.replace_all(value, &rewrite.substitution)
                            }
                            None => value.to_vec(),
                        })
                        .collect();
                    // In whatever order they come, it is the same client.
                    values.sort_unstable();
                    (!values.is_empty())
                        .then(|| values.iter().fold(0, |hash, value| xx(value, hash)))
                }
                HashSource::Cookie(cookie) => hashed.cookie(cookie, request, info.downstream),
                HashSource::SourceIp => Some(xx(info.client.ip().to_string().as_bytes(), 0)),
                HashSource::Query(name) => head.query(name).map(|value| xx(value.as_bytes(), 0)),
            };
            if let Some(next) = next {
                hashed.hash = Some(hashed.hash.map_or(0, |hash| hash.rotate_left(1)) ^ next);
            }
            if policy.terminal && hashed.hash.is_some() {
                break;
            }
        }
        hashed
    }

    /// The hash of a cookie, which is made if there is none.
    fn cookie(
        &mut self,
        cookie: &HashCookie,
        request: &Request,
        downstream: Downstream,
    ) -> Option<u64> {
        let value = cookie::value(request.headers(), &cookie.name);
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            return Some(xx(value, 0));
        }
        let ttl = cookie.ttl?;
        let value = made(downstream.remote, downstream.local);
        self.cookies.extend(set_cookie(cookie, &value, ttl));
        Some(xx(value.as_bytes(), 0))
    }
}

/// A value that is the same for all requests of a connection.
fn made(remote: SocketAddr, local: SocketAddr) -> String {
    format!("{:016x}", xx(format!("{remote}{local}").as_bytes(), 0))
}

fn set_cookie(cookie: &HashCookie, value: &str, ttl: u64) -> Option<HeaderValue> {
    let mut text = format!("{}=\"{value}\"", cookie.name);
    // Writing to a string cannot fail.
    if ttl != 0 {
        let _ = write!(text, "; Max-Age={ttl}");
    }
    if !cookie.path.is_empty() {
        let _ = write!(text, "; Path={}", cookie.path);
    }
    for (name, value) in &cookie.attributes {
        let _ = match value.is_empty() {
            true => write!(text, "; {name}"),
            false => write!(text, "; {name}={value}"),
        };
    }
    text.push_str("; HttpOnly");
    HeaderValue::try_from(text).ok()
}
