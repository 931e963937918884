//! What can go wrong in the harness itself.

use std::{io, path::PathBuf, time::Duration};

use crate::node::Node;

/// A source of any kind.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why the harness could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something this machine lacks: a container engine, a real Envoy.
    #[error("{what} is not available: {why}")]
    Unavailable {
        /// What is missing, by the name it has in `MESH_REQUIRE`: `docker` or `envoy`.
        what: &'static str,
        /// Why it is missing, in one line, and what to do about it.
        why: String,
    },
    /// An environment variable holds something that means nothing.
    #[error("{variable}={value} is not one of {expected}")]
    Setting {
        /// The variable.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// A launcher's verb on a node failed.
    #[error("cannot {action} {node}")]
    Node {
        /// What was being done: `start`, `stop`, `kill`, `pause`, `unpause`, `read the log of`.
        action: &'static str,
        /// The node it was done to.
        node: Node,
        /// What went wrong.
        source: BoxError,
    },
    /// A node ended before it was ready.
    #[error("{node} ended before it was ready ({status}); its log:\n{log}")]
    Ended {
        /// The node.
        node: Node,
        /// How it ended.
        status: String,
        /// What it printed.
        log: String,
    },
    /// A step that concerns no single node failed: making a network, building an image, running cargo.
    #[error("cannot {action}")]
    Step {
        /// What was being done.
        action: String,
        /// What went wrong.
        source: BoxError,
    },
    /// A file could not be read or written.
    #[error("cannot access {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something awaited did not happen in time.
    #[error("{what} did not happen within {patience:?}{}", last.as_deref().map(|last| format!("; last seen: {last}")).unwrap_or_default())]
    Patience {
        /// What was awaited.
        what: String,
        /// How long.
        patience: Duration,
        /// What was seen instead.
        last: Option<String>,
    },
}

// === impl Error ===

impl Error {
    /// A verb on a node failed.
    pub fn node(action: &'static str, node: Node, source: impl Into<BoxError>) -> Self {
        Self::Node { action, node, source: source.into() }
    }

    /// A step that concerns no single node failed.
    pub fn step(action: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self::Step { action: action.into(), source: source.into() }
    }

    /// The error and all its sources, one per line.
    pub fn report(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text.push_str("\n  because: ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }
}
