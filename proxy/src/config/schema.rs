//! Envoy's messages as the loader needs to know them: fields, types and validation rules, cut from Envoy's descriptors.
//!
//! `schema.txt` is generated from the descriptor set in the `envoy-types` crate by a test (`UPDATE_EXPECT=1` writes it
//! anew), along the table in [`coverage`](super::coverage). It costs some 30 kB in the binary and a fraction of a
//! millisecond to read, and nothing once the file is loaded; the whole descriptor set would cost 50 MB and 120 ms.

use std::collections::HashMap;

use super::coverage::{self, Covered};

/// The generated descriptions.
const TEXT: &str = include_str!("schema.txt");

/// The descriptions of a file of tests, which are written by hand.
const ROUTE_TESTS: &str = include_str!("route_tests.txt");

/// Every message and enum that the loader reads.
#[derive(Debug)]
pub(super) struct Schema {
    messages: HashMap<&'static str, Message>,
    enums: HashMap<&'static str, Enum>,
}

/// One message.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) name: &'static str,
    pub(super) fields: Vec<Field>,
    /// The oneofs of which one field must be set.
    pub(super) required_oneofs: Vec<&'static str>,
}

/// One field.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    /// The name in lowerCamelCase, which proto3 JSON allows as well.
    pub(super) json_name: String,
    pub(super) kind: Kind,
    pub(super) shape: Shape,
    pub(super) oneof: Option<&'static str>,
    pub(super) support: Support,
    pub(super) deprecated: bool,
    /// `udpa.annotations.sensitive`: no dump shows what it holds.
    pub(super) sensitive: bool,
    /// `protoc-gen-validate`'s rules, as `(name, value)`; the value is empty for a rule that is just on.
    pub(super) rules: Vec<(&'static str, &'static str)>,
}

/// The type of one value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A message that is not looked into, because the field is not supported or has no effect.
    Unread,
    Bool,
    I32,
    I64,
    U32,
    U64,
    Double,
    Text,
    Bytes,
    /// One of Google's wrappers around a scalar: the scalar, where absent and zero differ.
    Wrapped(Scalar),
    Duration,
    Any,
    Enum(&'static str),
    Message(&'static str),
}

/// What a wrapper may hold.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scalar {
    Bool,
    U32,
    U64,
    Double,
    Text,
}

/// How many values a field holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shape {
    /// One, and absent is the same as the type's zero.
    Plain,
    /// One, or none.
    Optional,
    List,
    /// By text keys.
    Map,
}

/// What the loader does with a field that is set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Support {
    Applied,
    NoOp,
    /// Only this value, as JSON.
    Fixed(&'static str),
    Refused,
}

/// One enum.
#[derive(Debug)]
pub(super) struct Enum {
    pub(super) values: Vec<(i32, &'static str)>,
}

// === impl Schema ===

impl Schema {
    /// Reads the generated text.
    pub(super) fn read() -> Self {
        let mut schema = Self { messages: HashMap::new(), enums: HashMap::new() };
        schema.add(TEXT, |message, field| Support::of(coverage::of(message), field));
        schema
    }

    /// The same, and what a file of tests for a route table is made of.
    pub(super) fn of_route_tests() -> Self {
        let mut schema = Self::read();
        schema.add(ROUTE_TESTS, |_message, _field| Support::Applied);
        schema
    }

    /// A schema of these descriptions, all of whose fields are applied.
    #[cfg(test)]
    pub(super) fn of_text(text: &'static str) -> Self {
        let mut schema = Self { messages: HashMap::new(), enums: HashMap::new() };
        schema.add(text, |_message, _field| Support::Applied);
        schema
    }

    fn add(&mut self, text: &'static str, support: impl Fn(&str, &str) -> Support) {
        let mut message: Option<Message> = None;
        let mut values: Option<(&'static str, Enum)> = None;
        for line in text.lines() {
            let mut words = line.split(' ');
            match (words.next(), words.next()) {
                (Some("message"), Some(name)) => {
                    self.keep(message.take(), values.take());
                    message = Some(Message::new(name));
                }
                (Some("enum"), Some(name)) => {
                    self.keep(message.take(), values.take());
                    values = Some((name, Enum { values: Vec::new() }));
                }
                (Some("oneof"), Some(name)) => {
                    message.iter_mut().for_each(|message| message.required_oneofs.push(name));
                }
                (Some("value"), Some(number)) => {
                    if let (Some((_, list)), Some(name)) = (&mut values, words.next()) {
                        list.values.push((number.parse().unwrap_or(0), name));
                    }
                }
                (Some("field"), Some(name)) => {
                    if let (Some(message), Some(kind)) = (&mut message, words.next()) {
                        let support = support(message.name, name);
                        let field = Field::read(name, kind, support, words);
                        message.fields.push(field);
                    }
                }
                _ => {}
            }
        }
        self.keep(message, values);
    }

    fn keep(&mut self, message: Option<Message>, values: Option<(&'static str, Enum)>) {
        self.messages.extend(message.map(|message| (message.name, message)));
        self.enums.extend(values);
    }

    /// The message of that full name.
    pub(super) fn message(&self, name: &str) -> Option<&Message> {
        self.messages.get(name)
    }

    /// The enum of that full name.
    pub(super) fn enumeration(&self, name: &str) -> Option<&Enum> {
        self.enums.get(name)
    }

    /// The full names of all messages.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.messages.keys().copied()
    }
}

// === impl Message ===

impl Message {
    fn new(name: &'static str) -> Self {
        Self { name, fields: Vec::new(), required_oneofs: Vec::new() }
    }

