//! Matchers of headers and query parameters, and headers to add.

use crate::config::note::Note;
use crate::config::source::{Node, Value};

use super::build::{self, Build, Part};
use super::object::{Context, Key, Kind, Object, optional, required};
use super::regex;

const MATCHER: &[Key] = &[
    required("name", Kind::Text),
    optional("value", Kind::Text),
    optional("regex", Kind::Bool),
    optional("range_match", Kind::Object),
];

const ANY: Kind = Kind::Integer(i64::MIN, i64::MAX);

const RANGE: &[Key] = &[required("start", ANY), required("end", ANY)];

const PARAMETER: &[Key] =
    &[required("name", Kind::Text), optional("value", Kind::Text), optional("regex", Kind::Bool)];

const ADDED: &[Key] = &[required("key", Kind::Text), required("value", Kind::Text)];

/// The client's address without its port, under its name of 2018.
const OLD_CLIENT: &str = "%CLIENT_IP%";

const CLIENT: &str = "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%";

/// v3's `HeaderMatcher`s of the list under `headers`.
pub(super) fn matchers(object: &Object<'_>, cx: &mut Context<'_>) -> Option<Part> {
    object.convert_list("headers", |node| matcher(node, cx))
}

fn matcher(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let matcher = cx.closed(node, MATCHER)?;
    let built = Build::at(matcher.at).same(&["name"], &matcher);
    let range = matcher.convert("range_match", |node| {
        let range = cx.closed(node, RANGE)?;
        Some(Build::at(range.at).copies(RANGE, &range).finish())
    });
    if range.is_some() {
        return Some(built.maybe("range_match", range).finish());
    }
    Some(value(built, &matcher, cx).finish())
}

/// v3's `QueryParameterMatcher`.
pub(super) fn parameter(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let parameter = cx.closed(node, PARAMETER)?;
    let built = Build::at(parameter.at).same(&["name"], &parameter);
    Some(value(built, &parameter, cx).finish())
}

/// How the value must be: any if none is given, or an empty one.
fn value(built: Build, matcher: &Object<'_>, cx: &mut Context<'_>) -> Build {
    if matcher.text("value").is_none_or(str::is_empty) && !(matcher.is_wrong("value")) {
        return built.on("present_match", matcher.at).note("present_match", Note::Present);
    }
    let is_regex = matcher.is_on("regex");
    let matched = matcher.convert("value", |node| match is_regex {
        true => Some(build::one("safe_regex", regex::matcher(node, cx)?)),
        false => build::exact(node),
    });
    built.maybe("string_match", matched).note_if(is_regex, "string_match", Note::Regex)
}

/// v3's `HeaderValueOption`s of the list under the key. Both forms append if not told otherwise.
pub(super) fn added(key: &str, object: &Object<'_>, cx: &mut Context<'_>) -> Option<Part> {
    cx.are_different(object.items(key));
    object.convert_list(key, |node| {
        let header = cx.closed(node, ADDED)?;
        let value = header.convert("value", |node| match &node.value {
            Value::Text(text) => Some(Node::text(node.at, modern(text))),
            _ => None,
        });
        let renamed = header.text("value").is_some_and(|text| modern(text) != text);
        let built = Build::at(header.at).same(&["key"], &header).maybe("value", value).note_if(
            renamed,
            "value",
            Note::Renamed,
        );
        Some(build::one("header", built.finish()))
    })
}

/// The value with today's names for what it refers to.
fn modern(value: &str) -> String {
    /// Its arguments were a list of JSON.
    const METADATA: &str = "%UPSTREAM_METADATA([";
    let value = value.replace(OLD_CLIENT, CLIENT);
    let mut modern = String::with_capacity(value.len());
    let mut rest = value.as_str();
    while let Some((before, after)) = rest.split_once(METADATA) {
        let Some((list, end)) = after.split_once("])%") else { break };
        modern.push_str(before);
        let names = list.split(',').map(|name| name.trim().trim_matches('"'));
        let names: Vec<&str> = names.collect();
        modern.push_str(&format!("%UPSTREAM_METADATA({})%", names.join(":")));
        rest = end;
    }
    modern.push_str(rest);
    modern
}

#[cfg(test)]
mod tests {
    use super::modern;

    #[test]
    fn old_variables_get_their_names_of_today() {
        let cases = [
            ("a%%b", "a%%b"),
            ("%CLIENT_IP%", "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"),
            (r#"%UPSTREAM_METADATA(["a.b", "c"])%!"#, "%UPSTREAM_METADATA(a.b:c)%!"),
            ("%UPSTREAM_METADATA([", "%UPSTREAM_METADATA(["),
        ];
        for (old, new) in cases {
            assert_eq!(modern(old), new);
        }
    }
}
