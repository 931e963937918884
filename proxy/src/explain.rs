//! What would become of a request, and why: for people who wonder about a route table.
//!
//! Nothing here decides anything: the connection manager, the table and the router do what they would do, and are asked
//! what they did. So what is said here is what would happen.

pub mod check;

mod json;
mod plan;
mod text;
mod words;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, Uri};

use crate::access_log::AccessLogs;
use crate::base::task::Owned;
use crate::config::cluster::Discovery;
use crate::config::hcm::HttpConnectionManager;
use crate::config::listener::Listener;
use crate::config::{self, Bootstrap};
use crate::hcm::{self, Ending, Hcm, Outcome, Preview, Seen};
use crate::message::{Body, Request};
use crate::route::{Head, Table};
use crate::router::{Clusters, Router};
use crate::stats::{Scope, Store};
use crate::stream_info::Downstream;
use crate::upstream::{self, Local, discovery};

pub use self::json::json;
pub use self::plan::{Limit, Source};
pub use self::text::{Manner, text};

/// A request.
#[derive(Clone, Debug)]
pub struct Question {
    /// The method.
    pub method: Method,
    /// The path with its query, or whatever else stands in a request's first line.
    pub target: Uri,
    /// The headers, in their order, `host` among them.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Who asks.
    pub client: SocketAddr,
    /// What decides what is left to chance.
    pub random: u64,
}

/// What would become of a request on one listener.
#[derive(Debug)]
pub struct Explanation<'a> {
    /// The listener.
    pub listener: &'a Listener,
    /// The listener's name, if the file gives it one.
    pub name: Option<String>,
    /// What it was asked.
    pub question: &'a Question,
    /// What the connection manager and the router would do.
    pub preview: Preview,
    /// What the connection manager changes before a route is looked for, in words.
    pub changes: Vec<String>,
    /// The virtual host.
    pub virtual_host: Option<VirtualHost<'a>>,
    /// How long what may take.
    pub limits: Vec<Limit>,
}

/// A request's virtual host.
#[derive(Debug)]
pub struct VirtualHost<'a> {
    /// As configured.
    pub config: &'a config::route::VirtualHost,
    /// The domain by which it was found.
    pub domain: String,
    /// Whether it sends the client to `https`, whatever its routes say.
    pub requires_tls: bool,
    /// Its routes, in their order.
    pub routes: Vec<Considered<'a>>,
}

/// A route, and whether it is for the request.
#[derive(Debug)]
pub struct Considered<'a> {
    /// Its number in its virtual host, from one.
    pub number: usize,
    /// As configured.
    pub config: &'a config::route::Route,
    /// What came of it.
    pub verdict: Verdict,
}

/// What came of a route.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is the one.
    Met,
    /// It is not for this request, for this reason.
    Unmet {
        /// In words.
        reason: String,
        /// Whether the path would have been right.
        close: bool,
    },
    /// It would do, but an earlier one did.
    TooLate,
}

/// A configuration that can be asked.
#[derive(Debug)]
pub struct Explainer<'a> {
    bootstrap: &'a Bootstrap,
    /// Whether any cluster that is named is there.
    any_cluster: bool,
    /// The file as messages, which knows what was set.
    message: serde_json::Value,
    clusters: Rc<Clusters>,
    root: Scope,
    _owned: Owned,
}

// === impl Explainer ===

impl<'a> Explainer<'a> {
    /// Makes ready all that is needed to route, and starts nothing: no name is resolved and no socket opened.
    pub fn new(bootstrap: &'a Bootstrap) -> Self {
        let root = Store::new().root();
        let mut owned = Owned::new();
        let manager = upstream::Manager::new(&bootstrap.clusters, &root);
        let mut clusters = HashMap::new();
        for cluster in manager.clusters() {
            // Hosts that are in the file are known without asking anybody.
            if cluster.config.discovery == Discovery::Static {
                discovery::start(cluster, &mut owned);
            }
            clusters.insert(cluster.name.clone(), Rc::new(Local::new(cluster.clone())));
        }
        let message = bootstrap.message();
        let clusters = Rc::new(clusters);
        Self { bootstrap, any_cluster: false, message, clusters, root, _owned: owned }
    }

    /// The same for a route table alone, of which nobody knows which clusters there are: any that is named is.
    #[must_use]
    pub fn with_any_cluster(self, any_cluster: bool) -> Self {
        Self { any_cluster, ..self }
    }

    /// The name of a listener, if the file gives it one.
    pub fn name(&self, listener: usize) -> Option<&str> {
        self.message["static_resources"]["listeners"][listener]["name"].as_str()
    }

