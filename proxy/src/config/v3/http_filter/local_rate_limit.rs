//! `envoy.extensions.filters.http.local_ratelimit.v3`.

use std::time::Duration;

use crate::config::diagnostic::Findings;
use crate::config::headers::HeaderRules;
use crate::config::http_filter::{LocalRateLimit, TokenBucket, VirtualHostLimits};
use crate::config::rate_limit::{Descriptor, Entry};
use crate::config::v3::message::Message;
use crate::config::v3::{headers, matcher};

pub(super) const NAME: &str = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit";

/// `status` where the file says nothing, or nothing that is an error: 429, Envoy's.
const DEFAULT_STATUS: u16 = 429;

/// The shortest `fill_interval` that Envoy takes.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(50);

pub(super) fn lower(limit: &Message<'_>, findings: &mut Findings) -> LocalRateLimit {
    let flag = |name| limit.bool(name).unwrap_or_default();
    let mut rules = |field| HeaderRules {
        add: headers::to_add(limit, field, findings),
        ..HeaderRules::default()
    };
    let response_headers = rules("response_headers_to_add");
    let request_headers = rules("request_headers_to_add_when_not_enforced");
    let status = limit.message("status").and_then(|status| status.enum_number("code"));
    let status = status.and_then(|status| u16::try_from(status).ok());
    let bucket = limit.message("token_bucket").and_then(|bucket| self::bucket(bucket, findings));
    let mut descriptors: Vec<(Descriptor, TokenBucket)> = Vec::new();
    for descriptor in limit.messages("descriptors") {
        let Some((entries, own)) = self::descriptor(descriptor, bucket, findings) else { continue };
        if descriptors.iter().any(|(other, _)| *other == entries) {
            findings.error(descriptor.at, "there is another descriptor with the same entries");
        }
        descriptors.push((entries, own));
    }
    let default_too = limit.bool("always_consume_default_token_bucket");
    LocalRateLimit {
        stat_prefix: limit.text("stat_prefix").unwrap_or_default().to_owned(),
        status: status.filter(|status| *status >= 400).unwrap_or(DEFAULT_STATUS),
        bucket,
        enabled: matcher::runtime_fraction(limit, "filter_enabled"),
        enforced: matcher::runtime_fraction(limit, "filter_enforced"),
        response_headers,
        request_headers,
        descriptors,
        stage: limit.u32("stage").unwrap_or_default(),
        virtual_host: match limit.enumeration("vh_rate_limits") {
            Some("INCLUDE") => VirtualHostLimits::Include,
            Some("IGNORE") => VirtualHostLimits::Ignore,
            _ => VirtualHostLimits::Override,
        },
        says_limits: limit.enumeration("enable_x_ratelimit_headers") == Some("DRAFT_VERSION_03"),
        always_consume_default: default_too.unwrap_or(true),
        per_connection: flag("local_rate_limit_per_downstream_connection"),
        resource_exhausted: flag("rate_limited_as_resource_exhausted"),
    }
}

/// What a route says; it must have a bucket.
pub(super) fn per_route(limit: &Message<'_>, findings: &mut Findings) -> Option<LocalRateLimit> {
    if !limit.has("token_bucket") {
        let message = "local rate limit token bucket must be set for per filter configs";
        findings.error(limit.at, message);
        limit.dismiss_all();
        return None;
    }
    Some(lower(limit, findings))
}

fn bucket(bucket: &Message<'_>, findings: &mut Findings) -> Option<TokenBucket> {
    let fill_interval = bucket.duration("fill_interval");
    if fill_interval.is_some_and(|interval| interval < SHORTEST_INTERVAL) {
        let message = "local rate limit token bucket fill timer must be >= 50ms";
        findings.error(bucket.place("fill_interval"), message);
    }
    Some(TokenBucket {
        max_tokens: bucket.u32("max_tokens").unwrap_or_default(),
        tokens_per_fill: bucket.u32("tokens_per_fill").unwrap_or(1),
        fill_interval: fill_interval?,
    })
}

fn descriptor(
    config: &Message<'_>,
    default: Option<TokenBucket>,
    findings: &mut Findings,
) -> Option<(Descriptor, TokenBucket)> {
    let mut entries = Vec::new();
    for entry in config.messages("entries") {
        let value = entry.nonempty("value");
        if value.is_none() {
            let message = "an entry without a value, which makes buckets by what requests say, is not supported yet";
            findings.unsupported(entry.at, message);
        }
        entries.push(Entry { key: entry.text("key")?.to_owned(), value: value?.to_owned() });
    }
    let own = bucket(config.message("token_bucket")?, findings)?;
    let multiple = |long: Duration, short: Duration| {
        short.is_zero() || long.as_nanos().is_multiple_of(short.as_nanos())
    };
    if default.is_some_and(|default| !multiple(own.fill_interval, default.fill_interval)) {
        let message = "local rate descriptor limit is not a multiple of token bucket fill timer";
        findings.error(config.at, message);
    }
    Some((entries, own))
}
