//! `envoy.config.route.v3.RetryPolicy`.

use std::time::Duration;

use http::HeaderName;

use crate::config::diagnostic::Findings;
use crate::config::route::{
    BackOff, DEFAULT_BASE_INTERVAL, DEFAULT_MAX_FACTOR, DEFAULT_NUM_RETRIES,
    DEFAULT_RESET_MAX_INTERVAL, HostPredicate, ResetBackOff, ResetFormat, ResetHeader, RetryOn,
    RetryPolicy,
};
use crate::config::source::Quoted;
use crate::config::v3::matcher;
use crate::config::v3::message::Message;

const OMIT_CANARIES: &str =
    "envoy.extensions.retry.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate";
const PREVIOUS_HOSTS: &str = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate";

/// Lowers the policy that a route or a virtual host has. The inner none is none.
#[expect(clippy::option_option, reason = "something wrong, nothing, or something")]
pub(super) fn lower(
    parent: &Message<'_>,
    findings: &mut Findings,
) -> Option<Option<Box<RetryPolicy>>> {
    let Some(policy) = parent.message("retry_policy") else { return Some(None) };
    // Everything is looked at before anything gives up, so that all of it is reported.
    let headers = matcher::headers(policy, "retriable_headers", findings);
    let request_headers = matcher::headers(policy, "retriable_request_headers", findings);
    let back_off = back_off(policy, findings);
    let reset = reset(policy);
    let host_predicates = host_predicates(policy, findings);
    let attempts = policy.i64("host_selection_retry_max_attempts").filter(|count| *count != 0);
    Some(Some(Box::new(RetryPolicy {
        on: retry_on(policy, findings),
        num_retries: policy.u32("num_retries").unwrap_or(DEFAULT_NUM_RETRIES),
        per_try_timeout: timeout(policy, "per_try_timeout"),
        per_try_idle_timeout: timeout(policy, "per_try_idle_timeout"),
        status_codes: policy.u32s("retriable_status_codes").collect(),
        headers: headers?,
        request_headers: request_headers?,
        back_off: back_off?,
        reset,
        host_predicates,
        // Less than none is none.
        host_selection_attempts: attempts
            .map_or(1, |count| u32::try_from(count.max(0)).unwrap_or(u32::MAX)),
    })))
}

fn retry_on(policy: &Message<'_>, findings: &mut Findings) -> RetryOn {
    let (on, unknown) = RetryOn::parse(policy.text("retry_on").unwrap_or_default());
    for word in unknown {
        let message = format!("{} is no condition, and Envoy passes over it", Quoted(word));
        let finding = findings.warn(policy.place("retry_on"), message);
        finding.did_you_mean(word, RetryOn::all_words());
    }
    on
}

/// Zero is off, and so is what is less than a millisecond: Envoy counts in these.
fn timeout(policy: &Message<'_>, field: &str) -> Option<Duration> {
    policy.duration(field).map(whole_millis).filter(|timeout| !timeout.is_zero())
}

fn back_off(policy: &Message<'_>, findings: &mut Findings) -> Option<BackOff> {
    let Some(config) = policy.message("retry_back_off") else { return Some(BackOff::default()) };
    let interval = |field| config.duration(field).map(at_least_a_millisecond);
    let base = interval("base_interval").unwrap_or(DEFAULT_BASE_INTERVAL);
    let max = interval("max_interval").unwrap_or_else(|| base.saturating_mul(DEFAULT_MAX_FACTOR));
    if max < base {
        let message = "retry_policy.max_interval must greater than or equal to the base_interval";
        findings.error(config.place("max_interval"), message);
        return None;
    }
    Some(BackOff { base, max })
}

fn reset(policy: &Message<'_>) -> Option<ResetBackOff> {
    let config = policy.message("rate_limited_retry_back_off")?;
    let header = |header: &Message<'_>| {
        // The rules have refused what is no header's name, except one that begins with a colon: no response has it.
        let name = HeaderName::from_bytes(header.text("name")?.as_bytes()).ok()?;
        let format = match header.enumeration("format") {
            Some("UNIX_TIMESTAMP") => ResetFormat::UnixTimestamp,
            _ => ResetFormat::Seconds,
        };
        Some(ResetHeader { name, format })
    };
    let max = config.duration("max_interval").map(at_least_a_millisecond);
    Some(ResetBackOff {
        headers: config.messages("reset_headers").filter_map(header).collect(),
        max: max.unwrap_or(DEFAULT_RESET_MAX_INTERVAL),
    })
}

fn host_predicates(policy: &Message<'_>, findings: &mut Findings) -> Vec<HostPredicate> {
    let mut predicates = Vec::new();
    for predicate in policy.messages("retry_host_predicate") {
        predicate.dismiss(&["name"]);
        let Some(extension) = super::super::extension(predicate, findings) else { continue };
        match extension.schema.name {
            PREVIOUS_HOSTS => predicates.push(HostPredicate::PreviousHosts),
            OMIT_CANARIES => predicates.push(HostPredicate::OmitCanaryHosts),
            _ => {
                let wanted = "a predicate of hosts";
                super::super::wrong_extension(predicate, extension, wanted, findings);
            }
        }
    }
    predicates
}

fn whole_millis(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn at_least_a_millisecond(duration: Duration) -> Duration {
    whole_millis(duration).max(Duration::from_millis(1))
}
