//! `/config_dump`: the configuration in force, as v3 messages, whichever form the file had.

use chrono::{DateTime, SecondsFormat, Utc};
use http::StatusCode;
use regex::Regex;
use serde_json::{Map, Value, json};

use super::Parts;
use super::mask::Mask;
use super::page::Page;
use super::query::Query;
use super::server_info;

/// Lists that Envoy may have and this proxy never fills.
const EMPTY_LISTS: [&str; 11] = [
    "dynamic_active_clusters",
    "dynamic_active_secrets",
    "dynamic_endpoint_configs",
    "dynamic_listeners",
    "dynamic_route_configs",
    "dynamic_scoped_route_configs",
    "dynamic_warming_clusters",
    "dynamic_warming_secrets",
    "inline_scoped_route_configs",
    "static_endpoint_configs",
    "static_secrets",
];

/// The whole, one list of it (`resource`), some fields of it (`mask`), or what has certain names (`name_regex`).
pub(super) fn config_dump(parts: &Parts, query: &Query) -> Page {
    let names = match query.regex("name_regex") {
        Ok(names) => names,
        Err(page) => return page,
    };
    let mask = query.get("mask").map(Mask::parse).unwrap_or_default();
    let dump = Dump::new(parts, names.as_ref());
    let configs: Vec<_> = match query.get("resource") {
        None => {
            let whole = dump.whole().into_iter().map(|config| mask.apply(config));
            // What has nothing left but its type was not asked for.
            whole.filter(|config| query.get("mask").is_none() || has_fields(config)).collect()
        }
        Some(resource) => match dump.resource(resource) {
            Ok(items) => items.into_iter().map(|item| mask.apply(item)).collect(),
            Err(page) => return page,
        },
    };
    Page::message(&if configs.is_empty() { json!({}) } else { json!({ "configs": configs }) })
}

/// The lists of a dump, each entry with when it was read.
struct Dump {
    bootstrap: Value,
    clusters: Vec<Value>,
    listeners: Vec<Value>,
    routes: Vec<Value>,
    last_updated: String,
}

// === impl Dump ===

impl Dump {
    fn new(parts: &Parts, names: Option<&Regex>) -> Self {
        let started = DateTime::<Utc>::from(parts.life.started_wall);
        let last_updated = started.to_rfc3339_opts(SecondsFormat::Millis, true);
        let dump = parts.bootstrap.message();
        let mut bootstrap = dump.clone();
        add_node(&mut bootstrap, server_info::node(parts));
        let listed = |list: &str| {
            let list = dump["static_resources"][list].as_array();
            list.into_iter().flatten().collect::<Vec<_>>()
        };
        let is_wanted = |message: &Value| {
            names.is_none_or(|names| names.is_match(message["name"].as_str().unwrap_or_default()))
        };
        let entries = |field: &str, name: &str, messages: Vec<&Value>| {
            let wanted = messages.into_iter().filter(|message| is_wanted(message));
            wanted
                .map(|message| json!({ field: any(name, message), "last_updated": last_updated }))
                .collect()
        };
        let routes = listed("listeners").into_iter().flat_map(route_configs).collect();
        Self {
            clusters: entries("cluster", "envoy.config.cluster.v3.Cluster", listed("clusters")),
            listeners: entries(
                "listener",
                "envoy.config.listener.v3.Listener",
                listed("listeners"),
            ),
            routes: entries("route_config", "envoy.config.route.v3.RouteConfiguration", routes),
            bootstrap,
            last_updated,
        }
    }

    fn whole(self) -> Vec<Value> {
        let bootstrap = json!({ "bootstrap": self.bootstrap, "last_updated": self.last_updated });
        vec![
            any("envoy.admin.v3.BootstrapConfigDump", &bootstrap),
            list("envoy.admin.v3.ClustersConfigDump", "static_clusters", &self.clusters),
            list("envoy.admin.v3.ListenersConfigDump", "static_listeners", &self.listeners),
            list("envoy.admin.v3.ScopedRoutesConfigDump", "", &[]),
            list("envoy.admin.v3.RoutesConfigDump", "static_route_configs", &self.routes),
            list("envoy.admin.v3.SecretsConfigDump", "", &[]),
        ]
    }

    fn resource(self, resource: &str) -> Result<Vec<Value>, Page> {
        let (name, list) = match resource {
            "static_clusters" => ("ClustersConfigDump.StaticCluster", self.clusters),
            "static_listeners" => ("ListenersConfigDump.StaticListener", self.listeners),
            "static_route_configs" => ("RoutesConfigDump.StaticRouteConfig", self.routes),
            "bootstrap" => {
                return Err(Page::bad_request(
                    "bootstrap is not a list. Use ?mask=bootstrap to get only this field",
                ));
            }
            empty if EMPTY_LISTS.contains(&empty) => ("", Vec::new()),
            _ => {
                let body = format!("{resource} not found in config dump");
                return Err(Page::text(body).with(StatusCode::NOT_FOUND));
            }
        };
        Ok(list.iter().map(|item| any(&format!("envoy.admin.v3.{name}"), item)).collect())
    }
}

/// A message that says what it is.
fn any(name: &str, message: &Value) -> Value {
    let mut fields = Map::new();
    fields.insert(String::from("@type"), format!("type.googleapis.com/{name}").into());
    if let Value::Object(own) = message {
        fields.extend(own.clone());
    }
    Value::Object(fields)
}

fn list(name: &str, field: &str, items: &[Value]) -> Value {
    any(name, &if items.is_empty() { json!({}) } else { json!({ field: items }) })
}

fn has_fields(config: &Value) -> bool {
    config.as_object().is_some_and(|fields| fields.keys().any(|name| name != "@type"))
}

/// The route tables that stand in a listener.
fn route_configs(listener: &Value) -> impl Iterator<Item = &Value> {
    let chains = listener["filter_chains"].as_array().into_iter().flatten();
    let filters = chains.flat_map(|chain| chain["filters"].as_array().into_iter().flatten());
    filters.filter_map(|filter| filter["typed_config"].get("route_config"))
}

/// Adds who we are; what the file or the command line says of it goes first.
fn add_node(bootstrap: &mut Value, node: Value) {
    let Value::Object(fields) = bootstrap else { return };
    let known = fields.entry("node").or_insert_with(|| json!({}));
    if let (Value::Object(known), Value::Object(node)) = (known, node) {
        for (name, value) in node {
            if value.as_str() != Some("") {
                known.entry(name).or_insert(value);
            }
        }
    }
}
