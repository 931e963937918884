//! Where a host stands between healthy and unhealthy, by the outcomes of its checks alone.

use crate::config::health_check::HealthCheck;

/// What a check came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    /// The host is well, if maybe degraded.
    Passed {
        /// It says that it is degraded.
        degraded: bool,
    },
    /// It is not.
    Failed(Failed),
}

/// A check that failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Failed {
    /// What has failed.
    pub(super) kind: Failure,
    /// It counts towards the threshold, instead of deciding alone.
    pub(super) retriable: bool,
    /// The status of the answer; zero without one.
    pub(super) status: u16,
    /// The host wants to be left out of the count (`x-envoy-immediate-health-check-fail`).
    pub(super) excluded: bool,
}

/// `envoy.data.core.v3.HealthCheckFailureType`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Failure {
    /// The host's answer.
    Active,
    /// A host's answer to something else.
    Passive,
    /// There was none, since there is no connection or it broke.
    Network,
    /// There was none in time.
    NetworkTimeout,
}

/// How the host's health changes with that.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Transition {
    /// Not at all.
    Unchanged,
    /// It will, if the next checks come to the same.
    Pending,
    /// Now.
    Changed,
}

/// Something to log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Happened {
    AddHealthy { first: bool },
    Success,
    EjectUnhealthy(Failed),
    Failure { failed: Failed, first: bool },
    Degraded,
    NoLongerDegraded,
}

/// What one outcome has brought about.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) transition: Transition,
    /// At most two things happen at once.
    pub(super) happened: [Option<Happened>; 2],
}

/// A host's standing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Progress {
    /// It was not checked yet.
    first: bool,
    /// It is unhealthy, as every host is before its first check.
    failed: bool,
    degraded: bool,
    /// It is unhealthy, and the last check has met the timeout.
    timed_out: bool,
    /// Successes in a row of an unhealthy host.
    successes: u32,
    /// Failures in a row of a healthy host.
    failures: u32,
}

// === impl Progress ===

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            first: true,
            failed: true,
            degraded: false,
            timed_out: false,
            successes: 0,
            failures: 0,
        }
    }

    pub(super) fn is_first(&self) -> bool {
        self.first
    }

    pub(super) fn is_failed(&self) -> bool {
        self.failed
    }

    pub(super) fn is_degraded(&self) -> bool {
        self.degraded
    }

    pub(super) fn is_timed_out(&self) -> bool {
        self.timed_out
    }

    /// Takes note of an outcome.
    pub(super) fn step(&mut self, outcome: Outcome, config: &HealthCheck) -> Step {
        let step = match outcome {
            Outcome::Passed { degraded } => self.passed(degraded, config),
            Outcome::Failed(failed) => self.failed(failed, config),
        };
        self.first = false;
        step
    }

    fn passed(&mut self, degraded: bool, config: &HealthCheck) -> Step {
        self.failures = 0;
        let mut step = Step { transition: Transition::Unchanged, happened: [None, None] };
        if self.failed {
            self.successes = self.successes.saturating_add(1);
            // The first check decides alone, so that a start takes no longer than one.
            if self.first || self.successes == config.healthy_threshold {
                self.failed = false;
                self.timed_out = false;
                step.transition = Transition::Changed;
                step.happened[0] = Some(Happened::AddHealthy { first: self.first });
            } else {
                step.transition = Transition::Pending;
            }
        }
        if step.transition != Transition::Changed && config.always_log_success {
            step.happened[0] = Some(Happened::Success);
        }
        if degraded != self.degraded {
            self.degraded = degraded;
            step.happened[1] =
                Some(if degraded { Happened::Degraded } else { Happened::NoLongerDegraded });
            if step.transition == Transition::Unchanged {
                step.transition = Transition::Changed;
            }
        }
        step
    }

    fn failed(&mut self, failed: Failed, config: &HealthCheck) -> Step {
        self.successes = 0;
        let mut step = Step { transition: Transition::Unchanged, happened: [None, None] };
        if !self.failed {
            self.failures = self.failures.saturating_add(1);
            let alone = !failed.kind.is_network() && !failed.retriable;
            if alone || self.failures == config.unhealthy_threshold {
                self.failed = true;
                step.transition = Transition::Changed;
                step.happened[0] = Some(Happened::EjectUnhealthy(failed));
            } else {
                step.transition = Transition::Pending;
            }
        }
        self.timed_out = failed.kind == Failure::NetworkTimeout && self.failed;
        if self.first || config.always_log_failures {
            step.happened[1] = Some(Happened::Failure { failed, first: self.first });
        }
        step
    }
}

// === impl Failure ===

impl Failure {
    /// Whether it says nothing about the host but that it cannot be reached.
    pub(super) fn is_network(self) -> bool {
        matches!(self, Self::Network | Self::NetworkTimeout)
    }
}

// === impl Failed ===

impl Failed {
    /// A failure of that kind, without an answer.
    pub(super) fn of(kind: Failure) -> Self {
        Self { kind, retriable: false, status: 0, excluded: false }
    }
}

// === impl Outcome ===

impl Outcome {
    /// A failure of that kind, without an answer.
    pub(super) fn failed(kind: Failure) -> Self {
        Self::Failed(Failed::of(kind))
    }
}

#[cfg(test)]
mod tests;
