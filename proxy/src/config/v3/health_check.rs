//! `envoy.config.core.v3.HealthCheck`.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use http::uri::PathAndQuery;

use crate::config::cluster::Protocol;
use crate::config::diagnostic::Findings;
use crate::config::files;
use crate::config::headers::HeaderRules;
use crate::config::health_check::{
    Checker, DEFAULT_NO_TRAFFIC_INTERVAL, DEFAULT_RESPONSE_BUFFER, EndpointHealthCheck, Grpc,
    HealthCheck, Http, Pauses, Tcp,
};
use crate::config::source::Quoted;

use super::message::Message;
use super::{address, headers, matcher};

const FILE_SINK: &str =
    "envoy.extensions.health_check.event_sinks.file.v3.HealthCheckEventFileSink";

/// Methods whose requests have no body, as Envoy sees it.
const WITHOUT_BODY: &[&str] = &["GET", "HEAD", "DELETE", "TRACE"];

/// The statuses there are.
const STATUSES: Range<i64> = 100..600;

/// Lowers a cluster's health checks, of which there may be one.
pub(super) fn lower(
    cluster: &Message<'_>,
    protocol: &Protocol,
    findings: &mut Findings,
) -> Option<HealthCheck> {
    let mut checks = cluster.messages("health_checks");
    let first = checks.next()?;
    if let Some(second) = checks.next() {
        findings.unsupported(second.at, "a second health check is not supported yet");
        second.dismiss_all();
    }
    let (checker, pauses) = (checker(first, findings), pauses(first));
    if matches!(checker, Some(Checker::Grpc(_))) && *protocol == Protocol::Http1 {
        let message = "cluster must support HTTP/2 for gRPC healthchecking";
        findings.error(first.place("grpc_health_check"), message);
    }
    let flag = |name| first.bool(name).unwrap_or_default();
    Some(HealthCheck {
        timeout: first.duration("timeout")?,
        unhealthy_threshold: first.u32("unhealthy_threshold")?,
        healthy_threshold: first.u32("healthy_threshold")?,
        reuse_connection: first.bool("reuse_connection").unwrap_or(true),
        event_logs: event_logs(first, findings),
        always_log_failures: flag("always_log_health_check_failures"),
        always_log_success: flag("always_log_health_check_success"),
        pauses: pauses?,
        checker: checker?,
    })
}

/// `Endpoint.health_check_config`.
pub(super) fn endpoint(
    endpoint: &Message<'_>,
    findings: &mut Findings,
) -> Option<EndpointHealthCheck> {
    let config = endpoint.message("health_check_config")?;
    let port = config.u32("port_value").and_then(|port| u16::try_from(port).ok());
    let port = port.filter(|port| *port != 0);
    let address = config.has("address").then(|| {
        let hint = "health checks resolve no names";
        address::literal(config, "address", hint, findings)
    });
    if let (Some(_), Some(_)) = (&address, port) {
        // Envoy would set the port of the other address.
        findings
            .unsupported(config.place("port_value"), "not supported beside another address yet");
    }
    Some(EndpointHealthCheck {
        port,
        hostname: config.nonempty("hostname").map(str::to_owned),
        address: address.flatten(),
        disabled: config.bool("disable_active_health_check").unwrap_or_default(),
    })
}

fn pauses(check: &Message<'_>) -> Option<Pauses> {
    let time = |name, default| check.duration(name).unwrap_or(default);
    let interval = check.duration("interval")?;
    let unhealthy = time("unhealthy_interval", interval);
    let no_traffic = time("no_traffic_interval", DEFAULT_NO_TRAFFIC_INTERVAL);
    let jitter = |name| check.duration(name).unwrap_or_default();
    Some(Pauses {
        interval,
        unhealthy,
        unhealthy_edge: time("unhealthy_edge_interval", unhealthy),
        healthy_edge: time("healthy_edge_interval", interval),
        no_traffic,
        no_traffic_healthy: time("no_traffic_healthy_interval", no_traffic),
        initial_jitter: jitter("initial_jitter"),
        jitter: jitter("interval_jitter"),
        jitter_percent: check.u32("interval_jitter_percent").unwrap_or_default(),
    })
}

fn event_logs(check: &Message<'_>, findings: &mut Findings) -> Vec<PathBuf> {
    let mut logs = Vec::new();
    if let Some(path) = check.nonempty("event_log_path") {
        let path = PathBuf::from(path);
        files::expect_folder(&path, check.place("event_log_path"), findings);
        logs.push(path);
    }
    for logger in check.messages("event_logger") {
        logger.dismiss(&["name"]);
        let Some(sink) = super::extension(logger, findings) else { continue };
        if sink.schema.name != FILE_SINK {
            super::wrong_extension(logger, sink, "a health check's event sink: file", findings);
            continue;
        }
        if let Some(path) = sink.nonempty("event_log_path") {
            let path = PathBuf::from(path);
            files::expect_folder(&path, sink.place("event_log_path"), findings);
            logs.push(path);
        }
    }
    logs
}

