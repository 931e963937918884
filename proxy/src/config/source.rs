//! Texts as trees in which every node knows where it stood.

mod json;
mod yaml;

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::note::Note;

/// Deeper nesting than this is refused. Protobuf's own JSON reader stops at 100 as well.
const MAX_DEPTH: usize = 100;

/// A tree of more keys and values than this is refused: at some 80 bytes for each, it bounds what a hostile file costs. A
/// cluster with its route takes thirty.
const MAX_NODES: usize = 400_000;

/// The texts of one load and the places in them that the nodes refer to.
#[derive(Debug, Default)]
pub(super) struct Sources {
    files: Vec<File>,
    marks: Vec<Mark>,
}

/// A place in one of the [`Sources`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct At(u32);

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) at: At,
    pub(super) value: Value,
}

/// What a node holds: JSON's types, with whole numbers apart.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// A plain scalar of YAML that is a number other than a small whole one. v3 has it as a text, as Envoy does (a
    /// commit's hash such as 12345e7 stays what it is); v1 has it as a number.
    Loose(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// Something that has been reported: it is neither right nor absent. No reader makes it.
    Wrong,
}

/// One key of a map.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    /// Where the key stood.
    pub(super) at: At,
    pub(super) node: Node,
    /// What the conversion from v1 has to say about it; no reader has anything to say.
    pub(super) note: Option<Note>,
}

/// The notation of a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Notation {
    Json,
    Yaml,
}

/// Line and column, both from one; the column counts characters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Mark {
    pub(super) line: u32,
    pub(super) column: u32,
}

/// Why a text is no tree.
#[derive(Debug)]
pub(super) struct SyntaxError {
    pub(super) mark: Mark,
    pub(super) message: String,
}

#[derive(Debug)]
struct File {
    name: String,
    /// The first mark of this file; the marks of a file are contiguous.
    first: u32,
}

// === impl Sources ===

impl Sources {
    /// Starts a file; the marks that follow are in it. Returns the place of the file as a whole.
    pub(super) fn open(&mut self, name: &str) -> At {
        let first = u32::try_from(self.marks.len()).unwrap_or(u32::MAX);
        self.files.push(File { name: name.to_owned(), first });
        self.mark(Mark { line: 1, column: 1 })
    }

    /// Reads a whole text into a tree.
    pub(super) fn parse(&mut self, text: &str, notation: Notation) -> Result<Node, SyntaxError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match notation {
            Notation::Json => json::parse(text, self),
            // JSON is YAML too, is often one long line, and has a quicker reader.
            Notation::Yaml if text.trim_start().starts_with(['{', '[']) => {
                json::parse(text, self).or_else(|_| yaml::parse(text, self))
            }
            Notation::Yaml => yaml::parse(text, self),
        }
    }

    pub(super) fn mark(&mut self, mark: Mark) -> At {
        // The bound on nodes is far below 2^32 marks; a clamp cannot be reached.
        let at = At(u32::try_from(self.marks.len()).unwrap_or(u32::MAX));
        self.marks.push(mark);
        at
    }

    /// A map of these entries, unless two have the same key.
    fn map(&self, entries: Vec<Entry>) -> Result<Value, SyntaxError> {
        let Some(again) = repeated_key(&entries) else { return Ok(Value::Map(entries)) };
        let mark = self.resolve(again.at).1.unwrap_or(Mark { line: 1, column: 1 });
        Err(SyntaxError { mark, message: format!("key {} is given twice", Quoted(&again.key)) })
    }

    /// The file of a place and where it is in there.
    pub(super) fn resolve(&self, at: At) -> (&str, Option<Mark>) {
        let file = self.files.iter().rev().find(|file| file.first <= at.0);
        let name = file.map_or("", |file| file.name.as_str());
        // The first mark of a file stands for the file as a whole.
        let whole = file.is_some_and(|file| file.first == at.0);
        (name, self.marks.get(at.0 as usize).copied().filter(|_| !whole))
    }
}

// === impl Node ===

impl Node {
    pub(super) fn new(at: At, value: Value) -> Self {
        Self { at, value }
    }

    pub(super) fn text(at: At, text: impl Into<String>) -> Self {
        Self::new(at, Value::Text(text.into()))
    }

    /// What takes the place of something that has been reported.
    pub(super) fn wrong(at: At) -> Self {
        Self::new(at, Value::Wrong)
    }

