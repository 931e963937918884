//! Takes secrets out of a message that is going to be shown.

use std::collections::HashSet;

use crate::config::expand::REDACTED;
use crate::config::source::At;

use super::message::{Datum, Held, Item, Message};

/// Replaces the values in those places.
pub(in crate::config) fn redact(message: &mut Message<'_>, secrets: &HashSet<At>) {
    for set in &mut message.sets {
        match &mut set.held {
            Held::One(item) => redact_item(item, secrets),
            Held::List(items) => items.iter_mut().for_each(|item| redact_item(item, secrets)),
            Held::Map(entries) => {
                entries.iter_mut().for_each(|(_, item)| redact_item(item, secrets));
            }
        }
    }
}

fn redact_item(item: &mut Item<'_>, secrets: &HashSet<At>) {
    match &mut item.datum {
        Datum::Message(message) | Datum::Any { message, .. } => redact(message, secrets),
        // A secret somewhere in what was not looked into is not looked for.
        Datum::Unread(_) if !secrets.is_empty() => item.datum = Datum::Text(REDACTED.to_owned()),
        datum if secrets.contains(&item.at) => *datum = Datum::Text(REDACTED.to_owned()),
        _ => {}
    }
}
