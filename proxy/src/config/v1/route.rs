//! Routes of the v1 form.

use crate::config::note::Note;
use crate::config::source::{At, Node, Value};

use super::build::{self, Build, Part};
use super::object::{Context, Key, Kind, NUMBER, Object, POSITIVE_TIME, TIME, optional, required};
use super::{cors, header, rate_limit, regex};

const ROUTE: &[Key] = &[
    optional("prefix", Kind::Text),
    optional("path", Kind::Text),
    optional("regex", Kind::Text),
    optional("case_sensitive", Kind::Bool),
    optional("runtime", Kind::Object),
    optional("headers", Kind::FullList),
    optional("query_parameters", Kind::FullList),
    optional("cluster", Kind::Text),
    optional("cluster_header", Kind::Text),
    optional("weighted_clusters", Kind::Object),
    optional("host_redirect", Kind::Text),
    optional("path_redirect", Kind::Text),
    optional("prefix_rewrite", Kind::Text),
    optional("host_rewrite", Kind::Text),
    optional("auto_host_rewrite", Kind::Bool),
    optional("use_websocket", Kind::Bool),
    optional("timeout_ms", TIME),
    optional("retry_policy", Kind::Object),
    optional("shadow", Kind::Object),
    optional("priority", Kind::Word(&["default", "high"])),
    optional("rate_limits", Kind::List),
    optional("include_vh_rate_limits", Kind::Bool),
    optional("hash_policy", Kind::Object),
    optional("request_headers_to_add", Kind::FullList),
    optional("opaque_config", Kind::Object),
    optional("cors", Kind::Object),
    optional("decorator", Kind::Object),
];

/// What has a meaning only where requests are forwarded, and was passed over in redirects.
const FORWARDING: &[&str] = &[
    "prefix_rewrite",
    "host_rewrite",
    "auto_host_rewrite",
    "timeout_ms",
    "retry_policy",
    "shadow",
    "priority",
    "rate_limits",
    "include_vh_rate_limits",
    "hash_policy",
    "request_headers_to_add",
    "cors",
];

const RUNTIME: &[Key] = &[required("key", Kind::Text), required("default", NUMBER)];

const WEIGHTED: &[Key] =
    &[required("clusters", Kind::List), optional("runtime_key_prefix", Kind::Text)];

const CLUSTER_WEIGHT: &[Key] = &[required("name", Kind::Text), required("weight", NUMBER)];

const RETRY_POLICY: &[Key] = &[
    required("retry_on", Kind::Text),
    optional("num_retries", NUMBER),
    optional("per_try_timeout_ms", POSITIVE_TIME),
];

const SHADOW: &[Key] = &[required("cluster", Kind::Text), optional("runtime_key", Kind::Text)];

const HASH_POLICY: &[Key] = &[required("header_name", Kind::Text)];

const DECORATOR: &[Key] = &[required("operation", Kind::Text)];

/// A route as v3's.
pub(super) fn convert(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let route = cx.closed(node, ROUTE)?;
    let sound = is_sound(&route, cx);
    let matcher = matcher(&route, cx);
    let redirects = route.has("host_redirect") || route.has("path_redirect");
    // What has no effect must be right all the same.
    let action = forward(&route, cx);
    let headers = header::added("request_headers_to_add", &route, cx);
    let filters = per_filter(&route, cx);
    let built = Build::at(route.at).set("match", matcher);
    let built = if redirects {
        for key in FORWARDING {
            if let Some(at) = route.key(key) {
                cx.findings.warn(at, "no effect on a redirect");
            }
        }
        built.set("redirect", redirect(&route))
    } else {
        built
            .set("route", action)
            .maybe("request_headers_to_add", headers)
            .maybe("typed_per_filter_config", filters)
            .note("typed_per_filter_config", Note::PerFilter)
    };
    let decorator = route.convert("decorator", |node| {
        let decorator = cx.closed(node, DECORATOR)?;
        Some(Build::at(decorator.at).copies(DECORATOR, &decorator).finish())
    });
    let metadata = route.convert("opaque_config", |node| metadata(node, cx));
    let built = built.maybe("metadata", metadata).maybe("decorator", decorator).finish();
    sound.then_some(built)
}

