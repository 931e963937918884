//! The admin pages: what is running, how it is doing, and the few orders it takes.

mod certs;
mod clusters;
mod config_dump;
mod control;
mod endpoint;
mod home;
mod life;
mod listeners;
mod mask;
mod page;
mod query;
mod server_info;
mod server_stats;
mod stats;

use std::future::{self, Future};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::access_log::Files;
use crate::config::Bootstrap;
use crate::hcm::{self, Ending};
use crate::message::{Request, Response};
use crate::stats::Store;
use crate::{listener, upstream};

pub use self::life::{Life, State};
pub use self::server_stats::tend;

/// What the admin pages look at and, where they change something, act on.
#[derive(Clone, Debug)]
pub struct Parts {
    /// All stats.
    pub store: Store,
    /// The configuration in force.
    pub bootstrap: Arc<Bootstrap>,
    /// All clusters.
    pub clusters: Arc<upstream::Manager>,
    /// All listeners, without the admin server's own.
    pub listeners: Arc<listener::Manager>,
    /// How the process is doing.
    pub life: Arc<Life>,
    /// What `/healthcheck/fail|ok` and a graceful `/drain_listeners` set.
    pub ending: Ending,
    /// How long after a graceful `/drain_listeners` the listeners stop.
    pub drain_time: Duration,
    /// What `/reopen_logs` opens again.
    pub files: Files,
    /// The command line, as `/server_info` shows it (`command_line_options`).
    pub command_line: serde_json::Value,
}

/// The admin pages.
#[derive(Debug)]
pub struct Admin {
    parts: Parts,
}

// === impl Admin ===

impl Admin {
    /// Pages about these parts.
    pub fn new(parts: Parts) -> Self {
        Self { parts }
    }
}

impl hcm::Handler for Admin {
    fn handle(&self, request: Request) -> Pin<Box<dyn Future<Output = Response>>> {
        let page = endpoint::answer(&self.parts, request.method(), request.uri());
        Box::pin(future::ready(page.into_response()))
    }
}

#[cfg(test)]
mod tests;
