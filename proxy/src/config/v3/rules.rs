//! Envoy's validation rules (protoc-gen-validate), which stand in its descriptors beside the fields.

use std::time::Duration;

use crate::config::base64;
use crate::config::diagnostic::Findings;
use crate::config::schema::{Field, Support};
use crate::config::source::At;

use super::message::{Datum, Held, Item, Message, Set};

/// `KnownRegex.HTTP_HEADER_NAME`, as the schema writes it.
const HEADER_NAME: &str = "1";

/// `KnownRegex.HTTP_HEADER_VALUE`.
const HEADER_VALUE: &str = "2";

/// The one pattern of the supported fields, that of `path_separated_prefix`, as the schema writes it.
const PATH_PREFIX: &str = "\"^[^?#]+[^?#/]$\"";

/// Reports every value in the message that Envoy's rules refuse.
pub(in crate::config) fn validate(message: &Message<'_>, findings: &mut Findings) {
    for oneof in &message.schema.required_oneofs {
        if !message.sets.iter().any(|set| set.field.oneof == Some(oneof)) {
            let fields = message.schema.fields.iter().filter(|field| field.oneof == Some(oneof));
            let fields = fields.filter(|field| field.support != Support::Refused);
            let names: Vec<&str> = fields.map(|field| field.name).collect();
            let wanted = match names.as_slice() {
                [only] => format!("{only} is missing"),
                _ => format!("expected one of {}", names.join(", ")),
            };
            findings.error(message.at, wanted);
        }
    }
    for field in &message.schema.fields {
        match message.sets.iter().find(|set| set.field.name == field.name) {
            Some(set) => validate_set(set, findings),
            None => validate_absent(message.at, field, findings),
        }
    }
}

fn validate_set(set: &Set<'_>, findings: &mut Findings) {
    match &set.held {
        Held::List(items) => {
            for (rule, value) in &set.field.rules {
                if let Some(wanted) = list_violation(items.len(), rule, value) {
                    findings.error(set.key, format!("expected {wanted}, found {}", items.len()));
                }
            }
        }
        Held::One(item) => {
            let rules = set.field.rules.iter().copied();
            validate_item(item, rules, findings);
        }
        Held::Map(entries) => {
            // A map's keys have no place of their own.
            let nameless = entries.iter().any(|(key, _)| key.is_empty());
            if nameless && set.field.rules.contains(&("keys.string.min_len", "1")) {
                findings.error(set.key, "expected keys that are not empty");
            }
        }
    }
    let item_rules = || {
        let rules = set.field.rules.iter();
        rules.filter_map(|(rule, value)| Some((rule.strip_prefix("items.")?, *value)))
    };
    for item in set.held.items() {
        validate_item(item, item_rules(), findings);
        match &item.datum {
            Datum::Message(message) | Datum::Any { message, .. } => validate(message, findings),
            _ => {}
        }
    }
}

/// Rules hold for what is absent too where absent means zero.
fn validate_absent(at: At, field: &Field, findings: &mut Findings) {
    if field.is_required() {
        findings.error(at, format!("{} is missing", field.name));
    }
}

fn validate_item<'r>(
    item: &Item<'_>,
    rules: impl Iterator<Item = (&'r str, &'r str)>,
    findings: &mut Findings,
) {
    let rules: Vec<(&str, &str)> = rules.collect();
    let strict = !rules.contains(&("strict", "false"));
    for (rule, value) in rules {
        if let Some(wanted) = violation(&item.datum, rule, value, strict) {
            findings.error(item.at, format!("expected {wanted}"));
        }
    }
}

fn list_violation(count: usize, rule: &str, value: &str) -> Option<String> {
    let bound: usize = value.parse().ok()?;
    match rule {
        "min_items" if count < bound => Some(format!("at least {bound}")),
        "max_items" if count > bound => Some(format!("at most {bound}")),
        _ => None,
    }
}

