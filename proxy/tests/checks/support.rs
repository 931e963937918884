//! Writes down what is supported of Envoy's configuration, from the loader's own tables, and keeps it true.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use outrigger::config::coverage::{COVERAGE, Covered};

const BEGIN: &str = "<!-- support: written by proxy/tests/checks/support.rs -->\n";
const END: &str = "<!-- end of support -->\n";

const HEAD: &str = "\
# What is supported of Envoy's configuration

Written by `tests/checks/support.rs` from the loader's own tables, with the fields as Envoy 1.40 has them. A field of the
last column is refused by name, at its line; `--allow-unsupported` makes a warning of that. A message that is not here is
refused wherever a file has it. What v1 files have is converted into these messages first.

| message | applied | accepted, without effect | accepted with one value | refused |
|---|---|---|---|---|
";

#[test]
fn the_support_tables_are_what_the_loader_does() {
    let schema =
        std::fs::read_to_string(here().join("src/config/schema.txt")).expect("it is there");
    let messages = messages(&schema);
    assert_eq!(messages.len(), COVERAGE.len(), "schema.txt has other messages than coverage.rs");
    let rows: String = messages.iter().map(Message::row).collect();
    keep(&here().join("SUPPORT.md"), &format!("{HEAD}{rows}"));

    let readme = here().join("../README.md");
    let text = std::fs::read_to_string(&readme).expect("README is there");
    let (before, rest) = text.split_once(BEGIN).expect("README says where the table begins");
    let (_, after) = rest.split_once(END).expect("README says where the table ends");
    keep(&readme, &format!("{before}{BEGIN}{}{END}{after}", summary(&messages)));
}

/// A message, and what becomes of each of its fields.
struct Message {
    covered: &'static Covered,
    refused: Vec<String>,
    all: usize,
}

// === impl Message ===

impl Message {
    fn row(&self) -> String {
        let Covered { applied, no_op, fixed, .. } = self.covered;
        let fixed: Vec<_> =
            fixed.iter().map(|(name, value)| format!("`{name}`: `{value}`")).collect();
        format!(
            "| `{}` | {} | {} | {} | {} |\n",
            self.covered.message,
            code(applied),
            code(no_op),
            fixed.join(", "),
            code(&self.refused)
        )
    }
}

/// The messages in the order of the coverage table, with the fields of the schema.
fn messages(schema: &str) -> Vec<Message> {
    let mut fields: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in schema.lines() {
        let mut words = line.split_whitespace();
        match (words.next(), words.next()) {
            (Some("message"), Some(name)) => fields.push((name, Vec::new())),
            (Some("field"), Some(name)) => {
                fields.last_mut().expect("a field is of a message").1.push(name);
            }
            _ => {}
        }
    }
    let of = |covered: &'static Covered| {
        let (_, all) = fields.iter().find(|(name, _)| *name == covered.message)?;
        let accepted = |name: &str| {
            let Covered { applied, no_op, fixed, .. } = covered;
            applied.contains(&name)
                || no_op.contains(&name)
                || fixed.iter().any(|(fixed, _)| *fixed == name)
        };
        let refused = all.iter().filter(|name| !accepted(name)).map(|name| (*name).to_owned());
        Some(Message { covered, refused: refused.collect(), all: all.len() })
    };
    COVERAGE.iter().filter_map(of).collect()
}

/// What README shows: how much of each message.
fn summary(messages: &[Message]) -> String {
    let sum = |count: fn(&Message) -> usize| messages.iter().map(count).sum::<usize>();
    let mut out = format!(
        "Of the {} messages that the loader reads, {} fields are applied, {} are accepted because they have no effect or \
         ask for\nwhat is done anyway, and {} are refused by name; \
         [`proxy/SUPPORT.md`](proxy/SUPPORT.md) has each of them.\n\n\
         <details><summary>Message by message</summary>\n\n\
         | message | applied | accepted | refused |\n|---|--:|--:|--:|\n",
        messages.len(),
        sum(|message| message.covered.applied.len()),
        sum(|message| message.covered.no_op.len() + message.covered.fixed.len()),
        sum(|message| message.refused.len()),
    );
    for message in messages {
        let Covered { applied, .. } = message.covered;
        let accepted = message.all - applied.len() - message.refused.len();
        let refused = message.refused.len();
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "| `{}` | {} | {accepted} | {refused} |",
            message.covered.message,
            applied.len()
        );
    }
    out + "\n</details>\n"
}

fn code(names: &[impl AsRef<str>]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    quoted.join(" ")
}

/// Compares a file with what it should be, or writes it where that is asked for.
fn keep(path: &Path, wanted: &str) {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, wanted).expect("the file can be written");
    }
    let have = std::fs::read_to_string(path).unwrap_or_default();
    let stale = "is stale: run this test with UPDATE_EXPECT=1";
    assert!(have == wanted, "{} {stale}", path.display());
}

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
