//! `outrigger convert`: what it writes is what it read, here and in the real Envoy.

use std::path::Path;

use outrigger::config::{Form, convert};
use serde_json::{Value, json};

use super::envoy::{Running, envoy, validate};
use super::{fixtures, read};

/// Texts that readers of YAML take for something else, or stumble over.
const TEXTS: &[&str] = &[
    "",
    " ",
    "~",
    "null",
    "NULL",
    "true",
    "Yes",
    "no",
    "Off",
    "y",
    "N",
    "1",
    "-1",
    "0x1f",
    "010",
    "0o17",
    "1_000",
    "1:30",
    "1.5",
    ".5",
    "1e3",
    ".inf",
    ".NaN",
    "+12",
    "2001-01-01",
    "=",
    "<<",
    "-",
    "- a",
    "? a",
    ":",
    "a:",
    "a: b",
    "a:b",
    "#",
    "a #b",
    "!tag",
    "&a",
    "*a",
    "%a",
    "@a",
    "`a",
    "|",
    ">",
    "{",
    "{}",
    "[a",
    "a, b",
    "'a'",
    "\"a\"",
    "it's",
    "a\nb",
    "a\nb\n",
    "a\nb\n\n",
    "\na",
    " a\nb",
    "a\n\n b",
    "a\n \nb",
    "a\tb",
    "a\r\nb",
    "a\u{85}b",
    "a\u{2028}b\nc",
    "\u{feff}a",
    "\u{7f}",
    "\u{1}",
    "\\",
    "é",
    "日本\n語",
    "🦀",
    "...",
    "---\nb",
    "a ",
    "5s",
    "127.0.0.1",
    "http://a/b?c",
    "${VAR}",
];

#[test]
fn both_notations_mean_the_same() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for path in fixtures("v3") {
        for (form, name) in [(Form::Yaml, "file.yaml"), (Form::Json, "file.json")] {
            let converted = convert(&path, Some(form), None).expect("the file is good");
            assert_eq!(converted.warnings.to_string(), "");
            let other = folder.path().join(name);
            std::fs::write(&other, converted.text).expect("the file can be written");
            let (before, after) = (read(&path).unwrap(), read(&other).unwrap());
            assert_eq!(after.bootstrap.dump, before.bootstrap.dump, "{} as {name}", path.display());
        }
    }
}

#[test]
fn each_notation_becomes_the_other_and_v1_becomes_yaml() {
    let written = |folder: &str, name: &str| {
        let path = Path::new(super::FIXTURES).join(folder).join(name);
        convert(&path, None, None).expect("the file is good").text
    };
    assert!(written("v3", "minimal.yaml").starts_with("{\n  \""));
    assert!(written("v3", "camel.json").starts_with("staticResources:\n"));
    assert!(written("v1", "full.json").contains("# v1: connect_timeout_ms: 250\n"));
    assert!(written("v1", "plain.yaml").starts_with("static_resources:"));
}

#[test]
fn converted_v1_files_mean_the_same_and_envoy_takes_them() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for path in fixtures("v1") {
        for (form, name) in [(Form::Yaml, "file.yaml"), (Form::Json, "file.json")] {
            let converted = convert(&path, Some(form), None).expect("the file is good");
            let other = folder.path().join(name);
            std::fs::write(&other, &converted.text).expect("the file can be written");
            let (before, after) = (read(&path).unwrap(), read(&other).unwrap());
            assert_eq!(after.bootstrap.dump, before.bootstrap.dump, "{} as {name}", path.display());
            let Some(envoy) = envoy() else { continue };
            assert_eq!(validate(&envoy, &other), Ok(()), "{}", converted.text);
        }
    }
}

#[test]
fn bad_v1_files_are_refused_at_their_lines_or_become_bad_v3_files() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let mut refused = 0;
    for path in fixtures("bad/v1") {
        match convert(&path, None, None) {
            Err(report) => {
                let told = report.findings.iter().all(|finding| finding.place.is_some());
                assert!(told || report.findings.len() == 1, "{report}");
                refused += 1;
            }
            // What v3 has rules for is found by them.
            Ok(converted) => {
                let other = folder.path().join("file.yaml");
                std::fs::write(&other, converted.text).expect("the file can be written");
                assert!(read(&other).is_err(), "{} has become good", path.display());
            }
        }
    }
    assert!(refused > 0, "v1's own rules have found nothing");
}

#[test]
fn envoy_reads_every_text_as_it_was_written() {
    let Some(envoy) = envoy() else { return };
    let mut texts: Value = TEXTS.iter().map(|text| ((*text).to_owned(), json!([text]))).collect();
    texts["longest"] = json!({ "a".repeat(600): "b".repeat(2000) });
    let admin =
        json!({ "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } } });
    let bootstrap = json!({ "node": { "metadata": texts }, "admin": admin });
    let folder = tempfile::tempdir().expect("a folder can be made");
    let given = folder.path().join("given.json");
    std::fs::write(&given, bootstrap.to_string()).expect("the file can be written");
    let converted = convert(&given, Some(Form::Yaml), None).expect("the file is good");
    let yaml = folder.path().join("written.yaml");
    std::fs::write(&yaml, &converted.text).expect("the file can be written");
    let seen = Running::begin(&envoy, &yaml).bootstrap();
    let (have, want) = (&seen["node"]["metadata"], &texts);
    for (key, value) in want.as_object().expect("it is an object") {
        assert_eq!(have.get(key), Some(value), "{key:?} of\n{}", converted.text);
    }
    assert_eq!(
        have.as_object().map(serde_json::Map::len),
        want.as_object().map(serde_json::Map::len)
    );
}
