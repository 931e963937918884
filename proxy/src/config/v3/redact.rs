//! Takes secrets out of a message that is going to be shown.

use std::collections::HashSet;

use crate::config::expand::REDACTED;
use crate::config::source::At;

use super::message::{Datum, Held, Item, Message};

/// Replaces the values in those places, and all texts in fields that Envoy's descriptors call sensitive. What is set
/// there stays visible, as in Envoy, but not to what.
pub(in crate::config) fn redact(message: &mut Message<'_>, secrets: &HashSet<At>) {
    for set in &mut message.sets {
        let sensitive = set.field.sensitive;
        let redact = |item: &mut Item<'_>| match sensitive {
            true => hide(item),
            false => redact_item(item, secrets),
        };
        each(&mut set.held, redact);
    }
}

fn redact_item(item: &mut Item<'_>, secrets: &HashSet<At>) {
    match &mut item.datum {
        Datum::Message(message) | Datum::Any { message, .. } => redact(message, secrets),
        // A secret somewhere in what was not looked into is not looked for.
        Datum::Unread(_) if !secrets.is_empty() => item.datum = redacted(),
        datum if secrets.contains(&item.at) => *datum = redacted(),
        _ => {}
    }
}

/// Hides every text below, and everything that was not looked into.
fn hide(item: &mut Item<'_>) {
    match &mut item.datum {
        Datum::Message(message) | Datum::Any { message, .. } => {
            message.sets.iter_mut().for_each(|set| each(&mut set.held, hide));
        }
        Datum::Text(_) | Datum::Bytes(_) | Datum::Unread(_) => item.datum = redacted(),
        _ => {}
    }
}

fn each<'s>(held: &mut Held<'s>, mut change: impl FnMut(&mut Item<'s>)) {
    match held {
        Held::One(item) => change(item),
        Held::List(items) => items.iter_mut().for_each(change),
        Held::Map(entries) => entries.iter_mut().for_each(|(_, item)| change(item)),
    }
}

fn redacted<'s>() -> Datum<'s> {
    Datum::Text(REDACTED.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use crate::config::diagnostic::Findings;
    use crate::config::schema::Schema;
    use crate::config::source::{Notation, Sources};
    use crate::config::v3::{check, dump};

    const SCHEMA: &str = "\
message Outer
field name string
field password string sensitive
field key optional:message:Inner sensitive
field keys list:message:Inner sensitive
field plain optional:message:Inner
message Inner
field inline_string string
field inline_bytes bytes
field number uint32";

    #[test]
    fn what_envoy_calls_sensitive_is_in_no_dump() {
        let schema = Schema::of_text(SCHEMA);
        let mut sources = Sources::default();
        sources.open("a.yaml");
        let text = "
name: a
password: hunter2
key: { inline_string: hunter3, number: 3 }
keys: [ { inline_bytes: aHVudGVyNA== }, { inline_string: hunter5 } ]
plain: { inline_string: b }";
        let root = sources.parse(text, Notation::Yaml).unwrap();
        let mut findings = Findings::default();
        let mut message = check(&root, "Outer", &schema, &mut findings).unwrap();
        assert_eq!(findings.errors(), 0);
        super::redact(&mut message, &HashSet::new());
        let wanted = concat!(
            r#"{"name":"a","password":"[redacted]","key":{"inline_string":"[redacted]","number":3},"#,
            r#""keys":[{"inline_bytes":"[redacted]"},{"inline_string":"[redacted]"}],"#,
            r#""plain":{"inline_string":"b"}}"#,
        );
        assert_eq!(dump(&message), wanted);
    }
}
