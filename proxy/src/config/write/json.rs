//! Trees as JSON.

use serde::{Serialize, Serializer};

use crate::config::source::{Node, Value};

/// The tree as JSON, indented by two, with a newline at its end.
pub(in crate::config) fn json(root: &Node) -> String {
    // No tree has anything that JSON cannot say.
    let mut text = serde_json::to_string_pretty(&Tree(root)).unwrap_or_default();
    text.push('\n');
    text
}

/// A tree as it is, whatever it means. A number that YAML's reader has as a text is a text here too, as it is in Envoy.
pub(in crate::config) struct Tree<'a>(pub(in crate::config) &'a Node);

// === impl Tree ===

impl Serialize for Tree<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.value {
            Value::Null | Value::Wrong => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Int(value) => serializer.serialize_i64(*value),
            Value::Float(value) => serializer.serialize_f64(*value),
            Value::Text(value) | Value::Loose(value) => serializer.serialize_str(value),
            Value::List(items) => serializer.collect_seq(items.iter().map(Tree)),
            Value::Map(entries) => {
                serializer.collect_map(entries.iter().map(|entry| (&entry.key, Tree(&entry.node))))
            }
        }
    }
}
