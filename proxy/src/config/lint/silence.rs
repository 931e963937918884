//! Lints that somebody does not want to hear of: `--allow NAME`, or `# outrigger: allow NAME` in a YAML file.

use std::collections::{HashMap, HashSet};

use crate::config::source::{At, Node, Sources, Value};

/// What a comment begins with that silences lints, whose names follow, with commas or blanks between them.
const MARK: &str = "outrigger: allow ";

/// The lints that are not to be told, and where.
pub(in crate::config) struct Silence<'a> {
    allowed: &'a [String],
    /// By line, from one: a comment at a line's end is about what begins on it, one on a line of its own about what
    /// begins on the next line that is none.
    lines: HashMap<u32, Vec<String>>,
}

// === impl Silence ===

impl<'a> Silence<'a> {
    /// Reads the comments of a text.
    pub(in crate::config) fn new(allowed: &'a [String], text: &str) -> Self {
        let mut lines: HashMap<u32, Vec<String>> = HashMap::new();
        let mut above: Vec<String> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let (before, comment) = line.split_once('#').unwrap_or((line, ""));
            let names = comment.trim_start().strip_prefix(MARK).unwrap_or_default();
            let names = names.split([',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned);
            if before.trim().is_empty() {
                above.extend(names);
            } else {
                let here: Vec<String> = above.drain(..).chain(names).collect();
                if !here.is_empty() {
                    lines.insert(number, here);
                }
            }
        }
        Self { allowed, lines }
    }

    /// Whether the command line silences the lint.
    pub(super) fn by_option(&self, lint: &str) -> bool {
        self.allowed.iter().any(|allowed| allowed == lint)
    }

    /// Which of the findings are in something that a comment is about: that begins on its line, or is in what does.
    pub(super) fn by_comments(
        &self,
        root: &Node,
        places: &[(&str, At)],
        sources: &Sources,
    ) -> HashSet<usize> {
        let mut search = Search {
            silence: self,
            sources,
            places: HashMap::new(),
            active: Vec::new(),
            silenced: HashSet::new(),
        };
        for (index, (lint, at)) in places.iter().enumerate() {
            search.places.entry(*at).or_default().push((index, lint));
        }
        if !self.lines.is_empty() && !places.is_empty() {
            search.descend(root);
        }
        search.silenced
    }

    fn at(&self, at: At, sources: &Sources) -> Option<&[String]> {
        let line = sources.resolve(at).1?.line;
        self.lines.get(&line).map(Vec::as_slice)
    }
}

/// A walk through a tree with the lints that are silenced where it is.
struct Search<'a> {
    silence: &'a Silence<'a>,
    sources: &'a Sources,
    /// What was found, by place.
    places: HashMap<At, Vec<(usize, &'a str)>>,
    active: Vec<&'a [String]>,
    silenced: HashSet<usize>,
}

// === impl Search ===

impl Search<'_> {
    fn descend(&mut self, node: &Node) {
        let length = self.active.len();
        self.active.extend(self.silence.at(node.at, self.sources));
        for (index, lint) in self.places.get(&node.at).into_iter().flatten() {
            if self.active.iter().any(|names| names.iter().any(|name| name == lint)) {
                self.silenced.insert(*index);
            }
        }
        match &node.value {
            Value::Map(entries) => {
                for entry in entries {
                    let own = self.active.len();
                    self.active.extend(self.silence.at(entry.at, self.sources));
                    self.descend(&entry.node);
                    self.active.truncate(own);
                }
            }
            Value::List(items) => items.iter().for_each(|item| self.descend(item)),
            _ => {}
        }
        self.active.truncate(length);
    }
}
