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

/// An object whose keys were checked.
pub(super) struct Object<'n> {
    pub(super) at: At,
    /// Those of the right type.
    entries: Vec<&'n Entry>,
    /// Those that were reported, as wrong or as missing.
    wrong: Vec<(&'static str, At)>,
}

/// What a value is to its key.
enum Fit {
    Right,
    /// It has been reported.
    Wrong,
    /// It asks for nothing.
    Absent,
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
        let mut object = Object { at: node.at, entries: Vec::new(), wrong: Vec::new() };
        for entry in entries {
            match keys.iter().find(|key| key.name == entry.key) {
                Some(key) => match self.fits(key.kind, entry) {
                    Fit::Right => object.entries.push(entry),
                    Fit::Wrong => object.wrong.push((key.name, entry.node.at)),
                    Fit::Absent => {}
                },
                None if closed => self.unknown(entry, keys, &mut object),
                None => {}
            }
        }
        for key in keys.iter().filter(|key| key.required && node.get(key.name).is_none()) {
            if !object.wrong.iter().any(|(name, _)| *name == key.name) {
                self.findings.error(node.at, format!("{} is missing", key.name));
                object.wrong.push((key.name, node.at));
            }
        }
        Some(object)
    }

    /// Reports a key that is none. What it probably should have been counts as wrong, not as missing.
    fn unknown(&mut self, entry: &Entry, keys: &[Key], object: &mut Object<'_>) {
        let message = format!("unknown key {}", Quoted(&entry.key));
        let known = keys.iter().map(|key| key.name);
        let meant = self.findings.error(entry.at, message).did_you_mean(&entry.key, known);
        object.wrong.extend(meant.map(|meant| (meant, entry.node.at)));
    }

    fn fits(&mut self, kind: Kind, entry: &Entry) -> Fit {
        let node = &entry.node;
        let right = match (kind, &node.value) {
            (Kind::Off, Value::Bool(false)) | (Kind::Ignored, _) => return Fit::Absent,
            (Kind::Off, Value::Bool(true)) | (Kind::Refused, _) => {
                self.findings.error(entry.at, "not supported yet");
                false
            }
            (Kind::FullList, Value::List(items)) if items.is_empty() => {
                self.findings.error(node.at, "expected at least one element");
                false
            }
            (Kind::Text, Value::Text(_))
            | (Kind::Bool, Value::Bool(_))
            | (Kind::Object, Value::Map(_))
            | (Kind::List | Kind::FullList, Value::List(_)) => true,
            (Kind::Name, Value::Text(text)) => self.is_short(node, text),
            (Kind::Word(words), Value::Text(text)) => self.is_one_of(node, text, words),
            (Kind::Integer(min, max), _) => self.is_integer(node, min, max),
            (Kind::Text | Kind::Name, _) => self.wrong(node, "a string"),
            (Kind::Word(words), _) => self.wrong(node, &one_of(words)),
            (Kind::Bool | Kind::Off, _) => self.wrong(node, "true or false"),
            (Kind::Object, _) => self.wrong(node, "an object"),
            (Kind::List | Kind::FullList, _) => self.wrong(node, "a list"),
        };
        if right { Fit::Right } else { Fit::Wrong }
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
        let exact = match &node.value {
            Value::Int(_) => true,
            Value::Loose(text) => self.loose || text.parse::<i64>().is_ok(),
            _ => self.loose,
        };
        let Some(value) = node.whole().filter(|_| exact) else {
            return self.wrong(node, "an integer");
        };
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

    /// The value under the key as it is; a mark if it has been reported.
    pub(super) fn copy(&self, key: &str) -> Option<Node> {
        self.convert(key, |node| Some(node.clone()))
    }

    /// What becomes of the value under the key; a mark if it has been reported or nothing becomes of it.
    pub(super) fn convert(
        &self,
        key: &str,
        convert: impl FnOnce(&'n Node) -> Option<Node>,
    ) -> Option<Node> {
        if let Some(node) = self.get(key) {
            return Some(convert(node).unwrap_or_else(|| Node::wrong(node.at)));
        }
        let (_, at) = self.wrong.iter().find(|(name, _)| *name == key)?;
        Some(Node::wrong(*at))
    }

    /// What becomes of the list under the key.
    pub(super) fn convert_list(
        &self,
        key: &str,
        mut convert: impl FnMut(&'n Node) -> Option<Node>,
    ) -> Option<Node> {
        self.convert(key, |list| {
            let Value::List(items) = &list.value else { return None };
            let convert = |node: &'n Node| convert(node).unwrap_or_else(|| Node::wrong(node.at));
            Some(Node::new(list.at, Value::List(items.iter().map(convert).collect())))
        })
    }
}

fn one_of(words: &[&str]) -> String {
    match words {
        [only] => format!("{only:?}"),
        _ => format!("one of {}", words.join(", ")),
    }
}
