//! `envoy.config.accesslog.v3.AccessLogFilter`.

use crate::config::access_log::{Comparison, Filter, LogType};
use crate::config::diagnostic::Findings;
use crate::config::source::Quoted;
use crate::stream_info::Flag;

use super::matcher;
use super::message::Message;

/// Lowers a filter; none if it cannot be one, which has been reported.
pub(super) fn lower(filter: &Message<'_>, findings: &mut Findings) -> Option<Filter> {
    if let Some(status) = filter.message("status_code_filter") {
        return comparison(status).map(Filter::StatusCode);
    }
    if let Some(duration) = filter.message("duration_filter") {
        return comparison(duration).map(Filter::Duration);
    }
    if let Some(flags) = filter.message("response_flag_filter") {
        return Some(Filter::ResponseFlag(self::flags(flags, findings)));
    }
    if let Some(and) = filter.message("and_filter") {
        return all(and, findings).map(Filter::And);
    }
    if let Some(or) = filter.message("or_filter") {
        return all(or, findings).map(Filter::Or);
    }
    if let Some(header) = filter.message("header_filter") {
        let matcher = matcher::header(header.message("header")?, findings)?;
        return Some(Filter::Header(Box::new(matcher)));
    }
    if let Some(runtime) = filter.message("runtime_filter") {
        let independent = runtime.bool("use_independent_randomness").unwrap_or_default();
        return Some(Filter::Runtime(matcher::percent(runtime, "percent_sampled"), independent));
    }
    if let Some(status) = filter.message("grpc_status_filter") {
        let numbers = status.enum_numbers("statuses").filter_map(|it| u32::try_from(it).ok());
        let exclude = status.bool("exclude").unwrap_or_default();
        return Some(Filter::GrpcStatus(numbers.collect(), exclude));
    }
    if let Some(kind) = filter.message("log_type_filter") {
        let types = kind.enumerations("types").filter_map(LogType::of).collect();
        return Some(Filter::LogType(types, kind.bool("exclude").unwrap_or_default()));
    }
    if filter.message("traceable_filter").is_some() {
        return Some(Filter::Traceable);
    }
    filter.message("not_health_check_filter").map(|_| Filter::NotHealthCheck)
}

fn all(filters: &Message<'_>, findings: &mut Findings) -> Option<Vec<Filter>> {
    filters.messages("filters").map(|filter| lower(filter, findings)).collect()
}

fn comparison(filter: &Message<'_>) -> Option<Comparison> {
    let comparison = filter.message("comparison")?;
    let bound = u64::from(comparison.message("value")?.u32("default_value").unwrap_or_default());
    Some(match comparison.enumeration("op") {
        Some("GE") => Comparison::AtLeast(bound),
        Some("LE") => Comparison::AtMost(bound),
        Some("NE") => Comparison::Other(bound),
        _ => Comparison::Equal(bound),
    })
}

/// Envoy knows more flags than can be raised here.
fn flags(filter: &Message<'_>, findings: &mut Findings) -> Vec<Flag> {
    let mut flags = Vec::new();
    for (at, word) in filter.texts("flags") {
        match Flag::of(word) {
            Some(flag) => flags.push(flag),
            None => {
                let message = format!("flag {} is not supported yet", Quoted(word));
                findings.unsupported(at, message);
            }
        }
    }
    flags
}
