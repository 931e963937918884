//! `envoy.extensions.filters.http.ratelimit.v3`.

use std::time::Duration;

use crate::config::diagnostic::Findings;
use crate::config::headers::HeaderRules;
use crate::config::http_filter::{
    DEFAULT_TIMEOUT, RateLimit, RateLimitPerRoute, Requests, VirtualHostLimits,
};
use crate::config::route::Fraction;
use crate::config::v3::message::Message;
use crate::config::v3::{headers, matcher, rate_limit};

pub(super) const NAME: &str = "envoy.extensions.filters.http.ratelimit.v3.RateLimit";

pub(super) const PER_ROUTE: &str = "envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute";

/// `rate_limited_status` where the file says nothing, or nothing that is an error.
const LIMITED_STATUS: u16 = 429;

/// `status_on_error` where the file says nothing.
const ERROR_STATUS: u16 = 500;

pub(super) fn lower(limit: &Message<'_>, findings: &mut Findings) -> Option<RateLimit> {
    let flag = |name| limit.bool(name).unwrap_or_default();
    let status = |name| -> Option<u16> {
        let code = limit.message(name)?.enum_number("code")?;
        u16::try_from(code).ok()
    };
    let response_headers = HeaderRules {
        add: headers::to_add(limit, "response_headers_to_add", findings),
        ..HeaderRules::default()
    };
    let service = limit.message("rate_limit_service")?;
    // The one version there is; Envoy wants it said.
    if service.enumeration("transport_api_version") != Some("V3") {
        let message = "expected transport_api_version: V3";
        findings.error(service.at, message);
    }
    let cluster = service.message("grpc_service")?.message("envoy_grpc")?;
    let denies = Fraction { numerator: u32::from(flag("failure_mode_deny")), denominator: 1 };
    let timeout = limit.duration("timeout").unwrap_or(DEFAULT_TIMEOUT);
    Some(RateLimit {
        domain: limit.nonempty("domain")?.to_owned(),
        stage: limit.u32("stage").unwrap_or_default(),
        requests: match limit.text("request_type") {
            Some("internal") => Requests::Internal,
            Some("external") => Requests::External,
            _ => Requests::Both,
        },
        timeout: Some(timeout).filter(|timeout| *timeout != Duration::ZERO),
        failure_denies: matcher::runtime_fraction(limit, "failure_mode_deny_percent")
            .unwrap_or(denies),
        resource_exhausted: flag("rate_limited_as_resource_exhausted"),
        cluster: cluster.nonempty("cluster_name")?.into(),
        says_limits: limit.enumeration("enable_x_ratelimit_headers") == Some("DRAFT_VERSION_03"),
        says_limited: !flag("disable_x_envoy_ratelimited_header"),
        limited_status: status("rate_limited_status")
            .filter(|status| *status >= 400)
            .unwrap_or(LIMITED_STATUS),
        error_status: status("status_on_error").unwrap_or(ERROR_STATUS),
        response_headers,
        stat_prefix: limit.text("stat_prefix").unwrap_or_default().to_owned(),
        enabled: matcher::runtime_fraction(limit, "filter_enabled"),
        enforced: matcher::runtime_fraction(limit, "filter_enforced"),
    })
}

/// What a level of a route table says.
pub(super) fn per_route(limit: &Message<'_>, findings: &mut Findings) -> RateLimitPerRoute {
    RateLimitPerRoute {
        virtual_host: match limit.enumeration("vh_rate_limits") {
            Some("INCLUDE") => VirtualHostLimits::Include,
            Some("IGNORE") => VirtualHostLimits::Ignore,
            _ => VirtualHostLimits::Override,
        },
        limits: rate_limit::limits_of_filter(limit, findings),
        domain: limit.nonempty("domain").map(str::to_owned),
    }
}
