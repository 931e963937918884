//! YAML as a tree with places. What a plain scalar means is decided as Envoy's reader (yaml-cpp) decides it.

use std::cell::Cell;
use std::collections::HashMap;
use std::str::Chars;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use super::{At, Entry, MAX_DEPTH, MAX_NODES, Mark, Node, Quoted, Sources, SyntaxError, Value};

/// What all anchors and aliases of a text together may add to it, in bytes of tree: a few nested aliases could grow it
/// without end.
const MAX_ALIASED: usize = 8 * 1024 * 1024;

/// How far the parser may read from one event to the next, in characters. It keeps the tokens of a flow collection
/// until it knows whether the collection is a key, at some 170 bytes for each, so that a list of some megabytes would
/// cost gigabytes.
const MAX_AHEAD: usize = 128 * 1024;

/// Reads a text that is at most one YAML document.
pub(super) fn parse(text: &str, sources: &mut Sources) -> Result<Node, SyntaxError> {
    let mut builder = Builder::new(sources);
    let ahead = Cell::new(0);
    let mut parser = Parser::new_from_iter(Metered { chars: text.chars(), ahead: &ahead });
    let mut last = Mark { line: 1, column: 1 };
    while let Some(event) = parser.next_event() {
        if ahead.replace(0) >= MAX_AHEAD {
            let message = format!("a scalar, flow collection or gap of {MAX_AHEAD} characters");
            return Err(SyntaxError { mark: last, message });
        }
        let (event, span) = event.map_err(|error| SyntaxError {
            mark: mark(error.marker()),
            message: error.info().to_owned(),
        })?;
        last = mark(&span.end);
        builder.event(event, &span.start)?;
    }
    Ok(builder.finish())
}

/// The characters of a text, which ends for the parser where it has read too far ahead.
struct Metered<'a> {
    chars: Chars<'a>,
    ahead: &'a Cell<usize>,
}

impl Iterator for Metered<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let ahead = self.ahead.get() + 1;
        self.ahead.set(ahead);
        if ahead < MAX_AHEAD { self.chars.next() } else { None }
    }
}

/// The tree under construction.
struct Builder<'a> {
    sources: &'a mut Sources,
    /// The collections that are open, outermost first.
    open: Vec<Open>,
    root: Option<Node>,
    /// What each anchor stands for, and the bytes of tree it costs.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    aliased: usize,
}

/// A collection that has begun and not ended.
struct Open {
    at: At,
    anchor: usize,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    /// The entries so far, and a key that has no value yet.
    Map(Vec<Entry>, Option<(String, At)>),
}

// === impl Builder ===

impl<'a> Builder<'a> {
    fn new(sources: &'a mut Sources) -> Self {
        Self {
            sources,
            open: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            nodes: 0,
            aliased: 0,
        }
    }

    fn event(&mut self, event: Event<'_>, start: &Marker) -> Result<(), SyntaxError> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_some() => {
                Err(error(start, "a second document: a file holds one".to_owned()))
            }
            Event::DocumentStart(_) => Ok(()),
            Event::SequenceStart(anchor, tag) => {
                self.begin(start, anchor, tag.as_deref(), Items::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                self.begin(start, anchor, tag.as_deref(), Items::Map(Vec::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(start),
            Event::Alias(anchor) => self.alias(anchor, start),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let plain = scalar_is_plain(plain, tag.as_deref(), start)?;
                self.scalar(&text, plain, anchor, start)
            }
        }
    }

    fn begin(
        &mut self,
        start: &Marker,
        anchor: usize,
        tag: Option<&Tag>,
        items: Items,
    ) -> Result<(), SyntaxError> {
        if let Some(tag) = tag
            && !(tag.is_yaml_core_schema() && matches!(tag.suffix.as_str(), "map" | "seq"))
        {
            return Err(unknown_tag(tag, start));
        }
        if self.key_is_next() {
            return Err(error(start, "a key must be a scalar".to_owned()));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(super::too_deep(mark(start)));
        }
        let at = self.place(start)?;
        self.open.push(Open { at, anchor, items });
        Ok(())
    }

    fn end(&mut self, marker: &Marker) -> Result<(), SyntaxError> {
        let Some(open) = self.open.pop() else {
            return Err(error(marker, "unexpected end of a collection".to_owned()));
        };
        // Most collections are smaller than a list begins with room for.
        let value = match open.items {
            Items::List(mut items) => {
                items.shrink_to_fit();
                Value::List(items)
            }
            Items::Map(mut entries, _) => {
                entries.shrink_to_fit();
                self.sources.map(entries)?
            }
        };
        self.add(Node::new(open.at, value), open.anchor);
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        plain: bool,
        anchor: usize,
        start: &Marker,
    ) -> Result<(), SyntaxError> {
        let at = self.place(start)?;
        if let Some(Open { items: Items::Map(_, key @ None), .. }) = self.open.last_mut() {
            *key = Some((text.to_owned(), at));
            return Ok(());
        }
        let value = if plain { resolve(text) } else { Value::Text(text.to_owned()) };
        self.add(Node::new(at, value), anchor);
        Ok(())
    }

    fn alias(&mut self, anchor: usize, start: &Marker) -> Result<(), SyntaxError> {
        if self.key_is_next() {
            return Err(error(start, "a key must be a scalar, not an alias".to_owned()));
        }
        let known = self.anchors.get(&anchor);
        self.aliased += known.map_or(0, |(_, cost)| *cost);
        if self.aliased > MAX_ALIASED {
            return Err(error(start, "anchors and aliases add up to too much".to_owned()));
        }
        let Some((node, _)) = known else {
            return Err(error(start, "an alias within what it stands for".to_owned()));
        };
        let node = node.clone();
        self.add(node, 0);
        Ok(())
    }

    /// Puts a finished value where it belongs.
    fn add(&mut self, node: Node, anchor: usize) {
        if anchor != 0 {
            // The table has its share: an anchor may stand for next to nothing.
            let cost = cost(&node) + 2 * size_of::<(usize, (Node, usize))>();
            // Anchors are kept as copies, which count as much as what is copied from them.
            self.aliased += cost;
            if self.aliased <= MAX_ALIASED {
                self.anchors.insert(anchor, (node.clone(), cost));
            } else {
                self.anchors = HashMap::new();
            }
        }
        match self.open.last_mut().map(|open| &mut open.items) {
            None => self.root = Some(node),
            Some(Items::List(items)) => items.push(node),
            Some(Items::Map(entries, key)) => {
                if let Some((key, at)) = key.take() {
                    entries.push(Entry { key, at, node, note: None });
                }
            }
        }
    }

    fn key_is_next(&self) -> bool {
        matches!(self.open.last(), Some(Open { items: Items::Map(_, None), .. }))
    }

    fn place(&mut self, start: &Marker) -> Result<At, SyntaxError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(error(start, format!("more than {MAX_NODES} keys and values")));
        }
        Ok(self.sources.mark(mark(start)))
    }

    /// The document; null if there is none.
    fn finish(self) -> Node {
        let start = Mark { line: 1, column: 1 };
        self.root.unwrap_or_else(|| Node::new(self.sources.mark(start), Value::Null))
    }
}

