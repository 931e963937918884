//! RE2's syntax in the words of the `regex` crate.
//!
//! Both grew out of the same book and differ in details: to RE2 `\d`, `\w`, `\s` and `\b` are ASCII, `[` in a class is an
//! ordinary character, `{` that is no repetition too, `\C` is any byte, and there are `\Q…\E` and octal escapes.

use std::fmt::Write;
use std::iter::Peekable;
use std::str::Chars;

/// The most repetitions of RE2.
const MOST_REPETITIONS: u32 = 1000;

/// What a perl class means, in a class.
const CLASSES: [(char, &str); 3] = [('d', "0-9"), ('w', "0-9A-Za-z_"), ('s', r"\t\n\f\r ")];

/// The same expression; or why RE2 would not take it, where the `regex` crate would.
pub(super) fn translate(pattern: &str) -> Result<String, &'static str> {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\\' => escape(&mut rest, &mut out)?,
            '[' => class(&mut rest, &mut out)?,
            '{' => repetition(&mut rest, &mut out)?,
            '(' => {
                out.push('(');
                group(&mut rest, &mut out)?;
            }
            other => out.push(other),
        }
    }
    Ok(out)
}

/// What follows a backslash outside of a class.
fn escape(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), &'static str> {
    let Some(c) = rest.next() else { return Err("trailing \\ at end of expression") };
    match c {
        'b' => out.push_str(r"(?-u:\b)"),
        'B' => out.push_str(r"(?-u:\B)"),
        'C' => out.push_str("(?s-u:.)"),
        'Q' => quoted(rest, out),
        'E' => {}
        'A' | 'z' => {
            out.push('\\');
            out.push(c);
        }
        _ => match perl(c) {
            Some((false, class)) => write!(out, "[{class}]").unwrap_or_default(),
            Some((true, class)) => write!(out, "[^{class}]").unwrap_or_default(),
            None => single(c, rest, out)?,
        },
    }
    Ok(())
}

/// Whether it is the opposite, and what is in it.
fn perl(c: char) -> Option<(bool, &'static str)> {
    let (_, class) = CLASSES.into_iter().find(|(name, _)| *name == c.to_ascii_lowercase())?;
    Some((c.is_ascii_uppercase(), class))
}

/// An escape that stands for one character, or a Unicode class; in and outside of classes.
fn single(c: char, rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), &'static str> {
    match c {
        'p' | 'P' | 'x' | 'a' | 'f' | 'n' | 'r' | 't' | 'v' => {
            out.push('\\');
            out.push(c);
            // What stands in braces there is a name or a number.
            if matches!(c, 'p' | 'P' | 'x') && rest.peek() == Some(&'{') {
                for c in rest.by_ref() {
                    out.push(c);
                    if c == '}' {
                        break;
                    }
                }
            }
        }
        '0'..='7' => octal(c, rest, out)?,
        c if c.is_alphanumeric() => return Err("invalid escape sequence"),
        c => literal(c, out),
    }
    Ok(())
}

/// `\123`, and `\0`. A single digit would refer back to a group, which RE2 does not know.
fn octal(
    first: char,
    rest: &mut Peekable<Chars<'_>>,
    out: &mut String,
) -> Result<(), &'static str> {
    let digit = |c: &char| c.to_digit(8);
    let mut value = first.to_digit(8).unwrap_or_default();
    if first != '0' && rest.peek().and_then(digit).is_none() {
        return Err("invalid escape sequence");
    }
    for _ in 0..2 {
        let Some(next) = rest.peek().and_then(digit) else { break };
        value = value * 8 + next;
        rest.next();
    }
    write!(out, "\\x{{{value:x}}}").unwrap_or_default();
    Ok(())
}

fn quoted(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    while let Some(c) = rest.next() {
        if c == '\\' && rest.peek() == Some(&'E') {
            rest.next();
            return;
        }
        literal(c, out);
    }
}

fn literal(c: char, out: &mut String) {
    // The crate takes an escape for every ASCII mark but these two, which mean the ends of words there.
    if c.is_ascii_punctuation() && !matches!(c, '<' | '>') {
        out.push('\\');
    }
    out.push(c);
}

/// A class, whose `[` has been read.
fn class(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), &'static str> {
    out.push('[');
    if rest.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    let mut first = true;
    while let Some(c) = rest.next() {
        match c {
            ']' if !first => {
                out.push(']');
                return Ok(());
            }
            '[' if rest.peek() == Some(&':') => named_class(rest, out),
            '\\' => {
                let Some(c) = rest.next() else { break };
                match perl(c) {
                    Some((false, class)) => out.push_str(class),
                    Some((true, class)) => write!(out, "[^{class}]").unwrap_or_default(),
                    None => single(c, rest, out)?,
                }
            }
            '-' => out.push('-'),
            // Two of these in a row combine classes in the crate.
            '[' | ']' | '&' | '~' => {
                out.push('\\');
                out.push(c);
            }
            other => out.push(other),
        }
        first = false;
    }
    Err("missing ]")
}

/// `[:alpha:]`, or an ordinary bracket before a colon.
fn named_class(rest: &mut Peekable<Chars<'_>>, out: &mut String) {
    let ahead: String = rest.clone().take_while(|c| *c != ']').collect();
    if ahead.len() > 1 && ahead.ends_with(':') {
        write!(out, "[{ahead}]").unwrap_or_default();
        rest.nth(ahead.chars().count());
    } else {
        out.push_str(r"\[");
    }
}

/// `{2}`, `{2,}`, `{2,3}`, or an ordinary brace.
fn repetition(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), &'static str> {
    let ahead: String = rest.clone().take_while(|c| *c != '}').collect();
    let (least, most) = ahead.split_once(',').unwrap_or((&ahead, &ahead));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let closed = rest.clone().nth(ahead.chars().count()) == Some('}');
    if !closed || least.is_empty() || !digits(least) || !digits(most) {
        out.push_str(r"\{");
        return Ok(());
    }
    let too_many = |text: &str| {
        !text.is_empty() && !text.parse().is_ok_and(|count: u32| count <= MOST_REPETITIONS)
    };
    if too_many(least) || too_many(most) {
        return Err("invalid repetition size");
    }
    write!(out, "{{{ahead}}}").unwrap_or_default();
    rest.nth(ahead.chars().count());
    Ok(())
}

/// What follows an opening parenthesis: the crate knows more flags.
fn group(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), &'static str> {
    if rest.next_if_eq(&'?').is_none() {
        return Ok(());
    }
    out.push('?');
    match rest.peek() {
        Some('P' | '<') => {}
        _ => {
            while let Some(c) = rest.next_if(|c| c.is_ascii_alphabetic() || *c == '-') {
                if !matches!(c, 'i' | 'm' | 's' | 'U' | '-') {
                    return Err("invalid perl operator");
                }
                out.push(c);
            }
        }
    }
    Ok(())
}
