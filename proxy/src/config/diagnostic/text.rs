//! A report for people: each finding with the line it is about, underlined.

use std::fmt::Write as _;

use super::{Finding, Report, Severity};

/// Whether the text is coloured, for a terminal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Colours {
    /// With the escape sequences of a terminal.
    On,
    /// Plain text.
    Off,
}

const RED: &str = "\u{1b}[1;31m";
const YELLOW: &str = "\u{1b}[1;33m";
const CYAN: &str = "\u{1b}[36m";
const RESET: &str = "\u{1b}[0m";

// === impl Report ===

impl Report {
    /// The findings one after the other, each with its line and what to do; ends with a line's end unless it is empty.
    pub fn text(&self, colours: Colours) -> String {
        let mut out = String::new();
        for finding in &self.findings {
            // Writing to a string cannot fail.
            let _ = write(&mut out, finding, colours);
        }
        out
    }
}

fn write(out: &mut String, finding: &Finding, colours: Colours) -> std::fmt::Result {
    let colour = match finding.severity {
        Severity::Error => RED,
        Severity::Warning => YELLOW,
    };
    write!(out, "{}:", finding.file.display())?;
    if let Some((line, column)) = finding.place {
        write!(out, "{line}:{column}:")?;
    }
    let severity = finding.severity.name();
    write!(out, " {}:", colours.paint(colour, &format!("{severity}[{}]", finding.rule)))?;
    if !finding.path.is_empty() {
        write!(out, " {}:", finding.path)?;
    }
    writeln!(out, " {}", finding.message)?;
    let number = finding.place.map(|(line, _)| line.to_string()).unwrap_or_default();
    let margin = " ".repeat(number.len());
    if let Some(excerpt) = &finding.excerpt {
        writeln!(out, " {number} | {}", excerpt.text)?;
        let under = colours.paint(colour, &"^".repeat(excerpt.width));
        writeln!(out, " {margin} | {}{under}", " ".repeat(excerpt.before))?;
    }
    if let Some(hint) = &finding.hint {
        writeln!(out, " {margin} = {} {hint}", colours.paint(CYAN, "hint:"))?;
    }
    Ok(())
}

// === impl Colours ===

impl Colours {
    fn paint(self, colour: &str, text: &str) -> String {
        match self {
            Self::On => format!("{colour}{text}{RESET}"),
            Self::Off => text.to_owned(),
        }
    }
}
