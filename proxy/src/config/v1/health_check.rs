//! Health checks and outlier detection of clusters.

use crate::config::note::Note;
use crate::config::source::{Node, Quoted, Value};

use super::build::{self, Build, Part};
use super::object::{
    Context, Key, Kind, Object, PERCENT, POSITIVE, POSITIVE_TIME, optional, required,
};

const CHECK: &[Key] = &[
    required("type", Kind::Word(&["http", "tcp", "redis"])),
    required("timeout_ms", POSITIVE_TIME),
    required("interval_ms", POSITIVE_TIME),
    required("unhealthy_threshold", POSITIVE),
    required("healthy_threshold", POSITIVE),
    optional("interval_jitter_ms", POSITIVE_TIME),
    optional("reuse_connection", Kind::Bool),
    optional("path", Kind::Text),
    optional("service_name", Kind::Text),
    optional("send", Kind::List),
    optional("receive", Kind::List),
    optional("redis_key", Kind::Text),
];

/// The keys of one type alone, by type.
const OWN: &[(&str, &[&str])] = &[
    ("http", &["path", "service_name"]),
    ("tcp", &["send", "receive"]),
    ("redis", &["redis_key"]),
];

const BYTES: &[Key] = &[required("binary", Kind::Text)];

const OUTLIER_DETECTION: &[Key] = &[
    optional("consecutive_5xx", POSITIVE),
    optional("consecutive_gateway_failure", POSITIVE),
    optional("interval_ms", POSITIVE_TIME),
    optional("base_ejection_time_ms", POSITIVE_TIME),
    optional("max_ejection_percent", PERCENT),
    optional("enforcing_consecutive_5xx", PERCENT),
    optional("enforcing_consecutive_gateway_failure", PERCENT),
    optional("enforcing_success_rate", PERCENT),
    optional("success_rate_minimum_hosts", POSITIVE),
    optional("success_rate_request_volume", POSITIVE),
    optional("success_rate_stdev_factor", POSITIVE),
];

/// A health check as v3's.
pub(super) fn convert(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let check = cx.closed(node, CHECK)?;
    let kind = check.text("type");
    let others = OWN.iter().filter(|(other, _)| kind.is_some_and(|kind| kind != *other));
    for key in others.flat_map(|(_, keys)| *keys) {
        if let Some(at) = check.key(key) {
            let message = format!("no effect on a check of type {}", kind.unwrap_or_default());
            cx.findings.warn(at, message);
        }
    }
    let built = Build::at(check.at)
        .time("timeout", &check)
        .time("interval", &check)
        .time("interval_jitter", &check)
        .same(&["unhealthy_threshold", "healthy_threshold", "reuse_connection"], &check);
    let built = match kind {
        Some("http") => built.maybe("http_health_check", http(&check, cx)),
        Some("tcp") => built.maybe("tcp_health_check", tcp(&check, cx)),
        Some(_) => built.set("custom_health_check", redis(&check)),
        // Whichever was meant, it is not missing.
        None => built.set("http_health_check", Node::wrong(check.at)),
    };
    Some(built.finish())
}

/// The name of the service had to begin with what was given.
fn http(check: &Object<'_>, cx: &mut Context<'_>) -> Option<Part> {
    require(check, &["path"], cx)?;
    let name = check.convert("service_name", |node| Some(build::one("prefix", node.clone())));
    let built = Build::at(check.at).same(&["path"], check).maybe("service_name_matcher", name);
    Some(built.finish().into())
}

/// All that is to be sent was sent as one.
fn tcp(check: &Object<'_>, cx: &mut Context<'_>) -> Option<Part> {
    require(check, &["send", "receive"], cx)?;
    let receive = check.convert_list("receive", |node| Some(build::one("text", bytes(node, cx)?)));
    let send = check.convert_list("send", |node| bytes(node, cx)).map(|part| {
        part.map(|sent| match &sent.value {
            Value::List(items) => one_payload(&sent, items),
            _ => sent,
        })
    });
    let send = send.filter(|part| !matches!(part.node.value, Value::Null));
    let receive =
        receive.filter(|_| !check.items("receive").is_empty() || check.is_wrong("receive"));
    Some(Build::at(check.at).maybe("send", send).maybe("receive", receive).finish().into())
}

/// What the parts are together; null if they are nothing.
fn one_payload(list: &Node, parts: &[Node]) -> Node {
    let mut all = String::new();
    for part in parts {
        let Value::Text(text) = &part.value else { return Node::wrong(list.at) };
        all.push_str(text);
    }
    match all.is_empty() {
        true => Node::new(list.at, Value::Null),
        false => {
            let built = Build::at(list.at).text("text", list.at, &all);
            built.note_if(parts.len() > 1, "text", Note::OnePayload).finish()
        }
    }
}

fn bytes(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let bytes = cx.closed(node, BYTES)?;
    let (text, at) = (bytes.text("binary")?, bytes.get("binary")?.at);
    if !text.len().is_multiple_of(2) || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let message =
            format!("expected bytes as pairs of hexadecimal digits, found {}", Quoted(text));
        cx.findings.error(at, message);
        return None;
    }
    Some(Node::text(at, text))
}

fn redis(check: &Object<'_>) -> Node {
    let config = Build::any(check.at, "envoy.extensions.health_checkers.redis.v3.Redis")
        .maybe("key", check.copy("redis_key"))
        .finish();
    Build::extension(check.at, "envoy.health_checkers.redis", config).finish()
}

/// Keys that the type of the check asks for.
fn require(check: &Object<'_>, keys: &[&str], cx: &mut Context<'_>) -> Option<()> {
    let mut there = Some(());
    for key in keys.iter().filter(|key| !check.has(key)) {
        cx.findings.error(check.at, format!("{key} is missing"));
        there = None;
    }
    there
}

/// Outlier detection as v3's, where times have no unit in their names.
pub(super) fn outliers(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let outliers = cx.closed(node, OUTLIER_DETECTION)?;
    let field = |built: Build, key: &Key| match key.name.strip_suffix("_ms") {
        Some(name) => built.time(name, &outliers),
        None => built.same(&[key.name], &outliers),
    };
    Some(OUTLIER_DETECTION.iter().fold(Build::at(outliers.at), field).finish())
}
