//! Copies of requests for other clusters (`request_mirror_policies`): sent beside the request, and answered to nobody.
//!
//! Envoy's copies hold their request up when they are not read as fast (by its watermarks), and a copy that is not read at
//! all holds it up until its time is over. Here they never do; a copy that is left behind is given up, and counted in
//! `retry_or_shadow_abandoned` of the request's cluster.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use http::header::HOST;
use http_body_util::BodyExt as _;

use crate::base::{random, task};
use crate::config::route::Fraction;
use crate::message::body::{Life, tee};
use crate::message::mirror::{Mirror, MirrorCluster};
use crate::message::upgrade::Upgrade;
use crate::message::{Body, Request};
use crate::route::Head;
use crate::stream_info::StreamInfo;
use crate::upstream::attempt::copy;
use crate::upstream::{Local, client};

use super::Router;
use super::asked::{Asked, AskedRetries};
use super::prepare::Ready;

/// How many bytes a copy may be behind its request, if the route's buffer limit does not allow more: the default of
/// `per_connection_buffer_limit_bytes`. A small limit there is meant for clients, and would end every copy whose
/// connection is yet to be made.
const BACKLOG: u64 = 1024 * 1024;

/// How often a copy may be copied by what the clusters themselves say. In Envoy it is as often as they say, which is for
/// ever where two send copies to each other.
const MOST_GENERATIONS: u32 = 3;

/// The copies of one request.
#[derive(Debug)]
pub(super) struct Shadows(Vec<Shadow>);

#[derive(Debug)]
struct Shadow {
    life: Rc<Life>,
    /// Whether it is on its way.
    begun: Rc<Cell<bool>>,
}

/// Where a copy of a request would go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shadowed {
    /// The cluster; none if the request would have to name it, and does not.
    pub cluster: Option<String>,
    /// What it would get as its host.
    pub host: String,
    /// How many of the route's requests are copied; none is all.
    pub fraction: Option<Fraction>,
}

/// What is the same for all copies.
struct Terms<'a> {
    info: &'a StreamInfo,
    /// How far they may be behind.
    backlog: usize,
    timeout: Option<Duration>,
    /// The number that decides which policies are followed. It is one for all, as in Envoy.
    chance: u64,
    /// How often what is copied was copied itself.
    generation: u32,
}

// === impl Router ===

impl Router {
    /// Sends copies of a request to where they go. Its body goes on as it is, and takes them along.
    pub(super) fn shadow(
        &self,
        mirrors: &[Mirror],
        request: &mut Request,
        ready: &Ready<'_>,
        info: &StreamInfo,
    ) -> Option<Shadows> {
        let terms = Terms {
            info,
            backlog: usize::try_from(ready.body_limit.max(BACKLOG)).unwrap_or(usize::MAX),
            timeout: ready.timeout,
            chance: self.chance.unwrap_or_else(random::number),
            generation: 0,
        };
        let mut shadows = Vec::new();
        self.copy_for(mirrors, (request, ready.local), &terms, &mut shadows);
        (!shadows.is_empty()).then_some(Shadows(shadows))
    }

    fn copy_for(
        &self,
        mirrors: &[Mirror],
        (request, of): (&mut Request, &Local),
        terms: &Terms<'_>,
        shadows: &mut Vec<Shadow>,
    ) {
        let abandoned = &of.cluster.stats.retry_or_shadow_abandoned;
        let upgrades = request.extensions().get::<Upgrade>().is_some();
        let generation = terms.generation;
        if upgrades || generation == MOST_GENERATIONS {
            abandoned.inc();
            tracing::debug!(cluster = %of.cluster.name, upgrades, generation, "no copy is made");
            return;
        }
        let wanted = mirrors
            .iter()
            .filter(|mirror| mirror.fraction.is_none_or(|it| it.includes(terms.chance)))
            .filter_map(|mirror| Some((mirror, self.known(mirror, request)?)));
        let wanted: Vec<_> = wanted.collect();
        if wanted.is_empty() {
            return;
        }
        let body = std::mem::replace(request.body_mut(), Body::empty());
        let (body, copies) = tee(body, wanted.len(), terms.backlog, abandoned.clone());
        *request.body_mut() = body;
        for ((mirror, local), (body, life)) in wanted.into_iter().zip(copies) {
            let mut shadow = copy(request, body);
            let timeout = self.make_ready(&mut shadow, mirror, terms);
            if let Some(own) = &local.cluster.mirrors {
                let terms = Terms { timeout, generation: generation + 1, ..*terms };
                self.copy_for(own, (&mut shadow, local), &terms, shadows);
            }
            shadows.push(Shadow::send(local, shadow, life, timeout));
        }
    }

