//! A report for programs of one's own: one object for each finding.

use serde_json::{Value, json};

use super::{Finding, Report, Severity};

// === impl Report ===

impl Report {
    /// The findings as JSON: `severity` (`error`, `warning`), `rule`, `file`, `line` and `column` (from one, in
    /// characters; null where it is about the file as a whole), `path` (empty at the top), `message`, `hint` (or null).
    pub fn json(&self) -> Value {
        self.findings.iter().map(finding).collect()
    }
}

fn finding(finding: &Finding) -> Value {
    json!({
        "severity": finding.severity.name(),
        "rule": finding.rule,
        "file": finding.file.display().to_string(),
        "line": finding.place.map(|(line, _)| line),
        "column": finding.place.map(|(_, column)| column),
        "path": finding.path,
        "message": finding.message,
        "hint": finding.hint,
    })
}

// === impl Severity ===

impl Severity {
    /// Its name in all forms of a report; SARIF has the same.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}
