//! A report as SARIF 2.1.0, which code hosts show beside the lines of a change.

use serde_json::{Map, Value, json};

use super::{Finding, RULES, Report};
use crate::config::lint::LINTS;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

// === impl Report ===

impl Report {
    /// The findings as a SARIF log of one run, with all the rules there are.
    pub fn sarif(&self) -> Value {
        let rules = RULES
            .iter()
            .map(|rule| json!({ "id": rule.name, "shortDescription": { "text": rule.summary } }));
        let lints = LINTS.iter().map(|lint| {
            json!({
                "id": lint.name,
                "shortDescription": { "text": lint.trap },
                "help": { "text": lint.remedy },
                "defaultConfiguration": { "level": "warning" },
            })
        });
        json!({
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": {
                    "name": "outrigger",
                    "version": env!("CARGO_PKG_VERSION"),
                    "rules": rules.chain(lints).collect::<Value>(),
                }},
                "columnKind": "unicodeCodePoints",
                "results": self.findings.iter().map(result).collect::<Value>(),
            }],
        })
    }
}

fn result(finding: &Finding) -> Value {
    let mut text = finding.message.clone();
    if let Some(hint) = &finding.hint {
        text.push_str("; ");
        text.push_str(hint);
    }
    let file = finding.file.display().to_string();
    let mut physical = Map::new();
    physical.insert("artifactLocation".into(), json!({ "uri": uri(&file) }));
    if let Some((line, column)) = finding.place {
        let mut region = json!({ "startLine": line, "startColumn": column });
        // A line that is cut before the place would tell a wrong width.
        if let Some(excerpt) = &finding.excerpt {
            region["endColumn"] = json!(column as usize + excerpt.width);
        }
        physical.insert("region".into(), region);
    }
    let mut location = Map::new();
    location.insert("physicalLocation".into(), physical.into());
    if !finding.path.is_empty() {
        let logical = json!([{ "fullyQualifiedName": finding.path }]);
        location.insert("logicalLocations".into(), logical);
    }
    json!({
        "ruleId": finding.rule,
        "level": finding.severity.name(),
        "message": { "text": text },
        "locations": [location],
    })
}

/// A path as the reference that SARIF wants: everything but what a URI's path may hold is escaped.
fn uri(path: &str) -> String {
    let mut uri = if path.starts_with('/') { String::from("file://") } else { String::new() };
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}