/// The rules between the keys, which stood in no schema.
fn is_sound(route: &Object<'_>, cx: &mut Context<'_>) -> bool {
    let given = |keys: &[&str]| keys.iter().filter(|key| route.has(key)).count();
    let redirects = given(&["host_redirect", "path_redirect"]);
    let targets = given(&["cluster", "cluster_header", "weighted_clusters"]);
    let wrong = if given(&["prefix", "path", "regex"]) != 1 {
        "routes must specify one of prefix/path/regex"
    } else if redirects > 0 && targets > 0 {
        "routes must be either redirects or cluster targets"
    } else if redirects > 0 && route.is_on("use_websocket") {
        "Redirect route entries must not have WebSockets set"
    } else if redirects == 0 && targets == 0 {
        "routes must have redirect or one of cluster/cluster_header/weighted_clusters"
    } else if redirects == 0 && targets > 1 {
        "routes must specify one of cluster/cluster_header/weighted_clusters"
    } else if given(&["auto_host_rewrite", "host_rewrite"]) == 2 {
        "routes cannot have both auto_host_rewrite and host_rewrite options set"
    } else {
        return true;
    };
    cx.findings.error(route.at, wrong);
    false
}

fn matcher(route: &Object<'_>, cx: &mut Context<'_>) -> Node {
    let fraction = route.convert("runtime", |node| runtime(node, cx));
    let parameters = route.convert_list("query_parameters", |node| header::parameter(node, cx));
    Build::at(route.at)
        .same(&["prefix", "path"], route)
        .maybe("safe_regex", route.convert("regex", |node| regex::matcher(node, cx)))
        .note("safe_regex", Note::Regex)
        .same(&["case_sensitive"], route)
        .maybe("runtime_fraction", fraction)
        .note("runtime_fraction", Note::Percentage)
        .maybe("headers", header::matchers(route, cx))
        .maybe("query_parameters", parameters)
        .finish()
}

/// v3's `RuntimeFractionalPercent`; v1 counted in hundredths, and more than a hundred was a hundred.
fn runtime(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let runtime = cx.closed(node, RUNTIME)?;
    let default = runtime.convert("default", |node| {
        Some(Build::at(node.at).number("numerator", node.at, node.whole()?.min(100)).finish())
    });
    let built = Build::at(runtime.at).maybe("default_value", default);
    Some(built.maybe("runtime_key", runtime.copy("key")).finish())
}

fn redirect(route: &Object<'_>) -> Node {
    let built = Build::at(route.at).same(&["host_redirect", "path_redirect"], route);
    match route.key("path_redirect") {
        Some(at) => built.on("strip_query", at).note("strip_query", Note::QueryDropped).finish(),
        None => built.finish(),
    }
}

fn forward(route: &Object<'_>, cx: &mut Context<'_>) -> Node {
    let weighted = route.convert("weighted_clusters", |node| weighted_clusters(node, cx));
    let rewrite = route.switch("auto_host_rewrite", |at| Node::new(at, Value::Bool(true)));
    let retries = route.convert("retry_policy", |node| {
        let policy = cx.closed(node, RETRY_POLICY)?;
        let built = Build::at(policy.at).same(&["retry_on", "num_retries"], &policy);
        Some(built.time("per_try_timeout", &policy).finish())
    });
    let mirrors = route.convert("shadow", |node| Some(build::list_of(mirror(node, cx)?)));
    let hashes = route.convert("hash_policy", |node| {
        let policy = cx.closed(node, HASH_POLICY)?;
        let header = Build::at(policy.at).copies(HASH_POLICY, &policy).finish();
        Some(build::list_of(build::one("header", header)))
    });
    let upgrades = route.switch("use_websocket", |at| {
        build::list_of(build::one("upgrade_type", Node::text(at, "websocket")))
    });
    let upgrades_any = route.is_on("use_websocket");
    let off = route.get("timeout_ms").and_then(Node::whole) == Some(0);
    let built = Build::at(route.at)
        .same(&["cluster", "cluster_header"], route)
        .maybe("weighted_clusters", weighted)
        .same(&["prefix_rewrite"], route)
        .maybe("host_rewrite_literal", route.copy("host_rewrite"))
        .maybe("auto_host_rewrite", rewrite)
        .maybe("timeout", timeout(route, cx))
        .note_if(off, "timeout", Note::TimeoutOff)
        .note_if(upgrades_any, "timeout", Note::UpgradeWithoutTimeout)
        .maybe("retry_policy", retries.filter(|_| !upgrades_any))
        .maybe("request_mirror_policies", mirrors)
        .maybe("priority", route.convert("priority", build::upper))
        .maybe("rate_limits", rate_limit::limits(route, cx))
        .maybe("hash_policy", hashes)
        .maybe("upgrade_configs", upgrades)
        .note("upgrade_configs", Note::Upgrade);
    built.finish()
}

