//! Regular expressions: v1 had ECMAScript's of `std::regex`, v3 has RE2's. In both the whole text must match.

use std::iter::Peekable;
use std::str::Chars;

use crate::config::source::{Node, Quoted, Value};

use super::build;
use super::object::Context;

/// v3's `RegexMatcher` of a v1 expression.
pub(super) fn matcher(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let Value::Text(text) = &node.value else { return None };
    match translate(text) {
        Ok(text) => Some(build::one("regex", Node::text(node.at, text))),
        Err(why) => {
            let message =
                format!("Invalid regex {}: RE2, which v3 has, knows no {why}", Quoted(text));
            cx.findings.error(node.at, message);
            None
        }
    }
}

/// The expression in RE2's spelling, or what it needs that RE2 has not.
fn translate(text: &str) -> Result<String, &'static str> {
    let mut re2 = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut in_class = false;
    while let Some(c) = rest.next() {
        match c {
            '\\' => escape(&mut rest, &mut re2)?,
            '[' if !in_class => {
                in_class = true;
                re2.push('[');
                if rest.next_if_eq(&'^').is_some() {
                    re2.push('^');
                }
                if rest.peek() == Some(&']') {
                    return Err("empty character class");
                }
            }
            // A bracket in a class is an ordinary character in ECMAScript, and begins a named class in both.
            '[' if !matches!(rest.peek(), Some(':' | '.' | '=')) => re2.push_str("\\["),
            '[' => {
                re2.push('[');
                named_class(&mut rest, &mut re2)?;
            }
            ']' => {
                in_class = false;
                re2.push(']');
            }
            '(' if !in_class && rest.next_if_eq(&'?').is_some() => match rest.next() {
                Some(':') => re2.push_str("(?:"),
                _ => return Err("lookahead"),
            },
            _ => re2.push(c),
        }
    }
    Ok(re2)
}

fn escape(rest: &mut Peekable<Chars<'_>>, re2: &mut String) -> Result<(), &'static str> {
    match rest.next() {
        Some('1'..='9') => return Err("back-reference"),
        Some('0') => re2.push_str("\\x00"),
        Some('u') => {
            let digits: String = rest.by_ref().take(4).collect();
            re2.push_str(&format!("\\x{{{digits}}}"));
        }
        // Control characters by letter: the five low bits of it.
        Some('c') => {
            let letter = rest.next().filter(char::is_ascii_alphabetic);
            let letter = letter.ok_or("control escape without a letter")?;
            re2.push_str(&format!("\\x{:02x}", letter as u32 % 32));
        }
        Some(c) => {
            re2.push('\\');
            re2.push(c);
        }
        None => return Err("backslash at the end"),
    }
    Ok(())
}

/// The rest of `[:alpha:]`; collating elements are in neither.
fn named_class(rest: &mut Peekable<Chars<'_>>, re2: &mut String) -> Result<(), &'static str> {
    if rest.peek() != Some(&':') {
        return Err("collating element");
    }
    while let Some(c) = rest.next() {
        re2.push(c);
        if c == ':' && rest.next_if_eq(&']').is_some() {
            re2.push(']');
            return Ok(());
        }
    }
    Err("character class without an end")
}

#[cfg(test)]
mod tests {
    use super::translate;

    #[test]
    fn what_both_have_stays() {
        for same in
            ["/b[io]t", "/a/\\d+(?:/x)?", "[^/]+\\.(png|jpg)$", "[[:alpha:]_]*", "a{2,3}b+?"]
        {
            assert_eq!(translate(same).as_deref(), Ok(same));
        }
    }

    #[test]
    fn what_re2_spells_otherwise_is_spelt_so() {
        let cases = [
            ("\\u00e9", "\\x{00e9}"),
            ("\\cJ", "\\x0a"),
            ("a\\0", "a\\x00"),
            ("[a[]", "[a\\[]"),
            ("[(?=]", "[(?=]"),
        ];
        for (ecmascript, re2) in cases {
            assert_eq!(translate(ecmascript).as_deref(), Ok(re2));
        }
    }

    #[test]
    fn what_re2_has_not_is_named() {
        let cases = [
            ("/(?!api).*", "lookahead"),
            ("(?=a)", "lookahead"),
            ("(a)\\1", "back-reference"),
            ("[]", "empty character class"),
            ("[[.a.]]", "collating element"),
            ("a\\", "backslash at the end"),
        ];
        for (text, why) in cases {
            assert_eq!(translate(text), Err(why));
        }
    }
}
