//! A file of endpoints: `envoy.service.discovery.v3.DiscoveryResponse`, as YAML or JSON.

use std::path::Path;

use crate::config::diagnostic::{Findings, Report, rule};
use crate::config::endpoint::Discovered;
use crate::config::schema::Schema;
use crate::config::source::{Node, Value};
use crate::config::tls::Secret;
use crate::config::v3;

use super::Load;

/// The key that says what a message is; a file may have it at its top, and need not.
const TYPE: &str = "@type";

/// Why a file of endpoints is not taken over.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AssignmentError {
    /// It cannot be read, or is no message of that type.
    #[error("{0}")]
    Unreadable(Report),
    /// It says what it must not.
    #[error("{0}")]
    Rejected(Report),
}

impl AssignmentError {
    /// A file that says what cannot be used.
    pub fn rejected(path: &Path, why: String) -> Self {
        Self::Rejected(Report::of_file(&path.display().to_string(), why))
    }
}

/// Reads a file of endpoints for the cluster of that service name: YAML if its name ends in `.yaml` or `.yml`,
/// otherwise JSON.
///
/// # Errors
/// Everything that is wrong with the file, each finding with its place.
pub fn load_assignment(path: &Path, service: &str) -> Result<Discovered, AssignmentError> {
    load(path, |message, findings| v3::lower_discovered(message, service, findings))
}

/// Reads a file of one secret, of that name.
///
/// # Errors
/// Everything that is wrong with the file and with what it names.
pub fn load_secret(path: &Path, name: &str) -> Result<Secret, AssignmentError> {
    let secret = load(path, |message, findings| v3::lower_secret(message, name, findings))?;
    // What is wrong has been reported, and then there is none.
    secret.ok_or_else(|| {
        let why = "the secret is not complete";
        AssignmentError::Rejected(Report::of_file(&path.display().to_string(), why))
    })
}

fn load<T>(
    path: &Path,
    lower: impl FnOnce(&v3::Message<'_>, &mut Findings) -> T,
) -> Result<T, AssignmentError> {
    let schema = Schema::read();
    let mut load = Load::new(&schema, None);
    load.file(path).map_err(AssignmentError::Unreadable)?;
    let mut findings = Findings::default();
    let root = load.roots.last().map(untyped);
    let message = root.and_then(|root| v3::check(&root, v3::DISCOVERY, &schema, &mut findings));
    let Some(message) = message.filter(|_| findings.errors() == 0) else {
        findings.drop_notes();
        let report = findings.report(&load.sources, &load.roots);
        // Envoy would have read what is only not supported here.
        let unsupported = report.findings.iter().all(|it| it.rule == rule::UNSUPPORTED);
        return Err(match unsupported {
            true => AssignmentError::Rejected(report),
            false => AssignmentError::Unreadable(report),
        });
    };
    let mut findings = Findings::default();
    v3::validate(&message, &mut findings);
    let discovered = lower(&message, &mut findings);
    match findings.errors() {
        0 => Ok(discovered),
        _ => Err(AssignmentError::Rejected(findings.report(&load.sources, &load.roots))),
    }
}

/// The tree without what says which message it is, if that is right.
fn untyped(root: &Node) -> Node {
    let mut root = root.clone();
    if let Value::Map(entries) = &mut root.value {
        entries.retain(|entry| {
            let Value::Text(text) = &entry.node.value else { return true };
            entry.key != TYPE || text.rsplit('/').next() != Some(v3::DISCOVERY)
        });
    }
    root
}