/// v1 measured no time and retried nothing where it upgraded.
fn timeout(route: &Object<'_>, cx: &mut Context<'_>) -> Option<Part> {
    if !route.is_on("use_websocket") {
        return route.convert("timeout_ms", build::milliseconds);
    }
    for key in ["timeout_ms", "retry_policy"] {
        if let Some(at) = route.key(key) {
            cx.findings.warn(at, "no effect on a route with use_websocket");
        }
    }
    route.key("use_websocket").map(|at| Node::text(at, "0s").into())
}

fn weighted_clusters(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let weighted = cx.closed(node, WEIGHTED)?;
    let mut sum = Some(0_i64);
    let clusters = weighted.convert_list("clusters", |node| {
        let cluster = cx.closed(node, CLUSTER_WEIGHT);
        let weight = cluster.as_ref().and_then(|cluster| cluster.get("weight")?.whole());
        sum = sum.zip(weight).map(|(sum, weight)| sum.saturating_add(weight));
        let cluster = cluster?;
        Some(Build::at(cluster.at).copies(CLUSTER_WEIGHT, &cluster).finish())
    });
    if let Some(sum) = sum.filter(|sum| *sum != 100 && !weighted.is_wrong("clusters")) {
        let message = "Sum of weights in the weighted_cluster should add up to 100";
        cx.findings.error(weighted.at, format!("{message}, found {sum}"));
    }
    let built = Build::at(weighted.at).maybe("clusters", clusters);
    Some(built.same(&["runtime_key_prefix"], &weighted).finish())
}

fn mirror(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let shadow = cx.closed(node, SHADOW)?;
    let fraction = shadow.copy("runtime_key").map(|key| {
        let at = key.key;
        let none = Build::at(at).number("numerator", at, 0).text("denominator", at, "TEN_THOUSAND");
        let fraction = Build::at(at).set("default_value", none.finish()).set("runtime_key", key);
        Part { key: at, node: fraction.finish() }
    });
    let built = Build::at(shadow.at).same(&["cluster"], &shadow);
    Some(built.maybe("runtime_fraction", fraction).note("runtime_fraction", Note::Mirror).finish())
}

fn per_filter(route: &Object<'_>, cx: &mut Context<'_>) -> Option<Part> {
    let cors = cors::of_route(route, cx);
    let limits = route.switch("include_vh_rate_limits", |at| {
        let message = "envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute";
        Build::any(at, message).text("vh_rate_limits", at, "INCLUDE").finish()
    });
    let key: At = cors.as_ref().or(limits.as_ref())?.key;
    let built =
        Build::at(key).maybe(cors::FILTER, cors).maybe("envoy.filters.http.ratelimit", limits);
    Some(Part { key, node: built.finish() })
}

/// The texts that filters read, where v3 has them.
fn metadata(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let Value::Map(entries) = &node.value else { return None };
    let mut right = true;
    for entry in entries.iter().filter(|entry| !matches!(entry.node.value, Value::Text(_))) {
        right = cx.wrong(&entry.node, "a string");
    }
    let namespace = build::one("envoy.filters.http.router", node.clone());
    right.then(|| {
        let built = Build::at(node.at).set("filter_metadata", namespace);
        built.note("filter_metadata", Note::Metadata).finish()
    })
}
