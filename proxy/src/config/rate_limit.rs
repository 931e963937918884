//! `rate_limits` of routes: what a request is to a rate limit.

use crate::config::matcher::{HeaderField, HeaderMatcher};
use crate::config::route::QueryMatcher;

/// `envoy.config.route.v3.RateLimit`: one descriptor, if all of its actions have something to say.
#[derive(Clone, Debug)]
pub struct RateLimit {
    /// `stage`: for which filters.
    pub stage: u32,
    /// `hits_addend.number`: how many hits it counts for; one where nothing is said.
    pub hits: Option<u64>,
    /// `actions`, in order.
    pub actions: Vec<Action>,
}

/// `envoy.config.route.v3.RateLimit.Action`: one entry of a descriptor.
#[derive(Clone, Debug)]
pub enum Action {
    /// `source_cluster`: `node.cluster`.
    SourceCluster,
    /// `destination_cluster`: the route's.
    DestinationCluster,
    /// `remote_address`: the client's.
    RemoteAddress,
    /// `masked_remote_address`: the client's network, by these prefix lengths.
    MaskedRemoteAddress {
        /// `v4_prefix_mask_len` (default 32).
        v4: u32,
        /// `v6_prefix_mask_len` (default 128).
        v6: u32,
    },
    /// `request_headers`.
    RequestHeader {
        /// `header_name`.
        field: HeaderField,
        /// `descriptor_key`.
        key: String,
        /// `skip_if_absent`: without it the entry is left out, and not the descriptor.
        skip_if_absent: bool,
    },
    /// `query_parameters`.
    QueryParameter {
        /// `query_parameter_name`.
        name: Box<str>,
        /// `descriptor_key`.
        key: String,
        /// `skip_if_absent`: without it the entry is left out, and not the descriptor.
        skip_if_absent: bool,
    },
    /// `query_parameter_value_match`.
    QueryParameterValueMatch {
        /// What is said.
        entry: Entry,
        /// `expect_match` (default true).
        expect: bool,
        /// `query_parameters`.
        parameters: Vec<QueryMatcher>,
    },
    /// `generic_key`.
    GenericKey(Entry),
    /// `header_value_match`.
    HeaderValueMatch {
        /// What is said.
        entry: Entry,
        /// `expect_match` (default true).
        expect: bool,
        /// `headers`.
        headers: Vec<HeaderMatcher>,
    },
}

/// An entry of a descriptor.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// `key`.
    pub key: String,
    /// `value`.
    pub value: String,
}

/// What a request is to a rate limit.
pub type Descriptor = Vec<Entry>;

/// The limits of a route or virtual host.
pub type RateLimits = Box<[RateLimit]>;
