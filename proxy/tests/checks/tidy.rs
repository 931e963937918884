//! Keeps the form of the files: what they start with, how long they are, and what must not stand in them.

use crate::sources::{Source, sources};

/// Where this workspace's code is.
const FOLDERS: &[&str] = &[
    "src",
    "tests",
    "benches",
    "fuzz/src",
    "fuzz/targets",
    "../demo-app/src",
    "../demo-app/tests",
    "../harness/src",
    "../harness/tests",
    "../tests/src",
    "../tests/acceptance",
];

/// More than this and a file holds more than one thing.
const MOST_LINES: usize = 600;

/// One table, a line for each field that is supported, which is read by looking something up in it.
const TABLE: &str = "config/coverage.rs";

#[test]
fn files_are_tidy() {
    let broken: Vec<_> = sources(FOLDERS)
        .iter()
        .flat_map(|source| {
            let path = source.path.display().to_string();
            complaints(source).into_iter().map(move |complaint| format!("{path}: {complaint}"))
        })
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn untidy_files_are_seen() {
    let source = |path: &str, text: &str| Source { path: path.into(), text: text.to_owned() };
    let ignore = concat!("#[", "ignore]");
    let cases = [
        ("a.rs", String::from("fn f() {}\n"), "does not start with what it is for: `//!`"),
        ("a/mod.rs", String::from("//! X.\n"), "is called mod.rs: make it <folder>.rs"),
        ("a.rs", "//! X.\n".repeat(601), "has 601 lines, more than 600"),
        ("a.rs", format!("//! X.\n// {}: later\n", concat!("TO", "DO")), "line 2 leaves work over"),
        ("a.rs", format!("//! X.\n\n{ignore}\n"), "line 3 skips a test without a reason"),
    ];
    for (path, text, complaint) in cases {
        assert_eq!(complaints(&source(path, &text)), [complaint]);
    }
    assert!(complaints(&source("a.rs", "//! X.\nfn f() {}\n")).is_empty());
}

fn complaints(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    if !source.text.starts_with("//! ") {
        found.push(String::from("does not start with what it is for: `//!`"));
    }
    if source.path.file_name().is_some_and(|name| name == "mod.rs") {
        found.push(String::from("is called mod.rs: make it <folder>.rs"));
    }
    let lines = source.text.lines().count();
    if lines > MOST_LINES && !source.path.ends_with(TABLE) {
        found.push(format!("has {lines} lines, more than {MOST_LINES}"));
    }
    // Written in two halves, so that this file does not find itself.
    let leftovers = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
    for (number, line) in source.text.lines().enumerate() {
        let number = number + 1;
        if leftovers.iter().any(|leftover| line.contains(leftover)) {
            found.push(format!("line {number} leaves work over"));
        }
        if line.trim() == concat!("#[", "ignore]") {
            found.push(format!("line {number} skips a test without a reason"));
        }
    }
    found
}
