//! What the route table makes of a request, before anything is done to it.

use std::rc::Rc;
use std::sync::Arc;

use http::HeaderValue;

use crate::config::metadata_match::MetadataMatch;
use crate::filter::http::Routed;
use crate::message::{Request, Response};
use crate::route::{
    Action, Aims, Chosen, ClusterRef, FilterSettings, Head, HeaderParsers, Route, Selected,
    VirtualHost,
};
use crate::stream_info::StreamInfo;
use crate::upstream::Local;

use super::{Router, mutation};

/// A request's virtual host, route and cluster. Filters see it before the router does.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// None where no route matches.
    pub(super) virtual_host: Option<&'a VirtualHost>,
    /// None where the virtual host wants TLS and the request came without, too.
    pub(super) route: Option<&'a Route>,
    /// None where the route does not forward.
    pub(super) target: Option<Target<'a>>,
}

/// The cluster that a route forwards to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    /// None if there is no such cluster.
    pub(super) local: Option<&'a Rc<Local>>,
    /// What is done to headers.
    pub(super) headers: &'a HeaderParsers,
    /// What the way there says besides.
    aims: Option<&'a Aims>,
    /// What the weighted cluster tells filters.
    filters: Option<&'a FilterSettings>,
    name: Option<&'a Arc<str>>,
}

// === impl Router ===

impl Router {
    /// Finds a request's route, and the cluster that it goes to.
    pub fn select(&self, request: &Request, host: &str, info: &mut StreamInfo) -> Selection<'_> {
        let tls = info.tls.clone();
        let head = self.head(host, request).with_tls(tls.as_deref());
        let Some(Selected { virtual_host, route }) = self.table.select(&head) else {
            return Selection { virtual_host: None, route: None, target: None };
        };
        info.virtual_host = Some(virtual_host.name.clone());
        let target = route.and_then(|route| {
            info.route_name.clone_from(&route.name);
            let Action::Forward(forward) = &route.action else { return None };
            let target = self.target(route, forward.choose(&head));
            info.upstream_cluster = target.local.map(|local| local.cluster.name.clone());
            Some(target)
        });
        Selection { virtual_host: Some(virtual_host), route, target }
    }

    /// What filters see of it; nothing if no route matches.
    pub fn routed<'a>(&'a self, selection: &Selection<'a>) -> Option<Routed<'a>> {
        let (virtual_host, route) = (selection.virtual_host?, selection.route?);
        let weighted = selection.target.and_then(|target| target.filters);
        Some(Routed {
            levels: self.table.filter_levels(virtual_host, route, weighted),
            limits: virtual_host.limits(route),
            cluster: selection.target.and_then(|target| target.name),
        })
    }

    pub(super) fn head<'r>(&self, host: &'r str, request: &'r Request) -> Head<'r> {
        match self.chance {
            None => Head::new(host, request),
            Some(number) => Head::new(host, request).with_random(number),
        }
    }

    fn target<'a>(&'a self, route: &'a Route, chosen: Chosen<'a, '_>) -> Target<'a> {
        let (local, name, said) = match chosen.cluster {
            ClusterRef::Slot(slot) => {
                let name = self.table.clusters().name(slot);
                (self.slots[slot.0].as_ref(), Some(name), &**name)
            }
            ClusterRef::Named(said) => {
                let local = self.clusters.get(said);
                (local, local.map(|local| &local.cluster.name), said)
            }
        };
        if local.is_none() {
            tracing::debug!(cluster = said, "no such cluster");
        }
        Target {
            local,
            headers: chosen.headers.unwrap_or(&route.headers),
            aims: chosen.aims,
            filters: chosen.filters,
            name,
        }
    }
}

// === impl Target ===

impl<'a> Target<'a> {
    /// The cluster, if there is one, with the host that it is to get.
    pub(super) fn way(self) -> Option<(&'a Rc<Local>, Option<&'a HeaderValue>)> {
        let host_rewrite = self.aims.and_then(|aims| aims.host_rewrite.as_ref());
        Some((self.local?, host_rewrite))
    }

    /// What is wanted of the hosts' metadata.
    pub(super) fn metadata(self) -> Option<&'a MetadataMatch> {
        self.aims.and_then(|aims| aims.metadata_match.as_deref())
    }
}

// === impl Selection ===

impl Selection<'_> {
    /// Changes the headers of a filter's reply as the route says, if it is one that forwards.
    pub fn change_reply(&self, request: &Request, reply: Response, info: &StreamInfo) -> Response {
        let Some(target) = &self.target else { return reply };
        mutation::change_reply(target.headers, target.headers.note_request(request), reply, info)
    }
}
