//! Trees as YAML in block style.
//!
//! Readers disagree about what a plain scalar means (YAML 1.1's booleans and dates, octal numbers, numbers with
//! underscores), so a text is left without quotes only where every reader takes it for a text.

use crate::config::source::{Entry, Node, Value};

/// How far a level is indented.
const STEP: usize = 2;

/// A key of more characters than this is written with a question mark: readers look no further for the colon.
const LONGEST_KEY: usize = 500;

/// Words that one reader or another takes for something else than a text.
const WORDS: &[&str] = &["null", "true", "false", "yes", "no", "on", "off", "y", "n"];

/// What to put above an entry, which may be in another one, as a comment; it has no line breaks.
type Remark<'r> = &'r dyn Fn(&Entry, Option<&Entry>) -> Option<String>;

/// The tree as YAML, with remarks.
pub(in crate::config) fn yaml(root: &Node, remark: Remark<'_>) -> String {
    let mut writer = Writer { text: String::new(), remark };
    match &root.value {
        Value::Map(entries) if !entries.is_empty() => writer.map(entries, None, 0, false),
        Value::List(items) if !items.is_empty() => writer.list(items, None, 0, false),
        _ => {
            writer.inline(root);
            writer.text.push('\n');
        }
    }
    writer.text
}

struct Writer<'r> {
    text: String,
    remark: Remark<'r>,
}

// === impl Writer ===

impl Writer<'_> {
    /// The entries, one below the other; the first goes on with a line that has `begun`.
    fn map(&mut self, entries: &[Entry], above: Option<&Entry>, indent: usize, begun: bool) {
        for (index, entry) in entries.iter().enumerate() {
            if index > 0 || !begun {
                self.remark(entry, above, indent);
                self.indent(indent);
            }
            self.key(&entry.key, indent);
            self.value(entry, indent);
        }
    }

    fn list(&mut self, items: &[Node], above: Option<&Entry>, indent: usize, begun: bool) {
        for (index, item) in items.iter().enumerate() {
            if index > 0 || !begun {
                // A comment does not fit between the dash and what follows it.
                if let Some(entry) = first_entry(item) {
                    self.remark(entry, above, indent);
                }
                self.indent(indent);
            }
            self.text.push_str("- ");
            match &item.value {
                Value::Map(entries) if !entries.is_empty() => {
                    self.map(entries, above, indent + STEP, true);
                }
                Value::List(items) if !items.is_empty() => {
                    self.list(items, above, indent + STEP, true)
                }
                _ => self.scalar(item, indent),
            }
        }
    }

    fn key(&mut self, key: &str, indent: usize) {
        if key.chars().count() <= LONGEST_KEY {
            self.string(key);
            self.text.push(':');
        } else {
            self.text.push_str("? ");
            self.quoted(key);
            self.text.push('\n');
            self.indent(indent);
            self.text.push(':');
        }
    }

    /// What stands under a key, whose line has been begun.
    fn value(&mut self, entry: &Entry, indent: usize) {
        match &entry.node.value {
            Value::Map(entries) if !entries.is_empty() => {
                self.text.push('\n');
                self.map(entries, Some(entry), indent + STEP, false);
            }
            Value::List(items) if !items.is_empty() => {
                self.text.push('\n');
                self.list(items, Some(entry), indent + STEP, false);
            }
            _ => {
                self.text.push(' ');
                self.scalar(&entry.node, indent);
            }
        }
    }

    /// A scalar or an empty collection, to the end of its line.
    fn scalar(&mut self, node: &Node, indent: usize) {
        match &node.value {
            Value::Text(text) if fits_block(text) => self.block(text, indent + STEP),
            _ => {
                self.inline(node);
                self.text.push('\n');
            }
        }
    }

    fn inline(&mut self, node: &Node) {
        match &node.value {
            Value::Null | Value::Wrong => self.text.push_str("null"),
            Value::Bool(value) => self.text.push_str(if *value { "true" } else { "false" }),
            Value::Int(value) => self.text.push_str(&value.to_string()),
            // Rust's own form keeps every bit.
            Value::Float(value) => self.text.push_str(&format!("{value:?}")),
            Value::Loose(text) => self.text.push_str(text),
            Value::Text(text) => self.string(text),
            Value::List(_) => self.text.push_str("[]"),
            Value::Map(_) => self.text.push_str("{}"),
        }
    }

    fn string(&mut self, text: &str) {
        if is_plain(text) {
            self.text.push_str(text);
        } else {
            self.quoted(text);
        }
    }

    fn quoted(&mut self, text: &str) {
        self.text.push('"');
        for c in text.chars() {
            match c {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                c if is_printable(c) => self.text.push(c),
                c => match u32::from(c) {
                    code @ ..=0xff => self.text.push_str(&format!("\\x{code:02x}")),
                    code @ ..=0xffff => self.text.push_str(&format!("\\u{code:04x}")),
                    code => self.text.push_str(&format!("\\U{code:08x}")),
                },
            }
        }
        self.text.push('"');
    }

    /// A text of several lines, as it is.
    fn block(&mut self, text: &str, indent: usize) {
        let (lines, header) = match text.strip_suffix('\n') {
            Some(lines) => (lines, "|\n"),
            None => (text, "|-\n"),
        };
        self.text.push_str(header);
        for line in lines.split('\n') {
            if !line.is_empty() {
                self.indent(indent);
                self.text.push_str(line);
            }
            self.text.push('\n');
        }
    }

    fn remark(&mut self, entry: &Entry, above: Option<&Entry>, indent: usize) {
        if let Some(line) = (self.remark)(entry, above) {
            self.indent(indent);
            self.text.push_str("# ");
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }

    fn indent(&mut self, indent: usize) {
        self.text.extend(std::iter::repeat_n(' ', indent));
    }
}

/// The entry that would begin on the line of a list's dash.
fn first_entry(node: &Node) -> Option<&Entry> {
    match &node.value {
        Value::Map(entries) => entries.first(),
        Value::List(items) => first_entry(items.first()?),
        _ => None,
    }
}

/// Whether it can stand without quotes, as a key and as a value.
fn is_plain(text: &str) -> bool {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_-./@+=%()*,; ".contains(c);
    let (Some(first), Some(last)) = (text.chars().next(), text.chars().next_back()) else {
        return false;
    };
    let begins = first.is_ascii_alphabetic() || matches!(first, '_' | '/');
    let ends = last != ' ';
    let word = WORDS.iter().any(|word| word.eq_ignore_ascii_case(text));
    // A colon is one where a space or nothing follows it.
    let colons = text.replace("://", "").contains(':');
    let characters = text.chars().all(|c| harmless(c) || c == ':');
    let named = begins && ends && !word && !colons && characters;
    named || is_duration(text) || text.parse::<std::net::Ipv4Addr>().is_ok()
}

/// Whether it is digits, with a fraction or without, and an `s`, which is a number in no reader.
fn is_duration(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let Some(number) = text.strip_suffix('s') else { return false };
    match number.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(number),
    }
}

/// Whether it is best written line by line. What begins or ends with blank lines or spaces is not: how much of them
/// belongs to the text would need saying.
fn fits_block(text: &str) -> bool {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let edge = |c: char| c == ' ' || c == '\n';
    text.contains('\n')
        && !text.starts_with(edge)
        && !text.ends_with(edge)
        && text.chars().all(|c| c == '\n' || is_printable(c))
        && text.split('\n').all(|line| line.is_empty() || !line.trim_matches(' ').is_empty())
}

/// Whether every reader takes it as it is.
fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}
