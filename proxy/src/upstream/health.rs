//! A host's health: Envoy's flags, and what they come to.

/// Something that is wrong with a host.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u32)]
pub enum Flag {
    /// Active health checks fail.
    FailedActiveHc = 0x1,
    /// Outlier detection has ejected it.
    FailedOutlierCheck = 0x2,
    /// Its configured `health_status` says so.
    FailedEdsHealth = 0x4,
    /// Active health checks find it degraded.
    DegradedActiveHc = 0x8,
    /// Its configured `health_status` is `DEGRADED`.
    DegradedEdsHealth = 0x10,
    /// Discovery has dropped it, and it stays as long as it is healthy.
    PendingDynamicRemoval = 0x20,
    /// It has not been checked yet, and is left out of the count until it is.
    PendingActiveHc = 0x40,
    /// Health checks found it to be failing and told it to be left out of the count.
    ExcludedViaImmediateHcFail = 0x80,
    /// Active health checks fail by timeout.
    ActiveHcTimeout = 0x100,
    /// Its configured `health_status` is `DRAINING`.
    EdsStatusDraining = 0x200,
    /// Outlier detection finds it degraded.
    DegradedOutlierDetection = 0x400,
}

/// What the flags of a host come to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Health {
    /// Takes no traffic, but in a panic.
    Unhealthy,
    /// Takes traffic where the healthy are too few.
    Degraded,
    /// Takes traffic.
    Healthy,
}

/// All flags with their names in `/clusters`, in Envoy's order.
const FLAGS: [(Flag, &str); 11] = [
    (Flag::FailedActiveHc, "/failed_active_hc"),
    (Flag::FailedOutlierCheck, "/failed_outlier_check"),
    (Flag::FailedEdsHealth, "/failed_eds_health"),
    (Flag::DegradedActiveHc, "/degraded_active_hc"),
    (Flag::DegradedEdsHealth, "/degraded_eds_health"),
    (Flag::PendingDynamicRemoval, "/pending_dynamic_removal"),
    (Flag::PendingActiveHc, "/pending_active_hc"),
    (Flag::ExcludedViaImmediateHcFail, "/excluded_via_immediate_hc_fail"),
    (Flag::ActiveHcTimeout, "/active_hc_timeout"),
    (Flag::EdsStatusDraining, "/eds_status_draining"),
    (Flag::DegradedOutlierDetection, "/degraded_outlier_detection"),
];

const UNHEALTHY: u32 = Flag::FailedActiveHc.bit()
    | Flag::FailedOutlierCheck.bit()
    | Flag::FailedEdsHealth.bit()
    | Flag::EdsStatusDraining.bit();

const DEGRADED: u32 = Flag::DegradedActiveHc.bit()
    | Flag::DegradedEdsHealth.bit()
    | Flag::DegradedOutlierDetection.bit();

const EXCLUDED: u32 = Flag::PendingActiveHc.bit()
    | Flag::ExcludedViaImmediateHcFail.bit()
    | Flag::EdsStatusDraining.bit();

// === impl Flag ===

impl Flag {
    /// Its bit among a host's flags.
    pub(super) const fn bit(self) -> u32 {
        self as u32
    }

    /// The flags that these bits are.
    pub(super) fn of_bits(bits: u32) -> impl Iterator<Item = Self> {
        FLAGS.iter().map(|(flag, _)| *flag).filter(move |flag| flag.bit() & bits != 0)
    }

    /// Whether flags take a host out of the count.
    pub(super) const fn excludes(bits: u32) -> bool {
        bits & EXCLUDED != 0
    }

    /// What `/clusters` calls it.
    pub fn name(self) -> &'static str {
        FLAGS.iter().find(|(flag, _)| *flag == self).map_or("", |(_, name)| name)
    }
}

// === impl Health ===

impl Health {
    pub(super) const fn of_bits(bits: u32) -> Self {
        if bits & UNHEALTHY != 0 {
            Self::Unhealthy
        } else if bits & DEGRADED != 0 {
            Self::Degraded
        } else {
            Self::Healthy
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Flag, Health};
    use crate::config::endpoint::{HealthStatus, Traits};
    use crate::upstream::Host;

    fn host() -> Host {
        Host::new("127.0.0.1:80".parse().unwrap(), "", Arc::new(Traits::default()))
    }

    #[test]
    fn flags_add_up_to_a_health_and_are_told_apart() {
        let host = host();
        assert_eq!(host.health(), Health::Healthy);
        assert!(host.set(Flag::DegradedActiveHc, true));
        assert!(!host.set(Flag::DegradedActiveHc, true));
        assert_eq!(host.health(), Health::Degraded);
        assert!(host.set(Flag::FailedOutlierCheck, true));
        assert_eq!(host.health(), Health::Unhealthy);
        let names: Vec<_> = host.flags().map(Flag::name).collect();
        assert_eq!(names, ["/failed_outlier_check", "/degraded_active_hc"]);
        assert!(host.set(Flag::FailedOutlierCheck, false));
        assert_eq!(host.health(), Health::Degraded);
        assert!(!host.is_excluded());
        host.set(Flag::PendingActiveHc, true);
        assert!(host.is_excluded());
    }

    #[test]
    fn configured_health_replaces_what_it_was() {
        let host = host();
        assert!(host.set_configured_health(HealthStatus::Timeout));
        assert_eq!(host.configured_health(), HealthStatus::Unhealthy);
        assert!(host.set_configured_health(HealthStatus::Draining));
        assert_eq!((host.configured_health(), host.is_excluded()), (HealthStatus::Draining, true));
        assert_eq!(host.health(), Health::Unhealthy);
        assert!(host.set_configured_health(HealthStatus::Unknown));
        assert!(!host.set_configured_health(HealthStatus::Healthy));
        assert_eq!(host.health(), Health::Healthy);
    }
}
