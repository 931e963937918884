//! What a route's `hash_policy` makes of a request, for balancing by hash.

use std::fmt::Write;
use std::net::SocketAddr;

use http::HeaderValue;

use crate::config::metadata_match::MetadataMatch;
use crate::config::route::{HashCookie, HashPolicy, HashSource};
use crate::message::{Request, cookie};
use crate::route::Head;
use crate::stream_info::{Downstream, StreamInfo};
use crate::upstream::lb::hash::xx;

use super::prepare::Way;

/// What a request's host is chosen by, if by anything of the request. Boxed, since that is rare.
#[derive(Debug, Default)]
pub(super) struct Hashed<'a> {
    /// What is wanted of the hosts' metadata.
    pub(super) metadata: Option<&'a MetadataMatch>,
    /// None if no policy found anything.
    pub(super) hash: Option<u64>,
    /// Cookies that were made for the client to come back with (`set-cookie`).
    pub(super) cookies: Vec<HeaderValue>,
}

// === impl Hashed ===

impl<'a> Hashed<'a> {
    /// What counts on that way: hashes, if the cluster goes by them and the route by anything; metadata, if the
    /// cluster has subsets.
    pub(super) fn wanted(
        way: &Way<'a>,
        host: &str,
        request: &Request,
        info: &StreamInfo,
    ) -> Option<Box<Self>> {
        let policies = &*way.forward.hash_policy;
        let lb = &way.local.cluster.config.lb;
        let hashes = !policies.is_empty() && lb.policy.hashes();
        let metadata = way.metadata.filter(|_| lb.subsets.is_some());
        if !hashes && metadata.is_none() {
            return None;
        }
        let policies = if hashes { policies } else { [].as_slice() };
        Some(Box::new(Self { metadata, ..Self::of(policies, host, request, info) }))
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