    /// The cluster that a policy means, if there is one.
    fn known(&self, mirror: &Mirror, request: &Request) -> Option<&Rc<Local>> {
        let name = named(mirror, request);
        let known = name.as_deref().and_then(|name| self.clusters.get(name));
        if known.is_none() {
            tracing::debug!(cluster = name, "no such cluster for a copy");
        }
        known
    }

    /// Makes a copy's head what its host is to get. Says how long its host may take.
    fn make_ready(
        &self,
        shadow: &mut Request,
        mirror: &Mirror,
        terms: &Terms<'_>,
    ) -> Option<Duration> {
        mirror.change(shadow, terms.info);
        let headers = shadow.headers_mut();
        client::mark(headers);
        // What a policy adds may ask for another timeout. Copies are not tried again, whoever asks for it.
        let timeout = Asked::take(headers, self.options).timeout(terms.timeout);
        AskedRetries::take(headers);
        self.tell_timeout(shadow, (timeout, None), Duration::ZERO);
        timeout
    }
}

/// Where copies of a request would go.
pub(super) fn shadowed(mirrors: &[Mirror], request: &Request) -> Vec<Shadowed> {
    let all = mirrors.iter().map(|mirror| {
        let host = request.headers().get(HOST);
        let host = host.and_then(|host| mirror.host(host)).or_else(|| host.cloned());
        let text = |host: http::HeaderValue| String::from_utf8_lossy(host.as_bytes()).into();
        Shadowed {
            cluster: named(mirror, request),
            host: host.map(text).unwrap_or_default(),
            fraction: mirror.fraction,
        }
    });
    all.collect()
}

/// The cluster that a policy names, or has the request name.
fn named(mirror: &Mirror, request: &Request) -> Option<String> {
    match &mirror.cluster {
        MirrorCluster::Fixed(name) => Some(name.to_string()),
        MirrorCluster::Header(field) => {
            let name = Head::new("", request).first(field).filter(|name| !name.is_empty())?;
            Some(name.to_owned())
        }
    }
}

// === impl Shadows ===

impl Shadows {
    /// The request has failed before anything was sent: neither is what waits to be sent.
    pub(super) fn forget_unsent(self) {
        for shadow in self.0 {
            if !shadow.begun.get() {
                shadow.life.end();
            }
        }
    }
}

// === impl Shadow ===

impl Shadow {
    fn send(local: &Rc<Local>, copy: Box<Request>, life: Life, timeout: Option<Duration>) -> Self {
        let shadow = Self { life: Rc::new(life), begun: Rc::default() };
        let (life, begun) = (shadow.life.clone(), shadow.begun.clone());
        let local = local.clone();
        task::spawn(async move {
            let exchange = async {
                begun.set(true);
                let Ok(response) = client::send(&local, copy, timeout).await else { return };
                // Nobody gets the answer; who gave it may send all of it.
                let mut body = response.into_body();
                while let Some(Ok(_frame)) = body.frame().await {}
            };
            tokio::select! {
                biased;
                () = poll_fn(|cx| life.poll_ended(cx)) => {
                    tracing::debug!(cluster = %local.cluster.name, "a copy of a request is given up");
                }
                () = exchange => {}
            }
        });
        shadow
    }
}
