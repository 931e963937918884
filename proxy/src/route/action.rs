//! What a route does with a request that matches.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode};

use crate::config::cluster::RoutingPriority;
use crate::config::headers::HeaderMutations;
use crate::config::matcher::HeaderField;
use crate::config::metadata_match::MetadataMatch;
use crate::config::rate_limit::RateLimits;
use crate::config::route as config;
use crate::config::route::{HashPolicy, HostRewrite, PathRewrite, StreamTimes, Upgrade};
use crate::formatter::{Names, Notes};
use crate::message::substitution_format::SubstitutionFormat;
use crate::stream_info::StreamInfo;

use super::clusters::Slot;
use super::filters::FilterSettings;
use super::head::Head;
use super::headers::HeaderParsers;
use super::table::Numbers;

pub use crate::config::route::Redirect;

/// Which answer to give.
#[derive(Debug)]
pub struct DirectResponse {
    /// `status`, 200 to 599.
    pub status: u16,
    /// `body`; may be empty.
    pub body: Bytes,
    format: Option<Box<Formatted>>,
}

/// What makes a body of what is known of a request.
#[derive(Debug)]
struct Formatted {
    format: SubstitutionFormat,
    names: Names,
}

/// What a route does.
#[derive(Debug)]
pub enum Action {
    /// Forward to a cluster.
    Forward(Forward),
    /// Send the client elsewhere.
    Redirect(Box<Redirect>),
    /// Answer here.
    DirectResponse(Box<DirectResponse>),
    /// A filter was to answer, and none has.
    NonForwarding,
}

/// How to forward.
#[derive(Debug)]
pub struct Forward {
    target: Target,
    /// `rate_limits`.
    pub(super) rate_limits: RateLimits,
    pub(super) include_vh_rate_limits: bool,
    /// For how long the upstream may take; none is for ever.
    pub timeout: Option<Duration>,
    /// What it says of the time of its streams.
    pub times: Option<Box<StreamTimes>>,
    /// Whose breakers its requests take.
    pub priority: RoutingPriority,
    /// The answer if the cluster does not exist.
    pub not_found: StatusCode,
    /// What upstream gets as path and host; most routes change nothing.
    pub rewrite: Option<Box<Rewrite>>,
    /// What of a request balancing by hash goes by; for most, nothing.
    pub hash_policy: Box<[HashPolicy]>,
    aims: Aims,
    /// What the route says of upgrades.
    pub upgrades: Box<[Upgrade]>,
}

/// What upstream gets in place of what the client said.
#[derive(Debug)]
pub struct Rewrite {
    /// In place of the path.
    pub path: Option<PathRewrite>,
    /// In place of the host.
    pub host: Option<HostRewrite>,
    /// `append_x_forwarded_host`.
    pub append_x_forwarded_host: bool,
}

/// Where to.
#[derive(Debug)]
enum Target {
    One(Name),
    Weighted(Box<Weighted>),
}

#[derive(Debug)]
enum Name {
    Fixed(Slot),
    Header(HeaderField),
}

#[derive(Debug)]
struct Weighted {
    clusters: Vec<Weight>,
    total: u32,
    random_header: Option<HeaderField>,
}

#[derive(Debug)]
struct Weight {
    name: Name,
    weight: u32,
    headers: Option<HeaderParsers>,
    filters: FilterSettings,
    aims: Aims,
}

/// What the way to a cluster says besides.
#[derive(Debug, Default)]
pub struct Aims {
    /// `host_rewrite_literal` of the weighted cluster.
    pub host_rewrite: Option<HeaderValue>,
    /// What is wanted of the hosts' metadata.
    pub metadata_match: Option<Box<MetadataMatch>>,
}

/// The cluster that a request goes to.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'t, 'h> {
    /// Which one.
    pub cluster: ClusterRef<'h>,
    /// What the way there says besides.
    pub aims: Option<&'t Aims>,
    /// What is done to headers, if the weighted cluster has a say in that.
    pub headers: Option<&'t HeaderParsers>,
    /// What the weighted cluster tells filters.
    pub filters: Option<&'t FilterSettings>,
}

/// Which cluster.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ClusterRef<'a> {
    /// One of the table's clusters.
    Slot(Slot),
    /// The one that the request names; empty if it does not say.
    Named(&'a str),
}

/// What is done to headers on the way to a weighted cluster.
type Parsers<'a> = &'a dyn Fn(&HeaderMutations) -> HeaderParsers;

// === impl Action ===

impl Action {
    /// As configured; `parsers` says what is done to headers on the way to a cluster with changes of its own.
    pub(super) fn new(
        config: &config::Action,
        numbers: &mut Numbers<'_>,
        parsers: Parsers<'_>,
    ) -> Self {
        match config {
            config::Action::Forward(forward) => {
                Self::Forward(Forward::new(forward, numbers, parsers))
            }
            config::Action::Redirect(redirect) => Self::Redirect(redirect.clone()),
            config::Action::DirectResponse(response) => {
                Self::DirectResponse(Box::new(DirectResponse::new(response)))
            }
            config::Action::NonForwarding => Self::NonForwarding,
        }
    }
}

// === impl DirectResponse ===

