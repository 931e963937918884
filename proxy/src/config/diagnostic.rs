//! What is wrong with a configuration: every finding with its place, what was expected there, and a hint.

mod excerpt;
mod json;
pub(super) mod rule;
mod sarif;
mod text;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::PathBuf;

use super::source::{At, Node, Sources};

pub use self::excerpt::Excerpt;
pub use self::rule::{RULES, Rule};
pub use self::text::Colours;

/// Nobody reads more than this; further findings are only counted.
const MOST: usize = 200;

/// After so many more errors nothing further is looked at, so that a file of a million of them takes neither the time nor
/// the memory of a good one.
const ENOUGH: usize = 10_000;

/// What was found in one load, in the order of the text.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Report {
    /// The findings.
    pub findings: Vec<Finding>,
}

/// One thing to say about a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file, or the option that held the text.
    pub file: PathBuf,
    /// Line and column, both from one and the column in characters; none where it is about the file as a whole.
    pub place: Option<(u32, u32)>,
    /// The way to the value from the top of the file, as in `static_resources.clusters[0](app).connect_timeout`; empty
    /// at the top and for what is no tree at all.
    pub path: String,
    /// What was found and what was expected, in lower case and without a full stop.
    pub message: String,
    /// What could be done about it.
    pub hint: Option<String>,
    /// What kind of finding it is: the name of one of [`RULES`] or of a lint.
    pub rule: &'static str,
    /// The line of the text that it is about; none until [`Report::quote`] has found it.
    pub excerpt: Option<Excerpt>,
}

/// What a load forgives.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lenience {
    /// `--allow-unsupported`: a field that is not supported is a warning, and is ignored.
    pub unsupported: bool,
    /// `--offline`: a file that the configuration names and that is not there is a warning.
    pub files: bool,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// The file is not accepted.
    Error,
    /// The file is accepted, and something about it should be known.
    Warning,
}

/// Collects findings by place while the trees are read.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Placed>,
    /// Errors that are not kept.
    more: usize,
    /// Where hints on those go.
    spare: Option<Placed>,
    lenience: Lenience,
}

/// A finding whose place and path are not looked up yet.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    severity: Severity,
    at: At,
    message: String,
    hint: Option<String>,
    rule: &'static str,
    /// Whether it will be shown, and a hint is worth looking for.
    kept: bool,
}

// === impl Report ===

impl Report {
    /// A report of one error about a file as a whole.
    pub(crate) fn of_file(file: &str, message: impl Into<String>) -> Self {
        let finding = Finding {
            severity: Severity::Error,
            file: PathBuf::from(file),
            place: None,
            path: String::new(),
            message: message.into(),
            hint: None,
            rule: rule::FILE,
            excerpt: None,
        };
        Self { findings: vec![finding] }
    }

    /// Adds the lines of that file's text to the findings that are about it.
    pub(super) fn quote(&mut self, file: &str, text: &str) {
        let name = PathBuf::from(file);
        let findings = self.findings.iter_mut().filter(|finding| finding.file == name);
        let mut wanted: Vec<&mut Finding> = findings.filter(|f| f.place.is_some()).collect();
        wanted.sort_by_key(|finding| finding.place);
        // A list of all lines of a file could take many times the room of the file.
        let mut lines = (1..).zip(text.lines()).peekable();
        for finding in wanted {
            let Some((line, column)) = finding.place else { continue };
            while lines.next_if(|(number, _)| *number < line).is_some() {}
            let text = lines.peek().filter(|(number, _)| *number == line);
            finding.excerpt = text.map(|(_, text)| Excerpt::of(text, column));
        }
    }

    /// Whether a line that a finding is about is not known.
    pub(super) fn is_unquoted(&self) -> bool {
        self.findings.iter().any(|finding| finding.place.is_some() && finding.excerpt.is_none())
    }

    /// How many findings of that severity there are.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// A report of a file that cannot be read.
    pub(super) fn of_unreadable(file: &str, why: &dyn fmt::Display) -> Self {
        let mut report = Self::of_file(file, format!("unable to read file: {why}"));
        report.findings.iter_mut().for_each(|finding| finding.rule = rule::UNREADABLE);
        report
    }

