//! Where a host stands after outcomes of every kind, in every order.

use proptest::prelude::*;

use super::{Failed, Failure, Happened, Outcome, Progress, Transition};
use crate::config::health_check::HealthCheck;

fn config(unhealthy_threshold: u32, healthy_threshold: u32) -> HealthCheck {
    HealthCheck::each_second(unhealthy_threshold, healthy_threshold)
}

const PASSED: Outcome = Outcome::Passed { degraded: false };

fn failed(kind: Failure) -> Outcome {
    Outcome::failed(kind)
}

/// A host that has passed its first check.
fn healthy(config: &HealthCheck) -> Progress {
    let mut host = Progress::new();
    let step = host.step(PASSED, config);
    assert_eq!(step.transition, Transition::Changed);
    assert_eq!(step.happened[0], Some(Happened::AddHealthy { first: true }));
    host
}

#[test]
fn the_first_check_decides_alone_either_way() {
    let config = config(3, 3);
    assert!(!healthy(&config).is_failed());
    let mut host = Progress::new();
    let step = host.step(failed(Failure::Network), &config);
    assert_eq!(step.transition, Transition::Unchanged);
    let failure = Failed::of(Failure::Network);
    assert_eq!(step.happened, [None, Some(Happened::Failure { failed: failure, first: true })]);
    assert!(host.is_failed());
    // From here on it takes three.
    for expected in [Transition::Pending, Transition::Pending, Transition::Changed] {
        assert_eq!(host.step(PASSED, &config).transition, expected);
    }
    assert!(!host.is_failed());
}

#[test]
fn failures_of_the_network_and_retriable_ones_count_and_others_decide_alone() {
    let config = config(2, 1);
    for kind in [Failure::Active, Failure::Passive] {
        let mut host = healthy(&config);
        assert_eq!(host.step(failed(kind), &config).transition, Transition::Changed);
        assert!(host.is_failed());
    }
    let retriable = Failed { retriable: true, ..Failed::of(Failure::Active) };
    for outcome in [failed(Failure::Network), Outcome::Failed(retriable)] {
        let mut host = healthy(&config);
        assert_eq!(host.step(outcome, &config).transition, Transition::Pending);
        assert_eq!(host.step(PASSED, &config).transition, Transition::Unchanged);
        assert_eq!(host.step(outcome, &config).transition, Transition::Pending);
        assert_eq!(host.step(outcome, &config).transition, Transition::Changed);
        assert!(host.is_failed());
    }
}

#[test]
fn a_timeout_shows_only_while_it_was_the_last_failure_of_an_unhealthy_host() {
    let config = config(2, 1);
    let mut host = healthy(&config);
    host.step(failed(Failure::NetworkTimeout), &config);
    assert!(!host.is_timed_out());
    host.step(failed(Failure::NetworkTimeout), &config);
    assert!(host.is_timed_out());
    host.step(failed(Failure::Network), &config);
    assert!(!host.is_timed_out());
}

#[test]
fn a_degraded_host_is_healthy_and_says_when_it_changes() {
    let config = config(2, 2);
    let mut host = healthy(&config);
    let step = host.step(Outcome::Passed { degraded: true }, &config);
    assert_eq!(
        (step.transition, step.happened[1]),
        (Transition::Changed, Some(Happened::Degraded))
    );
    assert!(host.is_degraded() && !host.is_failed());
    let step = host.step(Outcome::Passed { degraded: true }, &config);
    assert_eq!((step.transition, step.happened[1]), (Transition::Unchanged, None));
    let step = host.step(PASSED, &config);
    assert_eq!(step.happened[1], Some(Happened::NoLongerDegraded));
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let kind = prop_oneof![
        Just(Failure::Active),
        Just(Failure::Passive),
        Just(Failure::Network),
        Just(Failure::NetworkTimeout),
    ];
    prop_oneof![
        any::<bool>().prop_map(|degraded| Outcome::Passed { degraded }),
        (kind, any::<bool>()).prop_map(|(kind, retriable)| Outcome::Failed(Failed {
            retriable,
            ..Failed::of(kind)
        })),
    ]
}

proptest! {
    /// The same rules told another way: health changes with the last outcomes in a row, and with nothing else.
    #[test]
    fn health_follows_the_last_outcomes_in_a_row(
        outcomes in proptest::collection::vec(outcome(), 1..60),
        unhealthy in 1_u32..4,
        healthy in 1_u32..4,
    ) {
        let config = config(unhealthy, healthy);
        let mut host = Progress::new();
        for (index, outcome) in outcomes.iter().enumerate() {
            let was = host.is_failed();
            let step = host.step(*outcome, &config);
            let passed = matches!(outcome, Outcome::Passed { .. });
            let alike = |other: &&Outcome| matches!(other, Outcome::Passed { .. }) == passed;
            let row = outcomes[..=index].iter().rev().take_while(alike).count();
            let now = host.is_failed();
            let alone = match outcome {
                Outcome::Failed(failed) => !failed.kind.is_network() && !failed.retriable,
                Outcome::Passed { .. } => index == 0,
            };
            if was == now {
                // A row that leads to a change is not long enough yet.
                prop_assert!(!(passed && was) || row < healthy as usize && !alone);
                prop_assert!(passed || was || row < unhealthy as usize && !alone);
                prop_assert!(step.transition != Transition::Changed || passed);
            } else {
                prop_assert_eq!(step.transition, Transition::Changed);
                prop_assert_eq!(now, !passed);
                let enough = if passed { healthy } else { unhealthy };
                prop_assert!(alone || row >= enough as usize);
            }
            prop_assert!(!host.is_timed_out() || now);
        }
    }
}
