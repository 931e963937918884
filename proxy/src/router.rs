//! Router: the terminal filter. Sends a request upstream until it answers.

mod asked;
mod attempt;
mod failure;
mod forward;
mod mutation;
mod stats;
mod upload;

use std::rc::Rc;
use std::sync::Arc;

use crate::config::hcm::RouterOptions;
use crate::message::local_reply::LocalReply;
use crate::message::{Request, Response};
use crate::route::{Action, DirectResponse, Head, Selected, Table};
use crate::stats::Scope;
use crate::stream_info::StreamInfo;
use crate::upstream::Local;

use self::stats::RouterStats;

pub use self::failure::after_response_started;

/// One worker's router for one HTTP connection manager.
#[derive(Debug)]
pub struct Router {
    /// By slot of the route table; none where there is no such cluster.
    clusters: Vec<Option<Rc<Local>>>,
    stats: RouterStats,
    options: RouterOptions,
    /// The table whose slots these are.
    table: Arc<Table>,
}

// === impl Router ===

impl Router {
    /// A router whose stats are under `http.<stat_prefix>.`, for the clusters that `find` knows by name.
    pub fn new(
        table: Arc<Table>,
        options: RouterOptions,
        find: impl Fn(&str) -> Option<Rc<Local>>,
        scope: &Scope,
    ) -> Self {
        let clusters = table.clusters().names().iter().map(|name| find(name)).collect();
        Self { clusters, stats: RouterStats::register(scope), options, table }
    }

    /// Does with a request what the table says.
    pub async fn serve(
        &self,
        request: Box<Request>,
        host: &str,
        info: &mut StreamInfo,
    ) -> Response {
        self.stats.rq_total.inc();
        let head = Head::new(host, &request);
        let Some(Selected { virtual_host, route }) = self.table.select(&head) else {
            self.stats.no_route.inc();
            return LocalReply::no_route().into_response(info);
        };
        info.route_name.clone_from(&route.name);
        info.virtual_host = Some(virtual_host.name.clone());
        match &route.action {
            Action::Forward(forward) => self.forward(request, route, forward, info).await,
            Action::DirectResponse(DirectResponse { status, body }) => {
                self.stats.rq_direct_response.inc();
                let notes = route.headers.note_request(&request);
                let reply = LocalReply::direct_response(*status, body.clone()).into_response(info);
                mutation::change_reply(&route.headers, notes, reply, info)
            }
        }
    }
}
