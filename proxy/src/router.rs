//! Router: the terminal filter. Sends a request upstream until it answers.

mod asked;
mod forward;
mod hash;
mod mutation;
mod prepare;
mod preview;
mod redirect;
mod retry;
mod rewrite;
mod selection;
mod shadow;
mod stats;
mod strict;
mod times;
mod upgrade;

use std::rc::Rc;
use std::sync::Arc;

use http::StatusCode;
use http::request::Parts;

use crate::config::hcm::RouterOptions;
use crate::config::listener::DEFAULT_BUFFER_LIMIT;
use crate::message::local_reply::LocalReply;
use crate::message::{Request, Response};
use crate::route::{Action, Table};
use crate::stats::{FlowStats, Scope};
use crate::stream_info::StreamInfo;
use crate::upstream::{Local, Locals};

use self::hash::Hashed;
use self::prepare::Way;
use self::stats::RouterStats;

pub use self::prepare::Ready;
pub use self::preview::Bound;
pub use self::rewrite::show;
pub use self::selection::Selection;
pub use self::shadow::Shadowed;

/// The clusters of one worker, by name.
pub type Clusters = Locals;

/// One worker's router for one HTTP connection manager.
#[derive(Debug)]
pub struct Router {
    /// By slot of the route table; none where there is no such cluster.
    slots: Vec<Option<Rc<Local>>>,
    /// All there are, for routes that leave it to the request.
    clusters: Rc<Clusters>,
    stats: RouterStats,
    /// Where it counts that requests are not read.
    upload_flow: Rc<FlowStats>,
    options: RouterOptions,
    /// `per_connection_buffer_limit_bytes` of the listener: how much of a body may be kept for another try.
    buffer_limit: u32,
    /// The table whose slots these are.
    table: Arc<Table>,
    /// The number that decides what is otherwise left to chance.
    chance: Option<u64>,
}

/// Is shown a request's head once routing has changed it, for the log.
pub type Note<'a> = &'a mut dyn FnMut(&Parts);

// === impl Router ===

impl Router {
    /// A router whose stats are under `http.<stat_prefix>.`, for these clusters.
    pub fn new(
        table: Arc<Table>,
        options: RouterOptions,
        clusters: Rc<Clusters>,
        scope: &Scope,
    ) -> Self {
        let names = table.clusters().names().iter();
        let slots = names.map(|name| clusters.get(name).cloned()).collect();
        let stats = RouterStats::register(scope);
        Self {
            slots,
            clusters,
            upload_flow: Rc::new(stats.upload_flow()),
            stats,
            options,
            buffer_limit: DEFAULT_BUFFER_LIMIT,
            table,
            chance: None,
        }
    }

    /// The same router with this `per_connection_buffer_limit_bytes` of its listener.
    #[must_use]
    pub fn with_buffer_limit(self, buffer_limit: u32) -> Self {
        Self { buffer_limit, ..self }
    }

    /// All clusters of its worker.
    pub fn clusters(&self) -> &Clusters {
        &self.clusters
    }

    /// Finds out where a request goes, and makes its head what its route wants.
    ///
    /// # Errors
    /// The answer, if it goes nowhere.
    pub fn route(
        &self,
        request: &mut Request,
        host: &str,
        info: &mut StreamInfo,
        note: Note<'_>,
    ) -> Result<Ready<'_>, Box<Response>> {
        let selection = self.select(request, host, info);
        self.resume(&selection, (request, host), info, note)
    }

    /// Does with a request what its route wants, after filters have seen both.
    ///
    /// # Errors
    /// The answer, if it goes nowhere.
    pub fn resume<'a>(
        &'a self,
        selection: &Selection<'a>,
        (request, host): (&mut Request, &str),
        info: &mut StreamInfo,
        note: Note<'_>,
    ) -> Result<Ready<'a>, Box<Response>> {
        if selection.virtual_host.is_none() {
            self.stats.rq_total.inc();
            self.stats.no_route.inc();
            return Err(Box::new(LocalReply::no_route().into_response(info)));
        }
        let head = self.head(host, request);
        let Some(route) = selection.route else {
            self.stats.rq_total.inc();
            return Err(Box::new(self.require_tls(&head).into_response(info)));
        };
        let terminates = match upgrade::check(request, route) {
            Ok(terminates) => terminates,
            Err(reply) => return Err(Box::new(reply.into_response(info))),
        };
        self.stats.rq_total.inc();
        let headers = selection.target.map_or(&route.headers, |target| target.headers);
        let reply = match &route.action {
            Action::Forward(forward) => match selection.target.and_then(|target| target.way()) {
                Some((local, host_rewrite)) => {
                    if let Some(reply) = self.refuse_strictly(request, info) {
                        return Err(reply);
                    }
                    let metadata = selection.target.and_then(|target| target.metadata());
                    let way = Way { route, forward, headers, host_rewrite, metadata, local };
                    let hashed = Hashed::wanted(&way, host, request, info);
                    if terminates {
                        upgrade::terminate(request);
                    }
                    let ready = self.prepare(&way, request, info, note);
                    return ready.map(|ready| ready.with_hash(hashed));
                }
                None => self.no_cluster(forward.not_found),
            },
            Action::Redirect(redirect) => {
                let says_old = !self.options.suppress_envoy_headers;
                let (reply, path) = self.redirect(redirect, route, &head, info);
                if path.is_some_and(|path| rewrite::set_path(request, path, says_old).is_ok()) {
                    show(request, note);
                }
                reply
            }
            Action::DirectResponse(response) => self.direct_response(response, &head, info),
            Action::NonForwarding => self.no_cluster(StatusCode::SERVICE_UNAVAILABLE),
        };
        let notes = headers.note_request(request);
        let reply = reply.into_response(info);
        Err(Box::new(mutation::change_reply(headers, notes, reply, info)))
    }

    /// The answer to a request that asks for what makes no sense, if `strict_check_headers` looks at it. Routes leave it
    /// alone, as in Envoy.
    fn refuse_strictly(&self, request: &Request, info: &mut StreamInfo) -> Option<Box<Response>> {
        let reply = strict::check(&self.options.strict_check_headers, request.headers())?;
        tracing::debug!(details = %reply.details, "request refused");
        Some(Box::new(reply.into_response(info)))
    }

    fn no_cluster(&self, status: StatusCode) -> LocalReply {
        self.stats.no_cluster.inc();
        LocalReply::no_cluster(status)
    }
}
