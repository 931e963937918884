//! How the requests of a route are tried, and tried again: what the route and its virtual host say of it together.

use std::sync::Arc;

use crate::config::matcher::{HeaderField, HeaderMatcher};
use crate::config::route as config;

pub use crate::config::route::{
    Attempts, BackOff, HostPredicate, ResetBackOff, ResetFormat, RetryOn, RetryPolicy,
};

/// How a route's requests are tried. Most routes have none.
#[derive(Clone, Debug)]
pub struct Tries {
    /// The route's policy, or the virtual host's; Envoy's default, which tries nothing again, where neither has one.
    pub policy: Arc<RetryPolicy>,
    /// How requests tell, and are told, of tries.
    pub attempts: Attempts,
    /// How many bytes of a body may be kept for another try, in place of the listener's
    /// `per_connection_buffer_limit_bytes`.
    pub body_limit: Option<u64>,
}

/// What a virtual host says of tries.
#[derive(Clone, Debug)]
pub(super) struct Above {
    policy: Option<Arc<RetryPolicy>>,
    attempts: Attempts,
    buffer_limit: config::BufferLimit,
}

// === impl Above ===

impl Above {
    pub(super) fn new(host: &config::VirtualHost) -> Self {
        Self {
            policy: host.retry_policy.as_deref().map(|policy| Arc::new(policy.clone())),
            attempts: host.attempts,
            buffer_limit: host.buffer_limit,
        }
    }

    /// What holds for a route; none if nobody says anything.
    pub(super) fn tries(&self, route: &config::Route) -> Option<Box<Tries>> {
        let own = match &route.action {
            config::Action::Forward(forward) => forward.retry_policy.as_deref(),
            _ => return None,
        };
        let policy = own.map(|policy| Arc::new(policy.clone())).or_else(|| self.policy.clone());
        // Each of the two fields is inherited by itself, and of both the newer one wins.
        let body = route.buffer_limit.body.or(self.buffer_limit.body);
        let request = route.buffer_limit.request.or(self.buffer_limit.request);
        let body_limit = body.or_else(|| request.map(u64::from));
        if policy.is_none() && body_limit.is_none() && self.attempts == Attempts::default() {
            return None;
        }
        let policy = policy.unwrap_or_default();
        Some(Box::new(Tries { policy, attempts: self.attempts, body_limit }))
    }
}

/// Whether the head of a response fulfils a condition.
pub fn response_meets(matcher: &HeaderMatcher, status: u16, headers: &http::HeaderMap) -> bool {
    match &matcher.field {
        HeaderField::Named(name) => {
            matcher.matches(headers.get_all(name).iter().map(http::HeaderValue::as_bytes))
        }
        HeaderField::Impossible(name) if **name == *":status" => {
            let status = status.to_string();
            matcher.matches([status.as_bytes()])
        }
        _ => matcher.matches([]),
    }
}
