//! What a route does with a request that matches.

use std::time::Duration;

use http::StatusCode;

use crate::config::route as config;

use super::clusters::{Clusters, Slot};

/// What a route does.
#[derive(Debug)]
pub enum Action {
    /// Forward to a cluster.
    Forward(Forward),
    /// Answer here.
    DirectResponse(DirectResponse),
}

/// How to forward.
#[derive(Debug)]
pub struct Forward {
    /// Which of the table's clusters.
    pub cluster: Slot,
    /// For how long the upstream may take; none is for ever.
    pub timeout: Option<Duration>,
    /// The answer if the cluster does not exist.
    pub not_found: StatusCode,
}

/// What to answer.
#[derive(Debug)]
pub struct DirectResponse {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: String,
}

// === impl Action ===

impl Action {
    pub(super) fn new(config: &config::Action, clusters: &mut Clusters) -> Self {
        match config {
            config::Action::Forward(forward) => Self::Forward(Forward::new(forward, clusters)),
            config::Action::DirectResponse(response) => Self::DirectResponse(DirectResponse {
                status: status(response.status),
                body: response.body.clone(),
            }),
        }
    }
}

// === impl Forward ===

impl Forward {
    fn new(config: &config::Forward, clusters: &mut Clusters) -> Self {
        Self {
            cluster: clusters.slot(&config.cluster),
            timeout: config.timeout,
            not_found: status(config.cluster_not_found_status),
        }
    }
}

/// The loader lets only statuses from 200 to 599 through.
fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
}
