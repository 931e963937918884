//! Network filters of the v1 form.

use crate::config::note::Note;
use crate::config::source::{Node, Quoted, Value};

use super::build::{self, Build, Part};
use super::object::{Context, Key, Kind, Object, PERCENT, POSITIVE_TIME, optional, required};
use super::tcp_proxy::{self, Proxy};
use super::{hcm, rate_limit};

const FILTER: &[Key] = &[
    required("name", Kind::Text),
    required("config", Kind::Object),
    // Without effect since 1.4.
    optional("type", Kind::Word(&["read", "write", "both"])),
];

/// The filters that v1 files name, without v2's prefix, which works in v1 files too.
const KNOWN: &[&str] = &[
    "http_connection_manager",
    "tcp_proxy",
    "echo",
    "ratelimit",
    "client_ssl_auth",
    "redis_proxy",
    "mongo_proxy",
];

const RATE_LIMIT: &[Key] = &[
    required("stat_prefix", Kind::Text),
    required("domain", Kind::Text),
    required("descriptors", Kind::List),
    optional("timeout_ms", POSITIVE_TIME),
];

const DESCRIPTOR: &[Key] = &[required("key", Kind::Text), required("value", Kind::Text)];

const CLIENT_SSL_AUTH: &[Key] = &[
    required("auth_api_cluster", Kind::Text),
    required("stat_prefix", Kind::Text),
    optional("refresh_delay_ms", POSITIVE_TIME),
    optional("ip_white_list", Kind::FullTexts),
];

const REDIS: &[Key] = &[
    required("cluster_name", Kind::Text),
    required("stat_prefix", Kind::Text),
    required("conn_pool", Kind::Object),
];

const REDIS_POOL: &[Key] = &[required("op_timeout_ms", POSITIVE_TIME)];

const MONGO: &[Key] = &[
    required("stat_prefix", Kind::Text),
    optional("access_log", Kind::Text),
    optional("fault", Kind::Object),
];

const MONGO_FAULT: &[Key] = &[required("fixed_delay", Kind::Object)];

const MONGO_DELAY: &[Key] = &[required("percent", PERCENT), required("duration_ms", POSITIVE_TIME)];

/// The package of v3's network filters.
const PACKAGE: &str = "envoy.extensions.filters.network";

/// A filter as v3's.
pub(super) struct Filter {
    pub(super) node: Node,
    /// v3's `traffic_direction` of the listener around it.
    pub(super) direction: Option<Part>,
    /// The TCP proxies that the listener chooses among in its place, if it is not one for all connections.
    pub(super) proxies: Option<Vec<Proxy>>,
}

/// One network filter as v3's.
pub(super) fn convert(node: &Node, cx: &mut Context<'_>) -> Option<Filter> {
    let filter = cx.closed(node, FILTER)?;
    // In there the form was less strict about numbers.
    cx.loose = true;
    let converted = named(&filter, cx);
    cx.loose = false;
    converted
}

fn named(filter: &Object<'_>, cx: &mut Context<'_>) -> Option<Filter> {
    let (name, config) = (filter.text("name")?, filter.get("config")?);
    let bare = name.strip_prefix("envoy.").unwrap_or(name);
    let mut direction = None;
    let mut proxies = None;
    let typed = match bare {
        "http_connection_manager" => {
            let converted = hcm::convert(config, cx)?;
            direction = converted.direction;
            converted.config
        }
        "tcp_proxy" => {
            let mut all = tcp_proxy::convert(config, cx)?;
            match all.first().is_some_and(Proxy::takes_all) {
                true => all.swap_remove(0).config,
                false => {
                    proxies = Some(all);
                    Node::new(config.at, Value::Null)
                }
            }
        }
        "echo" => {
            let echo = cx.open(config, &[])?;
            Build::any(echo.at, &format!("{PACKAGE}.echo.v3.Echo")).finish()
        }
        "ratelimit" => rate_limit(config, cx)?,
        "redis_proxy" => redis_proxy(config, cx)?,
        "mongo_proxy" => mongo_proxy(config, cx)?,
        "client_ssl_auth" => {
            cx.closed(config, CLIENT_SSL_AUTH)?;
            cx.gone(filter.key("name")?, "Envoy has no client_ssl_auth any more");
            return None;
        }
        _ => {
            let at = filter.get("name")?.at;
            let message = format!(
                "Didn't find a registered implementation for name: {}, there is no such network filter",
                Quoted(name)
            );
            cx.findings.error(at, message).did_you_mean(bare, KNOWN.iter().copied());
            return None;
        }
    };
    // One that has no effect is left out.
    if matches!(typed.value, Value::Null) {
        return Some(Filter { node: typed, direction, proxies });
    }
    let name = format!("envoy.filters.network.{bare}");
    let node = Build::extension(filter.at, &name, typed).finish();
    Some(Filter { node, direction, proxies })
}

fn rate_limit(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let limit = cx.closed(node, RATE_LIMIT)?;
    let descriptors = limit.convert_list("descriptors", |node| {
        let Value::List(entries) = &node.value else {
            cx.wrong(node, "a list");
            return None;
        };
        let entry = |node: &Node, cx: &mut Context<'_>| {
            let entry = cx.closed(node, DESCRIPTOR)?;
            Some(Build::at(entry.at).copies(DESCRIPTOR, &entry).finish())
        };
        let entries = entries.iter();
        let entries = entries.map(|node| entry(node, cx).unwrap_or_else(|| Node::wrong(node.at)));
        let entries: Vec<Node> = entries.collect();
        Some(Build::at(node.at).list("entries", node.at, entries).finish())
    });
    let Some(service) = rate_limit::ask(&limit, cx) else {
        return Some(Node::new(limit.at, Value::Null));
    };
    let built = Build::any(limit.at, &format!("{PACKAGE}.ratelimit.v3.RateLimit"))
        .same(&["stat_prefix", "domain"], &limit)
        .maybe("descriptors", descriptors)
        .time("timeout", &limit)
        .set("rate_limit_service", service)
        .note("rate_limit_service", Note::Moved);
    Some(built.finish())
}

fn redis_proxy(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let redis = cx.closed(node, REDIS)?;
    let settings = redis.convert("conn_pool", |node| {
        let pool = cx.closed(node, REDIS_POOL)?;
        Some(Build::at(pool.at).time("op_timeout", &pool).finish())
    });
    let route = redis.copy("cluster_name").map(|part| {
        part.map(|cluster| build::one("catch_all_route", build::one("cluster", cluster)))
    });
    let built = Build::any(redis.at, &format!("{PACKAGE}.redis_proxy.v3.RedisProxy"))
        .same(&["stat_prefix"], &redis)
        .maybe("settings", settings)
        .maybe("prefix_routes", route);
    Some(built.finish())
}

fn mongo_proxy(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let mongo = cx.closed(node, MONGO)?;
    let delay = mongo.convert("fault", |node| {
        let fault = cx.closed(node, MONGO_FAULT)?;
        let delay = cx.closed(fault.get("fixed_delay")?, MONGO_DELAY)?;
        let built = Build::at(delay.at)
            .maybe("fixed_delay", delay.convert("duration_ms", build::milliseconds))
            .maybe("percentage", delay.convert("percent", build::percent));
        Some(built.finish())
    });
    let built = Build::any(mongo.at, &format!("{PACKAGE}.mongo_proxy.v3.MongoProxy"))
        .same(&["stat_prefix", "access_log"], &mongo)
        .maybe("delay", delay);
    Some(built.finish())
}
