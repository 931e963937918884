//! Messages as proto3 JSON with the names of the `.proto` files, as Envoy prints them.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::config::schema::{Kind, Scalar};
use crate::config::source::{Node, Value as Raw};

use super::message::{Datum, Held, Message, Set};

/// The message as JSON; what is absent or zero is left out.
pub(in crate::config) fn dump(message: &Message<'_>) -> Value {
    Value::Object(fields(message))
}

fn fields(message: &Message<'_>) -> Map<String, Value> {
    let mut map = Map::new();
    // The schema has the fields by their numbers, which is the order that Envoy prints.
    for field in &message.schema.fields {
        let set = message.sets.iter().find(|set| set.field.name == field.name);
        if let Some(set) = set.filter(|set| !set.is_default()) {
            map.insert(field.name.to_owned(), held(set));
        }
    }
    map
}

fn held(set: &Set<'_>) -> Value {
    let kind = set.field.kind;
    match &set.held {
        Held::One(item) => datum(&item.datum, kind),
        Held::List(items) => {
            Value::Array(items.iter().map(|item| datum(&item.datum, kind)).collect())
        }
        Held::Map(entries) => {
            let entries = entries.iter().map(|(key, item)| (key.clone(), datum(&item.datum, kind)));
            Value::Object(entries.collect())
        }
    }
}

/// One value as JSON.
pub(super) fn datum(datum: &Datum<'_>, kind: Kind) -> Value {
    let long = matches!(kind, Kind::I64 | Kind::U64 | Kind::Wrapped(Scalar::U64));
    match datum {
        Datum::Bad => Value::Null,
        Datum::Unread(node) => raw(node),
        Datum::Bool(value) => Value::from(*value),
        // 64-bit integers are strings in proto3's JSON.
        Datum::Int(value) if long => Value::from(value.to_string()),
        Datum::Uint(value) if long => Value::from(value.to_string()),
        Datum::Int(value) => Value::from(*value),
        Datum::Uint(value) => Value::from(*value),
        Datum::Double(value) => Value::from(*value),
        Datum::Text(value) | Datum::Bytes(value) => Value::from(value.as_str()),
        Datum::Enum(_, name) => Value::from(*name),
        Datum::Duration(value) => Value::from(duration(*value)),
        Datum::Message(message) => dump(message),
        Datum::Any { url, message } => {
            let mut map = Map::new();
            map.insert("@type".to_owned(), Value::from(url.as_str()));
            map.extend(fields(message));
            Value::Object(map)
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

pub(in crate::config) fn raw(node: &Node) -> Value {
    match &node.value {
        Raw::Null | Raw::Wrong => Value::Null,
        Raw::Bool(value) => Value::from(*value),
        Raw::Int(value) => Value::from(*value),
        Raw::Float(value) => Value::from(*value),
        Raw::Text(value) | Raw::Loose(value) => Value::from(value.as_str()),
        Raw::List(items) => Value::Array(items.iter().map(raw).collect()),
        Raw::Map(entries) => Value::Object(
            entries.iter().map(|entry| (entry.key.clone(), raw(&entry.node))).collect(),
        ),
    }
}
