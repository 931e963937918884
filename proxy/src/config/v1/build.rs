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

    /// Sets a field.
    pub(super) fn set(mut self, field: &str, node: Node) -> Self {
        self.entries.push(Entry { key: field.to_owned(), at: node.at, node, note: None });
        self
    }

    /// Sets a field if there is something to set it to.
    pub(super) fn maybe(self, field: &str, node: Option<Node>) -> Self {
        match node {
            Some(node) => self.set(field, node),
            None => self,
        }
    }

    /// Sets the fields that v3 calls as v1 does.
    pub(super) fn copies(self, keys: &[Key], object: &Object<'_>) -> Self {
        keys.iter().fold(self, |built, key| built.maybe(key.name, object.copy(key.name)))
    }

    /// Sets a field to a text.
    pub(super) fn text(self, field: &str, at: At, text: &str) -> Self {
        self.set(field, Node::text(at, text))
    }

    /// Sets a field to a list.
    pub(super) fn list(self, field: &str, at: At, items: Vec<Node>) -> Self {
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

    pub(super) fn finish(self) -> Node {
        Node::new(self.at, Value::Map(self.entries))
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
