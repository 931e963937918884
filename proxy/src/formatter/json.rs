//! A format that is a JSON object, with operators in its texts.

use serde_json::Value;

use crate::stream_info::StreamInfo;

use super::format::{Format, FormatError};
use super::names::{Names, Notes};

/// A format, read once.
#[derive(Debug)]
pub struct JsonFormat {
    root: Node,
    /// What is not there is left out instead of being null.
    omit_empty: bool,
}

#[derive(Debug)]
enum Node {
    /// By key, in the order of the alphabet, as Envoy writes them.
    Map(Vec<(String, Self)>),
    List(Vec<Self>),
    Null,
    /// What is the same each time.
    Fixed(String),
    Text(Format),
}

// === impl JsonFormat ===

impl JsonFormat {
    /// Reads a format; what it prints of heads goes into `names`.
    ///
    /// # Errors
    /// A text in it that is no format.
    pub fn parse(root: &Value, omit_empty: bool, names: &mut Names) -> Result<Self, FormatError> {
        Ok(Self { root: Node::parse(root, omit_empty, names)?, omit_empty })
    }

    /// Appends the object, and a line's end.
    pub fn write(&self, line: &mut Vec<u8>, info: &StreamInfo, notes: &Notes) {
        self.write_node(&self.root, line, info, notes);
        line.push(b'\n');
    }

    /// Says whether there was anything to write.
    fn write_node(
        &self,
        node: &Node,
        line: &mut Vec<u8>,
        info: &StreamInfo,
        notes: &Notes,
    ) -> bool {
        match node {
            Node::Null => {
                line.extend_from_slice(b"null");
                false
            }
            Node::Fixed(text) => {
                line.extend_from_slice(text.as_bytes());
                true
            }
            Node::Map(entries) => {
                let entries = entries.iter().map(|(key, node)| (Some(key.as_str()), node));
                line.push(b'{');
                let any = self.write_all(entries, line, info, notes);
                line.push(b'}');
                any
            }
            Node::List(nodes) => {
                line.push(b'[');
                let any = self.write_all(nodes.iter().map(|node| (None, node)), line, info, notes);
                line.push(b']');
                any
            }
            Node::Text(format) => write_text(format, line, info, notes),
        }
    }

    fn write_all<'n>(
        &self,
        nodes: impl Iterator<Item = (Option<&'n str>, &'n Node)>,
        line: &mut Vec<u8>,
        info: &StreamInfo,
        notes: &Notes,
    ) -> bool {
        let mut any = false;
        for (key, node) in nodes {
            let start = line.len();
            if any {
                line.push(b',');
            }
            if let Some(key) = key {
                line.extend_from_slice(quoted(key.as_bytes()).as_bytes());
                line.push(b':');
            }
            if self.write_node(node, line, info, notes) || !self.omit_empty {
                any = true;
            } else {
                line.truncate(start);
            }
        }
        any
    }
}

/// A text of one operator is what that operator gives: a number, a text, or nothing.
fn write_text(format: &Format, line: &mut Vec<u8>, info: &StreamInfo, notes: &Notes) -> bool {
    let mut text = Vec::new();
    if let Some(numeric) = format.is_one_operator() {
        if !format.write_one(&mut text, info, notes) {
            line.extend_from_slice(b"null");
            return false;
        }
        if numeric {
            line.extend_from_slice(&text);
            return true;
        }
    } else {
        format.write(&mut text, info, notes);
    }
    line.extend_from_slice(quoted(&text).as_bytes());
    true
}

/// As a JSON string. Bytes that are not UTF-8 have no place in one.
fn quoted(text: &[u8]) -> String {
    Value::from(String::from_utf8_lossy(text)).to_string()
}

// === impl Node ===

impl Node {
    fn parse(value: &Value, omit_empty: bool, names: &mut Names) -> Result<Self, FormatError> {
        Ok(match value {
            Value::Object(map) => {
                let mut entries = Vec::with_capacity(map.len());
                for (key, value) in map {
                    entries.push((key.clone(), Self::parse(value, omit_empty, names)?));
                }
                entries.sort_by(|(one, _), (other, _)| one.cmp(other));
                Self::Map(entries)
            }
            Value::Array(list) => {
                let nodes = list.iter().map(|value| Self::parse(value, omit_empty, names));
                Self::List(nodes.collect::<Result<_, _>>()?)
            }
            Value::String(text) if omit_empty => Self::Text(Format::for_header(text, names)?),
            Value::String(text) => Self::Text(Format::parse(text, names)?),
            Value::Null => Self::Null,
            other => Self::Fixed(other.to_string()),
        })
    }
}