/// What was expected, if the value breaks the rule.
fn violation(datum: &Datum<'_>, rule: &str, value: &str, strict: bool) -> Option<String> {
    match datum {
        Datum::Text(text) => text_violation(text, rule, value, strict),
        Datum::Bytes(text) if rule == "max_len" => {
            let bound = value.parse().ok()?;
            let length = base64::decode(text)?.len();
            (length > bound).then(|| format!("at most {bound} bytes, found {length}"))
        }
        Datum::Enum(number, name) if rule == "not_in" => {
            let forbidden = value.split(',').any(|one| one.trim().parse() == Ok(*number));
            forbidden.then(|| format!("another value than {name}"))
        }
        Datum::Uint(number) => number_violation(i128::from(*number), rule, value, &plain),
        Datum::Int(number) => number_violation(i128::from(*number), rule, value, &plain),
        Datum::Double(number) => double_violation(*number, rule, value),
        Datum::Duration(duration) => {
            let nanoseconds = i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX);
            number_violation(nanoseconds, rule, value, &seconds)
        }
        Datum::Bool(on) if rule == "const" && on.to_string() != value && !value.is_empty() => {
            Some(value.to_owned())
        }
        // `const: true` is written without its value.
        Datum::Bool(false) if rule == "const" && value.is_empty() => Some("true".to_owned()),
        _ => None,
    }
}

fn text_violation(text: &str, rule: &str, value: &str, strict: bool) -> Option<String> {
    match rule {
        "min_len" => {
            let bound = value.parse().ok()?;
            (text.chars().count() < bound).then(|| match bound {
                1 => "a string that is not empty".to_owned(),
                _ => format!("at least {bound} characters"),
            })
        }
        "max_len" => {
            let bound = value.parse().ok()?;
            let length = text.chars().count();
            (length > bound).then(|| format!("at most {bound} characters, found {length}"))
        }
        "max_bytes" => {
            let bound = value.parse().ok()?;
            (text.len() > bound).then(|| format!("at most {bound} bytes, found {}", text.len()))
        }
        "pattern" if value == PATH_PREFIX => {
            let bad = text.chars().count() < 2 || text.ends_with('/') || text.contains(['?', '#']);
            bad.then(|| "two characters or more, with no / at the end, and no ? or #".to_owned())
        }
        "in" => (!value.split(',').any(|allowed| allowed.trim_matches('"') == text))
            .then(|| format!("one of {value}")),
        "well_known_regex" => {
            let control = |c: char| match strict {
                true => c.is_ascii_control() && c != '\t',
                false => matches!(c, '\0' | '\n' | '\r'),
            };
            let bad_value = text.contains(control);
            let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_|~`".contains(c);
            let bare = text.strip_prefix(':').unwrap_or(text);
            let bad_name = bare.is_empty() || (strict && !bare.chars().all(token));
            match value {
                HEADER_NAME if bad_value || bad_name => {
                    Some("a header's name: no NUL, CR or LF in it".to_owned())
                }
                HEADER_VALUE if bad_value => {
                    Some("a header's value: no NUL, CR or LF in it".to_owned())
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn number_violation(
    number: i128,
    rule: &str,
    bound: &str,
    show: &dyn Fn(i128) -> String,
) -> Option<String> {
    let bound: i128 = bound.parse().ok()?;
    let (holds, words) = match rule {
        "gt" => (number > bound, "more than"),
        "gte" => (number >= bound, "at least"),
        "lt" => (number < bound, "less than"),
        "lte" => (number <= bound, "at most"),
        _ => return None,
    };
    (!holds).then(|| format!("{words} {}, found {}", show(bound), show(number)))
}

fn double_violation(number: f64, rule: &str, bound: &str) -> Option<String> {
    let bound: f64 = bound.parse().ok()?;
    let (holds, words) = match rule {
        "gt" => (number > bound, "more than"),
        "gte" => (number >= bound, "at least"),
        "lt" => (number < bound, "less than"),
        "lte" => (number <= bound, "at most"),
        _ => return None,
    };
    (!holds).then(|| format!("{words} {bound}, found {number}"))
}

fn plain(number: i128) -> String {
    number.to_string()
}

fn seconds(nanoseconds: i128) -> String {
    let nanoseconds = u64::try_from(nanoseconds).unwrap_or(u64::MAX);
    super::dump::duration(Duration::from_nanos(nanoseconds))
}