    /// The value under a key, if this is a map that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
    }

    /// The whole number that it is, with a fraction of zero or without one.
    pub(super) fn whole(&self) -> Option<i64> {
        match self.value {
            Value::Int(value) => Some(value),
            Value::Float(value) => whole(value),
            Value::Loose(ref text) => text.parse().ok().or_else(|| whole(text.parse().ok()?)),
            _ => None,
        }
    }

    /// How its type is called in a message.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) => "an integer",
            Value::Float(_) | Value::Loose(_) => "a number",
            Value::Text(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "an object",
            Value::Wrong => "nothing of use",
        }
    }

    /// The paths from this node to those of the places that are in it, as in `static_resources.clusters[0](app).name`.
    pub(super) fn paths_to(&self, wanted: &HashSet<At>) -> HashMap<At, String> {
        let mut found = HashMap::new();
        self.descend(wanted, &mut String::new(), &mut found);
        found
    }

    /// Shows everything below this node, from the top down: its path, where its key or it stood, and itself. Goes into
    /// what `show` says yes to.
    pub(super) fn walk(&self, show: &mut dyn FnMut(&str, At, &Self) -> bool) {
        self.walk_in(&mut String::new(), show);
    }

    fn walk_in(&self, path: &mut String, show: &mut dyn FnMut(&str, At, &Self) -> bool) {
        let length = path.len();
        match &self.value {
            Value::Map(entries) => {
                for entry in entries {
                    push_key(path, &entry.key);
                    if show(path, entry.at, &entry.node) {
                        entry.node.walk_in(path, show);
                    }
                    path.truncate(length);
                }
            }
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    push_index(path, index, item);
                    if show(path, item.at, item) {
                        item.walk_in(path, show);
                    }
                    path.truncate(length);
                }
            }
            _ => {}
        }
    }

    fn descend(&self, wanted: &HashSet<At>, path: &mut String, found: &mut HashMap<At, String>) {
        if wanted.contains(&self.at) {
            found.entry(self.at).or_insert_with(|| path.clone());
        }
        let length = path.len();
        match &self.value {
            Value::Map(entries) => {
                for entry in entries {
                    push_key(path, &entry.key);
                    if wanted.contains(&entry.at) {
                        found.entry(entry.at).or_insert_with(|| path.clone());
                    }
                    entry.node.descend(wanted, path, found);
                    path.truncate(length);
                }
            }
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    push_index(path, index, item);
                    item.descend(wanted, path, found);
                    path.truncate(length);
                }
            }
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::Loose(_)
            | Value::Wrong => {}
        }
    }
}

impl fmt::Display for Node {
    /// A short form of the value for a message: scalars as they are, the rest by kind.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Value::Null => f.write_str("null"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Int(value) => write!(f, "{value}"),
            Value::Float(value) => write!(f, "{value:?}"),
            Value::Text(value) => write!(f, "{}", Quoted(value)),
            Value::Loose(value) => write!(f, "{value}"),
            Value::List(_) | Value::Map(_) | Value::Wrong => f.write_str(self.kind()),
        }
    }
}

/// A text from a file as a message shows it: quoted, escaped, and not longer than a line bears.
pub(super) struct Quoted<'a>(pub(super) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 100;
        match self.0.char_indices().nth(LONGEST) {
            None => write!(f, "{:?}", self.0),
            Some((end, _)) => write!(f, "{:?}…", &self.0[..end]),
        }
    }
}

/// The integer that a number with a fraction is, if its fraction is zero.
pub(super) fn whole(value: f64) -> Option<i64> {
    /// 2^53: beyond it not every integer is a double.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() != 0.0 || value.abs() > EXACT {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range has just been checked")]
    Some(value as i64)
}

fn push_key(path: &mut String, key: &str) {
    let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '@');
    if !plain || key.is_empty() {
        path.push_str(&format!("[{}]", Quoted(key)));
        return;
    }
    if !path.is_empty() {
        path.push('.');
    }
    path.push_str(key);
}

fn push_index(path: &mut String, index: usize, item: &Node) {
    path.push_str(&format!("[{index}]"));
    if let Some(Value::Text(name)) = item.get("name").map(|name| &name.value) {
        let short: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
        path.push_str(&format!("({short})"));
    }
}

/// The first key of a map that is given again, by the place where it is given again.
fn repeated_key(entries: &[Entry]) -> Option<&Entry> {
    /// Up to here comparing each with each is quicker than hashing.
    const FEW: usize = 16;
    if entries.len() <= FEW {
        let before = |(index, entry): &(usize, &Entry)| {
            entries[..*index].iter().any(|earlier| earlier.key == entry.key)
        };
        return entries.iter().enumerate().find(before).map(|(_, entry)| entry);
    }
    let mut seen = HashSet::with_capacity(entries.len());
    entries.iter().find(|entry| !seen.insert(entry.key.as_str()))
}

fn too_deep(mark: Mark) -> SyntaxError {
    SyntaxError { mark, message: format!("nested deeper than {MAX_DEPTH} levels") }
}
