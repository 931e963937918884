//! What a proxy does when it has too much to do: `envoy.config.overload.v3.OverloadManager`.

use std::path::PathBuf;
use std::time::Duration;

/// `refresh_interval` where the file says nothing: a second, Envoy's.
pub const DEFAULT_REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// Looks at resources, and acts when there is little left of one.
#[derive(Clone, Debug, PartialEq)]
pub struct OverloadManager {
    /// `refresh_interval`: how often it looks.
    pub refresh_interval: Duration,
    /// The resources that it looks at.
    pub monitors: Vec<Monitor>,
    /// `max_active_downstream_connections` of `envoy.resource_monitors.global_downstream_max_connections`: how many
    /// connections all listeners together have at a time.
    pub most_connections: Option<u64>,
    /// What it does.
    pub actions: Vec<Action>,
}

/// A resource of which so much is used, as a share of what there is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Monitor {
    /// `envoy.resource_monitors.fixed_heap`: memory that is the process's own and really there (`RssAnon`), as a share of
    /// `max_heap_size_bytes`.
    FixedHeap(u64),
    /// `envoy.resource_monitors.injected_resource`: what a file says.
    Injected(PathBuf),
}

/// One thing to do, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// What.
    pub kind: ActionKind,
    /// As strongly as the strongest of these says.
    pub triggers: Vec<Trigger>,
}

/// `envoy.overload_actions.*`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ActionKind {
    /// `stop_accepting_requests`: they are answered 503.
    StopAcceptingRequests,
    /// `disable_http_keepalive`: connections close after their next response.
    DisableHttpKeepalive,
    /// `stop_accepting_connections`: they wait with the system.
    StopAcceptingConnections,
    /// `reject_incoming_connections`: they are accepted and closed.
    RejectIncomingConnections,
    /// `shrink_heap`: memory that is free goes back to the system.
    ShrinkHeap,
}

/// When to act, by one monitor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trigger {
    /// Its place in [`OverloadManager::monitors`].
    pub monitor: usize,
    /// How strongly.
    pub kind: TriggerKind,
}

/// How strongly to act.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TriggerKind {
    /// `threshold`: not at all below this, and fully from there.
    Threshold(f64),
    /// `scaled`: not at all up to the first, fully from the second, and in between as far as it is from one to the
    /// other.
    Scaled(f64, f64),
}

// === impl Monitor ===

impl Monitor {
    /// Its name in files and stats.
    pub fn name(&self) -> &'static str {
        match self {
            Self::FixedHeap(_) => "envoy.resource_monitors.fixed_heap",
            Self::Injected(_) => "envoy.resource_monitors.injected_resource",
        }
    }
}

// === impl ActionKind ===

impl ActionKind {
    /// All there are.
    pub const ALL: [Self; 5] = [
        Self::StopAcceptingRequests,
        Self::DisableHttpKeepalive,
        Self::StopAcceptingConnections,
        Self::RejectIncomingConnections,
        Self::ShrinkHeap,
    ];

    /// Its name in files and stats.
    pub fn name(self) -> &'static str {
        match self {
            Self::StopAcceptingRequests => "envoy.overload_actions.stop_accepting_requests",
            Self::DisableHttpKeepalive => "envoy.overload_actions.disable_http_keepalive",
            Self::StopAcceptingConnections => "envoy.overload_actions.stop_accepting_connections",
            Self::RejectIncomingConnections => "envoy.overload_actions.reject_incoming_connections",
            Self::ShrinkHeap => "envoy.overload_actions.shrink_heap",
        }
    }
}

// === impl TriggerKind ===

impl TriggerKind {
    /// How strongly to act, from 0 to 1, where this share of the resource is used.
    pub fn strength(self, used: f64) -> f64 {
        match self {
            Self::Threshold(from) => f64::from(u8::from(used >= from)),
            Self::Scaled(from, _) if used <= from => 0.0,
            Self::Scaled(_, to) if used >= to => 1.0,
            Self::Scaled(from, to) => (used - from) / (to - from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TriggerKind::{Scaled, Threshold};

    #[test]
    fn a_trigger_is_as_strong_as_its_resource_is_used() {
        for (trigger, used, strength) in [
            (Threshold(0.5), 0.49, 0.0),
            (Threshold(0.5), 0.5, 1.0),
            (Scaled(0.5, 0.9), 0.5, 0.0),
            (Scaled(0.5, 0.9), 0.7, 0.5),
            (Scaled(0.5, 0.9), 0.9, 1.0),
            (Scaled(0.5, 0.9), 2.0, 1.0),
        ] {
            let got = trigger.strength(used);
            assert!((got - strength).abs() < 1e-9, "{trigger:?} at {used}: {got}");
        }
    }
}
