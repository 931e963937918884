//! Objects of the v1 form: closed sets of keys with strict types.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::config::diagnostic::Findings;
use crate::config::source::{At, Entry, Node, Quoted, Value};

use super::build::Part;
use super::hints;

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
    /// Not the empty one.
    Filled,
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
    /// Strings.
    Texts,
    /// At least one string, and none of them twice.
    FullTexts,
    /// Some of these words, none of them twice.
    Words(&'static [&'static str]),
    /// Known, read past, and without effect in the form's own time too.
    Ignored,
    /// Known, and without a counterpart in v3 for this reason.
    Gone(&'static str),
}

/// A number of zero or more.
pub(super) const NUMBER: Kind = Kind::Integer(0, u32::MAX as i64);

/// A number above zero.
pub(super) const POSITIVE: Kind = Kind::Integer(1, u32::MAX as i64);

/// A time in milliseconds. v3 has times of up to 292 years.
pub(super) const TIME: Kind = Kind::Integer(0, LONGEST_MS);

/// A time above zero in milliseconds.
pub(super) const POSITIVE_TIME: Kind = Kind::Integer(1, LONGEST_MS);

/// A time in seconds.
pub(super) const SECONDS: Kind = Kind::Integer(0, LONGEST_MS / 1000);

/// A part of a hundred.
pub(super) const PERCENT: Kind = Kind::Integer(0, 100);

const LONGEST_MS: i64 = 9_223_372_036_000;

/// The word under `type` that an object may have, and the keys that it then has.
pub(super) struct Variant {
    word: &'static str,
    keys: &'static [Key],
    closed: bool,
}

/// What the readers share.
pub(super) struct Context<'a> {
    pub(super) findings: &'a mut Findings,
    /// Whether whole numbers may be written with a fraction: inside the `config` of a listener's filter they may.
    pub(super) loose: bool,
    /// The tracer, which v1 has at the top and v3 in each connection manager.
    pub(super) tracer: Option<Loan>,
    /// The rate-limit service, which v1 has at the top and v3 in each filter.
    pub(super) rate_limit_service: Option<Loan>,
    /// How long a request may take, which v1 has in the buffer filter and v3 in the connection manager around it.
    pub(super) request_timeout: Option<Part>,
    /// Whether there are spans of our own, which v1 has in the router and v3 in the connection manager around it.
    pub(super) child_span: Option<Part>,
}

/// Something that v1 has in one place and v3 in each place that uses it.
pub(super) struct Loan {
    node: Node,
    /// Whether any place does.
    pub(super) used: bool,
}

