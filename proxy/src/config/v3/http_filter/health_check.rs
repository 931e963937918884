//! `envoy.extensions.filters.http.health_check.v3`.

use crate::config::diagnostic::Findings;
use crate::config::http_filter::HealthCheckFilter;
use crate::config::v3::matcher;
use crate::config::v3::message::Message;

pub(super) const NAME: &str = "envoy.extensions.filters.http.health_check.v3.HealthCheck";

pub(super) fn lower(check: &Message<'_>, findings: &mut Findings) -> Option<HealthCheckFilter> {
    let headers = matcher::headers(check, "headers", findings);
    let pass_through = check.bool("pass_through_mode");
    let cache_time = check.duration("cache_time").filter(|time| time.as_millis() > 0);
    if cache_time.is_some() && pass_through == Some(false) {
        let message = "cache_time_ms must not be set when path_through_mode is disabled";
        findings.error(check.place("cache_time"), message);
    }
    let percentages = check.messages_by_key("cluster_min_healthy_percentages");
    // Envoy cuts off the fraction.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 100")]
    let percent = |of: &Message<'_>| of.f64("value").unwrap_or_default() as u64;
    Some(HealthCheckFilter {
        clusters: percentages.map(|(name, of)| (name.to_owned(), percent(of))).collect(),
        pass_through: pass_through?,
        cache_time,
        headers: headers?,
    })
}
