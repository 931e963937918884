//! What the head of a copy of a request says (`request_mirror_policies`).

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use http::header::HOST;

use crate::config::matcher::HeaderField;
use crate::config::mirror::{MirrorHost, MirrorPolicy};
use crate::config::route::{ClusterName, Fraction};
use crate::stream_info::StreamInfo;

use super::mutation::Mutation;
use super::{Request, hop_by_hop};

/// What tells a copy from its request in the logs of who gets it.
const SUFFIX: &[u8] = b"-shadow";

/// A policy, ready to be followed.
#[derive(Debug)]
pub struct Mirror {
    /// Where copies go.
    pub cluster: MirrorCluster,
    /// How many requests are copied; none is all.
    pub fraction: Option<Fraction>,
    host: MirrorHost,
    mutations: Box<[Mutation]>,
}

/// Where copies go.
#[derive(Debug)]
pub enum MirrorCluster {
    /// To the cluster of that name.
    Fixed(Arc<str>),
    /// To the one that the request names.
    Header(HeaderField),
}

// === impl Mirror ===

impl Mirror {
    /// The policies of one level; none if it has none.
    pub fn all(policies: &[MirrorPolicy]) -> Option<Arc<[Self]>> {
        (!policies.is_empty()).then(|| policies.iter().map(Self::new).collect())
    }

    fn new(policy: &MirrorPolicy) -> Self {
        Self {
            cluster: match &policy.cluster {
                ClusterName::Fixed(name) => MirrorCluster::Fixed(Arc::from(name.as_str())),
                ClusterName::Header(field) => MirrorCluster::Header(field.clone()),
            },
            fraction: policy.fraction,
            host: policy.host.clone(),
            mutations: policy.mutations.iter().filter_map(Mutation::new).collect(),
        }
    }

    /// Makes the head of a copy, which is the request's, what the policy wants.
    pub fn change(&self, copy: &mut Request, info: &StreamInfo) {
        for mutation in &self.mutations {
            mutation.change_request(copy, info);
        }
        if !self.mutations.is_empty() {
            // Only a connection may say them, whatever was added.
            hop_by_hop::strip_response(copy.headers_mut());
        }
        if let Some(host) = copy.headers().get(HOST).and_then(|host| self.host(host)) {
            copy.headers_mut().insert(HOST, host);
        }
    }

    /// What a copy says as its host, if it is not what the request does.
    pub fn host(&self, host: &HeaderValue) -> Option<HeaderValue> {
        match &self.host {
            MirrorHost::Same => None,
            MirrorHost::Literal(literal) => Some(literal.clone()),
            MirrorHost::Suffixed => {
                HeaderValue::from_maybe_shared(Bytes::from(suffixed(host.as_bytes()))).ok()
            }
        }
    }
}

/// A host with the suffix, which stands before the port. Colons in brackets are of an IPv6 address.
fn suffixed(host: &[u8]) -> Vec<u8> {
    let colon = host.iter().rposition(|byte| matches!(byte, b':' | b']'));
    let end = colon.filter(|at| host[*at] == b':').unwrap_or(host.len());
    let (name, port) = host.split_at(end);
    [name, SUFFIX, port].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::suffixed;

    #[test]
    fn the_suffix_stands_before_the_port() {
        for (host, expected) in [
            ("app", "app-shadow"),
            ("app:80", "app-shadow:80"),
            ("app:", "app-shadow:"),
            ("a:b:c", "a:b-shadow:c"),
            ("[::1]", "[::1]-shadow"),
            ("[::1]:80", "[::1]-shadow:80"),
            ("", "-shadow"),
        ] {
            assert_eq!(suffixed(host.as_bytes()), expected.as_bytes(), "{host}");
        }
    }

    proptest! {
        #[test]
        fn nothing_of_the_host_is_lost(host in proptest::collection::vec(any::<u8>(), 0..40)) {
            let copy = suffixed(&host);
            prop_assert_eq!(copy.len(), host.len() + 7);
            let at = copy.windows(7).rposition(|part| part == b"-shadow").unwrap();
            prop_assert_eq!([&copy[..at], &copy[at + 7..]].concat(), host);
        }
    }
}
