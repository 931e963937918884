//! Makes a request's head what its route wants upstream to get, and notes what is needed on its way.

use std::rc::Rc;
use std::time::Duration;

use http::HeaderValue;
use http::header::HOST;

use crate::config::cluster::{Protocol, RoutingPriority};
use crate::message::local_reply::LocalReply;
use crate::message::mirror::Mirror;
use crate::message::{Request, Response, headers, hop_by_hop};
use crate::route::{Attempts, Forward, HeaderParsers, RequestNotes, Rewrite, Route};
use crate::stream_info::StreamInfo;
use crate::upstream::Local;
use crate::upstream::connect::millis;

use super::asked::{Asked, AskedRetries};
use crate::config::metadata_match::MetadataMatch;

use super::hash::Hashed;
use super::retry::Retry;
use super::{Note, Router, mutation, rewrite, times};
use crate::upstream::per_try::PerTry;

/// Where a request goes, and by which route.
pub(super) struct Way<'a> {
    pub(super) route: &'a Route,
    pub(super) forward: &'a Forward,
    /// What is done to headers.
    pub(super) headers: &'a HeaderParsers,
    /// `host_rewrite_literal` of the weighted cluster.
    pub(super) host_rewrite: Option<&'a HeaderValue>,
    /// What is wanted of the hosts' metadata.
    pub(super) metadata: Option<&'a MetadataMatch>,
    pub(super) local: &'a Rc<Local>,
}

/// What is known of a request that is ready for a host.
#[derive(Debug)]
pub struct Ready<'a> {
    pub(super) local: &'a Rc<Local>,
    /// Whose breakers, and whose connections, it takes.
    pub(super) priority: RoutingPriority,
    pub(super) headers: &'a HeaderParsers,
    /// What the changes of the response print of the request.
    pub(super) notes: RequestNotes,
    pub(super) rewrite: Option<&'a Rewrite>,
    /// Whether the client wants a 204 when the time is up.
    pub(super) answers_late_with_204: bool,
    /// For how long the upstream may take; none is for ever.
    pub(super) timeout: Option<Duration>,
    /// What the route's hash policies make of it, where hashes decide about hosts.
    pub(super) hashed: Option<Box<Hashed<'a>>>,
    /// Whether the client is told how many tries there were.
    pub(super) tells_attempts: bool,
    /// Where copies of it go. Most go nowhere.
    pub(super) mirrors: Option<&'a [Mirror]>,
    /// How many bytes of the body may be kept, for another try or for copies.
    pub(super) body_limit: u64,
    /// What may take more than one plain try. Most requests have none.
    pub(super) tries: Option<Box<Tries<'a>>>,
}

/// What a request needs that may be tried again, or whose tries are limited by themselves.
#[derive(Debug)]
pub(super) struct Tries<'a> {
    pub(super) retry: Option<Retry<'a>>,
    pub(super) per_try: Option<PerTry>,
    pub(super) attempts: Attempts,
}

// === impl Ready ===

impl<'a> Ready<'a> {
    /// The same with what its route's hash policies make of it.
    pub(super) fn with_hash(self, hashed: Option<Box<Hashed<'a>>>) -> Self {
        Self { hashed, ..self }
    }

    /// What is wanted of the host's metadata, where the cluster has subsets.
    pub(super) fn metadata(&self) -> Option<&'a MetadataMatch> {
        self.hashed.as_ref().and_then(|hashed| hashed.metadata)
    }

    /// What decides about the host, where hashes do.
    pub(super) fn hash(&self) -> Option<u64> {
        self.hashed.as_ref().and_then(|hashed| hashed.hash)
    }
}

// === impl Router ===

impl Router {
    /// For how long the upstream may take. Notes how long the stream may, where the route says so, and tells upstream of a
    /// gRPC request's.
    fn times(
        forward: &Forward,
        asked: &Asked,
        request: &mut Request,
        info: &mut StreamInfo,
    ) -> Option<Duration> {
        let Some(times) = &forward.times else { return asked.timeout(forward.timeout) };
        let is_grpc = info.grpc_upstream;
        let headers = request.headers_mut();
        info.limits = Some(Box::new(times::stream_limits(times, is_grpc, headers)));
        let Some(grpc) = times::grpc_timeout(times, is_grpc, headers) else {
            return asked.timeout(forward.timeout);
        };
        let timeout = asked.timeout(grpc);
        if let Some(timeout) = timeout {
            times::say_grpc_timeout(timeout, headers);
        }
        timeout
    }

