//! Values, quantiles and sums beside what Envoy 1.40 printed for the same values.

use super::{Histogram, Snapshot};

const SHARES: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

fn recorded(values: &[u64]) -> Snapshot {
    let histogram = Histogram::default();
    for value in values {
        histogram.record(*value);
    }
    histogram.flush();
    Snapshot::clone(&histogram.cumulative())
}

#[test]
fn values_keep_two_digits() {
    let snapshot = recorded(&[0, 1, 9, 10, 99, 100, 105, 1234, 12_345_678, u64::MAX]);
    let bins: Vec<_> = snapshot.bins().collect();
    assert_eq!(
        bins,
        [
            (0.0, 0.0, 1),
            (1.0, 0.1, 1),
            (9.0, 0.1, 1),
            (10.0, 1.0, 1),
            (99.0, 1.0, 1),
            (100.0, 10.0, 2),
            (1200.0, 100.0, 1),
            (12e6, 1e6, 1),
            (18e18, 1e18, 1),
        ]
    );
}

#[test]
fn quantiles_are_envoys() {
    let spread = recorded(&[0, 1, 3, 9, 10, 11, 99, 100, 105, 1234, 123_456, 300_000, 12_345_678]);
    assert_eq!(spread.quantiles(SHARES), [0.0, 9.05, 99.5, 1250.0, 12_500_000.0]);
    let two_bins = recorded(&[1000, 1000, 1000, 1000, 1000, 50, 50, 50]);
    assert_eq!(
        two_bins.quantiles(SHARES),
        [50.25, 50.5, 1016.6666666666666, 1050.0, 1083.3333333333333]
    );
    assert_eq!(
        recorded(&[2; 8]).quantiles(SHARES),
        [
            2.011111111111111,
            2.022222222222222,
            2.0444444444444443,
            2.066666666666667,
            2.088888888888889
        ]
    );
    assert_eq!(
        recorded(&[4; 8]).quantiles(SHARES),
        [
            4.011111111111111,
            4.022222222222222,
            4.044444444444444,
            4.066666666666666,
            4.088888888888889
        ]
    );
}

#[test]
fn sums_are_envoys() {
    let spread = recorded(&[0, 1, 3, 9, 10, 11, 99, 100, 105, 1234, 123_456, 300_000, 12_345_678]);
    assert_eq!(spread.sum(), 12_911_310.155_058_324);
    assert_eq!(recorded(&[2; 8]).sum(), 16.390_243_902_439_025);
    assert_eq!(recorded(&[35]).sum(), 35.492_957_746_478_87);
}

#[test]
fn counts_include_the_bin_that_starts_at_the_bound() {
    let snapshot = recorded(&[0, 1, 10, 105, 106, 2500]);
    let counts = [0.5, 1.0, 5.0, 10.0, 100.0, 2500.0].map(|bound| snapshot.count_to(bound));
    assert_eq!(counts, [1, 2, 2, 3, 5, 6]);
}

#[test]
fn an_interval_is_what_came_between_two_flushes() {
    let histogram = Histogram::default();
    assert!(!histogram.is_used());
    histogram.record(5);
    histogram.record(70);
    histogram.flush();
    histogram.record(70);
    assert_eq!(histogram.interval().count(), 2, "nothing shows before the flush");
    histogram.flush();
    assert_eq!(histogram.interval().bins().collect::<Vec<_>>(), [(70.0, 1.0, 1)]);
    assert_eq!(histogram.cumulative().count(), 3);
    histogram.flush();
    assert!(histogram.interval().is_empty());
    assert!(histogram.interval().quantiles([0.5])[0].is_nan());
    assert_eq!(histogram.cumulative().count(), 3);
}

#[test]
fn workers_record_into_the_same_bins() {
    let histogram = Histogram::default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1000).for_each(|value| histogram.record(value)));
        }
    });
    histogram.flush();
    assert_eq!(histogram.cumulative().count(), 4000);
}
