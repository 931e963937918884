//! HTTP connection manager: a connection becomes streams, a stream becomes an answer.
//!
//! Read `stream.rs` first: it is the life of one request, in order.

mod authority;
mod client_cert;
mod codec;
pub mod connection;
mod ending;
mod filtered;
mod finish;
pub mod head;
mod http2;
mod linger;
mod local_reply;
mod path;
mod preview;
mod pulse;
mod refusal;
mod request;
mod response;
mod stats;
mod stream;
mod underscores;
mod upgrade;
mod user_agent;

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderValue;

use crate::access_log::AccessLogs;
use crate::base::drain::{Drain, Phase};
use crate::config::hcm::HttpConnectionManager;
use crate::filter::http::Chain;
use crate::message::forwarded::Trust;
use crate::message::{Request, Response};
use crate::overload::Overload;
use crate::router::{Note, Ready, Router};
use crate::stats::Scope;
use crate::stream_info::StreamInfo;
use crate::transport::own_address;

pub use self::preview::{Outcome, Preview, Seen};

use self::local_reply::LocalReplies;
use self::stats::{HcmStats, ListenerHttpStats};
use self::underscores::Underscores;
use self::user_agent::UserAgent;

/// One worker's HTTP connection manager for one filter chain.
#[derive(Debug)]
pub struct Hcm {
    config: Arc<HttpConnectionManager>,
    stats: HcmStats,
    listener_stats: ListenerHttpStats,
    /// The filters before the terminal; none if there are none.
    filters: Option<Arc<Chain>>,
    terminal: Terminal,
    logs: Arc<AccessLogs>,
    server: HeaderValue,
    via: Option<HeaderValue>,
    /// `default_host_for_http_10`.
    default_host: Option<HeaderValue>,
    trust: Trust,
    /// Whether anybody asks who the client is.
    needs_client: bool,
    user_agent: Option<UserAgent>,
    underscores: Option<Underscores>,
    local_replies: Option<LocalReplies>,
    /// `per_connection_buffer_limit_bytes` of the listener.
    buffer_limit: usize,
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

/// Who serves a request.
enum Next<'a> {
    /// The router, which knows where it goes.
    Forward(&'a Router, Ready<'a>),
    /// Somebody in this process.
    Handle(&'a dyn Handler),
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
    /// What a process with too much to do does; none without an overload manager.
    pub overload: Option<Arc<Overload>>,
    /// `/drain_listeners?graceful` was called: clients are asked to leave, while new ones are still served.
    pub leaving: Arc<AtomicBool>,
}

/// What a connection manager is made of.
#[derive(Debug)]
pub struct Parts {
    /// How it was configured.
    pub config: Arc<HttpConnectionManager>,
    /// The filters before that; none if there are none.
    pub filters: Option<Arc<Chain>>,
    /// What the filter chain ends in.
    pub terminal: Terminal,
    /// Its access logs.
    pub logs: Arc<AccessLogs>,
    /// When to tell clients to go.
    pub ending: Ending,
    /// `per_connection_buffer_limit_bytes` of the listener.
    pub buffer_limit: u32,
}

// === impl Hcm ===

impl Hcm {
    /// A connection manager whose stats are `http.<stat_prefix>.` below `root`, and again below the listener's scope.
    pub fn new(parts: Parts, root: &Scope, listener: &Scope) -> Self {
        let Parts { config, filters, terminal, logs, ending, buffer_limit } = parts;
        let default_host = config.http1.default_host_for_http_10.as_deref();
        let below = |scope: &Scope| scope.scope("http").scope(&config.stat_prefix);
        Self {
            stats: HcmStats::register(&below(root)),
            listener_stats: ListenerHttpStats::register(&below(listener)),
            server: HeaderValue::from_str(&config.server_name)
                .unwrap_or_else(|_| HeaderValue::from_static("envoy")),
            via: config.via.as_deref().and_then(|via| HeaderValue::from_str(via).ok()),
            default_host: default_host.and_then(|host| HeaderValue::from_str(host).ok()),
            trust: trust(&config),
            needs_client: !logs.is_empty() || filters.is_some(),
            user_agent: config.user_agent.as_ref().map(UserAgent::new),
            underscores: Underscores::new(&config, root),
            local_replies: LocalReplies::new(&config.local_replies),
            buffer_limit: buffer_limit as usize,
            filters,
            terminal,
            logs,
            ending,
            config,
        }
    }
}

impl Hcm {
    /// What requests pass where there are filters. Only a router has any before it.
    fn filtered(&self) -> Option<(&Chain, &Router)> {
        let Terminal::Router(router) = &self.terminal else { return None };
        Some((self.filters.as_deref()?, router))
    }
}

fn trust(config: &HttpConnectionManager) -> Trust {
    Trust {
        use_remote_address: config.use_remote_address,
        trusted_hops: config.xff_num_trusted_hops,
        skip_append: config.skip_xff_append,
        internal: config.internal_addresses.clone(),
        own: own_address::own_address(),
    }
}

// === impl Terminal ===

impl Terminal {
    /// Finds out what becomes of a request, apart from what waits, so that none of it stays in memory meanwhile.
    fn route(
        &self,
        request: &mut Request,
        host: &str,
        info: &mut StreamInfo,
        note: Note<'_>,
    ) -> Result<Next<'_>, Box<Response>> {
        match self {
            Self::Router(router) => {
                let ready = router.route(request, host, info, note)?;
                Ok(Next::Forward(router, ready))
            }
            Self::Handler(handler) => Ok(Next::Handle(&**handler)),
        }
    }
}

// === impl Next ===

impl Next<'_> {
    async fn serve(&mut self, request: Box<Request>, info: &mut StreamInfo) -> Response {
        match self {
            Self::Forward(router, ready) => router.forward(request, ready, info).await,
            Self::Handle(handler) => handler.handle(*request).await,
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