    /// Makes a request's head what its route wants upstream to get.
    pub(super) fn prepare<'a>(
        &self,
        way: &Way<'a>,
        request: &mut Request,
        info: &mut StreamInfo,
        note: Note<'_>,
    ) -> Result<Ready<'a>, Box<Response>> {
        let Way { route, forward, headers, host_rewrite, metadata: _, local } = *way;
        info.attempts = 1;
        let asked = match info.internal {
            true => Asked::take(request.headers_mut(), self.options),
            false => Asked::default(),
        };
        let timeout = Self::times(forward, &asked, request, info);
        let per_try = per_try(&asked, route, timeout);
        let attempts = route.tries.as_ref().map_or_else(Attempts::default, |tries| tries.attempts);
        self.tell_timeout(request, (timeout, per_try), Duration::ZERO);
        if attempts.in_request {
            request.headers_mut().insert(headers::X_ENVOY_ATTEMPT_COUNT, HeaderValue::from(1));
        }
        if headers.changes_requests() {
            change_request(headers, local, request, info);
        }
        if let Some(host) = host_rewrite {
            request.headers_mut().insert(HOST, host.clone());
        }
        let rewrite = forward.rewrite.as_deref();
        let says_old = !self.options.suppress_envoy_headers;
        let rewritten =
            rewrite.map_or(Ok(()), |it| rewrite::apply(it, route, request, (info, says_old)));
        let notes = headers.note_request(request);
        if rewritten.is_err() {
            let reply = LocalReply::unfit_rewrite().into_response(info);
            return Err(Box::new(mutation::change_reply(headers, notes, reply, info)));
        }
        // What a route adds may ask for retries too.
        let retries = match info.internal || headers.changes_requests() {
            true => AskedRetries::take(request.headers_mut()),
            false => AskedRetries::default(),
        };
        if rewrite.is_some() || host_rewrite.is_some() || headers.changes_requests() {
            rewrite::show(request, note);
        }
        let of_cluster = local.cluster.mirrors.as_deref();
        Ok(Ready {
            mirrors: of_cluster.or(route.mirrors.as_deref()),
            body_limit: self.body_limit(route),
            tries: Self::tries(route, retries, per_try, request),
            tells_attempts: attempts.in_response,
            priority: forward.priority,
            hashed: None,
            answers_late_with_204: asked.answers_late_with_204,
            local,
            headers,
            notes,
            rewrite,
            timeout,
        })
    }

    fn tries<'a>(
        route: &'a Route,
        asked: AskedRetries,
        per_try: Option<PerTry>,
        request: &Request,
    ) -> Option<Box<Tries<'a>>> {
        let tries = route.tries.as_deref();
        if tries.is_none() && per_try.is_none() && asked.on.is_empty() {
            return None;
        }
        let retry = Retry::new(tries, asked, request);
        if retry.is_none() && per_try.is_none() {
            return None;
        }
        let attempts = tries.map_or_else(Attempts::default, |tries| tries.attempts);
        Some(Box::new(Tries { retry, per_try, attempts }))
    }

    fn body_limit(&self, route: &Route) -> u64 {
        let own = route.tries.as_ref().and_then(|tries| tries.body_limit);
        own.unwrap_or_else(|| self.buffer_limit.into())
    }

    /// Tells the upstream how long it may take, of which so much is over.
    pub(super) fn tell_timeout(
        &self,
        request: &mut Request,
        (total, per_try): (Option<Duration>, Option<PerTry>),
        elapsed: Duration,
    ) {
        if self.options.suppress_envoy_headers {
            return;
        }
        // Nothing left cannot be said, since zero is for ever.
        let least = Duration::from_millis(1);
        let left = total.map(|total| total.saturating_sub(elapsed).max(least));
        let one = per_try.and_then(|limits| limits.total);
        if let Some(time) = left.into_iter().chain(one).min() {
            let millis = HeaderValue::from(millis(time));
            request.headers_mut().insert(headers::X_ENVOY_EXPECTED_RQ_TIMEOUT_MS, millis);
        }
    }
}

fn per_try(asked: &Asked, route: &Route, total: Option<Duration>) -> Option<PerTry> {
    let policy = route.tries.as_ref().map(|tries| &tries.policy);
    let one = asked.per_try_timeout(policy.and_then(|policy| policy.per_try_timeout), total);
    PerTry::new(one, policy.and_then(|policy| policy.per_try_idle_timeout))
}

fn change_request(
    headers: &HeaderParsers,
    local: &Local,
    request: &mut Request,
    info: &StreamInfo,
) {
    headers.change_request(request, info);
    if matches!(local.cluster.config.protocol, Protocol::Http2(_)) {
        // A client of HTTP/2 refuses to send them.
        hop_by_hop::strip_response(request.headers_mut());
    }
}
