//! Router: the terminal filter. Sends a request upstream until it answers.

mod asked;
mod attempt;
mod failure;
mod forward;
mod redirect;
mod rewrite;
mod stats;
mod upload;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::message::local_reply::LocalReply;
use crate::message::{Request, Response};
use crate::route::{Action, ClusterRef, Head, Selected, Table};
use crate::stats::Scope;
use crate::stream_info::StreamInfo;
use crate::upstream::Local;

use http::StatusCode;
use http::request::Parts;

use self::stats::RouterStats;

pub use self::failure::after_response_started;
pub use self::forward::Ready;

/// The clusters of one worker, by name.
pub type Clusters = HashMap<Arc<str>, Rc<Local>>;

/// One worker's router for one HTTP connection manager.
#[derive(Debug)]
pub struct Router {
    /// By slot of the route table; none where there is no such cluster.
    slots: Vec<Option<Rc<Local>>>,
    /// All there are, for routes that leave it to the request.
    clusters: Rc<Clusters>,
    stats: RouterStats,
    /// The table whose slots these are.
    table: Arc<Table>,
}

/// Is shown a request's head once routing has changed it, for the log.
pub type Note<'a> = &'a mut dyn FnMut(&Parts);

// === impl Router ===

impl Router {
    /// A router whose stats are under `http.<stat_prefix>.`, for these clusters.
    pub fn new(table: Arc<Table>, clusters: Rc<Clusters>, scope: &Scope) -> Self {
        let names = table.clusters().names().iter();
        let slots = names.map(|name| clusters.get(name).cloned()).collect();
        Self { slots, clusters, stats: RouterStats::register(scope), table }
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
        self.stats.rq_total.inc();
        let head = Head::new(host, request);
        let (virtual_host, route) = match self.table.select(&head) {
            Some(Selected::Route(virtual_host, route)) => (virtual_host, route),
            Some(Selected::RequiresTls(virtual_host)) => {
                info.virtual_host = Some(virtual_host.name.clone());
                return Err(Box::new(self.require_tls(&head, info)));
            }
            None => {
                self.stats.no_route.inc();
                return Err(Box::new(LocalReply::no_route().into_response(info)));
            }
        };
        info.route_name.clone_from(&route.name);
        info.virtual_host = Some(virtual_host.name.clone());
        let response = match &route.action {
            Action::Forward(forward) => {
                let chosen = forward.choose(&head);
                if let Some(local) = self.cluster(chosen.cluster) {
                    let host = chosen.host_rewrite;
                    return forward::prepare((forward, route, host), local, request, (info, note));
                }
                self.no_cluster(chosen.cluster, forward.not_found, info)
            }
            Action::Redirect(redirect) => {
                let (response, path) = self.redirect(redirect, route, &head, info);
                if path.is_some_and(|path| rewrite::set_path(request, path).is_ok()) {
                    rewrite::show(request, note);
                }
                response
            }
            Action::DirectResponse(response) => self.direct_response(&head, response, info),
            Action::NonForwarding => {
                let status = StatusCode::SERVICE_UNAVAILABLE;
                self.no_cluster(ClusterRef::Named(""), status, info)
            }
        };
        Err(Box::new(response))
    }

    fn cluster(&self, cluster: ClusterRef<'_>) -> Option<&Rc<Local>> {
        match cluster {
            ClusterRef::Slot(slot) => self.slots[slot.0].as_ref(),
            ClusterRef::Named(name) => self.clusters.get(name),
        }
    }

    fn no_cluster(
        &self,
        cluster: ClusterRef<'_>,
        status: StatusCode,
        info: &mut StreamInfo,
    ) -> Response {
        self.stats.no_cluster.inc();
        let name = match cluster {
            ClusterRef::Slot(slot) => self.table.clusters().name(slot),
            ClusterRef::Named(name) => name,
        };
        tracing::debug!(cluster = name, "no such cluster");
        LocalReply::no_cluster(status).into_response(info)
    }
}
