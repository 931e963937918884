//! What a route wants of its hosts' metadata: `RouteAction.metadata_match`, and the subsets that answer to it.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

/// Keys with the values that hosts must have, of what balancing reads (`envoy.lb`). There is at least one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MetadataMatch {
    values: BTreeMap<String, String>,
    /// All of it as one text, by which subsets are found.
    text: Box<str>,
}

// === impl MetadataMatch ===

impl MetadataMatch {
    /// What is wanted by these keys and values; none if they are none.
    pub fn new(fields: Option<&Value>) -> Option<Self> {
        let fields = fields?.as_object()?.iter();
        Self::of(fields.map(|(key, value)| (key.clone(), canonical(value))).collect())
    }

    fn of(values: BTreeMap<String, String>) -> Option<Self> {
        let text = text(values.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        (!values.is_empty()).then_some(Self { values, text: text.into() })
    }

    /// The same with what `more` says besides or instead.
    #[must_use]
    pub fn with(&self, more: &Self) -> Self {
        let mut values = self.values.clone();
        values.extend(more.values.clone());
        Self::of(values).unwrap_or_else(|| more.clone())
    }

    /// Only what it says of these keys; none if that is nothing.
    pub fn only(&self, keys: &[String]) -> Option<Self> {
        let mut values = self.values.clone();
        values.retain(|key, _| keys.contains(key));
        Self::of(values)
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &String> {
        self.values.keys()
    }

    /// All of it as one text, the same for the same.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether metadata has all of it.
    pub fn is_met_by(&self, fields: Option<&Value>) -> bool {
        let Some(fields) = fields else { return false };
        self.values
            .iter()
            .all(|(key, value)| fields.get(key).is_some_and(|field| canonical(field) == *value))
    }
}

/// The text of what metadata says of these keys, which are in order; none if it says nothing of one.
pub fn text_of(keys: &[String], fields: &Value) -> Option<String> {
    let values = keys.iter().map(|key| Some((key.as_str(), canonical(fields.get(key)?))));
    let values = values.collect::<Option<Vec<_>>>()?;
    Some(text(values.iter().map(|(key, value)| (*key, value.as_str()))))
}

/// Neither a key nor a value can be mistaken for another one, since both stand in quotes.
fn text<'a>(values: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (key, value) in values {
        // Writing to a string cannot fail.
        let _ = write!(text, "{key:?}={value};");
    }
    text
}

/// A value as a text that is the same for what protobuf takes for the same: all numbers are floats there.
fn canonical(value: &Value) -> String {
    match value {
        Value::Number(number) => format!("{:?}", number.as_f64().unwrap_or_default()),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> =
                fields.iter().map(|(key, value)| (key, canonical(value))).collect();
            format!("{fields:?}")
        }
        plain => plain.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{MetadataMatch, text_of};
    use serde_json::json;

    #[test]
    fn what_is_the_same_has_the_same_text() {
        let wanted = MetadataMatch::new(Some(&json!({ "b": 1, "a": { "y": [1.0], "x": "1" } })));
        let wanted = wanted.unwrap();
        let host = json!({ "a": { "x": "1", "y": [1] }, "b": 1.0, "c": true });
        let keys = ["a", "b"].map(String::from);
        assert_eq!(text_of(&keys, &host).as_deref(), Some(wanted.text()));
        assert!(wanted.is_met_by(Some(&host)));
        assert!(!wanted.is_met_by(Some(&json!({ "b": "1", "a": 1 }))) && !wanted.is_met_by(None));
        assert_eq!(text_of(&["z".into()], &host), None);
        let only = wanted.only(&["b".into()]).unwrap();
        assert_eq!(only.text(), "\"b\"=1.0;");
        let other = MetadataMatch::new(Some(&json!({ "b": 2 }))).unwrap();
        assert_eq!(only.with(&other), other);
        assert!(wanted.only(&[]).is_none() && MetadataMatch::new(Some(&json!({}))).is_none());
    }
}
