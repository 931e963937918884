//! Puts v3 trees together; each part takes the place of what it was made from.

use std::time::Duration;

use crate::config::source::{At, Entry, Node, Value};
use crate::config::v3;

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
        self.entries.push(Entry { key: field.to_owned(), at: node.at, node });
        self
    }

    /// Sets a field if there is something to set it to.
    pub(super) fn maybe(self, field: &str, node: Option<Node>) -> Self {
        match node {
            Some(node) => self.set(field, node),
            None => self,
        }
    }

    /// Sets a field to the value as it stands in the v1 file.
    pub(super) fn copy(self, field: &str, node: Option<&Node>) -> Self {
        self.maybe(field, node.cloned())
    }

    /// Sets an enum: v1's words are v3's names in lower case.
    pub(super) fn upper(self, field: &str, node: Option<&Node>) -> Self {
        let upper = node.map(|node| match &node.value {
            Value::Text(text) => Node::text(node.at, text.to_ascii_uppercase()),
            _ => node.clone(),
        });
        self.maybe(field, upper)
    }

    /// Sets a field to a text.
    pub(super) fn text(self, field: &str, at: At, text: &str) -> Self {
        self.set(field, Node::text(at, text))
    }

    /// Sets a field to a list.
    pub(super) fn list(self, field: &str, at: At, items: Vec<Node>) -> Self {
        self.set(field, Node::new(at, Value::List(items)))
    }

    pub(super) fn finish(self) -> Node {
        Node::new(self.at, Value::Map(self.entries))
    }
}

/// v3's text of a number of milliseconds.
pub(super) fn milliseconds(number: Option<(At, i64)>) -> Option<Node> {
    duration(number, Duration::from_millis)
}

/// v3's text of a number of seconds.
pub(super) fn seconds(number: Option<(At, i64)>) -> Option<Node> {
    duration(number, Duration::from_secs)
}

fn duration(number: Option<(At, i64)>, unit: fn(u64) -> Duration) -> Option<Node> {
    let (at, number) = number?;
    // The keys take no negative numbers.
    let duration = unit(u64::try_from(number).unwrap_or_default());
    Some(Node::text(at, v3::duration_text(duration)))
}
