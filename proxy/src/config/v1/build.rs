//! Puts v3 trees together; each part takes the place of what it was made from.

use std::time::Duration;

use crate::config::note::Note;
use crate::config::source::{At, Entry, Node, Value};
use crate::config::v3;

use super::object::{Key, Object};

/// A v3 object under construction.
pub(super) struct Build {
    at: At,
    entries: Vec<Entry>,
}

/// The value of a v3 field, with the place of the v1 key that it was made from.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) key: At,
    pub(super) node: Node,
}

// === impl Build ===

impl Build {
    /// An empty object in that place.
    pub(super) fn at(at: At) -> Self {
        Self { at, entries: Vec::new() }
    }

    /// The beginning of an `Any` of that type.
    pub(super) fn any(at: At, message: &str) -> Self {
        Self::at(at).text("@type", at, &format!("type.googleapis.com/{message}"))
    }

    /// An extension of that name with its `typed_config`.
    pub(super) fn extension(at: At, name: &str, config: Node) -> Self {
        Self::at(at).text("name", at, name).set("typed_config", config)
    }

    /// Sets a field.
    pub(super) fn set(mut self, field: &str, part: impl Into<Part>) -> Self {
        let Part { key: at, node } = part.into();
        self.entries.push(Entry { key: field.to_owned(), at, node, note: None });
        self
    }

    /// Sets a field if there is something to set it to.
    pub(super) fn maybe<P: Into<Part>>(self, field: &str, part: Option<P>) -> Self {
        match part {
            Some(part) => self.set(field, part),
            None => self,
        }
    }

    /// Sets the fields that v3 calls as v1 does.
    pub(super) fn copies(self, keys: &[Key], object: &Object<'_>) -> Self {
        keys.iter().fold(self, |built, key| built.maybe(key.name, object.copy(key.name)))
    }

    /// Sets the fields of these names, which v3 calls as v1 does.
    pub(super) fn same(self, names: &[&str], object: &Object<'_>) -> Self {
        names.iter().fold(self, |built, name| built.maybe(name, object.copy(name)))
    }

    /// Sets a field to a time that v1 has in milliseconds, under the same name with `_ms`.
    pub(super) fn time(self, field: &str, object: &Object<'_>) -> Self {
        self.maybe(field, object.convert(&format!("{field}_ms"), milliseconds))
    }

    /// Sets a field to a text.
    pub(super) fn text(self, field: &str, at: At, text: &str) -> Self {
        self.set(field, Node::text(at, text))
    }

    /// Sets a field to a number.
    pub(super) fn number(self, field: &str, at: At, number: i64) -> Self {
        self.set(field, Node::new(at, Value::Int(number)))
    }

    /// Sets a field to true.
    pub(super) fn on(self, field: &str, at: At) -> Self {
        self.set(field, Node::new(at, Value::Bool(true)))
    }

    /// Sets a field to a list, unless the list is empty.
    pub(super) fn list(self, field: &str, at: At, items: Vec<Node>) -> Self {
        if items.is_empty() {
            return self;
        }
        self.set(field, Node::new(at, Value::List(items)))
    }

    /// Has something said about a field, if it is set.
    pub(super) fn note(mut self, field: &str, note: Note) -> Self {
        let entry = self.entries.iter_mut().rfind(|entry| entry.key == field);
        if let Some(entry) = entry {
            entry.note = Some(note);
        }
        self
    }

    /// Has something said about a field if that is so and it is set.
    pub(super) fn note_if(self, so: bool, field: &str, note: Note) -> Self {
        if so { self.note(field, note) } else { self }
    }

    /// Whether nothing was set.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn finish(self) -> Node {
        Node::new(self.at, Value::Map(self.entries))
    }

    /// The object, if anything was set.
    pub(super) fn finish_unless_empty(self) -> Option<Node> {
        (!self.is_empty()).then(|| self.finish())
    }
}

// === impl Part ===

impl Part {
    /// What becomes of the value.
    pub(super) fn map(self, convert: impl FnOnce(Node) -> Node) -> Self {
        Self { key: self.key, node: convert(self.node) }
    }
}

impl From<Node> for Part {
    fn from(node: Node) -> Self {
        Self { key: node.at, node }
    }
}

/// An object with one field.
pub(super) fn one(field: &str, node: Node) -> Node {
    Build::at(node.at).set(field, node).finish()
}

/// A list of one element.
pub(super) fn list_of(node: Node) -> Node {
    Node::new(node.at, Value::List(vec![node]))
}

/// More nodes than this are not made out of fewer by repeating them.
pub(super) const MOST_REPEATED: usize = 100_000;

/// How many nodes it has.
pub(super) fn size(node: &Node) -> usize {
    match &node.value {
        Value::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|entry| size(&entry.node)).sum::<usize>(),
        _ => 1,
    }
}

/// v3's name of a v1 word: the same in upper case.
pub(super) fn upper(node: &Node) -> Option<Node> {
    let Value::Text(text) = &node.value else { return None };
    Some(Node::text(node.at, text.to_ascii_uppercase()))
}

/// v3's text of a number of milliseconds.
pub(super) fn milliseconds(node: &Node) -> Option<Node> {
    duration(node, Duration::from_millis)
}

/// v3's text of a number of seconds.
pub(super) fn seconds(node: &Node) -> Option<Node> {
    duration(node, Duration::from_secs)
}

fn duration(node: &Node, unit: fn(u64) -> Duration) -> Option<Node> {
    // The keys take no negative numbers.
    let number = u64::try_from(node.whole()?).ok()?;
    Some(Node::text(node.at, v3::duration_text(unit(number))))
}

/// A v3 `FractionalPercent` of a number of hundredths.
pub(super) fn percent(node: &Node) -> Option<Node> {
    Some(Build::at(node.at).number("numerator", node.at, node.whole()?).finish())
}

/// A v3 `DataSource` of a file's name.
pub(super) fn file(node: &Node) -> Option<Node> {
    Some(one("filename", node.clone()))
}

/// A v3 `StringMatcher` of the exact text.
pub(super) fn exact(node: &Node) -> Option<Node> {
    Some(one("exact", node.clone()))
}

/// The parts of a text between separators as a list.
pub(super) fn split(node: &Node, separator: char) -> Option<Node> {
    let Value::Text(text) = &node.value else { return None };
    let parts = text.split(separator).filter(|part| !part.is_empty());
    Some(Node::new(node.at, Value::List(parts.map(|part| Node::text(node.at, part)).collect())))
}

/// A v3 `GrpcService` of a cluster.
pub(super) fn grpc_service(cluster: Node) -> Node {
    one("envoy_grpc", one("cluster_name", cluster))
}
