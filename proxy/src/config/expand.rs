//! `--expand-env`: `${VAR}` in the values of a file, once the file is a tree, so that no value can change its structure.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;

use super::bootstrap::Version;
use super::diagnostic::{Findings, Report};
use super::load::MAX_FILE_BYTES;
use super::source::{At, Node, Quoted, Value};

/// What a secret is shown as, in Envoy's word.
pub(super) const REDACTED: &str = "[redacted]";

/// Parts of the names of variables that hold secrets.
const SECRET: &[&str] = &["PASSWORD", "PASSWD", "SECRET", "TOKEN", "KEY", "CREDENTIAL"];

/// The value of an environment variable, if it is set.
pub type Variables<'v> = &'v (dyn Fn(&str) -> Option<OsString> + Sync);

/// What was expanded, and what of it is not to be shown.
#[derive(Debug, Default)]
pub(super) struct Expanded {
    /// The secret variables behind the values in these places.
    pub(super) secrets: HashMap<At, String>,
    /// Texts that give a secret away, the longest first.
    hidden: Vec<String>,
}

/// What one text has become.
struct Text {
    value: String,
    /// The first secret variable in it.
    secret: Option<String>,
    /// Whether it was one reference and nothing else.
    whole: bool,
}

struct Expander<'a> {
    variables: Variables<'a>,
    version: Version,
    findings: &'a mut Findings,
    expanded: &'a mut Expanded,
    /// The bytes that may still be put in.
    left: usize,
}

/// Replaces the references in every scalar of the tree, not in its keys, and reports those that have no value.
pub(super) fn expand(
    root: &mut Node,
    version: Version,
    variables: Variables<'_>,
    findings: &mut Findings,
    expanded: &mut Expanded,
) {
    let left = usize::try_from(MAX_FILE_BYTES).unwrap_or(usize::MAX);
    Expander { variables, version, findings, expanded: &mut *expanded, left }.node(root);
    expanded.hidden.sort_by_key(|text| std::cmp::Reverse(text.len()));
}

// === impl Expander ===

impl Expander<'_> {
    fn node(&mut self, node: &mut Node) {
        match &mut node.value {
            Value::Text(text) if text.contains('$') => {
                let text = std::mem::take(text);
                node.value = match self.text(&text) {
                    Ok(expanded) => self.value(node.at, expanded),
                    Err(why) => {
                        self.findings.error(node.at, why);
                        Value::Wrong
                    }
                };
            }
            Value::List(items) => items.iter_mut().for_each(|item| self.node(item)),
            Value::Map(entries) => entries.iter_mut().for_each(|entry| self.node(&mut entry.node)),
            _ => {}
        }
    }

    fn value(&mut self, at: At, text: Text) -> Value {
        if let Some(variable) = text.secret {
            self.expanded.hide(&text.value);
            self.expanded.secrets.insert(at, variable);
        }
        // v3 reads numbers and booleans out of texts; v1 does not.
        match text.value.as_str() {
            "true" if text.whole && self.version == Version::V1 => Value::Bool(true),
            "false" if text.whole && self.version == Version::V1 => Value::Bool(false),
            number
                if text.whole && self.version == Version::V1 && number.parse::<i64>().is_ok() =>
            {
                Value::Loose(text.value)
            }
            _ => Value::Text(text.value),
        }
    }

    fn text(&mut self, text: &str) -> Result<Text, String> {
        let mut out = Text { value: String::new(), secret: None, whole: false };
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            out.value.push_str(&rest[..dollar]);
            rest = &rest[dollar + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                out.value.push('$');
                rest = after;
            } else if let Some(after) = rest.strip_prefix('{') {
                let Some((reference, after)) = after.split_once('}') else {
                    return Err(format!("{} has no end, which is \"}}\"", Quoted(&rest[..1])));
                };
                out.whole = reference.len() + "${}".len() == text.len();
                self.reference(reference, &mut out)?;
                rest = after;
            } else {
                out.value.push('$');
            }
        }
        out.value.push_str(rest);
        Ok(out)
    }

    fn reference(&mut self, reference: &str, out: &mut Text) -> Result<(), String> {
        let (name, default) = match reference.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        let begins = |c: char| c.is_ascii_alphabetic() || c == '_';
        let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.starts_with(begins) || !name.chars().all(goes_on) {
            let forms = "${VAR} or ${VAR:-default}, and a dollar sign before a brace as $$";
            let found = format!("${{{reference}}}");
            return Err(format!("expected {forms}, found {}", Quoted(&found)));
        }
        if default.is_some_and(|default| default.contains("${")) {
            return Err(format!("the default of {name} has a variable of its own"));
        }
        let given = (self.variables)(name).filter(|value| default.is_none() || !value.is_empty());
        let value = match (given, default) {
            (Some(value), _) => value
                .into_string()
                .map_err(|_bytes| format!("the environment variable {name} is not UTF-8"))?,
            (None, Some(default)) => default.to_owned(),
            (None, None) => return Err(format!("the environment variable {name} is not set")),
        };
        let Some(left) = self.left.checked_sub(value.len()) else {
            return Err(format!("the variables add up to more than {MAX_FILE_BYTES} bytes"));
        };
        self.left = left;
        out.value.push_str(&value);
        if is_secret(name) {
            self.expanded.hide(&value);
            out.secret.get_or_insert_with(|| name.to_owned());
        }
        Ok(())
    }
}

// === impl Expanded ===

