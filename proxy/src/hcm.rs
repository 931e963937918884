//! HTTP connection manager: a connection becomes streams, a stream becomes an answer.
//!
//! Read `stream.rs` first: it is the life of one request, in order.

mod codec;
pub mod connection;
mod finish;
mod linger;
mod refusal;
mod request;
mod response;
mod stats;
mod stream;

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderValue;

use crate::access_log::AccessLogs;
use crate::base::drain::{Drain, Phase};
use crate::config::hcm::HttpConnectionManager;
use crate::message::{Request, Response};
use crate::router::Router;
use crate::stats::Scope;
use crate::stream_info::StreamInfo;

use self::stats::{HcmStats, ListenerHttpStats};

/// One worker's HTTP connection manager for one filter chain.
#[derive(Debug)]
pub struct Hcm {
    config: Arc<HttpConnectionManager>,
    stats: HcmStats,
    listener_stats: ListenerHttpStats,
    terminal: Terminal,
    logs: Arc<AccessLogs>,
    server: HeaderValue,
    via: Option<HeaderValue>,
    ending: Ending,
}

/// What the filter chain ends in.
#[derive(Debug)]
pub enum Terminal {
    /// The router.
    Router(Router),
    /// Somebody in this process: the admin pages.
    Handler(Rc<dyn Handler>),
}

/// Answers requests itself.
pub trait Handler: std::fmt::Debug {
    /// The answer. Whatever is wrong with the request is an answer too.
    fn handle(&self, request: Request) -> Pin<Box<dyn Future<Output = Response>>>;
}

/// The reasons to tell clients that connections are about to close.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// The process, or the listener, is going away.
    pub drain: Drain,
    /// `/healthcheck/fail` was called.
    pub health_failed: Arc<AtomicBool>,
    /// `/drain_listeners?graceful` was called: clients are asked to leave, while new ones are still served.
    pub leaving: Arc<AtomicBool>,
}

/// What a connection manager is made of.
#[derive(Debug)]
pub struct Parts {
    /// How it was configured.
    pub config: Arc<HttpConnectionManager>,
    /// What the filter chain ends in.
    pub terminal: Terminal,
    /// Its access logs.
    pub logs: Arc<AccessLogs>,
    /// When to tell clients to go.
    pub ending: Ending,
}

// === impl Hcm ===

impl Hcm {
    /// A connection manager whose stats are `http.<stat_prefix>.` below `root`, and again below the listener's scope.
    pub fn new(parts: Parts, root: &Scope, listener: &Scope) -> Self {
        let Parts { config, terminal, logs, ending } = parts;
        let below = |scope: &Scope| scope.scope("http").scope(&config.stat_prefix);
        Self {
            stats: HcmStats::register(&below(root)),
            listener_stats: ListenerHttpStats::register(&below(listener)),
            server: HeaderValue::from_str(&config.server_name)
                .unwrap_or_else(|_| HeaderValue::from_static("envoy")),
            via: config.via.as_deref().and_then(|via| HeaderValue::from_str(via).ok()),
            terminal,
            logs,
            ending,
            config,
        }
    }
}

// === impl Terminal ===

impl Terminal {
    async fn serve(&self, request: Box<Request>, host: &str, info: &mut StreamInfo) -> Response {
        match self {
            Self::Router(router) => router.serve(request, host, info).await,
            Self::Handler(handler) => handler.handle(*request).await,
        }
    }
}

// === impl Ending ===

impl Ending {
    /// Whether a response must tell its client to close the connection.
    fn is_told(&self) -> bool {
        self.drain.reached(Phase::Draining)
            || self.health_failed.load(Ordering::Relaxed)
            || self.leaving.load(Ordering::Relaxed)
    }
}
