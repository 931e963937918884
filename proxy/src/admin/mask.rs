//! `?mask=`: only some fields of a message (`google.protobuf.FieldMask`).

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Fields to keep, and of each of them its fields to keep; without any, all of it is kept.
#[derive(Debug, Default)]
pub(super) struct Mask(BTreeMap<String, Self>);

/// What says which message an `Any` is: always kept.
const TYPE: &str = "@type";

// === impl Mask ===

impl Mask {
    /// Reads paths with commas between them.
    pub(super) fn parse(paths: &str) -> Self {
        let mut mask = Self::default();
        for path in paths.split(',').map(str::trim).filter(|path| !path.is_empty()) {
            let mut node = &mut mask;
            for name in path.split('.') {
                node = node.0.entry(name.to_owned()).or_default();
            }
        }
        mask
    }

    /// What is left of a message; of a list, of each of its members.
    pub(super) fn apply(&self, value: Value) -> Value {
        if self.0.is_empty() {
            return value;
        }
        match value {
            Value::Object(fields) => Value::Object(self.keep(fields)),
            Value::Array(items) => {
                Value::Array(items.into_iter().map(|item| self.apply(item)).collect())
            }
            other => other,
        }
    }

    fn keep(&self, fields: Map<String, Value>) -> Map<String, Value> {
        let kept = fields.into_iter().filter_map(|(name, value)| match self.0.get(&name) {
            Some(mask) => Some((name, mask.apply(value))),
            None => (name == TYPE).then_some((name, value)),
        });
        kept.collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Mask;

    #[test]
    fn only_the_paths_are_left() {
        let message = json!({
            "@type": "t", "a": { "b": 1, "c": 2 }, "list": [{ "x": 1, "y": 2 }, { "x": 3 }], "z": 0,
        });
        let masked = |paths| Mask::parse(paths).apply(message.clone());
        assert_eq!(
            masked("a.b,list.x"),
            json!({ "@type": "t", "a": { "b": 1 }, "list": [{ "x": 1 }, { "x": 3 }] })
        );
        assert_eq!(masked("a"), json!({ "@type": "t", "a": { "b": 1, "c": 2 } }));
        assert_eq!(masked("none"), json!({ "@type": "t" }));
        assert_eq!(masked(""), message);
    }
}
