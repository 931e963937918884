//! The subsets of a cluster's hosts, by what their metadata says: `lb_subset_config`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use crate::config::endpoint::LB_METADATA;
use crate::config::lb::{Fallback, LoadBalancing, Subsets as Settings};
use crate::config::metadata_match::{self, MetadataMatch};

use super::Host;
use super::lb::Group;

/// All subsets of a set of hosts that are not empty.
#[derive(Debug)]
pub struct Subsets {
    groups: Vec<Group>,
    /// By the text of the metadata that all its hosts have.
    by_text: HashMap<String, usize>,
    /// `default_subset`, unless that is all hosts.
    default: Option<usize>,
}

/// Among which hosts of a set one is chosen.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// All.
    Whole,
    /// Those of a subset, by its number.
    Subset(usize),
}

/// How a part was come by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Found {
    /// It is what the route asks for: `lb_subsets_selected`.
    Selected(Part),
    /// It is what a selector has instead.
    Instead(Part),
    /// It is what the cluster has instead: `lb_subsets_fallback`.
    Fallback(Part),
    /// There is none.
    Nothing,
}

// === impl Subsets ===

impl Subsets {
    /// The subsets of these hosts.
    pub(super) fn new(hosts: &[Arc<Host>], lb: &LoadBalancing, settings: &Settings) -> Self {
        let mut by_text = HashMap::new();
        let mut members: Vec<Vec<u32>> = Vec::new();
        let mut default = Vec::new();
        for (host, place) in hosts.iter().zip(0..) {
            let traits = host.traits();
            let fields = traits.metadata.0.get(LB_METADATA);
            if settings.default_subset.as_ref().is_some_and(|subset| subset.is_met_by(fields)) {
                default.push(place);
            }
            let Some(fields) = fields else { continue };
            for selector in &settings.selectors {
                let Some(text) = metadata_match::text_of(&selector.keys, fields) else { continue };
                let number = match by_text.entry(text) {
                    Entry::Occupied(known) => *known.get(),
                    Entry::Vacant(free) => {
                        members.push(Vec::new());
                        *free.insert(members.len() - 1)
                    }
                };
                // Of two selectors with the same keys, the second adds nothing.
                if members[number].last() != Some(&place) {
                    members[number].push(place);
                }
            }
        }
        let default = settings.default_subset.as_ref().map(|_| {
            members.push(default);
            members.len() - 1
        });
        let groups = members.into_iter().map(|members| Group::new(hosts, members, lb)).collect();
        Self { groups, by_text, default }
    }

    /// How many there are: `lb_subsets_active`.
    pub fn count(&self) -> usize {
        self.by_text.len()
    }

    /// The texts of all of them.
    pub(super) fn texts(&self) -> impl Iterator<Item = &String> {
        self.by_text.keys()
    }

    /// Whether there is one of that text.
    pub(super) fn has(&self, text: &str) -> bool {
        self.by_text.contains_key(text)
    }

    /// The hosts of one.
    pub(super) fn group(&self, number: usize) -> &Group {
        &self.groups[number]
    }

    /// How many numbers there are.
    pub(super) fn numbers(&self) -> usize {
        self.groups.len()
    }

    /// The hosts for a request whose route asks for that.
    pub(super) fn find(&self, wanted: Option<&MetadataMatch>, settings: &Settings) -> Found {
        let Some(wanted) = wanted else { return self.fallback(settings) };
        if let Some(number) = self.by_text.get(wanted.text()) {
            return Found::Selected(Part::Subset(*number));
        }
        let mut selectors = settings.selectors.iter();
        let selector = selectors.find(|one| one.keys.iter().eq(wanted.keys()));
        match selector.and_then(|selector| selector.fallback.as_ref()) {
            None => self.fallback(settings),
            Some(Fallback::Nobody) => Found::Nothing,
            Some(Fallback::Any) => Found::Instead(Part::Whole),
            Some(Fallback::Default) => Found::Instead(self.default_part()),
            // The keys get fewer each time.
            Some(Fallback::Keys(keys)) => self.find(wanted.only(keys).as_ref(), settings),
        }
    }

    fn fallback(&self, settings: &Settings) -> Found {
        match settings.fallback {
            Fallback::Any => Found::Fallback(Part::Whole),
            Fallback::Default => Found::Fallback(self.default_part()),
            Fallback::Nobody | Fallback::Keys(_) => Found::Nothing,
        }
    }

    fn default_part(&self) -> Part {
        self.default.map_or(Part::Whole, Part::Subset)
    }
}