/// An object whose keys were checked.
pub(super) struct Object<'n> {
    pub(super) at: At,
    /// Those of the right type.
    entries: Vec<&'n Entry>,
    /// Those that were reported, as wrong or as missing, with the places of key and value.
    wrong: Vec<(&'static str, At, At)>,
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

/// A key that is known and has no counterpart in v3.
pub(super) const fn gone(name: &'static str, why: &'static str) -> Key {
    optional(name, Kind::Gone(why))
}

/// The objects of a closed set of keys with that word; `type` is one of the keys.
pub(super) const fn variant(word: &'static str, keys: &'static [Key]) -> Variant {
    Variant { word, keys, closed: true }
}

// === impl Variant ===

impl Variant {
    /// Other keys are passed over.
    pub(super) const fn open(mut self) -> Self {
        self.closed = false;
        self
    }
}

// === impl Context ===

impl<'a> Context<'a> {
    pub(super) fn new(findings: &'a mut Findings) -> Self {
        Self {
            findings,
            loose: false,
            tracer: None,
            rate_limit_service: None,
            request_timeout: None,
            child_span: None,
        }
    }

    /// Reads an object that has these keys and no others.
    pub(super) fn closed<'n>(&mut self, node: &'n Node, keys: &[Key]) -> Option<Object<'n>> {
        self.object(node, keys, true)
    }

    /// Reads an object in which unknown keys are allowed, as the form's own schema allowed them.
    pub(super) fn open<'n>(&mut self, node: &'n Node, keys: &[Key]) -> Option<Object<'n>> {
        self.object(node, keys, false)
    }

    /// Reads an object whose keys depend on the word under `type`.
    pub(super) fn variant<'n>(
        &mut self,
        node: &'n Node,
        variants: &[Variant],
    ) -> Option<(&'static str, Object<'n>)> {
        let kind = node.get("type");
        let Some((kind, Value::Text(word))) = kind.map(|kind| (kind, &kind.value)) else {
            // Without a word only that is wrong with it.
            self.open(node, &[required("type", Kind::Text)])?;
            return None;
        };
        let Some(variant) = variants.iter().find(|variant| variant.word == word) else {
            let words: Vec<&str> = variants.iter().map(|variant| variant.word).collect();
            self.is_one_of(kind, word, &words);
            return None;
        };
        Some((variant.word, self.object(node, variant.keys, variant.closed)?))
    }

    fn object<'n>(&mut self, node: &'n Node, keys: &[Key], closed: bool) -> Option<Object<'n>> {
        if self.findings.are_enough() {
            return None;
        }
        let Value::Map(entries) = &node.value else {
            self.wrong(node, "an object");
            return None;
        };
        let mut object = Object { at: node.at, entries: Vec::new(), wrong: Vec::new() };
        for entry in entries {
            match keys.iter().find(|key| key.name == entry.key) {
                Some(key) => match self.fits(key.kind, entry) {
                    Fit::Right => object.entries.push(entry),
                    Fit::Wrong => object.wrong.push((key.name, entry.at, entry.node.at)),
                    Fit::Absent => {}
                },
                None if closed => self.unknown(entry, keys, &mut object),
                None => {
                    let message = format!("no effect, there is no key {}", Quoted(&entry.key));
                    let known = keys.iter().map(|key| key.name);
                    self.findings.warn(entry.at, message).did_you_mean(&entry.key, known);
                }
            }
        }
        for key in keys.iter().filter(|key| key.required && node.get(key.name).is_none()) {
            if !object.wrong.iter().any(|(name, _, _)| *name == key.name) {
                self.findings.error(node.at, format!("{} is missing", key.name));
                object.wrong.push((key.name, node.at, node.at));
            }
        }
        Some(object)
    }

    /// Reports a key that is none. What it probably should have been counts as wrong, not as missing.
    fn unknown(&mut self, entry: &Entry, keys: &[Key], object: &mut Object<'_>) {
        let message = format!("unknown key {}", Quoted(&entry.key));
        let known = keys.iter().map(|key| key.name);
        let finding = self.findings.error(entry.at, message);
        let meant = finding.did_you_mean(&entry.key, known);
        if let Some(hint) = hints::of(&entry.key) {
            finding.hint(hint);
        }
        object.wrong.extend(meant.map(|meant| (meant, entry.at, entry.node.at)));
    }

    fn fits(&mut self, kind: Kind, entry: &Entry) -> Fit {
        let node = &entry.node;
        let right = match (kind, &node.value) {
            (Kind::Ignored, _) => return Fit::Absent,
            (Kind::Gone(why), _) => {
                self.gone(entry.at, why);
                return Fit::Absent;
            }
            (Kind::FullList | Kind::FullTexts, Value::List(items)) if items.is_empty() => {
                self.findings.error(node.at, "expected at least one element");
                false
            }
            (Kind::Filled, Value::Text(text)) if text.is_empty() => {
                self.wrong(node, "a string that is not empty")
            }
            (Kind::Text | Kind::Filled, Value::Text(_))
            | (Kind::Bool, Value::Bool(_))
            | (Kind::Object, Value::Map(_))
            | (Kind::List | Kind::FullList, Value::List(_)) => true,
            (Kind::Name, Value::Text(text)) => self.is_short(node, text),
            (Kind::Word(words), Value::Text(text)) => self.is_one_of(node, text, words),
            (Kind::Integer(min, max), _) => self.is_integer(node, min, max),
            (Kind::Texts, Value::List(items)) => self.are_texts(items),
            (Kind::FullTexts, Value::List(items)) => {
                self.are_texts(items) && self.are_different(items)
            }
            (Kind::Words(words), Value::List(items)) => {
                self.are_words(items, words) && self.are_different(items)
            }
            (Kind::Text | Kind::Filled | Kind::Name, _) => self.wrong(node, "a string"),
            (Kind::Word(words), _) => self.wrong(node, &one_of(words)),
            (Kind::Bool, _) => self.wrong(node, "true or false"),
            (Kind::Object, _) => self.wrong(node, "an object"),
            (Kind::List | Kind::FullList, _) => self.wrong(node, "a list"),
            (Kind::Texts | Kind::FullTexts | Kind::Words(_), _) => {
                self.wrong(node, "a list of strings")
            }
        };
        if right { Fit::Right } else { Fit::Wrong }
    }

    /// Reports something that v3 has no counterpart of.
    pub(super) fn gone(&mut self, at: At, why: &str) {
        self.findings.error(at, format!("there is no counterpart in v3: {why}"));
    }

    /// Reports the first element that is the same as one before it.
    pub(super) fn are_different(&mut self, items: &[Node]) -> bool {
        let mut seen = HashSet::with_capacity(items.len());
        let again = items.iter().find(|item| {
            let mut text = String::new();
            spell(item, &mut text);
            !seen.insert(text)
        });
        if let Some(again) = again {
            self.findings.error(again.at, "this element is given twice");
        }
        again.is_none()
    }

    fn are_texts(&mut self, items: &[Node]) -> bool {
        let mut right = true;
        for item in items.iter().filter(|item| !matches!(item.value, Value::Text(_))) {
            right = self.wrong(item, "a string");
        }
        right
    }

    fn are_words(&mut self, items: &[Node], words: &'static [&'static str]) -> bool {
        let mut right = true;
        for item in items {
            right &= match &item.value {
                Value::Text(text) => self.is_one_of(item, text, words),
                _ => self.wrong(item, &one_of(words)),
            };
        }
        right
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

    fn is_one_of(&mut self, node: &Node, text: &str, words: &[&str]) -> bool {
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
        let open = max >= u32::MAX.into();
        let wanted = match min {
            _ if open && value > max => format!("an integer of at most {max}"),
            0 if open => "an integer of 0 or more".to_owned(),
            1 if open => "an integer above 0".to_owned(),
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

// === impl Loan ===

impl Loan {
    pub(super) fn new(node: Node) -> Self {
        Self { node, used: false }
    }

    /// A copy for one of the places.
    pub(super) fn take(loan: &mut Option<Self>) -> Option<Node> {
        let loan = loan.as_mut()?;
        loan.used = true;
        Some(loan.node.clone())
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

    /// Whether the key is there, rightly or wrongly.
    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some() || self.is_wrong(key)
    }

    /// Whether the key is there and wrong, or missing, which has been reported.
    pub(super) fn is_wrong(&self, key: &str) -> bool {
        self.wrong.iter().any(|(name, _, _)| *name == key)
    }

    /// Whether the flag under the key is on.
    pub(super) fn is_on(&self, key: &str) -> bool {
        matches!(self.get(key), Some(Node { value: Value::Bool(true), .. }))
    }

    /// Where the key stood, which is there and right.
    pub(super) fn key(&self, key: &str) -> Option<At> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| entry.at)
    }

    /// The elements of the list under the key; none if there is no list.
    pub(super) fn items(&self, key: &str) -> &'n [Node] {
        match self.get(key).map(|node| &node.value) {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }

    /// The value under the key as it is; a mark if it has been reported.
    pub(super) fn copy(&self, key: &str) -> Option<Part> {
        self.convert(key, |node| Some(node.clone()))
    }

    /// What becomes of the value under the key; a mark if it has been reported or nothing becomes of it.
    pub(super) fn convert(
        &self,
        key: &str,
        convert: impl FnOnce(&'n Node) -> Option<Node>,
    ) -> Option<Part> {
        if let Some(entry) = self.entries.iter().find(|entry| entry.key == key) {
            let node = convert(&entry.node).unwrap_or_else(|| Node::wrong(entry.node.at));
            return Some(Part { key: entry.at, node });
        }
        let (_, key, at) = self.wrong.iter().find(|(name, _, _)| *name == key)?;
        Some(Part { key: *key, node: Node::wrong(*at) })
    }

    /// What becomes of the list under the key; an element that becomes null is left out.
    pub(super) fn convert_list(
        &self,
        key: &str,
        mut convert: impl FnMut(&'n Node) -> Option<Node>,
    ) -> Option<Part> {
        self.convert(key, |list| {
            let Value::List(items) = &list.value else { return None };
            let convert = |node: &'n Node| convert(node).unwrap_or_else(|| Node::wrong(node.at));
            let converted = items.iter().map(convert);
            let kept = converted.filter(|node| !matches!(node.value, Value::Null));
            Some(Node::new(list.at, Value::List(kept.collect())))
        })
    }

    /// A flag as v3's, where on is one object and off is none.
    pub(super) fn switch(&self, key: &str, on: impl FnOnce(At) -> Node) -> Option<Part> {
        let part = self.convert(key, |flag| match flag.value {
            Value::Bool(true) => Some(on(flag.at)),
            _ => Some(Node::new(flag.at, Value::Null)),
        });
        part.filter(|part| !matches!(part.node.value, Value::Null))
    }
}

fn one_of(words: &[&str]) -> String {
    match words {
        [only] => format!("{only:?}"),
        _ => format!("one of {}", words.join(", ")),
    }
}

/// Writes a value such that the same values have the same text, wherever they stand.
fn spell(node: &Node, text: &mut String) {
    match &node.value {
        Value::List(items) => {
            text.push('[');
            items.iter().for_each(|item| spell(item, text));
            text.push(']');
        }
        Value::Map(entries) => {
            let mut entries: Vec<&Entry> = entries.iter().collect();
            entries.sort_by(|a, b| a.key.cmp(&b.key));
            for entry in entries {
                let _ = write!(text, "{:?}:", entry.key);
                spell(&entry.node, text);
            }
        }
        Value::Text(value) => {
            let _ = write!(text, "{value:?}");
        }
        _ => {
            let _ = write!(text, "{node};");
        }
    }
}
