//! `envoy.extensions.filters.http.header_mutation.v3.HeaderMutation`.

use crate::config::headers::HeaderValueOption;
use crate::config::matcher::StringMatcher;

/// Headers are changed, by the filter and by each level of the route table.
#[derive(Clone, Debug)]
pub struct HeaderMutation {
    /// `mutations`.
    pub mutations: Mutations,
    /// `most_specific_header_mutations_wins`: the route's changes come last, and not those of the table.
    pub most_specific_wins: bool,
}

/// `Mutations`.
#[derive(Clone, Debug, Default)]
pub struct Mutations {
    /// `request_mutations`.
    pub request: Vec<Mutation>,
    /// `response_mutations`.
    pub response: Vec<Mutation>,
}

/// `envoy.config.common.mutation_rules.v3.HeaderMutation`: one change, which sees what those before it did.
#[derive(Clone, Debug)]
pub enum Mutation {
    /// `remove`, lower-cased.
    Remove(String),
    /// `remove_on_match`: by the name.
    RemoveOnMatch(StringMatcher),
    /// `append`.
    Append(HeaderValueOption),
}
