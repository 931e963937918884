//! Finds a virtual host by a request's host, at a cost that does not depend on how many there are.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

/// The domains of a table's virtual hosts, each with the number of its virtual host.
#[derive(Debug, Default)]
pub(super) struct Domains {
    exact: HashMap<Box<str>, usize>,
    /// `*.example.com` without its star.
    suffixes: Wildcards,
    /// `example.*` without its star.
    prefixes: Wildcards,
    /// `*`.
    any: Option<usize>,
}

/// Domains with a star, by the length of what is left without it, the longest first.
#[derive(Debug, Default)]
struct Wildcards(Vec<(usize, HashMap<Box<str>, usize>)>);

/// A domain of a virtual host.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Domain<'a> {
    /// A host.
    Exact(&'a str),
    /// What comes after the star.
    Suffix(&'a str),
    /// What comes before the star.
    Prefix(&'a str),
    /// `*`.
    Any,
}

// === impl Domains ===

impl Domains {
    /// Adds a domain, which must be lower-cased and not there yet.
    pub(super) fn add(&mut self, domain: &str, index: usize) {
        match (domain.strip_prefix('*'), domain.strip_suffix('*')) {
            (Some(""), _) => self.any = Some(index),
            (Some(suffix), _) => self.suffixes.add(suffix, index),
            (None, Some(prefix)) => self.prefixes.add(prefix, index),
            (None, None) => {
                self.exact.insert(domain.into(), index);
            }
        }
    }

    /// The virtual host of all requests, if nothing is asked of their host.
    pub(super) fn only_any(&self) -> Option<(Domain<'_>, usize)> {
        let named = [&self.suffixes, &self.prefixes].iter().any(|some| !some.0.is_empty());
        let any = self.any.filter(|_| self.exact.is_empty() && !named);
        any.map(|index| (Domain::Any, index))
    }

    /// The virtual host of a request to `host`, with the domain by which it is found.
    pub(super) fn find_by(&self, host: &str) -> Option<(Domain<'_>, usize)> {
        if let Some(only) = self.only_any() {
            return Some(only);
        }
        let any = self.any.map(|index| (Domain::Any, index));
        let host = lower_cased(host);
        let exact = self.exact.get_key_value(&*host);
        let suffix = || self.suffixes.find(&host, |length| host.get(host.len() - length..));
        let prefix = || self.prefixes.find(&host, |length| host.get(..length));
        let exact = exact.map(|(domain, index)| (Domain::Exact(domain), *index));
        exact
            .or_else(|| suffix().map(|(part, index)| (Domain::Suffix(part), index)))
            .or_else(|| prefix().map(|(part, index)| (Domain::Prefix(part), index)))
            .or(any)
    }
}

// === impl Wildcards ===

impl Wildcards {
    fn add(&mut self, part: &str, index: usize) {
        let length = part.len();
        let at = self.0.binary_search_by(|(other, _)| length.cmp(other));
        let at = at.unwrap_or_else(|at| {
            self.0.insert(at, (length, HashMap::new()));
            at
        });
        self.0[at].1.insert(part.into(), index);
    }

    /// The longest part that `host` has where `cut` cuts it. The star stands for at least one character.
    fn find<'h>(
        &self,
        host: &str,
        cut: impl Fn(usize) -> Option<&'h str>,
    ) -> Option<(&str, usize)> {
        let mut shorter = self.0.iter().filter(|(length, _)| *length < host.len());
        shorter.find_map(|(length, parts)| {
            let (part, index) = parts.get_key_value(cut(*length)?)?;
            Some((&**part, *index))
        })
    }
}

// === impl Domain ===

/// The domain as it was configured, lower-cased.
impl fmt::Display for Domain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => f.write_str(host),
            Self::Suffix(part) => write!(f, "*{part}"),
            Self::Prefix(part) => write!(f, "{part}*"),
            Self::Any => f.write_str("*"),
        }
    }
}

fn lower_cased(host: &str) -> Cow<'_, str> {
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}
