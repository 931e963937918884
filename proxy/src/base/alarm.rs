//! A timer that its task asks at every poll, and that costs next to nothing until it goes off.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::task::coop::has_budget_remaining;
use tokio::time::{Sleep, sleep, sleep_until};

/// A timer of one task, which must stay the same as long as the alarm lives: only the first question after it was set
/// says whom to wake.
#[derive(Debug)]
pub struct Alarm {
    sleep: Pin<Box<Sleep>>,
    armed: bool,
}

// === impl Alarm ===

impl Alarm {
    /// Goes off after this time.
    pub fn after(time: Duration) -> Self {
        Self { sleep: Box::pin(sleep(time)), armed: false }
    }

    /// Goes off at that time.
    pub fn at(when: Instant) -> Self {
        Self { sleep: Box::pin(sleep_until(when.into())), armed: false }
    }

    /// Goes off at `when` instead.
    pub fn set(&mut self, when: Instant) {
        self.sleep.as_mut().reset(when.into());
        self.armed = false;
    }

    /// Whether it has gone off. It stays so until it is set again.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.armed && !self.sleep.is_elapsed() {
            return Poll::Pending;
        }
        // A task that has used up its turn is told nothing, and asked again.
        self.armed = has_budget_remaining();
        self.sleep.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::pin::pin;
    use std::task::Poll;
    use std::time::Duration;

    use tokio::task::coop::{consume_budget, has_budget_remaining};
    use tokio::time;

    use super::Alarm;

    #[tokio::test(start_paused = true)]
    async fn it_wakes_its_task_in_time_whatever_else_does() {
        let start = time::Instant::now();
        let mut alarm = Alarm::after(Duration::from_secs(10));
        let mut others = time::interval(Duration::from_secs(3));
        poll_fn(|cx| {
            while others.poll_tick(cx).is_ready() {}
            alarm.poll(cx)
        })
        .await;
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn it_can_be_set_anew_before_and_after_it_went_off() {
        let start = time::Instant::now();
        let mut alarm = Alarm::after(Duration::from_secs(10));
        assert!(poll_fn(|cx| Poll::Ready(alarm.poll(cx))).await.is_pending());
        for seconds in [20, 25] {
            alarm.set((start + Duration::from_secs(seconds)).into_std());
            poll_fn(|cx| alarm.poll(cx)).await;
            assert_eq!(start.elapsed().as_secs(), seconds);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_goes_off_when_it_was_first_asked_at_the_end_of_a_turn() {
        let mut alarm = Alarm::after(Duration::from_secs(10));
        let mut first = true;
        let asked = poll_fn(|cx| {
            if std::mem::take(&mut first) {
                while has_budget_remaining() {
                    let _used = pin!(consume_budget()).poll(cx);
                }
            }
            alarm.poll(cx)
        });
        assert!(time::timeout(Duration::from_secs(11), asked).await.is_ok());
    }
}