/// What a plain scalar stands for, by the rules and in the order of Envoy's reader.
fn resolve(text: &str) -> Value {
    if matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    if let Some(value) = boolean(text) {
        return Value::Bool(value);
    }
    match integer(text) {
        Some(value) if i32::try_from(value).is_ok() => Value::Int(value),
        Some(value) => Value::Loose(value.to_string()),
        None if is_float(text) => Value::Loose(text.to_owned()),
        None => Value::Text(text.to_owned()),
    }
}

/// yaml-cpp's booleans: YAML 1.1's words, in lower case, upper case or with one capital.
fn boolean(text: &str) -> Option<bool> {
    let mut rest = text.chars();
    rest.next()?;
    let rest = rest.as_str();
    let even = rest.chars().all(|c| c.is_ascii_lowercase())
        || text.chars().all(|c| c.is_ascii_uppercase());
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" | "true" | "on" if even => Some(true),
        "n" | "no" | "false" | "off" if even => Some(false),
        _ => None,
    }
}

fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    // A second sign is no number, though the standard library would take it after the prefix.
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let (radix, digits) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => (16, digits),
        None if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        None => (10, digits),
    };
    i64::from_str_radix(&format!("{sign}{digits}"), radix).ok()
}

/// Whether it is a number with a fraction or an exponent. What YAML calls infinite or no number is text.
fn is_float(text: &str) -> bool {
    let digits =
        text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'));
    digits && text.parse::<f64>().is_ok_and(f64::is_finite)
}

fn scalar_is_plain(plain: bool, tag: Option<&Tag>, start: &Marker) -> Result<bool, SyntaxError> {
    match tag {
        None => Ok(plain),
        Some(tag) if tag.is_yaml_core_schema() && tag.suffix == "str" => Ok(false),
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Ok(false),
        Some(tag)
            if tag.is_yaml_core_schema()
                && matches!(tag.suffix.as_str(), "int" | "float" | "bool" | "null") =>
        {
            Ok(true)
        }
        Some(tag) => Err(unknown_tag(tag, start)),
    }
}

fn unknown_tag(tag: &Tag, start: &Marker) -> SyntaxError {
    error(start, format!("tag {} has no meaning here", Quoted(&tag.to_string())))
}

/// What a copy of the tree costs, in bytes, roughly.
fn cost(node: &Node) -> usize {
    let below = match &node.value {
        Value::Text(text) | Value::Loose(text) => text.len(),
        Value::List(items) => items.iter().map(cost).sum(),
        Value::Map(entries) => entries
            .iter()
            .map(|entry| size_of::<Entry>() + entry.key.len() + cost(&entry.node))
            .sum(),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Wrong => 0,
    };
    size_of::<Node>() + below
}

fn mark(marker: &Marker) -> Mark {
    let line = u32::try_from(marker.line()).unwrap_or(u32::MAX);
    let column = u32::try_from(marker.col()).unwrap_or(u32::MAX);
    Mark { line: line.max(1), column: column.saturating_add(1) }
}

fn error(marker: &Marker, message: String) -> SyntaxError {
    SyntaxError { mark: mark(marker), message }
}
