//! `outrigger check`: says everything that there is to say about files, for people and for programs, and starts nothing.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::config::bootstrap::Node;
use crate::config::diagnostic::{Colours, Finding, Lenience, Report, Severity};
use crate::config::lint::LINTS;
use crate::config::usage::{Fate, FieldUse};
use crate::config::{self, Manner};

/// The exit code for what could not be checked: a wrong command line, or a file that cannot be read.
pub(super) const COULD_NOT: u8 = 2;

const NOTES: &str = "\
Exit codes: 0 nothing is wrong (there may be warnings), 1 something is, 2 a file could not be read or the command line
is wrong.

A lint is silenced by --allow NAME, or in a YAML file by a comment `# outrigger: allow NAME`: at the end of a line for
what begins on it, on a line of its own for what begins on the next, at the top for the whole file.

--format json prints one object: `files`, `errors` and `warnings` are numbers, `findings` a list of objects with
`severity` (error, warning), `rule`, `file`, `line`, `column` (from 1; null for a file as a whole), `path`, `message` and
`hint` (or null); with --coverage, `coverage` is a list of objects with `file`, `line`, `column`, `path`, `fate` (applied,
no-op, unsupported) and `reason` (or null). --format sarif prints SARIF 2.1.0.";

/// Its command line.
#[derive(Args, Debug)]
#[command(after_help = NOTES)]
pub(super) struct Arguments {
    /// The configuration files: Envoy's v3 (YAML, JSON) or v1 (JSON) form
    #[arg(value_name = "FILE", required_unless_present = "lints")]
    files: Vec<PathBuf>,

    /// The form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// List what becomes of each field of a file: applied, no-op or unsupported
    #[arg(long)]
    coverage: bool,

    /// Take fields that are not supported yet for warnings; `-c FILE --allow-unsupported` runs without them
    #[arg(long)]
    allow_unsupported: bool,

    /// Take files that the configuration names and that are not there for warnings
    #[arg(long)]
    offline: bool,

    /// Replace ${VAR} and ${VAR:-default} in values by environment variables
    #[arg(long)]
    expand_env: bool,

    /// Fail on warnings too
    #[arg(long)]
    deny_warnings: bool,

    /// Silence a lint; may be given several times
    #[arg(long, value_name = "LINT", value_parser = lint_names(), hide_possible_values = true)]
    allow: Vec<String>,

    /// List all lints, each with the trap and what to do
    #[arg(long)]
    lints: bool,

    /// Colours in text; `auto` is for terminals, unless NO_COLOR is set
    #[arg(long, value_enum, default_value_t = When::Auto)]
    color: When,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs of one's own
    Json,
    /// For code hosts and editors
    Sarif,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum When {
    Auto,
    Always,
    Never,
}

/// What was found in all files.
struct Outcome {
    files: usize,
    report: Report,
    uses: Vec<(PathBuf, Vec<FieldUse>)>,
}

/// Checks the files and says what was found, on standard output.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let colours = arguments.color.colours();
    if arguments.lints {
        return answer(&lints(), ExitCode::SUCCESS);
    }
    let outcome = Outcome::of(arguments);
    let text = match arguments.format {
        Format::Text => outcome.text(colours),
        Format::Json => pretty(&outcome.json(arguments.coverage)),
        Format::Sarif => pretty(&outcome.report.sarif()),
    };
    answer(&text, outcome.exit_code(arguments.deny_warnings))
}

/// Colours for a stream that is a terminal or is not, as <https://no-color.org> asks for.
pub(super) fn colours(terminal: bool) -> Colours {
    let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if terminal && !forbidden { Colours::On } else { Colours::Off }
}

fn lint_names() -> PossibleValuesParser {
    PossibleValuesParser::new(LINTS.iter().map(|lint| lint.name))
}

fn lints() -> String {
    let lints = LINTS.iter();
    lints.map(|lint| format!("{}\n  {}\n  {}\n", lint.name, lint.trap, lint.remedy)).collect()
}

pub(super) fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

pub(super) fn answer(text: &str, code: ExitCode) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => code,
        Err(_closed) => ExitCode::from(COULD_NOT),
    }
}

// === impl When ===

impl When {
    /// For standard output.
    pub(super) fn colours(self) -> Colours {
        match self {
            Self::Auto => colours(io::stdout().is_terminal()),
            Self::Always => Colours::On,
            Self::Never => Colours::Off,
        }
    }
}

// === impl Outcome ===

impl Outcome {
    fn of(arguments: &Arguments) -> Self {
        let manner = Manner {
            lenience: Lenience {
                unsupported: arguments.allow_unsupported,
                files: arguments.offline,
            },
            lints: Some(arguments.allow.clone()),
            uses: arguments.coverage,
            route_tables: false,
        };
        let variables = arguments.expand_env.then_some(super::VARIABLES);
        let mut outcome =
            Self { files: arguments.files.len(), report: Report::default(), uses: Vec::new() };
        for file in &arguments.files {
            let mut checked = config::check(Some(file), None, &Node::default(), variables, &manner);
            outcome.report.findings.append(&mut checked.report.findings);
            outcome.uses.push((file.clone(), checked.uses));
        }
        outcome
    }

    fn exit_code(&self, deny_warnings: bool) -> ExitCode {
        let findings = &self.report.findings;
        if findings.iter().any(Finding::is_unreadable) {
            ExitCode::from(COULD_NOT)
        } else if self.report.has_errors() || (deny_warnings && !findings.is_empty()) {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }

    fn text(&self, colours: Colours) -> String {
        let mut text = self.report.text(colours);
        for (file, uses) in &self.uses {
            text.extend(uses.iter().map(|field| line(file, field)));
        }
        let all: Vec<&FieldUse> = self.uses.iter().flat_map(|(_, uses)| uses).collect();
        if !all.is_empty() {
            let count = |name| all.iter().filter(|field| field.fate.name() == name).count();
            text.push_str(&format!(
                "fields: {} applied, {} no-op, {} unsupported\n",
                count("applied"),
                count("no-op"),
                count("unsupported")
            ));
        }
        let counted = |count, word| match count {
            1 => format!("1 {word}"),
            _ => format!("{count} {word}s"),
        };
        text.push_str(&format!(
            "{} checked: {}, {}\n",
            counted(self.files, "file"),
            counted(self.report.count(Severity::Error), "error"),
            counted(self.report.count(Severity::Warning), "warning"),
        ));
        text
    }

    fn json(&self, coverage: bool) -> Value {
        let mut value = json!({
            "files": self.files,
            "errors": self.report.count(Severity::Error),
            "warnings": self.report.count(Severity::Warning),
            "findings": self.report.json(),
        });
        if coverage {
            let all = self.uses.iter();
            let all = all.flat_map(|(file, uses)| uses.iter().map(move |field| (file, field)));
            value["coverage"] = all
                .map(|(file, field)| {
                    json!({
                        "file": file.display().to_string(),
                        "line": field.place.map(|(line, _)| line),
                        "column": field.place.map(|(_, column)| column),
                        "path": field.path,
                        "fate": field.fate.name(),
                        "reason": field.fate.reason(),
                    })
                })
                .collect();
        }
        value
    }
}

fn line(file: &std::path::Path, field: &FieldUse) -> String {
    let (line, column) = field.place.unwrap_or((1, 1));
    let place = format!("{}:{line}:{column}:", file.display());
    let why = match field.fate {
        Fate::NoOp(reason) => format!(", for {reason}"),
        Fate::Applied | Fate::Unsupported => String::new(),
    };
    format!("{place} {}: {}{why}\n", field.fate.name(), field.path)
}
