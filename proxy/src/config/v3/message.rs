//! A message that the schema has checked: its fields by name, each with its place and a mark of having been used.

use std::cell::Cell;
use std::time::Duration;

use crate::config::base64;
use crate::config::diagnostic::Findings;
use crate::config::schema::{self, Field, Support};
use crate::config::source::{At, Node};

use super::dump;

/// A checked message.
#[derive(Clone, Debug)]
pub(in crate::config) struct Message<'s> {
    pub(in crate::config) schema: &'s schema::Message,
    pub(in crate::config) at: At,
    pub(super) sets: Vec<Set<'s>>,
}

/// A field that is set.
#[derive(Clone, Debug)]
pub(super) struct Set<'s> {
    pub(super) field: &'s Field,
    /// Where its key stood.
    pub(super) key: At,
    pub(super) held: Held<'s>,
    /// What the lowering did with it.
    used: Cell<Use>,
}

/// What became of a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::config) enum Use {
    /// Nobody asked for it.
    None,
    /// It is applied.
    Applied,
    /// It is known to have no effect.
    Dismissed,
    /// It is in something that was refused.
    Refused,
}

/// The values of a field, by its shape.
#[derive(Clone, Debug)]
pub(super) enum Held<'s> {
    One(Item<'s>),
    List(Vec<Item<'s>>),
    Map(Vec<(String, Item<'s>)>),
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Item<'s> {
    pub(super) at: At,
    pub(super) datum: Datum<'s>,
}

/// A value, by its type.
#[derive(Clone, Debug)]
pub(super) enum Datum<'s> {
    /// It is wrong, which has been reported.
    Bad,
    /// Of a message that is not looked into.
    Unread(Box<Node>),
    Bool(bool),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
    Bytes(String),
    Enum(i32, &'static str),
    Duration(Duration),
    // Boxed, since most values are small and every one takes the room of the largest.
    Message(Box<Message<'s>>),
    /// An `Any`: its type as the file has it, and what it holds.
    Any {
        url: Box<str>,
        message: Box<Message<'s>>,
    },
}

// === impl Message ===

impl<'s> Message<'s> {
    /// A message with nothing set.
    pub(in crate::config) fn new(schema: &'s schema::Message, at: At) -> Self {
        Self { schema, at, sets: Vec::new() }
    }

    /// Lays another message of the same type over this one as protobuf merges: values replace values, messages merge,
    /// lists are appended.
    pub(in crate::config) fn merge(&mut self, over: Self) {
        for set in over.sets {
            if let Some(oneof) = set.field.oneof {
                let name = set.field.name;
                self.sets.retain(|old| old.field.oneof != Some(oneof) || old.field.name == name);
            }
            match self.sets.iter_mut().find(|old| old.field.name == set.field.name) {
                None => self.sets.push(set),
                Some(old) => old.merge(set),
            }
        }
    }

    /// Whether the field is set, rightly or wrongly. Does not count as use.
    pub(super) fn has(&self, name: &str) -> bool {
        self.sets.iter().any(|set| set.field.name == name)
    }

    /// Whether any field is set.
    pub(super) fn has_any(&self) -> bool {
        !self.sets.is_empty()
    }

    /// Whether the field or an element of it is wrong, which has been reported. Does not count as use.
    pub(super) fn is_bad(&self, name: &str) -> bool {
        let mut sets = self.sets.iter().filter(|set| set.field.name == name);
        sets.any(|set| set.held.items().any(|item| matches!(item.datum, Datum::Bad)))
    }

    /// Whether a list has no elements, right or wrong. Does not count as use.
    pub(super) fn is_empty(&self, name: &str) -> bool {
        self.sets.iter().all(|set| set.field.name != name || set.is_default())
    }

    /// Where the value of the field stood; the message's own place if it is not set.
    pub(super) fn place(&self, name: &str) -> At {
        self.sets.iter().find(|set| set.field.name == name).map_or(self.at, Set::at)
    }

    pub(super) fn bool(&self, name: &str) -> Option<bool> {
        match self.one(name)?.datum {
            Datum::Bool(value) => Some(value),
            _ => None,
        }
    }

    pub(super) fn u32(&self, name: &str) -> Option<u32> {
        match self.one(name)?.datum {
            // The schema has checked the range.
            Datum::Uint(value) => u32::try_from(value).ok(),
            _ => None,
        }
    }

    pub(super) fn i64(&self, name: &str) -> Option<i64> {
        match self.one(name)?.datum {
            Datum::Int(value) => Some(value),
            _ => None,
        }
    }

    pub(super) fn u64(&self, name: &str) -> Option<u64> {
        match self.one(name)?.datum {
            Datum::Uint(value) => Some(value),
            _ => None,
        }
    }

    pub(super) fn double(&self, name: &str) -> Option<f64> {
        match self.one(name)?.datum {
            Datum::Double(value) => Some(value),
            _ => None,
        }
    }

    pub(super) fn f64(&self, name: &str) -> Option<f64> {
        match self.one(name)?.datum {
            Datum::Double(value) => Some(value),
            _ => None,
        }
    }

    pub(super) fn duration(&self, name: &str) -> Option<Duration> {
        match self.one(name)?.datum {
            Datum::Duration(value) => Some(value),
            _ => None,
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match &self.one(name)?.datum {
            Datum::Text(value) => Some(value),
            _ => None,
        }
    }

    /// A value that the schema does not look into, as JSON.
    pub(super) fn json(&self, name: &str) -> Option<serde_json::Value> {
        match &self.one(name)?.datum {
            Datum::Unread(node) => Some(dump::raw(node)),
            _ => None,
        }
    }

    /// Bytes, which the file has in base64.
    pub(super) fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        match &self.one(name)?.datum {
            Datum::Bytes(value) => base64::decode(value),
            _ => None,
        }
    }

    /// The text, unless it is empty, which is the same as absent for most fields.
    pub(super) fn nonempty(&self, name: &str) -> Option<&str> {
        self.text(name).filter(|text| !text.is_empty())
    }

    /// The name of the enum value.
    pub(super) fn enumeration(&self, name: &str) -> Option<&'static str> {
        match self.one(name)?.datum {
            Datum::Enum(_, value) => Some(value),
            _ => None,
        }
    }

    /// The number of the enum value.
    pub(super) fn enum_number(&self, name: &str) -> Option<i32> {
        match self.one(name)?.datum {
            Datum::Enum(number, _) => Some(number),
            _ => None,
        }
    }

    pub(super) fn message(&self, name: &str) -> Option<&Self> {
        match &self.one(name)?.datum {
            Datum::Message(message) => Some(&**message),
            _ => None,
        }
    }

    /// What the `Any` in the field holds.
    pub(super) fn any(&self, name: &str) -> Option<&Self> {
        match &self.one(name)?.datum {
            Datum::Any { message, .. } => Some(&**message),
            _ => None,
        }
    }

    /// What the elements of a list of `Any` hold, and where.
    pub(super) fn any_list(&self, name: &str) -> impl Iterator<Item = (At, &Self)> {
        self.list(name).iter().filter_map(|item| match &item.datum {
            Datum::Any { message, .. } => Some((item.at, &**message)),
            _ => None,
        })
    }

    pub(super) fn messages(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.list(name).iter().filter_map(|item| match &item.datum {
            Datum::Message(message) => Some(&**message),
            _ => None,
        })
    }

    pub(super) fn texts(&self, name: &str) -> impl Iterator<Item = (At, &str)> {
        self.list(name).iter().filter_map(|item| match &item.datum {
            Datum::Text(text) => Some((item.at, text.as_str())),
            _ => None,
        })
    }

    pub(super) fn u32s(&self, name: &str) -> impl Iterator<Item = u32> {
        self.list(name).iter().filter_map(|item| match item.datum {
            Datum::Uint(value) => u32::try_from(value).ok(),
            _ => None,
        })
    }

    /// The names of the values in a list of an enum.
    pub(super) fn enumerations(&self, name: &str) -> impl Iterator<Item = &'static str> {
        self.list(name).iter().filter_map(|item| match item.datum {
            Datum::Enum(_, value) => Some(value),
            _ => None,
        })
    }

    /// The numbers of the values in a list of an enum.
    pub(super) fn enum_numbers(&self, name: &str) -> impl Iterator<Item = i32> {
        self.list(name).iter().filter_map(|item| match item.datum {
            Datum::Enum(number, _) => Some(number),
            _ => None,
        })
    }

    /// The entries of a map of `Any`: key, place and content.
    pub(super) fn anys(&self, name: &str) -> impl Iterator<Item = (&str, At, &Self)> {
        let entries = match self.take(name).map(|set| &set.held) {
            Some(Held::Map(entries)) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().filter_map(|(key, item)| match &item.datum {
            Datum::Any { message, .. } => Some((key.as_str(), item.at, &**message)),
            _ => None,
        })
    }

    /// The entries of a map of values that the schema does not look into, as JSON.
    pub(super) fn jsons(&self, name: &str) -> impl Iterator<Item = (&str, serde_json::Value)> {
        let entries = match self.take(name).map(|set| &set.held) {
            Some(Held::Map(entries)) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().filter_map(|(key, item)| match &item.datum {
            Datum::Unread(node) => Some((key.as_str(), dump::raw(node))),
            _ => None,
        })
    }

    /// The entries of a map of messages.
    pub(super) fn messages_by_key(&self, name: &str) -> impl Iterator<Item = (&str, &Self)> {
        let entries = match self.take(name).map(|set| &set.held) {
            Some(Held::Map(entries)) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().filter_map(|(key, item)| match &item.datum {
            Datum::Message(message) => Some((key.as_str(), &**message)),
            _ => None,
        })
    }

    /// Marks the fields as used without looking at them.
    pub(super) fn dismiss(&self, names: &[&str]) {
        for name in names {
            if let Some(set) = self.take(name) {
                set.used.set(Use::Dismissed);
            }
        }
    }

    /// Marks everything in it as used, after it was refused as a whole.
    pub(super) fn dismiss_all(&self) {
        for set in &self.sets {
            set.used.set(Use::Refused);
            set.held.items().for_each(|item| match &item.datum {
                Datum::Message(message) | Datum::Any { message, .. } => message.dismiss_all(),
                _ => {}
            });
        }
    }

    /// Refuses every field that is set and that the lowering did not ask for: it may be supported elsewhere, but has
    /// no effect where it stands.
    pub(in crate::config) fn refuse_leftovers(&self, findings: &mut Findings) {
        for set in &self.sets {
            if set.used.get() != Use::None {
                set.held.items().for_each(|item| match &item.datum {
                    Datum::Message(message) | Datum::Any { message, .. } => {
                        message.refuse_leftovers(findings);
                    }
                    _ => {}
                });
            } else if set.field.support == Support::Applied && !set.is_default() {
                findings.unsupported(set.key, "not supported here yet");
            }
        }
    }

    /// Tells what became of everything in it: the places of a field's key and value, and its use.
    pub(in crate::config) fn tell_uses(&self, tell: &mut dyn FnMut(At, &Field, Use)) {
        for set in &self.sets {
            tell(set.key, set.field, set.used.get());
            for item in set.held.items() {
                tell(item.at, set.field, set.used.get());
                match &item.datum {
                    Datum::Message(message) | Datum::Any { message, .. } => message.tell_uses(tell),
                    _ => {}
                }
            }
        }
    }

    fn one(&self, name: &str) -> Option<&Item<'s>> {
        match &self.take(name)?.held {
            Held::One(item) => Some(item),
            Held::List(_) | Held::Map(_) => None,
        }
    }

    fn list(&self, name: &str) -> &[Item<'s>] {
        match self.take(name).map(|set| &set.held) {
            Some(Held::List(items)) => items,
            _ => &[],
        }
    }

    fn take(&self, name: &str) -> Option<&Set<'s>> {
        debug_assert!(
            self.schema.fields.iter().any(|f| f.name == name && f.support == Support::Applied),
            "{} has no covered field {name}",
            self.schema.name
        );
        let set = self.sets.iter().find(|set| set.field.name == name)?;
        set.used.set(Use::Applied);
        Some(set)
    }
}

// === impl Set ===

impl<'s> Set<'s> {
    pub(super) fn new(field: &'s Field, key: At, held: Held<'s>) -> Self {
        Self { field, key, held, used: Cell::new(Use::None) }
    }

    /// Whether it says what its absence would say too: protobuf does not tell an absent `false` from a given one.
    pub(super) fn is_default(&self) -> bool {
        match &self.held {
            Held::List(items) => items.is_empty(),
            Held::Map(entries) => entries.is_empty(),
            Held::One(item) => self.field.shape == schema::Shape::Plain && item.datum.is_zero(),
        }
    }

    /// A single value as JSON, unless it is wrong.
    pub(super) fn text(&self) -> Option<String> {
        match &self.held {
            Held::One(Item { datum: Datum::Bad, .. }) | Held::List(_) | Held::Map(_) => None,
            Held::One(item) => Some(dump::datum(&item.datum, self.field.kind)),
        }
    }

    fn at(&self) -> At {
        match &self.held {
            Held::One(item) => item.at,
            Held::List(_) | Held::Map(_) => self.key,
        }
    }

    fn merge(&mut self, over: Self) {
        let implicit = self.field.shape == schema::Shape::Plain
            || matches!(self.field.kind, schema::Kind::Wrapped(_));
        match (&mut self.held, over.held) {
            (Held::One(old), Held::One(new)) => match (&mut old.datum, new.datum) {
                (Datum::Message(old), Datum::Message(new)) => old.merge(*new),
                // To protobuf it is a message of two numbers.
                (Datum::Duration(old), Datum::Duration(new)) => {
                    let or = |new, old| if new == 0 { old } else { new };
                    let seconds = if new.as_secs() == 0 { old.as_secs() } else { new.as_secs() };
                    *old = Duration::new(seconds, or(new.subsec_nanos(), old.subsec_nanos()));
                }
                // A zero that is given is no different from one that is not.
                (Datum::Bool(_) | Datum::Int(_) | Datum::Uint(_) | Datum::Double(_), new)
                | (Datum::Text(_) | Datum::Bytes(_) | Datum::Enum(..), new)
                    if implicit && new.is_zero() => {}
                (old_datum, datum) => {
                    *old_datum = datum;
                    old.at = new.at;
                    self.key = over.key;
                }
            },
            (Held::List(old), Held::List(new)) => old.extend(new),
            (Held::Map(old), Held::Map(new)) => {
                old.retain(|(key, _)| new.iter().all(|(other, _)| other != key));
                old.extend(new);
            }
            (old, new) => *old = new,
        }
    }
}

// === impl Held ===

impl<'s> Held<'s> {
    pub(super) fn items(&self) -> Box<dyn Iterator<Item = &Item<'s>> + '_> {
        match self {
            Self::One(item) => Box::new(std::iter::once(item)),
            Self::List(items) => Box::new(items.iter()),
            Self::Map(entries) => Box::new(entries.iter().map(|(_, item)| item)),
        }
    }
}

// === impl Datum ===

impl Datum<'_> {
    fn is_zero(&self) -> bool {
        match self {
            Self::Bool(value) => !value,
            Self::Int(value) => *value == 0,
            Self::Uint(value) => *value == 0,
            Self::Double(value) => *value == 0.0,
            Self::Text(value) | Self::Bytes(value) => value.is_empty(),
            Self::Enum(number, _) => *number == 0,
            Self::Bad
            | Self::Unread(_)
            | Self::Duration(_)
            | Self::Message(_)
            | Self::Any { .. } => false,
        }
    }
}
