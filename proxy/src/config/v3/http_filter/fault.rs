//! `envoy.extensions.filters.http.fault.v3`.

use std::time::Duration;

use crate::config::diagnostic::Findings;
use crate::config::http_filter::{Abort, Amount, Fault, Injected};
use crate::config::v3::matcher;
use crate::config::v3::message::Message;

pub(super) const NAME: &str = "envoy.extensions.filters.http.fault.v3.HTTPFault";

pub(super) fn lower(fault: &Message<'_>, findings: &mut Findings) -> Option<Fault> {
    let abort = fault.message("abort");
    let texts = fault.texts("downstream_nodes").map(|(_, node)| node.to_owned());
    let headers = matcher::headers(fault, "headers", findings);
    Some(Fault {
        delay: fault.message("delay").map(delay),
        abort: abort.map(|abort| self::abort(abort, findings)),
        abort_body: abort.and_then(|abort| abort.nonempty("response_body")).map(str::to_owned),
        response_rate_limit: fault.message("response_rate_limit").map(rate_limit),
        upstream_cluster: fault.nonempty("upstream_cluster").map(str::to_owned),
        headers: headers?,
        downstream_nodes: texts.collect(),
        max_active_faults: fault.u32("max_active_faults"),
        disable_downstream_cluster_stats: fault
            .bool("disable_downstream_cluster_stats")
            .unwrap_or_default(),
    })
}

fn delay(delay: &Message<'_>) -> Injected<Amount<Duration>> {
    delay.dismiss(&["header_delay"]);
    let what = delay.duration("fixed_delay").map_or(Amount::Header, Amount::Fixed);
    Injected { what, fraction: matcher::percentage(delay) }
}

fn abort(abort: &Message<'_>, findings: &mut Findings) -> Injected<Abort> {
    abort.dismiss(&["header_abort"]);
    let status = abort.u32("http_status").and_then(|status| u16::try_from(status).ok());
    let what = match (status, abort.u32("grpc_status").map(u8::try_from)) {
        (Some(status), _) => Abort::Http(status),
        (None, Some(Ok(status))) => Abort::Grpc(status),
        (None, Some(Err(_))) => {
            // gRPC knows seventeen.
            let message = "a status beyond 255 is not supported yet";
            findings.unsupported(abort.place("grpc_status"), message);
            Abort::Grpc(u8::MAX)
        }
        (None, None) => Abort::Header,
    };
    Injected { what, fraction: matcher::percentage(abort) }
}

fn rate_limit(limit: &Message<'_>) -> Injected<Amount<u64>> {
    limit.dismiss(&["header_limit"]);
    let fixed = limit.message("fixed_limit").and_then(|fixed| fixed.u64("limit_kbps"));
    let what = fixed.map_or(Amount::Header, Amount::Fixed);
    Injected { what, fraction: matcher::percentage(limit) }
}
