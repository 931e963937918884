//! Who is ejected for how long, whatever happens.

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::{Kind, Verdict, judge, outliers};
use crate::config::outlier::OutlierDetection;
use crate::upstream::outlier::ejection::{Ejection, Rate};

const SECOND: Duration = Duration::from_secs(1);

fn settings() -> OutlierDetection {
    OutlierDetection {
        interval: SECOND,
        base_ejection_time: 10 * SECOND,
        max_ejection_time: 25 * SECOND,
        max_ejection_percent: 50,
        ..OutlierDetection::default()
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}

fn eject(host: &mut Ejection, kind: Kind, counts: (usize, usize)) -> Verdict {
    judge(host, kind, counts, &settings(), (now(), &mut |_| 0))
}

#[tokio::test(start_paused = true)]
async fn each_ejection_lasts_longer_up_to_the_most_and_good_behaviour_is_rewarded() {
    let settings = settings();
    let mut host = Ejection::default();
    // The third would be 30 s, and the most are 25 s.
    for lasts in [10, 20, 25, 25] {
        assert_eq!(eject(&mut host, Kind::Consecutive5xx, (4, 0)), Verdict::Ejected);
        tokio::time::advance(lasts * SECOND - Duration::from_millis(1)).await;
        assert!(!host.is_over(now(), &settings), "{lasts}");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(host.is_over(now(), &settings), "{lasts}");
        host.end(now());
        // Not a whole interval in, so nothing is forgiven.
        host.relax(now(), &settings);
    }
    for _ in 0..3 {
        tokio::time::advance(SECOND).await;
        host.relax(now(), &settings);
    }
    assert_eq!(eject(&mut host, Kind::Consecutive5xx, (4, 0)), Verdict::Ejected);
    tokio::time::advance(20 * SECOND).await;
    assert!(host.is_over(now(), &settings));
    assert_eq!(host.count(), 5);
}

#[tokio::test(start_paused = true)]
async fn jitter_lengthens_an_ejection() {
    let settings = OutlierDetection { max_ejection_time_jitter: SECOND, ..settings() };
    let mut host = Ejection::default();
    let mut bounds = Vec::new();
    let mut dice = |bound| {
        bounds.push(bound);
        if bound == 100 { 0 } else { bound - 1 }
    };
    let verdict = judge(&mut host, Kind::SuccessRate, (4, 0), &settings, (now(), &mut dice));
    assert_eq!((verdict, bounds), (Verdict::Ejected, vec![100, 1001]));
    tokio::time::advance(10 * SECOND).await;
    assert!(!host.is_over(now(), &settings));
    tokio::time::advance(SECOND).await;
    assert!(host.is_over(now(), &settings));
}

#[test]
fn too_many_are_not_ejected_unless_one_always_may_be() {
    let verdict = |counts, settings: &OutlierDetection| {
        let mut host = Ejection::default();
        judge(&mut host, Kind::Consecutive5xx, counts, settings, (now(), &mut |_| 0))
    };
    let half = settings();
    assert_eq!(verdict((2, 0), &half), Verdict::Ejected);
    assert_eq!(verdict((2, 1), &half), Verdict::Overflow);
    assert_eq!(verdict((1, 0), &half), Verdict::Overflow);
    let one = OutlierDetection { always_eject_one_host: true, ..half };
    assert_eq!(verdict((1, 0), &one), Verdict::Ejected);
    assert_eq!(verdict((3, 1), &one), Verdict::Overflow);
}

#[test]
fn the_odds_of_enforcing_are_in_percent() {
    let mut settings = settings();
    settings.enforcing.failure_percentage = 30;
    let verdict = |rolled| {
        let mut host = Ejection::default();
        let mut dice = |bound| if bound == 100 { rolled } else { 0 };
        judge(&mut host, Kind::FailurePercentage, (4, 0), &settings, (now(), &mut dice))
    };
    assert_eq!(verdict(29), Verdict::Ejected);
    assert_eq!(verdict(30), Verdict::NotEnforced);
}

fn rates(percents: &[(f64, u64)]) -> Vec<Option<Rate>> {
    percents
        .iter()
        .map(|(percent, volume)| Some(Rate { percent: *percent, volume: *volume }))
        .collect()
}

#[test]
fn an_outlier_is_below_the_mean_by_the_factor_of_standard_deviations() {
    // The example that Envoy's documentation of the sum has: mean 90, deviation 20, threshold 52.
    let mut rates = rates(&[(50.0, 100), (100.0, 100), (100.0, 100), (100.0, 100), (100.0, 100)]);
    let found = outliers(&rates, &OutlierDetection::default());
    assert_eq!(found.average, Some((90.0, 52.0)));
    assert_eq!(found.by_success_rate, [0]);
    assert_eq!(found.by_failure_percentage, [0_usize; 0]);
    rates[4] = Some(Rate { percent: 100.0, volume: 99 });
    let found = outliers(&rates, &OutlierDetection::default());
    assert_eq!((found.average, found.by_success_rate.len()), (None, 0));
}

#[test]
fn a_failure_percentage_stands_for_itself() {
    let mut rates = rates(&[(15.0, 50), (15.1, 50), (0.0, 50), (0.0, 49), (1.0, 60), (100.0, 60)]);
    let found = outliers(&rates, &OutlierDetection::default());
    assert_eq!(found.by_failure_percentage, [0, 2, 4]);
    rates.pop();
    assert_eq!(outliers(&rates, &OutlierDetection::default()).by_failure_percentage, [0_usize; 0]);
}

/// Something that happens to one of four hosts.
#[derive(Clone, Copy, Debug)]
enum Step {
    Detected(usize, bool),
    Passes(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_usize..4, any::<bool>()).prop_map(|(host, lucky)| Step::Detected(host, lucky)),
        (0_u64..40_000).prop_map(Step::Passes),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_no_more_than_the_most_are_ejected_and_none_for_longer_than_the_longest(
        steps in proptest::collection::vec(step(), 0..200),
        percent in 0_u32..=100,
        jitter in 0_u64..5_000,
    ) {
        let settings = OutlierDetection {
            max_ejection_percent: percent,
            max_ejection_time_jitter: Duration::from_millis(jitter),
            ..settings()
        };
        let longest = settings.max_ejection_time + settings.max_ejection_time_jitter;
        let mut hosts = vec![Ejection::default(); 4];
        let mut now = now();
        for step in steps {
            match step {
                Step::Detected(index, lucky) => {
                    let ejected = hosts.iter().filter(|host| host.is_active()).count();
                    let mut dice = |bound| if lucky { bound - 1 } else { 0 };
                    let host = &mut hosts[index];
                    let was = host.is_active();
                    let verdict =
                        judge(host, Kind::Consecutive5xx, (4, ejected), &settings, (now, &mut dice));
                    prop_assert_eq!(verdict == Verdict::Already, was);
                    prop_assert_eq!(host.is_active(), was || verdict == Verdict::Ejected);
                }
                Step::Passes(millis) => {
                    now += Duration::from_millis(millis);
                    for host in &mut hosts {
                        let since = host.began().map(|began| now - began);
                        let over = host.is_over(now, &settings);
                        if over {
                            prop_assert!(since >= Some(settings.base_ejection_time));
                            host.end(now);
                        } else if host.is_active() {
                            prop_assert!(since < Some(longest));
                        }
                        host.relax(now, &settings);
                    }
                }
            }
            let ejected = hosts.iter().filter(|host| host.is_active()).count();
            prop_assert!(ejected * 100 <= percent as usize * 4);
        }
    }

    #[test]
    fn an_outlier_is_never_better_than_the_average(
        given in proptest::collection::vec(proptest::option::of((0.0_f64..=100.0, 0_u64..200)), 0..40),
    ) {
        let rates: Vec<_> =
            given.iter().map(|one| one.map(|(percent, volume)| Rate { percent, volume })).collect();
        let found = outliers(&rates, &OutlierDetection::default());
        for index in found.by_success_rate {
            let rate = rates[index].unwrap();
            prop_assert!(rate.volume >= 100 && rate.percent < found.average.unwrap().0);
        }
        for index in found.by_failure_percentage {
            let rate = rates[index].unwrap();
            prop_assert!(rate.volume >= 50 && rate.percent <= 15.0);
        }
    }
}
