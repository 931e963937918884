//! Breakers: when they open and close, what the gauges say, and that no number of threads passes a limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use proptest::prelude::*;

use super::{Limit, Limits, Permit};
use crate::config::cluster::{CircuitBreakers, RetryBudget, RoutingPriority, Thresholds};
use crate::stats::{Gauge, Store};
use crate::upstream::stats::ClusterStats;

const DEFAULT: RoutingPriority = RoutingPriority::Default;

fn limits(thresholds: Thresholds) -> Limits {
    let config = CircuitBreakers { default: thresholds, ..CircuitBreakers::default() };
    let root = Store::new().root();
    Limits::new(&Arc::new(config), &ClusterStats::register(&root), &root)
}

/// A breaker with its gauges: whether it is open, and what remains.
fn limit(most: u64) -> (Limit, Gauge, Gauge) {
    let (open, remaining) = (Gauge::default(), Gauge::default());
    (Limit::new(most, open.clone(), Some(remaining.clone())), open, remaining)
}

#[test]
fn a_breaker_opens_at_its_threshold_and_closes_when_a_permit_returns() {
    let (limit, open, remaining) = limit(2);
    let first = limit.take();
    assert_eq!((open.value(), remaining.value()), (0, 1));
    let second = limit.take();
    assert!(first.is_some() && second.is_some());
    assert_eq!((open.value(), remaining.value()), (1, 0));
    assert!(limit.take().is_none());
    drop(first);
    assert_eq!((open.value(), remaining.value()), (0, 1));
    assert!(limit.take().is_some());
}

#[test]
fn what_is_taken_anyway_leaves_nothing_less_than_nothing() {
    let (limit, open, remaining) = limit(1);
    let permits = [limit.take_anyway(), limit.take_anyway()];
    assert_eq!((open.value(), remaining.value()), (1, 0));
    drop(permits);
    assert_eq!((open.value(), remaining.value()), (0, 1));
}

#[test]
fn a_breaker_for_nothing_says_so_once_something_was_taken() {
    let (limit, open, remaining) = limit(0);
    assert!(limit.take().is_none());
    assert_eq!(open.value(), 0);
    drop(limit.take_anyway());
    assert_eq!((open.value(), remaining.value()), (1, 0));
}

#[test]
fn priorities_do_not_share_their_limits() {
    let limits = limits(Thresholds { max_requests: 1, ..Thresholds::default() });
    let _first = limits.of(DEFAULT).requests.take();
    assert!(limits.of(DEFAULT).requests.take().is_none());
    assert!(limits.of(RoutingPriority::High).requests.take().is_some());
}

#[test]
fn a_retry_budget_is_a_share_of_what_is_under_way_but_some_at_least() {
    let budget = RetryBudget { budget_percent: 50.0, min_retry_concurrency: 1 };
    let limits = limits(Thresholds { retry_budget: Some(budget), ..Thresholds::default() });
    let breakers = limits.of(DEFAULT);
    let first = breakers.retries.take();
    assert!(first.is_some());
    assert!(breakers.retries.take().is_none());
    // Six, waiting ones among them, of which half may be retries: whatever `max_retries` says.
    let _active: Vec<_> =
        (0..3).flat_map(|_| [breakers.requests.take(), breakers.pending.take()]).collect();
    let more = [breakers.retries.take(), breakers.retries.take(), breakers.retries.take()];
    assert_eq!(more.iter().flatten().count(), 2);
}

#[test]
fn a_hosts_limit_is_shared_by_all_who_have_pools_of_it() {
    let thresholds = Thresholds { max_host_connections: Some(1), ..Thresholds::default() };
    let limits = limits(thresholds);
    let address = ([127, 0, 0, 1], 80).into();
    let [one, other] = [(); 2].map(|()| limits.hosts.of(address, DEFAULT).unwrap());
    let high = limits.hosts.of(address, RoutingPriority::High).unwrap();
    let taken = one.take();
    assert!(taken.is_some() && other.take().is_none());
    let of_high = high.take();
    assert!(of_high.is_some(), "of this priority the limit is not");
    drop(taken);
    assert!(other.take().is_none(), "but its connections count");
    drop(of_high);
    assert!(other.take().is_some());
    let elsewhere = limits.hosts.of(([127, 0, 0, 2], 80).into(), DEFAULT).unwrap();
    assert!(elsewhere.take().is_some());
}

#[test]
fn threads_together_never_pass_a_limit_and_leave_the_gauges_right() {
    const MOST: u64 = 3;
    let (limit, open, remaining) = limit(MOST);
    let (held, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20_000 {
                    let Some(permits) = take_two(&limit) else {
                        refused.fetch_add(1, Ordering::SeqCst);
                        continue;
                    };
                    let now = held.fetch_add(2, Ordering::SeqCst) + 2;
                    assert!(now <= MOST, "{now} of {MOST} are held");
                    held.fetch_sub(2, Ordering::SeqCst);
                    drop(permits);
                }
            });
        }
    });
    assert_eq!((open.value(), remaining.value(), limit.taken()), (0, MOST, 0));
}

fn take_two(limit: &Limit) -> Option<[Permit; 2]> {
    Some([limit.take()?, limit.take()?])
}

proptest! {
    #[test]
    fn the_gauges_say_what_is_taken(most in 0_u64..5, moves in prop::collection::vec(0_u8..3, 0..40)) {
        let (limit, open, remaining) = limit(most);
        let mut held = Vec::new();
        let mut any = false;
        for step in moves {
            match step {
                0 => held.extend(limit.take()),
                1 => held.push(limit.take_anyway()),
                _ => drop(held.pop()),
            }
            any |= !held.is_empty();
            let taken = held.len() as u64;
            // With nothing to take, Envoy's gauge moves with the first that is taken anyway, and stays.
            let is_open = if most == 0 { any } else { taken >= most };
            prop_assert_eq!(open.value(), u64::from(is_open));
            prop_assert_eq!(remaining.value(), most.saturating_sub(taken));
        }
    }
}