impl Expanded {
    /// The places that hold secrets.
    pub(super) fn places(&self) -> HashSet<At> {
        self.secrets.keys().copied().collect()
    }

    fn hide(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        // As messages quote it, which may be a part of it.
        let quoted = Quoted(text).to_string();
        let quoted = quoted.trim_end_matches('…').trim_matches('"').to_owned();
        self.hidden.extend([text.to_owned(), quoted]);
    }

    /// Takes the secrets out of what a report says.
    pub(super) fn mask(&self, mut report: Report) -> Report {
        for finding in &mut report.findings {
            for hidden in &self.hidden {
                finding.message = finding.message.replace(hidden, REDACTED);
                finding.path = finding.path.replace(hidden, REDACTED);
            }
        }
        report
    }
}

/// Whether a variable of that name holds what should not be shown.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    SECRET.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use crate::config::bootstrap::Node;
    use crate::config::load::load_expanded;

    fn variables(name: &str) -> Option<OsString> {
        let value = match name {
            "PORT" => "8080",
            "NAME" => "123",
            "EMPTY" => "",
            "TRICKY" => "a: [b, {c: d}] # \"'\n- e",
            "ON" => "true",
            "API_TOKEN" => "hunter\n2",
            _ => return None,
        };
        Some(value.into())
    }

    fn dump(yaml: &str) -> String {
        match load_expanded(None, Some(yaml), &Node::default(), Some(&variables)) {
            Ok(loaded) => loaded.bootstrap.dump,
            Err(report) => report.to_string(),
        }
    }

    #[test]
    fn a_reference_takes_the_type_its_place_wants() {
        let yaml = "admin: { address: { socket_address: { address: 127.0.0.1, port_value: \"${PORT}\" } } }";
        let wanted =
            r#"{"admin":{"address":{"socket_address":{"address":"127.0.0.1","port_value":8080}}}}"#;
        assert_eq!(dump(yaml), wanted);
        assert_eq!(dump("node:\n  id: ${NAME}"), r#"{"node":{"id":"123"}}"#);
    }

    #[test]
    fn a_value_never_changes_the_structure() {
        let wanted = r#"{"node":{"id":"x a: [b, {c: d}] # \"'\n- e"}}"#;
        assert_eq!(dump("node:\n  id: x ${TRICKY}"), wanted);
    }

    #[test]
    fn defaults_stand_in_for_what_is_not_set_or_empty() {
        assert_eq!(
            dump("node: { id: \"${NONE:-a b}-${EMPTY:-c}\" }"),
            r#"{"node":{"id":"a b-c"}}"#
        );
        assert_eq!(dump("node: { id: \"<${EMPTY}>${NONE:-}\" }"), r#"{"node":{"id":"<>"}}"#);
    }

    #[test]
    fn dollars_stand_for_themselves() {
        let wanted = r#"{"node":{"id":"$5 ${NAME} $ $x $"}}"#;
        assert_eq!(dump("node: { id: \"$5 $${NAME} $$ $x $\" }"), wanted);
    }

    #[test]
    fn what_has_no_value_is_refused_at_its_place() {
        for (text, why) in [
            ("${NONE}", "the environment variable NONE is not set"),
            ("a ${NAME", "\"{\" has no end, which is \"}\""),
            ("${}", "found \"${}\""),
            ("${1A}", "found \"${1A}\""),
            ("${A-b}", "found \"${A-b}\""),
            ("${A:-${B}}", "the default of A has a variable of its own"),
        ] {
            let report = dump(&format!("node:\n  id: '{text}'"));
            assert!(report.starts_with("--config-yaml:2:7: node.id: "), "{report}");
            assert!(report.ends_with(why), "{report}");
        }
    }

    #[test]
    fn secrets_are_in_no_dump_and_in_no_message() {
        assert_eq!(dump("node: { id: \"x${API_TOKEN}\" }"), r#"{"node":{"id":"[redacted]"}}"#);
        let yaml =
            "admin: { address: { socket_address: { address: a, port_value: \"${API_TOKEN}\" } } }";
        let report = dump(yaml);
        assert!(report.contains("found \"[redacted]\""), "{report}");
        assert!(!report.contains("hunter"), "{report}");
    }

    #[test]
    fn nothing_is_expanded_unasked() {
        let loaded =
            crate::config::load(None, Some("node: { id: \"${NAME} $$\" }"), &Node::default());
        assert_eq!(loaded.unwrap().bootstrap.node.id, "${NAME} $$");
    }

    #[test]
    fn v1_has_numbers_and_booleans_where_it_wants_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v1.json");
        let text = include_str!("../../tests/fixtures/config/v1/full.json");
        let text =
            text.replacen("\"connect_timeout_ms\": 250", "\"connect_timeout_ms\": \"${PORT}\"", 1);
        assert!(text.contains("${PORT}"));
        let text =
            text.replacen("\"use_remote_address\": true", "\"use_remote_address\": \"${ON}\"", 1);
        std::fs::write(&path, text).unwrap();
        let loaded = load_expanded(Some(&path), None, &Node::default(), Some(&variables));
        let bootstrap = loaded.unwrap_or_else(|report| panic!("{report}")).bootstrap;
        let timeouts: Vec<_> = bootstrap.clusters.iter().map(|c| c.connect_timeout).collect();
        assert!(timeouts.contains(&std::time::Duration::from_millis(8080)), "{timeouts:?}");
    }
}
