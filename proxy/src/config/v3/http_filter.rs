//! `http_filters` of a connection manager, and `typed_per_filter_config` of route tables.

mod buffer;
mod fault;
mod grpc;
pub(super) mod header_mutation;
mod health_check;
mod local_rate_limit;
mod rate_limit;

use std::sync::Arc;

use crate::config::diagnostic::Findings;
use crate::config::http_filter::{Filter, HttpFilter, PerFilter, PerRoute, Setting};

use super::message::Message;

/// The terminal filter of a chain of HTTP filters.
pub(super) const ROUTER: &str = "envoy.extensions.filters.http.router.v3.Router";

/// What switches a filter on and off for a part of a route table.
const FILTER_CONFIG: &str = "envoy.config.route.v3.FilterConfig";

/// The filters before the router, which must stand last and nowhere else.
pub(super) fn lower(hcm: &Message<'_>, findings: &mut Findings) -> Vec<HttpFilter> {
    let filters: Vec<&Message<'_>> = hcm.messages("http_filters").collect();
    if hcm.is_empty("http_filters") {
        let hint = "without a router no request would ever be answered";
        findings.error(hcm.at, "http_filters is missing").hint(hint);
    }
    let mut lowered = Vec::new();
    for (index, filter) in filters.iter().enumerate() {
        filter.dismiss(&["name"]);
        let Some(extension) = super::extension(filter, findings) else { continue };
        let last = index + 1 == filters.len();
        match extension.schema.name {
            ROUTER if last => {}
            ROUTER => {
                findings.error(filter.at, "the router must be the last filter");
            }
            _ => lowered.extend(one(filter, extension, last, findings)),
        }
    }
    lowered
}

fn one(
    filter: &Message<'_>,
    extension: &Message<'_>,
    last: bool,
    findings: &mut Findings,
) -> Option<HttpFilter> {
    let lowered = match extension.schema.name {
        buffer::NAME => buffer::lower(extension).map(Filter::Buffer),
        fault::NAME => {
            fault::lower(extension, findings).map(|fault| Filter::Fault(Box::new(fault)))
        }
        grpc::HTTP1_BRIDGE => Some(Filter::GrpcHttp1Bridge(grpc::http1_bridge(extension))),
        grpc::STATS => Some(Filter::GrpcStats(grpc::stats(extension))),
        grpc::WEB => Some(Filter::GrpcWeb),
        health_check::NAME => health_check::lower(extension, findings).map(Filter::HealthCheck),
        local_rate_limit::NAME => {
            let limit = local_rate_limit::lower(extension, findings);
            Some(Filter::LocalRateLimit(Box::new(limit)))
        }
        rate_limit::NAME => {
            rate_limit::lower(extension, findings).map(|limit| Filter::RateLimit(Box::new(limit)))
        }
        header_mutation::NAME => {
            Some(Filter::HeaderMutation(header_mutation::lower(extension, findings)))
        }
        _ => {
            super::wrong_extension(filter, extension, "an HTTP filter", findings);
            return None;
        }
    };
    if last {
        findings.error(filter.at, "the last filter must be the router");
    }
    Some(HttpFilter {
        name: filter.text("name").unwrap_or_default().into(),
        disabled: filter.bool("disabled").unwrap_or_default(),
        filter: lowered?,
    })
}

/// What a level of a route table says to filters.
pub(super) fn per_filter(level: &Message<'_>, findings: &mut Findings) -> Vec<PerFilter> {
    let entries = level.anys("typed_per_filter_config");
    let mut lowered = Vec::new();
    for (name, _, config) in entries {
        let setting = setting(config, findings);
        lowered.extend(setting.map(|setting| PerFilter { name: Arc::from(name), setting }));
    }
    lowered
}

fn setting(config: &Message<'_>, findings: &mut Findings) -> Option<Setting> {
    if config.schema.name != FILTER_CONFIG {
        return per_route(config, findings).map(Setting::Config);
    }
    if config.bool("disabled") == Some(true) {
        // Envoy does not look at it then either.
        config.dismiss(&["config"]);
        return Some(Setting::Disabled);
    }
    if !config.has("config") {
        let message = "config is missing: a filter is disabled, or has a configuration here";
        findings.error(config.at, message);
        return None;
    }
    match config.any("config") {
        Some(config) => per_route(config, findings).map(Setting::Config),
        None if config.is_bad("config") => None,
        None => Some(Setting::Enabled),
    }
}

fn per_route(config: &Message<'_>, findings: &mut Findings) -> Option<PerRoute> {
    match config.schema.name {
        buffer::PER_ROUTE => Some(PerRoute::Buffer(buffer::per_route(config))),
        fault::NAME => fault::lower(config, findings).map(|fault| PerRoute::Fault(Box::new(fault))),
        local_rate_limit::NAME => local_rate_limit::per_route(config, findings)
            .map(|limit| PerRoute::LocalRateLimit(Box::new(limit))),
        rate_limit::PER_ROUTE => {
            Some(PerRoute::RateLimit(Box::new(rate_limit::per_route(config, findings))))
        }
        header_mutation::PER_ROUTE => {
            Some(PerRoute::HeaderMutation(header_mutation::mutations(config, findings)))
        }
        _ => {
            let message =
                format!("expected what a route says to a filter, found {}", config.schema.name);
            findings.error(config.at, message);
            config.dismiss_all();
            None
        }
    }
}