    /// The field that a key of a file means, by either of its names.
    pub(super) fn field(&self, key: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.has_name(key))
    }
}

// === impl Field ===

impl Field {
    /// Whether a key of a file means it, by either of its names.
    pub(super) fn has_name(&self, key: &str) -> bool {
        self.name == key || self.json_name == key
    }

    fn read(
        name: &'static str,
        kind: &'static str,
        support: Support,
        words: std::str::Split<'static, char>,
    ) -> Self {
        let (shape, kind) = Shape::read(kind);
        let mut field = Self {
            name,
            json_name: lower_camel_case(name),
            kind: Kind::read(kind),
            shape,
            oneof: None,
            support,
            deprecated: false,
            sensitive: false,
            rules: Vec::new(),
        };
        for word in words {
            match word.split_once('=').unwrap_or((word, "")) {
                ("oneof", name) => field.oneof = Some(name),
                ("deprecated", _) => field.deprecated = true,
                ("sensitive", _) => field.sensitive = true,
                ("refused", _) => field.support = Support::Refused,
                rule => field.rules.push(rule),
            }
        }
        field
    }

    /// Whether a rule demands that it is set: rules hold for what is absent too where absent means zero.
    pub(super) fn is_required(&self) -> bool {
        let zero_violates = |rule: &str, value: &str| match rule {
            "min_items" | "min_len" | "gte" => value != "0",
            "gt" => true,
            _ => false,
        };
        let implicit = matches!(self.shape, Shape::Plain | Shape::List);
        self.rules.iter().any(|(rule, value)| match *rule {
            // In a oneof it only says that the field may not be set to nothing.
            "required" => self.oneof.is_none() && *value != "false",
            rule => implicit && zero_violates(rule, value),
        })
    }
}

// === impl Shape ===

impl Shape {
    fn read(kind: &'static str) -> (Self, &'static str) {
        if let Some(kind) = kind.strip_prefix("list:") {
            (Self::List, kind)
        } else if let Some(kind) = kind.strip_prefix("map:") {
            (Self::Map, kind)
        } else if let Some(kind) = kind.strip_prefix("optional:") {
            (Self::Optional, kind)
        } else {
            (Self::Plain, kind)
        }
    }
}

// === impl Kind ===

impl Kind {
    fn read(kind: &'static str) -> Self {
        if let Some(name) = kind.strip_prefix("message:") {
            return Self::Message(name);
        }
        if let Some(name) = kind.strip_prefix("enum:") {
            return Self::Enum(name);
        }
        match kind {
            "bool" => Self::Bool,
            "int32" => Self::I32,
            "int64" => Self::I64,
            "uint32" => Self::U32,
            "uint64" => Self::U64,
            "double" => Self::Double,
            "string" => Self::Text,
            "bytes" => Self::Bytes,
            "BoolValue" => Self::Wrapped(Scalar::Bool),
            "UInt32Value" => Self::Wrapped(Scalar::U32),
            "UInt64Value" => Self::Wrapped(Scalar::U64),
            "DoubleValue" => Self::Wrapped(Scalar::Double),
            "StringValue" => Self::Wrapped(Scalar::Text),
            "Duration" => Self::Duration,
            "Any" => Self::Any,
            _ => Self::Unread,
        }
    }
}

// === impl Support ===

impl Support {
    fn of(covered: Option<&'static Covered>, field: &str) -> Self {
        let Some(covered) = covered else { return Self::Refused };
        if covered.applied.contains(&field) {
            return Self::Applied;
        }
        if covered.no_op.contains(&field) {
            return Self::NoOp;
        }
        let fixed = covered.fixed.iter().find(|(name, _)| *name == field);
        fixed.map_or(Self::Refused, |(_, value)| Self::Fixed(value))
    }
}

fn lower_camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut upper = false;
    for c in name.chars() {
        if c == '_' {
            upper = true;
        } else {
            camel.push(if upper { c.to_ascii_uppercase() } else { c });
            upper = false;
        }
    }
    camel
}
