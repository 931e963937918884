//! May a request be tried again? What its policy says of what came of the last try, and whether the cluster lets it.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use http::HeaderMap;

use crate::base::{clock, random};
use crate::config::cluster::RoutingPriority;
use crate::message::{Request, headers};
use crate::route::{
    BackOff, Head, HostPredicate, ResetBackOff, ResetFormat, RetryOn, RetryPolicy, Tries,
    response_meets,
};
use crate::upstream::limits::Permit;
use crate::upstream::stats::ClusterStats;
use crate::upstream::{Cluster, Host};

use super::asked::AskedRetries;
use super::rewrite;
use crate::upstream::failure::Failure;

/// The policy of routes that have none, for requests that ask for retries all the same.
static NO_POLICY: LazyLock<RetryPolicy> = LazyLock::new(RetryPolicy::default);

/// One request's account of its tries.
#[derive(Debug)]
pub(super) struct Retry<'a> {
    policy: &'a RetryPolicy,
    on: RetryOn,
    asked: AskedRetries,
    /// How many more there may be.
    left: u64,
    waits: Waits,
    /// The last try, if it was a retry, among all that the cluster has under way.
    permit: Option<Permit>,
    /// Whether any byte of the request has been sent.
    sent: bool,
    /// The hosts that were tried.
    had: Vec<SocketAddr>,
}

/// What the policy says of what came of a try.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wish {
    /// It is the end of it.
    Keep,
    /// Try again, after the policy's wait.
    Again,
    /// Try again, after the wait that the upstream has asked for.
    AgainAfter(Duration),
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verdict {
    /// It is the end of it.
    Keep,
    /// It is, since there were enough tries.
    LimitExceeded,
    /// It is, since the cluster has enough retries under way.
    Overflow,
    /// It is tried again, after this wait.
    Again(Wait),
}

/// How long to wait before another try.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wait {
    /// As the policy says.
    Own(Duration),
    /// As the upstream has asked.
    Asked(Duration),
}

/// The waits of one request: each is drawn from a range that doubles until it is as wide as it may be.
#[derive(Clone, Copy, Debug)]
struct Waits {
    /// The range of the next one, in milliseconds, at least one.
    next: u64,
    most: u64,
}

// === impl Retry ===

impl<'a> Retry<'a> {
    /// The account of a request that asks for that, on a route with that policy; none if it is not tried again whatever
    /// comes.
    pub(super) fn new(
        tries: Option<&'a Tries>,
        asked: AskedRetries,
        request: &Request,
    ) -> Option<Self> {
        let policy: &RetryPolicy = tries.map_or(&NO_POLICY, |tries| &tries.policy);
        let on = policy.on | asked.on;
        let wanted = &policy.request_headers;
        let head = Head::new(rewrite::host_of(request), request);
        let meets = || wanted.iter().any(|one| one.matches(head.values(&one.field)));
        if on.is_empty() || !(wanted.is_empty() || meets()) {
            return None;
        }
        Some(Self {
            policy,
            on,
            left: asked.most.unwrap_or_else(|| policy.num_retries.into()),
            asked,
            waits: Waits::new(policy.back_off),
            permit: None,
            sent: false,
            had: Vec::new(),
        })
    }

    /// Notes that a host was tried; `sent` says whether it was sent anything.
    pub(super) fn note(&mut self, host: &Host, sent: bool) {
        self.sent |= sent;
        self.had.push(host.address);
    }

    /// Whether another try would rather not have that host.
    pub(super) fn rejects(&self, host: &Host) -> bool {
        self.policy.host_predicates.iter().any(|predicate| match predicate {
            HostPredicate::PreviousHosts => self.had.contains(&host.address),
            HostPredicate::OmitCanaryHosts => host.is_canary(),
        })
    }

    /// How often another try passes over a host that it would rather not have.
    pub(super) fn more_choices(&self) -> u32 {
        if self.policy.host_predicates.is_empty() { 0 } else { self.policy.host_selection_attempts }
    }

    /// Whether a connection that breaks before an answer is a reason for another try.
    pub(super) fn wants_resets(&self) -> bool {
        self.on.has(RetryOn::RESET | RetryOn::FIVE_XX | RetryOn::GATEWAY_ERROR)
    }

    /// What the policy says of a response.
    pub(super) fn of_response(&self, status: u16, headers: &HeaderMap) -> Wish {
        if !self.wants(status, headers) {
            return Wish::Keep;
        }
        let asked = self.policy.reset.as_ref().and_then(|reset| reset_after(reset, headers));
        asked.map_or(Wish::Again, Wish::AgainAfter)
    }

    fn wants(&self, status: u16, headers: &HeaderMap) -> bool {
        let on = |condition| self.on.has(condition);
        if headers.contains_key(headers::X_ENVOY_RATELIMITED) {
            return on(RetryOn::ENVOY_RATELIMITED);
        }
        let codes = || self.policy.status_codes.iter().chain(&self.asked.status_codes);
        let named = || self.asked.header_names.iter().any(|name| headers.contains_key(name));
        let matched =
            || self.policy.headers.iter().any(|matcher| response_meets(matcher, status, headers));
        (on(RetryOn::FIVE_XX) && (500..600).contains(&status))
            || (on(RetryOn::GATEWAY_ERROR) && (502..=504).contains(&status))
            || (on(RetryOn::RETRIABLE_4XX) && status == 409)
            || (on(RetryOn::RETRIABLE_STATUS_CODES) && codes().any(|one| *one == u32::from(status)))
            || (on(RetryOn::RETRIABLE_HEADERS) && (matched() || named()))
            || grpc_condition(headers).is_some_and(on)
    }

