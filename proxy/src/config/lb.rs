//! How a cluster's hosts are chosen: `lb_policy`, `load_balancing_policy`, `common_lb_config`.

use std::time::Duration;

use super::endpoint::PriorityPolicy;
use super::metadata_match::MetadataMatch;

/// How hosts are chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadBalancing {
    /// `lb_policy` with its own configuration, or `load_balancing_policy`.
    pub policy: Policy,
    /// `common_lb_config.healthy_panic_threshold`, in whole percent (default 50; 0 is never).
    pub panic_threshold: u32,
    /// `zone_aware_lb_config.fail_traffic_on_panic`: no host in a panic, instead of any.
    pub fails_in_panic: bool,
    /// `locality_weighted_lb_config`: localities get traffic by their weights.
    pub locality_weighted: bool,
    /// `load_assignment.policy`.
    pub priorities: PriorityPolicy,
    /// `slow_start_config`.
    pub slow_start: Option<SlowStart>,
    /// `lb_subset_config`, if it has selectors.
    pub subsets: Option<Box<Subsets>>,
}

/// `lb_policy`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Policy {
    /// `ROUND_ROBIN`.
    RoundRobin,
    /// `LEAST_REQUEST`.
    LeastRequest(LeastRequest),
    /// `RANDOM`.
    Random,
    /// `RING_HASH`.
    RingHash(RingHash),
    /// `MAGLEV`.
    Maglev(Maglev),
}

/// `LeastRequestLbConfig`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeastRequest {
    /// `choice_count`: how many hosts of one weight are drawn and compared (default 2).
    pub choices: u32,
    /// `active_request_bias`: how much requests under way count against a weight (default 1).
    pub bias: f64,
    /// `selection_method: FULL_SCAN`: all hosts of one weight are compared.
    pub full_scan: bool,
}

/// `RingHashLbConfig`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RingHash {
    /// `minimum_ring_size` (default 1024).
    pub minimum_size: u64,
    /// `maximum_ring_size` (default 8 Mi).
    pub maximum_size: u64,
    /// `hash_function: MURMUR_HASH_2` instead of `XX_HASH`.
    pub murmur: bool,
    /// `consistent_hashing_lb_config.use_hostname_for_hashing`.
    pub by_hostname: bool,
}

/// `MaglevLbConfig`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Maglev {
    /// `table_size`, a prime number (default 65537).
    pub table_size: u64,
    /// `consistent_hashing_lb_config.use_hostname_for_hashing`.
    pub by_hostname: bool,
}

/// `SlowStartConfig`: a host that has just become healthy gets less at first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlowStart {
    /// `slow_start_window`: until it gets its whole share.
    pub window: Duration,
    /// `aggression`: 1 grows with time, more grows faster at first.
    pub aggression: f64,
    /// `min_weight_percent` as a part of one: the least it gets (default 0.1).
    pub least: f64,
}

/// `LbSubsetConfig`: requests meet those hosts only whose metadata their route asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Subsets {
    /// `fallback_policy`: who serves a request for which there is no subset.
    pub fallback: Fallback,
    /// `default_subset`; none is all hosts.
    pub default_subset: Option<MetadataMatch>,
    /// `subset_selectors`.
    pub selectors: Vec<Selector>,
    /// `panic_mode_any`: where even that gives no host, any will do.
    pub panic_mode_any: bool,
}

/// `LbSubsetSelector`: a subset for each combination of the values of some keys.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Selector {
    /// `keys`, in order and each once.
    pub keys: Vec<String>,
    /// `fallback_policy`; none is the cluster's.
    pub fallback: Option<Fallback>,
}

/// Who serves a request for which there is no subset.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fallback {
    /// `NO_FALLBACK`.
    Nobody,
    /// `ANY_ENDPOINT`.
    Any,
    /// `DEFAULT_SUBSET`.
    Default,
    /// `KEYS_SUBSET`: the subset for these of its keys only (`fallback_keys_subset`).
    Keys(Vec<String>),
}

// === impl LoadBalancing ===

impl Default for LoadBalancing {
    /// Envoy's defaults.
    fn default() -> Self {
        Self {
            policy: Policy::RoundRobin,
            panic_threshold: 50,
            fails_in_panic: false,
            locality_weighted: false,
            priorities: PriorityPolicy::default(),
            slow_start: None,
            subsets: None,
        }
    }
}

// === impl Policy ===

impl Policy {
    /// Whether it is a request's hash that decides.
    pub fn hashes(&self) -> bool {
        matches!(self, Self::RingHash(_) | Self::Maglev(_))
    }
}

// === impl LeastRequest ===

impl Default for LeastRequest {
    fn default() -> Self {
        Self { choices: 2, bias: 1.0, full_scan: false }
    }
}

// === impl RingHash ===

impl Default for RingHash {
    fn default() -> Self {
        Self { minimum_size: 1024, maximum_size: 8 << 20, murmur: false, by_hostname: false }
    }
}

// === impl Maglev ===

impl Default for Maglev {
    fn default() -> Self {
        Self { table_size: 65_537, by_hostname: false }
    }
}
