//! Objects of the v1 form: closed sets of keys with strict types.

use crate::config::diagnostic::Findings;
use crate::config::source::{At, Entry, Node, Quoted, Value};

/// A name may have this many bytes.
const LONGEST_NAME: usize = 60;

/// A key that an object may have.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) struct Key {
    /// The key.
    pub(in crate::config) name: &'static str,
    kind: Kind,
    required: bool,
}

/// What stands under a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Text,
    /// At most 60 bytes.
    Name,
    /// One of these words.
    Word(&'static [&'static str]),
    Bool,
    /// A whole number in this range.
    Integer(i64, i64),
    Object,
    List,
    /// At least one element.
    FullList,
    /// A flag that changes nothing while it is off, and is not supported on.
    Off,
    /// Known, read past, and without effect in the form's own time too.
    Ignored,
    /// Known, and not supported yet.
    Refused,
}

/// A number above zero.
pub(super) const POSITIVE: Kind = Kind::Integer(1, i64::MAX);

/// A number of zero or more.
pub(super) const NUMBER: Kind = Kind::Integer(0, i64::MAX);

/// What the readers share.
pub(super) struct Context<'a> {
    pub(super) findings: &'a mut Findings,
    /// Whether whole numbers may be written with a fraction: inside the `config` of a listener's filter they may.
    pub(super) loose: bool,
}

/// An object whose keys were checked: only those of the right type are still there.
pub(super) struct Object<'n> {
    pub(super) at: At,
    entries: Vec<&'n Entry>,
}

/// A key that may be absent.
pub(super) const fn optional(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, required: false }
}

/// A key that must be there.
pub(super) const fn required(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, required: true }
}

/// A key that is known and not supported yet.
pub(super) const fn refused(name: &'static str) -> Key {
    optional(name, Kind::Refused)
}

// === impl Context ===

impl Context<'_> {
    /// Reads an object that has these keys and no others.
    pub(super) fn closed<'n>(&mut self, node: &'n Node, keys: &[Key]) -> Option<Object<'n>> {
        self.object(node, keys, true)
    }

    /// Reads an object in which unknown keys are allowed, as the form's own schema allowed them.
    pub(super) fn open<'n>(&mut self, node: &'n Node, keys: &[Key]) -> Option<Object<'n>> {
        self.object(node, keys, false)
    }

    fn object<'n>(&mut self, node: &'n Node, keys: &[Key], closed: bool) -> Option<Object<'n>> {
        let Value::Map(entries) = &node.value else {
            self.wrong(node, "an object");
            return None;
        };
        let mut kept = Vec::with_capacity(entries.len());
        for entry in entries {
            match keys.iter().find(|key| key.name == entry.key) {
                Some(key) if self.fits(key.kind, entry) => kept.push(entry),
                Some(_) => {}
                None if closed => self.unknown(entry, keys),
                None => {}
            }
        }
        for key in keys.iter().filter(|key| key.required) {
            if !entries.iter().any(|entry| entry.key == key.name) {
                self.findings.error(node.at, format!("{} is missing", key.name));
            }
        }
        Some(Object { at: node.at, entries: kept })
    }

    fn unknown(&mut self, entry: &Entry, keys: &[Key]) {
        let message = format!("unknown key {}", Quoted(&entry.key));
        let known = keys.iter().map(|key| key.name);
        self.findings.error(entry.at, message).did_you_mean(&entry.key, known);
    }

    /// Whether the value may be used; if not, either that has been said or it asks for nothing.
    fn fits(&mut self, kind: Kind, entry: &Entry) -> bool {
        let node = &entry.node;
        match (kind, &node.value) {
            (Kind::Text, Value::Text(_))
            | (Kind::Bool, Value::Bool(_))
            | (Kind::Object, Value::Map(_))
            | (Kind::List | Kind::FullList, Value::List(_)) => self.fills(kind, node),
            (Kind::Name, Value::Text(text)) => self.is_short(node, text),
            (Kind::Word(words), Value::Text(text)) => self.is_one_of(node, text, words),
            (Kind::Integer(min, max), _) => self.is_integer(node, min, max),
            (Kind::Off, Value::Bool(false)) | (Kind::Ignored, _) => false,
            (Kind::Off, Value::Bool(true)) | (Kind::Refused, _) => {
                self.findings.error(entry.at, "not supported yet");
                false
            }
            (Kind::Text | Kind::Name, _) => self.wrong(node, "a string"),
            (Kind::Word(words), _) => self.wrong(node, &one_of(words)),
            (Kind::Bool | Kind::Off, _) => self.wrong(node, "true or false"),
            (Kind::Object, _) => self.wrong(node, "an object"),
            (Kind::List | Kind::FullList, _) => self.wrong(node, "a list"),
        }
    }

    fn fills(&mut self, kind: Kind, node: &Node) -> bool {
        match (kind, &node.value) {
            (Kind::FullList, Value::List(items)) if items.is_empty() => {
                self.findings.error(node.at, "expected at least one element");
                false
            }
            _ => true,
        }
    }

    fn is_short(&mut self, node: &Node, text: &str) -> bool {
        if text.len() <= LONGEST_NAME {
            return true;
        }
        let message =
            format!("expected a name of at most {LONGEST_NAME} bytes, found {}", text.len());
        self.findings.error(node.at, message);
        false
    }

    fn is_one_of(&mut self, node: &Node, text: &str, words: &'static [&'static str]) -> bool {
        if words.contains(&text) {
            return true;
        }
        let message = format!("expected {}, found {node}", one_of(words));
        self.findings.error(node.at, message).did_you_mean(text, words.iter().copied());
        false
    }

    fn is_integer(&mut self, node: &Node, min: i64, max: i64) -> bool {
        let Some(value) = self.integer(node) else { return self.wrong(node, "an integer") };
        if (min..=max).contains(&value) {
            return true;
        }
        let wanted = match (min, max) {
            (0, i64::MAX) => "an integer of 0 or more".to_owned(),
            (1, i64::MAX) => "an integer above 0".to_owned(),
            _ => format!("an integer from {min} to {max}"),
        };
        self.wrong(node, &wanted)
    }

    /// The value of a whole number.
    pub(super) fn integer(&self, node: &Node) -> Option<i64> {
        /// 2^53: beyond it not every integer is a double.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        match node.value {
            Value::Int(value) => Some(value),
            Value::Float(value) if self.loose && value.fract() == 0.0 && value.abs() <= EXACT =>
            {
                #[expect(clippy::cast_possible_truncation, reason = "the range was just checked")]
                Some(value as i64)
            }
            _ => None,
        }
    }

    /// The place and value of the whole number under a key.
    pub(super) fn number(&self, object: &Object<'_>, key: &str) -> Option<(At, i64)> {
        let node = object.get(key)?;
        Some((node.at, self.integer(node)?))
    }

    /// Reports a value that is not what it should be.
    pub(super) fn wrong(&mut self, node: &Node, wanted: &str) -> bool {
        self.findings.error(node.at, format!("expected {wanted}, found {node}"));
        false
    }
}

// === impl Object ===

impl<'n> Object<'n> {
    /// The value under the key, which is of the key's type.
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The text under the key.
    pub(super) fn text(&self, key: &str) -> Option<&'n str> {
        match &self.get(key)?.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of the list under the key.
    pub(super) fn list(&self, key: &str) -> &'n [Node] {
        match self.get(key).map(|node| &node.value) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }
}

fn one_of(words: &[&str]) -> String {
    match words {
        [only] => format!("{only:?}"),
        _ => format!("one of {}", words.join(", ")),
    }
}
