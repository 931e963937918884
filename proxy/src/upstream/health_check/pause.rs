//! How long to wait until a host is checked again.

use std::time::Duration;

use crate::config::health_check::Pauses;

use super::progress::Transition;

/// A random number below the argument, which is not zero.
pub(super) type Dice<'a> = &'a mut dyn FnMut(u64) -> u64;

/// Without a pause there would be no time for anything else.
const LEAST: Duration = Duration::from_millis(1);

/// The pause after a check of which the outcome was that, in a cluster that ever had a connection or had not.
pub(super) fn after(
    pauses: &Pauses,
    (passed, transition): (bool, Transition),
    had_traffic: bool,
    dice: Dice<'_>,
) -> Duration {
    let pending = transition == Transition::Pending;
    let pause = match (had_traffic, passed, pending) {
        (true, false, true) => pauses.unhealthy_edge,
        (true, false, false) => pauses.unhealthy,
        (true, true, true) => pauses.healthy_edge,
        (true, true, false) => pauses.interval,
        (false, true, false) => pauses.no_traffic_healthy,
        (false, ..) => pauses.no_traffic,
    };
    with_jitter(pause, pauses.jitter, pauses.jitter_percent, dice)
}

/// The pause before the first check; none if it comes at once.
pub(super) fn before_first(pauses: &Pauses, dice: Dice<'_>) -> Option<Duration> {
    let jitter = pauses.initial_jitter;
    (!jitter.is_zero()).then(|| with_jitter(Duration::ZERO, jitter, 0, dice))
}

fn with_jitter(pause: Duration, jitter: Duration, percent: u32, dice: Dice<'_>) -> Duration {
    let mut total = pause;
    for most in [millis(pause).saturating_mul(u64::from(percent)) / 100, millis(jitter)] {
        if most > 0 {
            total = total.saturating_add(Duration::from_millis(dice(most)));
        }
    }
    total.max(LEAST)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{Pauses, after, before_first};
    use crate::upstream::health_check::progress::Transition;

    fn pauses() -> Pauses {
        let seconds = Duration::from_secs;
        Pauses {
            interval: seconds(1),
            unhealthy: seconds(2),
            unhealthy_edge: seconds(3),
            healthy_edge: seconds(4),
            no_traffic: seconds(5),
            no_traffic_healthy: seconds(6),
            initial_jitter: Duration::ZERO,
            jitter: Duration::ZERO,
            jitter_percent: 0,
        }
    }

    #[test]
    fn the_pause_is_that_of_the_outcome() {
        let pause = |passed, transition, traffic| {
            after(&pauses(), (passed, transition), traffic, &mut |_| 0).as_secs()
        };
        let all = [Transition::Unchanged, Transition::Pending, Transition::Changed];
        assert_eq!(all.map(|one| pause(true, one, true)), [1, 4, 1]);
        assert_eq!(all.map(|one| pause(false, one, true)), [2, 3, 2]);
        assert_eq!(all.map(|one| pause(true, one, false)), [6, 5, 6]);
        assert_eq!(all.map(|one| pause(false, one, false)), [5, 5, 5]);
    }

    proptest! {
        #[test]
        fn jitter_only_lengthens_and_no_more_than_it_says(
            jitter in 0_u64..5_000, percent in 0_u32..300, initial in 0_u64..5_000, roll: u64,
        ) {
            let millis = Duration::from_millis;
            let pauses = Pauses {
                jitter: millis(jitter),
                jitter_percent: percent,
                initial_jitter: millis(initial),
                ..pauses()
            };
            let mut dice = |bound| roll % bound;
            let pause = after(&pauses, (true, Transition::Unchanged), true, &mut dice);
            let most = millis(1000 + 10 * u64::from(percent) + jitter);
            prop_assert!(pause >= millis(1000) && pause <= most);
            let first = before_first(&pauses, &mut dice);
            prop_assert_eq!(first.is_some(), initial > 0);
            prop_assert!(first.is_none_or(|first| first <= millis(initial.max(1))));
        }
    }
}
