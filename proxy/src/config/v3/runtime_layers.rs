//! `envoy.config.bootstrap.v3.LayeredRuntime`, as far as it says something: its static layers, with limits of connections.

use std::collections::HashMap;

use serde_json::Value;

use crate::config::diagnostic::Findings;
use crate::config::source::Quoted;

use super::message::Message;

const GLOBAL: &str = "overload.global_downstream_max_connections";

/// What stands before and after the name of a listener.
const LISTENER: (&str, &str) = ("envoy.resource_limits.listener.", ".connection_limit");

/// What the layers say.
#[derive(Debug, Default)]
pub(super) struct Layers {
    /// `envoy.resource_limits.listener.<name>.connection_limit`, by the listener's name.
    pub(super) listeners: HashMap<String, u64>,
    /// `overload.global_downstream_max_connections`.
    pub(super) global: Option<u64>,
}

/// Reads the layers of a bootstrap; a later one goes before an earlier one.
pub(super) fn lower(bootstrap: &Message<'_>, findings: &mut Findings) -> Layers {
    let mut layers = Layers::default();
    let Some(runtime) = bootstrap.message("layered_runtime") else { return layers };
    for layer in runtime.messages("layers") {
        layer.dismiss(&["name"]);
        let Some(values) = layer.json("static_layer") else { continue };
        let at = layer.place("static_layer");
        let mut keys = Vec::new();
        flatten(String::new(), &values, &mut keys);
        for (key, value) in keys {
            if let Err(said) = layers.take(&key, value) {
                findings.unsupported(at, said);
            }
        }
    }
    layers
}

/// Keys may be nested, as in `overload: {global_downstream_max_connections: 4}`.
fn flatten<'v>(prefix: String, value: &'v Value, keys: &mut Vec<(String, &'v Value)>) {
    let Value::Object(fields) = value else { return keys.push((prefix, value)) };
    for (name, value) in fields {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        flatten(key, value, keys);
    }
}

/// A number, which may be a text.
fn number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_u64(),
    }
}

// === impl Layers ===

impl Layers {
    fn take(&mut self, key: &str, value: &Value) -> Result<(), String> {
        let listener = key.strip_prefix(LISTENER.0).and_then(|rest| rest.strip_suffix(LISTENER.1));
        if key != GLOBAL && listener.is_none() {
            return Err(format!("the runtime key {} is not supported yet", Quoted(key)));
        }
        let Some(limit) = number(value) else {
            return Err(format!("{} must be a whole number", Quoted(key)));
        };
        match listener {
            Some(name) => drop(self.listeners.insert(name.to_owned(), limit)),
            None => self.global = Some(limit),
        }
        Ok(())
    }
}
