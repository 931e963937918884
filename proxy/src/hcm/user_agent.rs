//! Tells upstreams who we are: `add_user_agent`.

use http::header::{HeaderMap, HeaderValue, USER_AGENT};

use crate::config::hcm::UserAgent as Config;
use crate::message::headers::{
    X_ENVOY_DOWNSTREAM_SERVICE_CLUSTER, X_ENVOY_DOWNSTREAM_SERVICE_NODE,
};

/// Who we are.
#[derive(Debug)]
pub(super) struct UserAgent {
    cluster: HeaderValue,
    node: Option<HeaderValue>,
}

// === impl UserAgent ===

impl UserAgent {
    /// What cannot be said in a header is not said.
    pub(super) fn new(config: &Config) -> Self {
        let node = Some(config.node.as_str()).filter(|node| !node.is_empty());
        Self {
            cluster: HeaderValue::from_str(&config.cluster)
                .unwrap_or_else(|_invalid| HeaderValue::from_static("")),
            node: node.and_then(|node| HeaderValue::from_str(node).ok()),
        }
    }

    /// Adds to a request who sends it on. A client that does not say what it is becomes us.
    pub(super) fn introduce(&self, headers: &mut HeaderMap) {
        headers.insert(X_ENVOY_DOWNSTREAM_SERVICE_CLUSTER, self.cluster.clone());
        if headers.get(USER_AGENT).is_none_or(HeaderValue::is_empty) {
            headers.insert(USER_AGENT, self.cluster.clone());
        }
        if let Some(node) = &self.node {
            headers.insert(X_ENVOY_DOWNSTREAM_SERVICE_NODE, node.clone());
        }
    }
}