    /// What the policy says of a try without a response.
    pub(super) fn of_failure(&self, failure: &Failure) -> Wish {
        let mut conditions = RetryOn::RESET | RetryOn::FIVE_XX | RetryOn::GATEWAY_ERROR;
        match failure {
            Failure::NoHealthyHost
            | Failure::NoPool
            | Failure::Overflow
            | Failure::RouteTimeout { .. } => {
                return Wish::Keep;
            }
            Failure::Connect(_) => conditions = conditions | RetryOn::CONNECT_FAILURE,
            Failure::RefusedStream => conditions = conditions | RetryOn::REFUSED_STREAM,
            _ => {}
        }
        if !self.sent {
            conditions = conditions | RetryOn::RESET_BEFORE_REQUEST;
        }
        if self.on.has(conditions) { Wish::Again } else { Wish::Keep }
    }

    /// Decides, and counts what is decided.
    pub(super) fn decide(
        &mut self,
        wish: Wish,
        cluster: &Cluster,
        priority: RoutingPriority,
    ) -> Verdict {
        let stats = &cluster.stats;
        let was_retry = self.permit.take().is_some();
        if wish == Wish::Keep {
            if was_retry {
                stats.upstream_rq_retry_success.inc();
            }
            return Verdict::Keep;
        }
        if self.left == 0 {
            stats.upstream_rq_retry_limit_exceeded.inc();
            return Verdict::LimitExceeded;
        }
        self.left -= 1;
        let Some(permit) = cluster.limits.of(priority).retries.take() else {
            stats.upstream_rq_retry_overflow.inc();
            return Verdict::Overflow;
        };
        self.permit = Some(permit);
        Verdict::Again(match wish {
            Wish::AgainAfter(asked) => Wait::Asked(at_least(asked, random::number())),
            _ => Wait::Own(self.waits.next(random::number())),
        })
    }
}

// === impl Wait ===

impl Wait {
    /// How long.
    pub(super) fn time(self) -> Duration {
        let (Self::Own(time) | Self::Asked(time)) = self;
        time
    }

    /// Counts the retry that follows.
    pub(super) fn count(self, stats: &ClusterStats) {
        stats.upstream_rq_retry.inc();
        match self {
            Self::Own(_) => stats.upstream_rq_retry_backoff_exponential.inc(),
            Self::Asked(_) => stats.upstream_rq_retry_backoff_ratelimited.inc(),
        }
    }
}

/// The condition that a response's `grpc-status` fulfils.
fn grpc_condition(headers: &HeaderMap) -> Option<RetryOn> {
    let status: u32 = headers.get(headers::GRPC_STATUS)?.to_str().ok()?.parse().ok()?;
    Some(match status {
        1 => RetryOn::CANCELLED,
        4 => RetryOn::DEADLINE_EXCEEDED,
        8 => RetryOn::RESOURCE_EXHAUSTED,
        13 => RetryOn::INTERNAL,
        14 => RetryOn::UNAVAILABLE,
        _ => return None,
    })
}

/// How long the upstream asks to wait: the first of the headers that says something sensible.
fn reset_after(reset: &ResetBackOff, headers: &HeaderMap) -> Option<Duration> {
    reset.headers.iter().find_map(|header| {
        let number: u64 = headers.get(&header.name)?.to_str().ok()?.trim().parse().ok()?;
        let seconds = match header.format {
            ResetFormat::Seconds => number,
            ResetFormat::UnixTimestamp => {
                let now = clock::wall().duration_since(UNIX_EPOCH).ok()?.as_secs();
                number.checked_sub(now)?
            }
        };
        let wait = Duration::from_secs(seconds);
        // No time at all is no wish, and falls back to the policy's own wait.
        (wait <= reset.max && !wait.is_zero()).then_some(wait)
    })
}

/// A wait of that long and up to a half more, so that not all come back at once.
fn at_least(wait: Duration, number: u64) -> Duration {
    let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(millis.saturating_add(number % (millis / 2).max(1)))
}

// === impl Waits ===

impl Waits {
    fn new(config: BackOff) -> Self {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
        Self { next: millis(config.base), most: millis(config.max) }
    }

    fn next(&mut self, number: u64) -> Duration {
        let range = self.next;
        self.next = range.saturating_mul(2).min(self.most);
        Duration::from_millis(number % range)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{BackOff, Waits, at_least};

    proptest! {
        /// No wait is longer than its range, and no range is wider than the policy's or narrower than the one before.
        #[test]
        fn waits_are_within_their_bounds(
            base in 1..100_000u64,
            more in 0..1_000_000u64,
            numbers in proptest::collection::vec(any::<u64>(), 1..40),
        ) {
            let (base, max) = (Duration::from_millis(base), Duration::from_millis(base + more));
            let mut waits = Waits::new(BackOff { base, max });
            let mut range = base;
            for number in numbers {
                prop_assert!(waits.next(number) < range);
                range = (range * 2).min(max);
            }
        }

        /// Nobody comes back sooner than asked, or more than half as long later.
        #[test]
        fn nobody_comes_sooner_than_asked(seconds in 1..1_000_000u64, number: u64) {
            let asked = Duration::from_secs(seconds);
            let wait = at_least(asked, number);
            prop_assert!(asked <= wait && wait < asked * 3 / 2);
        }
    }

    #[test]
    fn every_wait_of_the_range_may_come() {
        let mut seen = [false; 25];
        for number in 0..25 {
            let mut waits = Waits::new(BackOff::default());
            seen[waits.next(number).as_millis() as usize] = true;
        }
        assert_eq!(seen, [true; 25]);
    }
}