impl DirectResponse {
    fn new(config: &config::DirectResponse) -> Self {
        let formatted = |format: &_| {
            let mut names = Names::default();
            let format = SubstitutionFormat::new(format, &mut names).ok()?;
            Some(Box::new(Formatted { format, names }))
        };
        let format = config.body_format.as_deref().and_then(formatted);
        Self { status: config.status, body: config.body.clone(), format }
    }

    /// The body for a request, and its type where that is not the ordinary one.
    pub fn body(&self, head: &Head<'_>, info: &StreamInfo) -> (Bytes, Option<&HeaderValue>) {
        let Some(formatted) = &self.format else { return (self.body.clone(), None) };
        let mut notes = Notes::default();
        let (method, uri, headers) = head.parts();
        formatted.names.note(&mut notes, method, uri, headers);
        notes.note_local_reply_body(self.body.clone());
        let body = formatted.format.make(info, &notes);
        (body, Some(&formatted.format.content_type))
    }
}

// === impl Forward ===

impl Forward {
    fn new(config: &config::Forward, numbers: &mut Numbers<'_>, parsers: Parsers<'_>) -> Self {
        let rewrite = (config.path_rewrite.is_some() || config.host_rewrite.is_some()).then(|| {
            Box::new(Rewrite {
                path: config.path_rewrite.clone(),
                host: config.host_rewrite.clone(),
                append_x_forwarded_host: config.append_x_forwarded_host,
            })
        });
        Self {
            target: Target::new(&config.cluster, numbers, parsers),
            timeout: config.timeout,
            rate_limits: config.rate_limits.clone(),
            include_vh_rate_limits: config.include_vh_rate_limits,
            times: config.times.clone(),
            priority: config.priority,
            not_found: status(config.cluster_not_found_status),
            rewrite,
            hash_policy: config.hash_policy.clone().into(),
            aims: Aims { host_rewrite: None, metadata_match: config.metadata_match.clone() },
            upgrades: config.upgrades.as_slice().into(),
        }
    }

    /// The cluster for this request.
    pub fn choose<'h>(&self, head: &Head<'h>) -> Chosen<'_, 'h> {
        match &self.target {
            Target::One(name) => {
                Chosen { aims: Some(&self.aims), ..Chosen::plain(name.cluster(head)) }
            }
            Target::Weighted(weighted) => weighted.choose(head),
        }
    }
}

// === impl Target ===

impl Target {
    fn new(
        config: &config::ClusterSpecifier,
        numbers: &mut Numbers<'_>,
        parsers: Parsers<'_>,
    ) -> Self {
        match config {
            config::ClusterSpecifier::One(name) => Self::One(Name::new(name, numbers)),
            config::ClusterSpecifier::Weighted(weighted) => Self::Weighted(Box::new(Weighted {
                clusters: weighted
                    .clusters
                    .iter()
                    .map(|one| Weight {
                        name: Name::new(&one.cluster, numbers),
                        weight: one.weight,
                        headers: (one.headers != HeaderMutations::default())
                            .then(|| parsers(&one.headers)),
                        filters: numbers.filters.settings(&one.filters),
                        aims: Aims {
                            host_rewrite: one.host_rewrite.clone(),
                            metadata_match: one.metadata_match.clone(),
                        },
                    })
                    .collect(),
                total: weighted.total,
                random_header: weighted.random_header.clone(),
            })),
        }
    }
}

// === impl Name ===

impl Name {
    fn new(config: &config::ClusterName, numbers: &mut Numbers<'_>) -> Self {
        match config {
            config::ClusterName::Fixed(name) => Self::Fixed(numbers.clusters.slot(name)),
            config::ClusterName::Header(field) => Self::Header(field.clone()),
        }
    }

    fn cluster<'a>(&self, head: &Head<'a>) -> ClusterRef<'a> {
        match self {
            Self::Fixed(slot) => ClusterRef::Slot(*slot),
            Self::Header(field) => ClusterRef::Named(head.first(field).unwrap_or("")),
        }
    }
}

// === impl Weighted ===

impl Weighted {
    fn choose<'h>(&self, head: &Head<'h>) -> Chosen<'_, 'h> {
        let given = self.random_header.as_ref().and_then(|field| single_number(head, field));
        let random = given.unwrap_or_else(|| head.random());
        let mut left = random % u64::from(self.total);
        let chosen = self.clusters.iter().find(|one| {
            let weight = u64::from(one.weight);
            let found = left < weight;
            left = left.saturating_sub(weight);
            found
        });
        // The weights add up to the total, so there is always one.
        let Some(one) = chosen else { return Chosen::plain(ClusterRef::Named("")) };
        Chosen {
            cluster: one.name.cluster(head),
            aims: Some(&one.aims),
            headers: one.headers.as_ref(),
            filters: Some(&one.filters),
        }
    }
}

// === impl Chosen ===

impl<'h> Chosen<'_, 'h> {
    fn plain(cluster: ClusterRef<'h>) -> Self {
        Self { cluster, aims: None, headers: None, filters: None }
    }
}

/// A number that a request brings along; of several, none counts.
fn single_number(head: &Head<'_>, field: &HeaderField) -> Option<u64> {
    let mut values = head.values(field);
    let value = values.next().filter(|_| values.next().is_none())?;
    std::str::from_utf8(value).ok()?.trim_ascii().parse().ok()
}

/// The loader lets only statuses from 200 to 599 through.
fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
}
