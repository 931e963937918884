//! Messages as proto3 JSON with the names of the `.proto` files, as Envoy prints them.

use std::time::Duration;

use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::config::schema::{Kind, Scalar};
use crate::config::source::Node;
use crate::config::write::Tree;

use super::message::{Datum, Held, Message, Set};

/// The message as the text of an object; what is absent or zero is left out.
pub(in crate::config) fn dump(message: &Message<'_>) -> String {
    text(&Fields { url: None, message })
}

/// One value as JSON.
pub(super) fn datum(datum: &Datum<'_>, kind: Kind) -> String {
    text(&Typed { datum, kind })
}

/// No value here has anything that JSON cannot say: keys are texts, and numbers that are none print as null.
fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// The fields of a message, and before them the type of the `Any` that it stands in.
struct Fields<'a> {
    url: Option<&'a str>,
    message: &'a Message<'a>,
}

/// What a field holds.
struct Value<'a>(&'a Set<'a>);

/// One value of a type.
struct Typed<'a> {
    datum: &'a Datum<'a>,
    kind: Kind,
}

// === impl Fields ===

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(url) = self.url {
            map.serialize_entry("@type", url)?;
        }
        // The schema has the fields by their numbers, which is the order that Envoy prints.
        for field in &self.message.schema.fields {
            let set = self.message.sets.iter().find(|set| set.field.name == field.name);
            if let Some(set) = set.filter(|set| !set.is_default()) {
                map.serialize_entry(field.name, &Value(set))?;
            }
        }
        map.end()
    }
}

// === impl Value ===

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kind = self.0.field.kind;
        match &self.0.held {
            Held::One(item) => Typed { datum: &item.datum, kind }.serialize(serializer),
            Held::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(&Typed { datum: &item.datum, kind })?;
                }
                list.end()
            }
            Held::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, item) in entries {
                    map.serialize_entry(key, &Typed { datum: &item.datum, kind })?;
                }
                map.end()
            }
        }
    }
}

// === impl Typed ===

impl Serialize for Typed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let long = matches!(self.kind, Kind::I64 | Kind::U64 | Kind::Wrapped(Scalar::U64));
        match self.datum {
            Datum::Bad => serializer.serialize_unit(),
            Datum::Unread(node) => Tree(node).serialize(serializer),
            Datum::Bool(value) => serializer.serialize_bool(*value),
            // 64-bit integers are strings in proto3's JSON.
            Datum::Int(value) if long => serializer.collect_str(value),
            Datum::Uint(value) if long => serializer.collect_str(value),
            Datum::Int(value) => serializer.serialize_i64(*value),
            Datum::Uint(value) => serializer.serialize_u64(*value),
            Datum::Double(value) => serializer.serialize_f64(*value),
            Datum::Text(value) | Datum::Bytes(value) => serializer.serialize_str(value),
            Datum::Enum(_, name) => serializer.serialize_str(name),
            Datum::Duration(value) => serializer.serialize_str(&duration(*value)),
            Datum::Message(message) => Fields { url: None, message }.serialize(serializer),
            Datum::Any { url, message } => Fields { url: Some(url), message }.serialize(serializer),
        }
    }
}

/// Protobuf's text of a duration: with no, three, six or nine decimals.
pub(in crate::config) fn duration(duration: Duration) -> String {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    if nanos == 0 {
        format!("{seconds}s")
    } else if nanos.is_multiple_of(1_000_000) {
        format!("{seconds}.{:03}s", nanos / 1_000_000)
    } else if nanos.is_multiple_of(1_000) {
        format!("{seconds}.{:06}s", nanos / 1_000)
    } else {
        format!("{seconds}.{nanos:09}s")
    }
}

/// A tree as it is, whatever it means.
pub(in crate::config) fn raw(node: &Node) -> serde_json::Value {
    serde_json::to_value(Tree(node)).unwrap_or_default()
}
