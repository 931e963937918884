//! Finds the first of many routes that matches without asking all of them.

use std::collections::HashMap;

use crate::config::route::PathMatch;

use super::matcher::Matcher;

/// Below so many routes it is as quick to ask one after the other.
const FEW: usize = 16;

/// The numbers of routes, by their path or prefix.
type Lists = HashMap<Box<str>, Vec<u32>>;

/// Which routes of a virtual host come into question for a path. Each list is in the routes' order.
#[derive(Debug)]
pub(super) struct Index {
    exact: Lists,
    /// By the length of the prefix.
    prefixes: Vec<(usize, Lists)>,
    /// Those that must be asked whatever the path is: expressions, and those to which case does not matter.
    others: Vec<u32>,
}

// === impl Index ===

impl Index {
    /// An index of these routes; none if they are few.
    pub(super) fn new<'m>(matchers: impl ExactSizeIterator<Item = &'m Matcher>) -> Option<Self> {
        if matchers.len() <= FEW {
            return None;
        }
        let mut index = Self { exact: HashMap::new(), prefixes: Vec::new(), others: Vec::new() };
        for (number, matcher) in matchers.enumerate() {
            // A file with more routes than that would be larger than any that is read.
            let number = u32::try_from(number).ok()?;
            match matcher.path() {
                (PathMatch::Exact(path), true) => {
                    index.exact.entry(path.clone()).or_default().push(number);
                }
                (PathMatch::Prefix(prefix) | PathMatch::SeparatedPrefix(prefix), true) => {
                    index.with_prefix(prefix).push(number);
                }
                _ => index.others.push(number),
            }
        }
        index.prefixes.sort_by_key(|(length, _)| *length);
        Some(index)
    }

    fn with_prefix(&mut self, prefix: &str) -> &mut Vec<u32> {
        let known = self.prefixes.iter().position(|(length, _)| *length == prefix.len());
        let at = known.unwrap_or_else(|| {
            self.prefixes.push((prefix.len(), HashMap::new()));
            self.prefixes.len() - 1
        });
        self.prefixes[at].1.entry(prefix.into()).or_default()
    }

    /// The first route in question for this path for which `matches` holds.
    pub(super) fn first(&self, path: &str, matches: impl Fn(usize) -> bool) -> Option<usize> {
        let mut best = None;
        let mut look = |list: &[u32]| {
            let before = |number: &usize| best.is_none_or(|best| *number < best);
            let earlier = list.iter().map(|number| *number as usize).take_while(before);
            if let Some(found) = earlier.into_iter().find(|number| matches(*number)) {
                best = Some(found);
            }
        };
        if let Some(list) = self.exact.get(path) {
            look(list);
        }
        for (length, lists) in &self.prefixes {
            // A path is ASCII where a prefix of it could end.
            if *length > path.len() {
                break;
            }
            if let Some(list) = path.get(..*length).and_then(|part| lists.get(part)) {
                look(list);
            }
        }
        look(&self.others);
        best
    }
}
