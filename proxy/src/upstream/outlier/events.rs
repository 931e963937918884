//! `envoy.data.cluster.v3.OutlierDetectionEvent`, as JSON.

use std::time::Instant;

use serde::Serialize;

use crate::upstream::{Cluster, Host};

use super::detector::Kind;
use super::ejection::Ejection;
use crate::upstream::events::timestamp;

/// One event; the fields in the message's order, and numbers of 64 bits as text, as protobuf's JSON has them.
#[derive(Debug, Serialize)]
pub(super) struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    secs_since_last_action: Option<String>,
    cluster_name: &'a str,
    upstream_url: String,
    action: &'static str,
    num_ejections: u32,
    enforced: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    eject_success_rate_event: Option<SuccessRate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eject_consecutive_event: Option<Consecutive>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eject_failure_percentage_event: Option<FailurePercentage>,
}

#[derive(Debug, Serialize)]
struct Consecutive {}

/// In whole percent.
#[derive(Debug, Serialize)]
struct SuccessRate {
    host_success_rate: u32,
    cluster_average_success_rate: u32,
    cluster_success_rate_ejection_threshold: u32,
}

#[derive(Debug, Serialize)]
struct FailurePercentage {
    host_success_rate: u32,
}

/// The rates that an ejection by rate tells: the host's, the cluster's average, and the threshold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    pub(super) host: f64,
    pub(super) average: f64,
    pub(super) threshold: f64,
}

// === impl Event ===

impl<'a> Event<'a> {
    /// A host was ejected, or would have been.
    pub(super) fn eject(
        kind: Kind,
        enforced: bool,
        rates: Rates,
        (cluster, host, ejection): (&'a Cluster, &Host, &Ejection),
        now: Instant,
    ) -> Self {
        let mut event = Self::new(kind, (cluster, host, ejection));
        event.since(ejection.ended(), now);
        event.action = "EJECT";
        event.enforced = enforced;
        match kind {
            Kind::SuccessRate | Kind::SuccessRateLocalOrigin => {
                event.eject_success_rate_event = Some(SuccessRate {
                    host_success_rate: whole(rates.host),
                    cluster_average_success_rate: whole(rates.average),
                    cluster_success_rate_ejection_threshold: whole(rates.threshold),
                });
            }
            Kind::FailurePercentage | Kind::FailurePercentageLocalOrigin => {
                let host_success_rate = whole(rates.host);
                event.eject_failure_percentage_event =
                    Some(FailurePercentage { host_success_rate });
            }
            _ => event.eject_consecutive_event = Some(Consecutive {}),
        }
        event
    }

    /// A host was let in again. Envoy leaves the type at its default.
    pub(super) fn uneject(
        (cluster, host, ejection): (&'a Cluster, &Host, &Ejection),
        now: Instant,
    ) -> Self {
        let mut event = Self::new(Kind::Consecutive5xx, (cluster, host, ejection));
        event.since(ejection.began(), now);
        event
    }

    fn new(kind: Kind, (cluster, host, ejection): (&'a Cluster, &Host, &Ejection)) -> Self {
        Self {
            kind: kind.name(),
            timestamp: timestamp(),
            secs_since_last_action: None,
            cluster_name: &cluster.name,
            upstream_url: host.address.to_string(),
            action: "UNEJECT",
            num_ejections: ejection.count(),
            enforced: false,
            eject_success_rate_event: None,
            eject_consecutive_event: None,
            eject_failure_percentage_event: None,
        }
    }

    fn since(&mut self, last: Option<Instant>, now: Instant) {
        self.secs_since_last_action =
            last.map(|last| now.saturating_duration_since(last).as_secs().to_string());
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is no percentage becomes the nearest one, as a field without a sign has it"
)]
fn whole(percent: f64) -> u32 {
    percent as u32
}

// === impl Kind ===

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Consecutive5xx => "CONSECUTIVE_5XX",
            Self::ConsecutiveGatewayFailure => "CONSECUTIVE_GATEWAY_FAILURE",
            Self::SuccessRate => "SUCCESS_RATE",
            Self::ConsecutiveLocalOriginFailure => "CONSECUTIVE_LOCAL_ORIGIN_FAILURE",
            Self::SuccessRateLocalOrigin => "SUCCESS_RATE_LOCAL_ORIGIN",
            Self::FailurePercentage => "FAILURE_PERCENTAGE",
            Self::FailurePercentageLocalOrigin => "FAILURE_PERCENTAGE_LOCAL_ORIGIN",
        }
    }
}
