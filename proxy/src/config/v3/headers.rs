//! `envoy.config.core.v3.HeaderValueOption`, and the lists of headers to add and to remove.

use http::HeaderName;

use crate::config::diagnostic::Findings;
use crate::config::headers::{AppendAction, HeaderMutations, HeaderRules, HeaderValueOption};
use crate::config::source::{At, Quoted};
use crate::formatter::Format;

use super::message::Message;

/// What one level of a route table does to headers.
pub(super) fn mutations(level: &Message<'_>, findings: &mut Findings) -> HeaderMutations {
    HeaderMutations {
        request: request(level, findings),
        response: HeaderRules {
            remove: to_remove(level, "response_headers_to_remove", findings),
            add: to_add(level, "response_headers_to_add", findings),
        },
    }
}

/// The headers to add in the list under `field`.
pub(super) fn to_add(
    parent: &Message<'_>,
    field: &str,
    findings: &mut Findings,
) -> Vec<HeaderValueOption> {
    parent.messages(field).filter_map(|option| one(option, findings)).collect()
}

/// What is done to the headers of a request, at a place that has requests alone.
pub(super) fn request(parent: &Message<'_>, findings: &mut Findings) -> HeaderRules {
    HeaderRules {
        remove: to_remove(parent, "request_headers_to_remove", findings),
        add: to_add(parent, "request_headers_to_add", findings),
    }
}

fn to_remove(parent: &Message<'_>, field: &str, findings: &mut Findings) -> Vec<String> {
    let names = parent.texts(field).filter(|(_, name)| !name.is_empty());
    names.filter_map(|(at, name)| self::name(at, name, "removed", findings)).collect()
}

/// One header to add.
pub(super) fn one(option: &Message<'_>, findings: &mut Findings) -> Option<HeaderValueOption> {
    let append_action = append_action(option, findings);
    let header = option.message("header")?;
    let value = value(header, findings);
    let key = header.nonempty("key")?;
    let name = name(header.place("key"), key, "modified", findings);
    Some(HeaderValueOption {
        name: name?,
        value: value?,
        append_action,
        keep_empty_value: option.bool("keep_empty_value").unwrap_or_default(),
    })
}

/// The old `append` decides alone where it is set, as in Envoy.
fn append_action(option: &Message<'_>, findings: &mut Findings) -> AppendAction {
    let action = match option.enumeration("append_action") {
        Some("ADD_IF_ABSENT") => AppendAction::AddIfAbsent,
        Some("OVERWRITE_IF_EXISTS_OR_ADD") => AppendAction::OverwriteIfExistsOrAdd,
        Some("OVERWRITE_IF_EXISTS") => AppendAction::OverwriteIfExists,
        _ => AppendAction::AppendIfExistsOrAdd,
    };
    let Some(append) = option.bool("append") else { return action };
    if action != AppendAction::AppendIfExistsOrAdd {
        let message = "only one of append and append_action can be set";
        findings.error(option.place("append"), message);
    }
    match append {
        true => AppendAction::AppendIfExistsOrAdd,
        false => AppendAction::OverwriteIfExistsOrAdd,
    }
}

/// The value's format, which is checked here, so that a mistake in it has a place.
fn value(header: &Message<'_>, findings: &mut Findings) -> Option<String> {
    let raw = header.bytes("raw_value").filter(|raw| !raw.is_empty());
    let (field, value) = match (header.nonempty("value"), raw) {
        (Some(value), _) => ("value", value.to_owned()),
        (None, None) => return Some(String::new()),
        (None, Some(raw)) => match String::from_utf8(raw) {
            Ok(value) => ("raw_value", value),
            Err(_) => {
                let message = "bytes that are not UTF-8 are not supported yet";
                findings.error(header.place("raw_value"), message);
                return None;
            }
        },
    };
    if value.contains(['\0', '\r', '\n']) {
        let message = "expected a header's value: no NUL, CR or LF in it";
        findings.error(header.place(field), message);
    }
    if let Err(error) = Format::check(&value) {
        findings.error(header.place(field), error.to_string());
    }
    Some(value)
}

/// The name, if it is one that may be `changed`.
fn name(at: At, name: &str, changed: &str, findings: &mut Findings) -> Option<String> {
    if name.starts_with(':') || name.eq_ignore_ascii_case("host") {
        let message = format!(":-prefixed or host headers may not be {changed}");
        let hint = "a route changes them by prefix_rewrite, host_rewrite_literal and the like";
        findings.error(at, message).hint(hint);
        return None;
    }
    if HeaderName::from_bytes(name.as_bytes()).is_err() {
        findings.error(at, format!("{} cannot be the name of a header", Quoted(name)));
        return None;
    }
    Some(name.to_ascii_lowercase())
}
