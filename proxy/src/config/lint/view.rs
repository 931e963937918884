//! A v3 tree as the lints read it: fields by their names, values if they are of the right type.

use std::time::Duration;

use crate::config::source::{At, Node, Value};
use crate::config::v3;

/// A node, or none.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'n>(Option<&'n Node>);

// === impl View ===

impl<'n> View<'n> {
    pub(super) fn of(node: &'n Node) -> Self {
        Self(Some(node))
    }

    /// The value of a field, by either of its names.
    pub(super) fn get(self, field: &str) -> Self {
        let Some(Value::Map(entries)) = self.0.map(|node| &node.value) else { return Self(None) };
        let found = entries.iter().find(|entry| is_name(&entry.key, field));
        let found = found.map(|entry| &entry.node);
        Self(found.filter(|node| !matches!(node.value, Value::Null | Value::Wrong)))
    }

    /// The value at the end of a way through messages.
    pub(super) fn at(self, fields: &[&str]) -> Self {
        fields.iter().fold(self, |view, field| view.get(field))
    }

    /// Whether there is something.
    pub(super) fn is_set(self) -> bool {
        self.0.is_some()
    }

    /// The elements of a list.
    pub(super) fn items(self) -> impl Iterator<Item = Self> {
        let items: &'n [Node] = match self.0.map(|node| &node.value) {
            Some(Value::List(items)) => items,
            _ => &[],
        };
        items.iter().map(Self::of)
    }

    /// The values of a map.
    pub(super) fn values(self) -> impl Iterator<Item = Self> {
        let entries = match self.0.map(|node| &node.value) {
            Some(Value::Map(entries)) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(|entry| Self::of(&entry.node))
    }

    /// How many fields a message has set.
    pub(super) fn fields(self) -> usize {
        match self.0.map(|node| &node.value) {
            Some(Value::Map(entries)) => entries.len(),
            _ => 0,
        }
    }

    pub(super) fn text(self) -> Option<&'n str> {
        match &self.0?.value {
            Value::Text(text) | Value::Loose(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn number(self) -> Option<i64> {
        self.0?.whole()
    }

    pub(super) fn is_true(self) -> bool {
        self.0.is_some_and(|node| matches!(node.value, Value::Bool(true)))
    }

    pub(super) fn duration(self) -> Option<Duration> {
        v3::parse_duration(self.text()?)
    }

    /// Its place, or that of what it would be in.
    pub(super) fn place_or(self, around: Self) -> Option<At> {
        self.0.or(around.0).map(|node| node.at)
    }

    pub(super) fn place(self) -> Option<At> {
        self.place_or(self)
    }

    /// Whether some field below, at any depth, satisfies this.
    pub(super) fn any(self, test: &mut dyn FnMut(&str, &Node) -> bool) -> bool {
        let mut found = false;
        if let Some(node) = self.0 {
            node.walk(&mut |path, _, node| {
                let key = path.rsplit('.').next().unwrap_or(path);
                found = found || test(key, node);
                !found
            });
        }
        found
    }
}

/// Whether a key is the field of that name, which may be written in lowerCamelCase.
fn is_name(key: &str, field: &str) -> bool {
    let mut key = key.chars();
    let mut field = field.chars();
    while let Some(wanted) = field.next() {
        match (wanted, key.next()) {
            (wanted, Some(c)) if c == wanted => {}
            ('_', Some(c)) if field.next().is_some_and(|next| next.to_ascii_uppercase() == c) => {}
            _ => return false,
        }
    }
    key.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn a_field_has_two_names() {
        assert!(is_name("route_config", "route_config"));
        assert!(is_name("routeConfig", "route_config"));
        assert!(is_name("name", "name"));
        for other in ["route", "route_configs", "routeconfig", "routeConfigX", ""] {
            assert!(!is_name(other, "route_config"), "{other}");
        }
    }
}