    /// What would become of the request, on a listener by its number from zero: in its first filter chain for HTTP.
    /// None if it has none.
    pub fn explain(&self, question: &'a Question, index: usize) -> Option<Explanation<'a>> {
        let listener = &self.bootstrap.listeners[index];
        let (chain, manager) = listener.manager()?;
        let table = Arc::new(Table::new(&manager.routes));
        let hcm = self.hcm(listener, manager, table.clone(), question);
        let ends = Downstream::new(question.client, local_end(listener));
        let preview = hcm.preview(question.request(), &question.line(), ends);
        let seen = preview.seen.as_ref();
        let virtual_host =
            seen.and_then(|seen| virtual_host(&manager.routes, &table, seen, question.random));
        let limits = match &preview.outcome {
            Outcome::Upstream { bound, .. } => {
                let file = plan::File::new(&self.message, (index, chain));
                let route = virtual_host.as_ref().and_then(VirtualHost::met);
                let cluster = self.bootstrap.clusters.iter().find(|one| one.name == bound.cluster);
                let host = virtual_host.as_ref().map(|host| host.config);
                plan::limits(&file, manager, host.zip(route), (bound, cluster.map(|c| &**c)))
            }
            Outcome::Reply(_) | Outcome::Reset(_) => Vec::new(),
        };
        let changes = seen.map(|seen| words::changes(manager, question, seen)).unwrap_or_default();
        let name = self.name(index).map(str::to_owned);
        Some(Explanation { listener, name, question, preview, changes, virtual_host, limits })
    }

    /// All clusters that the table or the request could name.
    fn clusters_named(&self, table: &Table, question: &Question) -> Rc<Clusters> {
        let named = table.clusters().names().iter().map(|name| &**name);
        let said = question.headers.iter().filter_map(|(_, value)| value.to_str().ok());
        clusters_of(named.chain(said), &self.root)
    }

    fn hcm(
        &self,
        listener: &Listener,
        config: &Arc<HttpConnectionManager>,
        table: Arc<Table>,
        question: &Question,
    ) -> Rc<Hcm> {
        let clusters = match self.any_cluster {
            true => self.clusters_named(&table, question),
            false => self.clusters.clone(),
        };
        let router = Router::new(table, config.router, clusters, &self.root);
        let parts = hcm::Parts {
            filters: None,
            config: config.clone(),
            terminal: hcm::Terminal::Router(router.by_chance(question.random)),
            logs: Arc::new(AccessLogs::default()),
            ending: Ending::default(),
            buffer_limit: listener.buffer_limit,
        };
        Rc::new(Hcm::new(parts, &self.root, &self.root))
    }
}

/// Clusters of these names, without hosts.
fn clusters_of<'n>(names: impl IntoIterator<Item = &'n str>, root: &Scope) -> Rc<Clusters> {
    let mut clusters = Clusters::new();
    for name in names {
        clusters.entry(Arc::from(name)).or_insert_with(|| {
            let config = Arc::new(config::cluster::Cluster::without_hosts(name));
            Rc::new(Local::new(Arc::new(upstream::Cluster::new(config, root))))
        });
    }
    Rc::new(clusters)
}

/// Where the client's connection ends: an address that is not said is one of this machine.
fn local_end(listener: &Listener) -> SocketAddr {
    let unknown = SocketAddr::from(([127, 0, 0, 1], listener.address.port));
    listener.address.literal().filter(|address| !address.ip().is_unspecified()).unwrap_or(unknown)
}

fn virtual_host<'a>(
    config: &'a config::route::RouteConfiguration,
    table: &Table,
    seen: &Seen,
    random: u64,
) -> Option<VirtualHost<'a>> {
    let head = seen.head().with_random(random);
    let (domain, index) = table.virtual_host_by(&head)?;
    let (host, config) = (&table.virtual_hosts()[index], &config.virtual_hosts[index]);
    let mut met = false;
    let all = host.explain(&head).zip(&config.routes).enumerate();
    let routes = all.map(|(index, ((_, unmet), config))| {
        let verdict = match unmet {
            None if met => Verdict::TooLate,
            None => Verdict::Met,
            Some(unmet) => words::unmet(&unmet, &config.matcher, &head),
        };
        met |= verdict == Verdict::Met;
        Considered { number: index + 1, config, verdict }
    });
    Some(VirtualHost {
        config,
        domain: domain.to_string(),
        requires_tls: host.requires_tls(&head),
        routes: routes.collect(),
    })
}

// === impl Question ===

impl Question {
    /// The request's first line.
    pub fn line(&self) -> String {
        format!("{} {} HTTP/1.1", self.method, self.target)
    }

    /// What it says as its host.
    pub fn host(&self) -> &str {
        let mut hosts = self.headers.iter().filter(|(name, _)| name == http::header::HOST);
        let said = hosts.next().and_then(|(_, value)| value.to_str().ok());
        let absolute = self.target.authority().map(http::uri::Authority::as_str);
        absolute.or(said).unwrap_or("")
    }

    /// Whether it has that header with that value.
    fn says(&self, name: &str, value: &HeaderValue) -> bool {
        self.headers.iter().any(|(own, said)| own == name && said == value)
    }

    fn request(&self) -> Request {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.target.clone();
        for (name, value) in &self.headers {
            request.headers_mut().append(name.clone(), value.clone());
        }
        request
    }
}

// === impl Explanation ===

impl Explanation<'_> {
    /// Whether the route table has something to say to the request.
    pub fn is_met(&self) -> bool {
        let host = self.virtual_host.as_ref();
        host.is_some_and(|host| host.requires_tls || host.met().is_some())
    }
}

// === impl VirtualHost ===

impl<'a> VirtualHost<'a> {
    /// The route that the request meets.
    pub fn met(&self) -> Option<&Considered<'a>> {
        self.routes.iter().find(|route| route.verdict == Verdict::Met && !self.requires_tls)
    }
}

// === impl Seen ===

impl Seen {
    /// What a route table looks at.
    fn head(&self) -> Head<'_> {
        Head::of(&self.host, &self.method, &self.uri, &self.headers)
    }
}
