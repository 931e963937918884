//! What becomes of v1 files, whether the proxy can do it yet or not, and what the real Envoy says of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::config::diagnostic::{Findings, Severity};
use crate::config::source::{Notation, Sources};
use crate::config::v3;

use super::convert;

const FIXTURES: &str = "tests/fixtures/config/convert/v1";

#[test]
fn files_become_what_is_expected() {
    let mut wrong = Vec::new();
    for path in fixtures() {
        let have = converted(&path);
        let beside = format!("{}.expected", path.display());
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&beside, &have).unwrap();
        }
        if std::fs::read_to_string(&beside).unwrap_or_default() != have {
            wrong.push(beside);
        }
    }
    assert!(wrong.is_empty(), "{}\n(UPDATE_EXPECT=1 accepts all of it)", wrong.join("\n"));
}

#[test]
fn envoy_takes_what_becomes_of_files() {
    let Some(envoy) = std::env::var_os("ENVOY_BIN") else { return };
    let mut wrong = Vec::new();
    for path in fixtures() {
        let text = converted(&path);
        let Some((_, json)) = text.split_once("\n\n") else { continue };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("v3.json");
        std::fs::write(&file, json).unwrap();
        let mut command = Command::new(&envoy);
        command.arg("-c").arg(&file).args(["--use-dynamic-base-id", "--mode", "validate"]);
        command.args(["--service-cluster", "c", "--service-node", "n", "-l", "warning"]);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        // In its place there is a kind of cluster that older Envoys do not know.
        let deprecated = |line: &str| line.contains("Deprecated") && !line.contains("dns_refresh");
        if !output.status.success() || said.lines().any(deprecated) {
            wrong.push(format!("{}:\n{said}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn fixtures() -> Vec<PathBuf> {
    let entries = Path::new(FIXTURES).read_dir().unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension != "expected"));
    files.sort();
    files
}

/// The findings, and after an empty line the v3 file, if there were no errors.
fn converted(path: &Path) -> String {
    let mut sources = Sources::default();
    sources.open(&path.display().to_string());
    let yaml = path.extension().is_some_and(|extension| extension != "json");
    let notation = if yaml { Notation::Yaml } else { Notation::Json };
    let text = std::fs::read_to_string(path).unwrap();
    let root = sources.parse(&text, notation).unwrap();
    let mut findings = Findings::default();
    let node = convert(&root, &mut findings).unwrap();
    let report = findings.report(&sources, &[root]);
    let errors = report.findings.iter().any(|finding| finding.severity == Severity::Error);
    match errors {
        true => format!("{report}\n"),
        false => format!("{report}\n\n{:#}\n", v3::raw(&node)),
    }
}