fn checker(check: &Message<'_>, findings: &mut Findings) -> Option<Checker> {
    if let Some(http) = check.message("http_health_check") {
        return self::http(http, findings).map(|http| Checker::Http(Arc::new(http)));
    }
    if let Some(tcp) = check.message("tcp_health_check") {
        return Some(Checker::Tcp(Arc::new(Tcp {
            send: payload(tcp, "send", findings),
            receive: payloads(tcp, "receive", findings),
        })));
    }
    let grpc = check.message("grpc_health_check")?;
    let metadata = headers::to_add(grpc, "initial_metadata", findings);
    Some(Checker::Grpc(Arc::new(Grpc {
        service: grpc.nonempty("service_name").map(str::to_owned),
        authority: grpc.nonempty("authority").map(str::to_owned),
        metadata: HeaderRules { remove: Vec::new(), add: metadata },
    })))
}

fn http(http: &Message<'_>, findings: &mut Findings) -> Option<Http> {
    let method = match http.enumeration("method") {
        Some("METHOD_UNSPECIFIED") | None => "GET",
        Some(method) => method,
    };
    let send = payload(http, "send", findings);
    if http.has("send") && WITHOUT_BODY.contains(&method) {
        let message =
            format!("HTTP health check cannot specify a request payload with method '{method}'");
        findings.error(http.place("send"), message).hint("POST, PUT, PATCH and OPTIONS can");
    }
    let receive = payloads(http, "receive", findings);
    let response_buffer = http.u64("response_buffer_size").unwrap_or(DEFAULT_RESPONSE_BUFFER);
    let wanted = receive.iter().map(Vec::len).sum::<usize>() as u64;
    if response_buffer != 0 && wanted > response_buffer {
        let message = format!(
            "the expected response length {wanted} is over the response_buffer_size {response_buffer}"
        );
        findings.error(http.place("receive"), message);
    }
    if http.enumeration("codec_client_type") == Some("HTTP3") {
        findings.unsupported(
            http.place("codec_client_type"),
            "HTTP3 is not supported, HTTP1 and HTTP2 are",
        );
    }
    let path = http.nonempty("path")?;
    if path.parse::<PathAndQuery>().is_err() {
        // Envoy writes into the request whatever it is.
        let message = format!("{} is not supported as a path", Quoted(path));
        findings.unsupported(http.place("path"), message);
    }
    let expected = statuses(http, "expected_statuses", findings);
    let service_name = http.has("service_name_matcher").then(|| {
        // What is wrong with it has been said.
        matcher::string(http, "service_name_matcher", findings)
    });
    Some(Http {
        host: http.nonempty("host").map(str::to_owned),
        path: path.to_owned(),
        method,
        send,
        receive,
        response_buffer,
        headers: headers::request(http, findings),
        expected: if expected.is_empty() { std::iter::once(200..201).collect() } else { expected },
        retriable: statuses(http, "retriable_statuses", findings),
        http2: http.enumeration("codec_client_type") == Some("HTTP2"),
        service_name: service_name.flatten(),
    })
}

fn statuses(http: &Message<'_>, field: &str, findings: &mut Findings) -> Vec<Range<u16>> {
    let mut ranges = Vec::new();
    for range in http.messages(field) {
        let bound = |name| range.i64(name).unwrap_or_default();
        let (start, end) = (bound("start"), bound("end"));
        if start >= end {
            findings.error(range.at, format!("expected start < end, found {start} and {end}"));
        } else if start < STATUSES.start {
            findings.error(range.place("start"), format!("expected start >= 100, found {start}"));
        } else if end > STATUSES.end {
            findings.error(range.place("end"), format!("expected end <= 600, found {end}"));
        } else if let (Ok(start), Ok(end)) = (u16::try_from(start), u16::try_from(end)) {
            ranges.push(start..end);
        }
    }
    ranges
}

/// The bytes under `field`; none are no payload.
fn payload(parent: &Message<'_>, field: &str, findings: &mut Findings) -> Vec<u8> {
    parent.message(field).and_then(|message| bytes(message, findings)).unwrap_or_default()
}

fn payloads(parent: &Message<'_>, field: &str, findings: &mut Findings) -> Vec<Vec<u8>> {
    parent.messages(field).filter_map(|message| bytes(message, findings)).collect()
}

fn bytes(payload: &Message<'_>, findings: &mut Findings) -> Option<Vec<u8>> {
    let Some(text) = payload.text("text") else { return payload.bytes("binary") };
    let decoded = hexadecimal(text);
    if decoded.is_none() {
        let message = format!("invalid hex string {}", Quoted(text));
        findings.error(payload.place("text"), message);
    }
    decoded
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    let pair = |pair: &[u8; 2]| {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()
    };
    odd.is_empty().then(|| pairs.iter().map(pair).collect()).flatten()
}
