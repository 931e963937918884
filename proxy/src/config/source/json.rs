//! JSON as a tree with places: serde_json decides what is JSON, and a cursor over its text finds the places.

use serde::de::IgnoredAny;

use super::{At, Entry, MAX_DEPTH, MAX_NODES, Mark, Node, Sources, SyntaxError, Value};

/// Reads a text that is exactly one JSON value.
pub(super) fn parse(text: &str, sources: &mut Sources) -> Result<Node, SyntaxError> {
    check_depth(text)?;
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        return Err(syntax_error(text, &error));
    }
    let start = Mark { line: 1, column: 1 };
    let mut cursor = Cursor { text, at: 0, last: (0, start), nodes: 0, sources };
    cursor.blank();
    cursor.value()
}

/// A walk over a text that is known to be JSON, of bounded depth.
struct Cursor<'a> {
    text: &'a str,
    /// The next byte.
    at: usize,
    /// The last place that was marked, from which the next is counted on.
    last: (usize, Mark),
    nodes: usize,
    sources: &'a mut Sources,
}

// === impl Cursor ===

impl Cursor<'_> {
    fn value(&mut self) -> Result<Node, SyntaxError> {
        let at = self.place()?;
        let value = match self.peek() {
            b'{' => self.map()?,
            b'[' => self.list()?,
            b'"' => Value::Text(self.string()?),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            _ => self.number()?,
        };
        self.blank();
        Ok(Node::new(at, value))
    }

    fn map(&mut self) -> Result<Value, SyntaxError> {
        let mut entries: Vec<Entry> = Vec::new();
        self.step();
        while self.peek() != b'}' {
            let at = self.place()?;
            let key = self.string()?;
            self.blank();
            self.step(); // the colon
            let node = self.value()?;
            entries.push(Entry { key, at, node, note: None });
            self.comma();
        }
        self.at += 1;
        // Most are smaller than a list begins with room for.
        entries.shrink_to_fit();
        self.sources.map(entries)
    }

    fn list(&mut self) -> Result<Value, SyntaxError> {
        let mut items = Vec::new();
        self.step();
        while self.peek() != b']' {
            items.push(self.value()?);
            self.comma();
        }
        self.at += 1;
        items.shrink_to_fit();
        Ok(Value::List(items))
    }

    fn string(&mut self) -> Result<String, SyntaxError> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                b'\\' => self.at += 2,
                b'"' => break,
                0 if self.at >= self.text.len() => {
                    return Err(self.error("a string without an end".to_owned()));
                }
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let literal = &self.text[start..self.at];
        // Escapes are serde_json's business; a lone surrogate is the error that ignoring a string does not see. The
        // last mark is that of the string.
        let mark = self.last.1;
        serde_json::from_str(literal)
            .map_err(|error| SyntaxError { mark, message: without_place(&error) })
    }

    fn number(&mut self) -> Result<Value, SyntaxError> {
        let rest = &self.text[self.at..];
        let length = rest
            .bytes()
            .position(|b| !matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
            .unwrap_or(rest.len());
        let literal = &rest[..length];
        let value = match literal.parse::<i64>() {
            Ok(whole) => Value::Int(whole),
            Err(_) => match literal.parse::<f64>() {
                Ok(number) if number.is_finite() => Value::Float(number),
                _ => return Err(self.error("number out of range".to_owned())),
            },
        };
        self.at += length;
        Ok(value)
    }

    fn word(&mut self, word: &str, value: Value) -> Value {
        self.at += word.len();
        value
    }

    fn comma(&mut self) {
        if self.peek() == b',' {
            self.step();
        }
    }

    /// Over one byte of punctuation and the white space after it.
    fn step(&mut self) {
        self.at += 1;
        self.blank();
    }

    fn blank(&mut self) {
        while let b' ' | b'\t' | b'\r' | b'\n' = self.peek() {
            self.at += 1;
        }
    }

    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn mark(&mut self) -> Mark {
        let (from, mut mark) = self.last;
        for c in self.text[from..self.at].chars() {
            if c == '\n' {
                mark = Mark { line: mark.line.saturating_add(1), column: 1 };
            } else {
                mark.column = mark.column.saturating_add(1);
            }
        }
        self.last = (self.at, mark);
        mark
    }

    /// The place of the next key or value.
    fn place(&mut self) -> Result<At, SyntaxError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(self.error(format!("more than {MAX_NODES} keys and values")));
        }
        let mark = self.mark();
        Ok(self.sources.mark(mark))
    }

    fn error(&mut self, message: String) -> SyntaxError {
        SyntaxError { mark: self.mark(), message }
    }
}

/// Refuses what is nested too deeply, before anything recursive sees it.
fn check_depth(text: &str) -> Result<(), SyntaxError> {
    let (mut depth, mut line, mut line_start) = (0_usize, 1, 0);
    let mut in_string = false;
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'\n' => (line, line_start) = (line + 1, index + 1),
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(super::too_deep(mark(line, &text[line_start..index])));
        }
    }
    Ok(())
}

fn syntax_error(text: &str, error: &serde_json::Error) -> SyntaxError {
    // serde_json counts columns in bytes, and in the last position read.
    let line = error.line().max(1);
    let before = text.lines().nth(line - 1).unwrap_or("");
    let mut end = error.column().saturating_sub(1).min(before.len());
    while !before.is_char_boundary(end) {
        end -= 1;
    }
    let mark = mark(u32::try_from(line).unwrap_or(u32::MAX), &before[..end]);
    SyntaxError { mark, message: without_place(error) }
}

fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split_once(" at line ").map_or_else(|| text.clone(), |(message, _)| message.to_owned())
}

/// The mark after `before`, the beginning of a line.
fn mark(line: u32, before: &str) -> Mark {
    let column = u32::try_from(before.chars().count()).unwrap_or(u32::MAX);
    Mark { line, column: column.saturating_add(1) }
}
