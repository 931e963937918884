//! `outrigger convert`: v1 as v3, and v3 in its other notation.

use std::collections::HashMap;
use std::path::Path;

use super::bootstrap::Version;
use super::diagnostic::{Findings, Report};
use super::expand::{REDACTED, Variables};
use super::load::Load;
use super::schema::Schema;
use super::source::{At, Entry, Node, Notation, Value};
use super::{v1, write};

/// The notation to convert to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// YAML, with remarks on what was what in v1.
    Yaml,
    /// JSON, which has no place for remarks.
    Json,
}

/// A file in its new form.
#[derive(Clone, Debug)]
pub struct Converted {
    /// The whole text.
    pub text: String,
    /// What should be known about it; no errors.
    pub warnings: Report,
}

/// Converts a v1 file to v3, which becomes YAML unless something else is asked for, and a v3 file to the notation that
/// it does not have. What v3 says is taken over as it is, whether this proxy supports it or not.
///
/// Variables are replaced if they are given; what comes from a secret one is redacted.
///
/// # Errors
///
/// What is wrong with the text, and for v1 everything that has no v3 form.
pub fn convert(
    path: &Path,
    form: Option<Form>,
    variables: Option<Variables<'_>>,
) -> Result<Converted, Report> {
    let schema = Schema::read();
    let mut load = Load::new(&schema, variables);
    let version = load.file(path)?;
    let mut findings = std::mem::take(&mut load.findings);
    let root = load.roots.last().cloned();
    let Some(root) = root.filter(|_| findings.errors() == 0) else {
        return Err(load.report(findings));
    };
    let mut origins = Origins::default();
    let converted = match version {
        Version::V3 => Some(root),
        Version::V1 => {
            origins.collect(&root);
            v1::convert(&root, &mut findings)
        }
    };
    let Some(mut converted) = converted.filter(|_| findings.errors() == 0) else {
        return Err(load.report(findings));
    };
    hide(&mut converted, &load, &mut findings);
    let form = form.unwrap_or(match (version, load.notation) {
        (Version::V3, Notation::Yaml) => Form::Json,
        (Version::V3, Notation::Json) | (Version::V1, _) => Form::Yaml,
    });
    let text = match form {
        Form::Json => write::json(&converted),
        Form::Yaml => write::yaml(&converted, &|entry, above| origins.remark(entry, above)),
    };
    Ok(Converted { text, warnings: load.report(findings) })
}

/// Puts Envoy's word in the place of every secret, and says where.
fn hide(root: &mut Node, load: &Load<'_>, findings: &mut Findings) {
    match &mut root.value {
        Value::List(items) => items.iter_mut().for_each(|item| hide(item, load, findings)),
        Value::Map(entries) => {
            entries.iter_mut().for_each(|entry| hide(&mut entry.node, load, findings));
        }
        _ => {
            let Some(variable) = load.expanded.secrets.get(&root.at) else { return };
            root.value = Value::Text(REDACTED.to_owned());
            findings
                .warn(root.at, format!("{variable} is a secret and not written down"))
                .hint("without --expand-env the reference stays");
        }
    }
}

/// What stood where in a v1 file.
#[derive(Debug, Default)]
struct Origins {
    /// The entries by the places of their keys and of their values.
    entries: HashMap<At, Origin>,
}

/// An entry of a v1 file.
#[derive(Clone, Debug)]
struct Origin {
    key: String,
    /// Where the key stood, which tells one entry from another.
    at: At,
    /// The value, if it is a scalar.
    scalar: Option<Node>,
}

// === impl Origins ===

impl Origins {
    fn collect(&mut self, node: &Node) {
        match &node.value {
            Value::List(items) => items.iter().for_each(|item| self.collect(item)),
            Value::Map(entries) => {
                for entry in entries {
                    let nested = matches!(entry.node.value, Value::List(_) | Value::Map(_));
                    let scalar = (!nested).then(|| entry.node.clone());
                    let origin = Origin { key: entry.key.clone(), at: entry.at, scalar };
                    self.entries.insert(entry.at, origin.clone());
                    self.entries.insert(entry.node.at, origin);
                    self.collect(&entry.node);
                }
            }
            _ => {}
        }
    }

    fn of(&self, entry: &Entry) -> Option<&Origin> {
        self.entries.get(&entry.at).or_else(|| self.entries.get(&entry.node.at))
    }

    /// What an entry was in v1, if that differs and was not said of the entry above, and what else there is to say.
    fn remark(&self, entry: &Entry, above: Option<&Entry>) -> Option<String> {
        let above = above.and_then(|above| self.of(above)).map(|origin| origin.at);
        let origin = self.of(entry).filter(|origin| Some(origin.at) != above);
        let was = origin.filter(|origin| !origin.is(entry)).map(Origin::text);
        let note = entry.note.map(|note| note.text());
        match (was, note) {
            (Some(was), Some(note)) => Some(format!("v1: {was} ({note})")),
            (Some(was), None) => Some(format!("v1: {was}")),
            (None, note) => note.map(str::to_owned),
        }
    }
}

// === impl Origin ===

impl Origin {
    /// Whether v3 says it in the same words, upper case or not.
    fn is(&self, entry: &Entry) -> bool {
        let value = match (&self.scalar, &entry.node.value) {
            (Some(Node { value: Value::Text(old), .. }), Value::Text(new)) => {
                old.eq_ignore_ascii_case(new)
            }
            (Some(_), Value::List(_) | Value::Map(_)) => false,
            (Some(scalar), _) => scalar.to_string() == entry.node.to_string(),
            (None, _) => true,
        };
        self.key == entry.key && value
    }

    fn text(&self) -> String {
        let key: String = self.key.chars().filter(|c| !c.is_control()).take(100).collect();
        match &self.scalar {
            Some(scalar) => format!("{key}: {scalar}"),
            None => key,
        }
    }
}
