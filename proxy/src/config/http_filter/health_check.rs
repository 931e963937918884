//! `envoy.extensions.filters.http.health_check.v3.HealthCheck`.

use std::time::Duration;

use crate::config::matcher::HeaderMatcher;

/// Health checks of this proxy, or of what is behind it, are told from other requests, and answered here or passed on.
#[derive(Clone, Debug)]
pub struct HealthCheckFilter {
    /// `pass_through_mode`: they go on, unless this proxy fails its own check or an answer is kept.
    pub pass_through: bool,
    /// `cache_time`: for how long an answer is kept; none keeps none.
    pub cache_time: Option<Duration>,
    /// `cluster_min_healthy_percentages`: how many hosts of which clusters must be healthy.
    pub clusters: Vec<(String, u64)>,
    /// `headers`: a health check fulfils all of these.
    pub headers: Vec<HeaderMatcher>,
}