    /// Whether something in it forbids to use the configuration.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }
}

impl fmt::Display for Report {
    /// One finding after the other, each on a line of its own, its hint on the next.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.findings.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{finding}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

// === impl Finding ===

impl Finding {
    /// Whether the file could not be read at all, so that nothing is known about it.
    pub fn is_unreadable(&self) -> bool {
        self.rule == rule::UNREADABLE
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if let Some((line, column)) = self.place {
            write!(f, "{line}:{column}:")?;
        }
        if self.severity == Severity::Warning {
            f.write_str(" warning:")?;
        }
        if !self.path.is_empty() {
            write!(f, " {}:", self.path)?;
        }
        write!(f, " {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

// === impl Findings ===

impl Findings {
    /// None yet, of a load that forgives this.
    pub(super) fn forgiving(lenience: Lenience) -> Self {
        Self { lenience, ..Self::default() }
    }

    /// What this load forgives.
    pub(super) fn lenience(&self) -> Lenience {
        self.lenience
    }

    /// Adds an error; the result takes a hint.
    pub(super) fn error(&mut self, at: At, message: impl Into<String>) -> &mut Placed {
        let message = message.into();
        // A value that is not supported has its words from whoever lowers it.
        let rule =
            if message.contains("not supported") { rule::UNSUPPORTED } else { rule::INVALID };
        let placed = self.add(Severity::Error, at, message);
        placed.rule = rule;
        placed
    }

    /// Adds a warning; the result takes a hint.
    pub(super) fn warn(&mut self, at: At, message: impl Into<String>) -> &mut Placed {
        self.add(Severity::Warning, at, message.into())
    }

    /// Adds that something is not supported: an error, unless the load ignores what is not; then a warning that it
    /// does. Only for what can be passed over; a part without which nothing would work stays an [`Self::error`].
    pub(super) fn unsupported(&mut self, at: At, message: impl Into<String>) -> &mut Placed {
        let message = message.into();
        let placed = match self.lenience.unsupported {
            true => self.add(Severity::Warning, at, format!("{message}; ignored")),
            false => self.add(Severity::Error, at, message),
        };
        placed.rule = rule::UNSUPPORTED;
        placed
    }

    /// Adds that a file that the configuration names cannot be used: an error, unless the load forgives that.
    pub(super) fn missing_file(&mut self, at: At, message: impl Into<String>) -> &mut Placed {
        let severity = if self.lenience.files { Severity::Warning } else { Severity::Error };
        let placed = self.add(severity, at, message.into());
        placed.rule = rule::MISSING_FILE;
        placed
    }

    /// The places of the findings under that rule.
    pub(super) fn places_of(&self, rule: &str) -> HashSet<At> {
        let list = self.list.iter().filter(|finding| finding.rule == rule);
        list.map(|finding| finding.at).collect()
    }

    /// How many errors there are so far.
    pub(super) fn errors(&self) -> usize {
        self.more + self.list.iter().filter(|f| f.severity == Severity::Error).count()
    }

    /// Whether there are so many errors that it makes no sense to look for more.
    pub(super) fn are_enough(&self) -> bool {
        self.more >= ENOUGH
    }

    /// Where errors were found so far.
    pub(super) fn places(&self) -> HashSet<At> {
        let errors = self.list.iter().filter(|finding| finding.severity == Severity::Error);
        errors.map(|finding| finding.at).collect()
    }

    /// Adds what a later step found in other places: an error is followed by others in its own place that say nothing
    /// new.
    pub(super) fn extend_elsewhere(&mut self, later: Self, said: &HashSet<At>) {
        self.list.extend(later.list.into_iter().filter(|finding| !said.contains(&finding.at)));
        self.more += later.more;
    }

    /// Says in all of these places that something is not supported, if it is said in one of them.
    pub(super) fn repeat(&mut self, places: &[At]) {
        let found =
            |finding: &&Placed| finding.rule == rule::UNSUPPORTED && places.contains(&finding.at);
        let Some(first) = self.list.iter().find(found).cloned() else { return };
        for at in places.iter().filter(|at| **at != first.at) {
            self.list.push(Placed { at: *at, ..first.clone() });
        }
    }

    /// Forgets what is only worth a remark.
    pub(super) fn drop_notes(&mut self) {
        let notes = [rule::DEPRECATED, rule::NO_EFFECT];
        self.list.retain(|finding| !notes.contains(&finding.rule));
    }

    /// Forgets what lints said where something else is wrong than that it is not supported: what the file means is not
    /// known then.
    pub(super) fn drop_vain_lints(&mut self) {
        let wrong = |finding: &Placed| {
            finding.severity == Severity::Error && finding.rule != rule::UNSUPPORTED
        };
        if self.list.iter().any(wrong) {
            let is_rule = |name: &str| RULES.iter().any(|rule| rule.name == name);
            self.list.retain(|finding| is_rule(finding.rule));
        }
    }

    /// Looks up places and paths, the latter in the trees that were read.
    pub(super) fn report(mut self, sources: &Sources, roots: &[Node]) -> Report {
        self.list.sort_by_key(|finding| finding.at);
        let wanted: HashSet<At> = self.list.iter().map(|finding| finding.at).collect();
        let mut paths = HashMap::new();
        for root in roots.iter().filter(|_| !wanted.is_empty()) {
            paths.extend(root.paths_to(&wanted));
        }
        let look_up = |placed: Placed| {
            let path = paths.get(&placed.at).cloned().unwrap_or_default();
            placed.look_up(sources, path)
        };
        let last = self.list.last().map(|finding| finding.at);
        let mut findings: Vec<Finding> = self.list.into_iter().map(look_up).collect();
        findings.dedup();
        if let Some(last) = last.filter(|_| self.more > 0) {
            let (file, _) = sources.resolve(last);
            findings.extend(Report::of_file(file, format!("and {} more", self.more)).findings);
        }
        Report { findings }
    }

    fn add(&mut self, severity: Severity, at: At, message: String) -> &mut Placed {
        let kept = self.list.len() < MOST;
        let rule = rule::NO_EFFECT;
        let placed = Placed { severity, at, message, hint: None, rule, kept };
        if !kept {
            self.more += usize::from(severity == Severity::Error);
            return self.spare.insert(placed);
        }
        let index = self.list.len();
        self.list.push(placed);
        &mut self.list[index]
    }
}

// === impl Placed ===

impl Placed {
    /// Adds a hint.
    pub(super) fn hint(&mut self, hint: impl Into<String>) {
        self.hint = Some(hint.into());
    }

    /// Says what kind of finding it is.
    pub(super) fn rule(&mut self, rule: &'static str) -> &mut Self {
        self.rule = rule;
        self
    }

    /// Adds what it means that something is ignored, where it is.
    pub(super) fn danger(&mut self, danger: Option<&str>) {
        if let Some(danger) = danger.filter(|_| self.severity == Severity::Warning) {
            self.message.push_str(": ");
            self.message.push_str(danger);
        }
    }

    /// Adds the hint that one of the known words may have been meant, and returns it, if one is close.
    pub(super) fn did_you_mean<'a>(
        &mut self,
        word: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Option<&'a str> {
        let close = self.kept.then(|| closest(word, known)).flatten()?;
        self.hint(format!("did you mean {close:?}?"));
        Some(close)
    }

    fn look_up(self, sources: &Sources, path: String) -> Finding {
        let (file, mark) = sources.resolve(self.at);
        Finding {
            severity: self.severity,
            file: PathBuf::from(file),
            place: mark.map(|mark| (mark.line, mark.column)),
            path,
            message: self.message,
            hint: self.hint,
            rule: self.rule,
            excerpt: None,
        }
    }
}

/// The known word that a misspelt one is closest to, if it is close enough to be meant.
fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Nobody misspells more than this.
    const LONGEST: usize = 200;
    if word.len() > LONGEST {
        return None;
    }
    let word = word.to_ascii_lowercase();
    let allowed = (word.len() / 3).clamp(1, 3);
    known
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(&word, &known.to_ascii_lowercase()), known))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}
