//! Tests of a route table, as Envoy's `router_check_tool` runs them: the requests do not pass a connection manager.

mod compare;
mod coverage;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use http::header::HOST;
use http::{HeaderMap, HeaderValue, StatusCode, Uri};

use crate::base::clock;
use crate::config::Bootstrap;
use crate::config::hcm::HttpConnectionManager;
use crate::config::route::RouteConfiguration;
use crate::config::route_tests::{Input, RouteTest};
use crate::message::{Body, Request, Response, headers};
use crate::route::{Action, ClusterRef, Head, Redirect, Selected, Table, location_of};
use crate::router::Router;
use crate::stats::{Scope, Store};
use crate::stream_info::{Downstream, Protocol, StreamInfo};

use super::plan::File;

pub use self::compare::Failure;
pub use self::coverage::{Coverage, Uncovered};

/// What came of a file of tests.
#[derive(Debug)]
pub struct Checked {
    /// Of each test, in their order.
    pub results: Vec<TestResult>,
    /// How much of the route table they cover.
    pub coverage: Coverage,
}

/// What came of a test.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TestResult {
    /// `test_name`.
    pub name: String,
    /// What is not as expected.
    pub failures: Vec<Failure>,
}

/// What a request meets in a route table.
#[derive(Debug)]
struct Found {
    route: Option<Place>,
    /// Whether it is forwarded; otherwise it is answered, if there is a route.
    forwarded: bool,
    cluster: String,
    virtual_host: String,
    /// The URL of a redirect, or the request's own for other answers.
    location: String,
    status: Option<StatusCode>,
    /// The request as upstream would get it.
    request: Request,
    response: HeaderMap,
}

/// A route, by its numbers from zero: virtual host, route, and cluster if it has several.
type Place = (usize, usize, usize);

/// One route table under test.
struct Bench<'a> {
    manager: &'a HttpConnectionManager,
    /// `runtime_key`s, by virtual host and route.
    keys: HashMap<(usize, usize), String>,
    /// By the runtime key that is in force.
    tables: HashMap<String, (Arc<RouteConfiguration>, Arc<Table>)>,
    root: Scope,
}

/// Runs the tests on the route table of a listener, which is given by its place in the file. None if it has none.
pub fn check(bootstrap: &Bootstrap, listener: usize, tests: &[RouteTest]) -> Option<Checked> {
    let (chain, manager) = bootstrap.listeners[listener].manager()?;
    let message = bootstrap.message();
    let file = File::new(&message, (listener, chain));
    let mut bench = Bench {
        manager,
        keys: keys(&file, &manager.routes),
        tables: HashMap::new(),
        root: Store::new().root(),
    };
    let mut covered = coverage::Counting::default();
    let mut results = Vec::new();
    for test in tests {
        let found = bench.find(&test.input);
        let (failures, right) = compare::compare(&test.expected, &found);
        if let Some(place) = found.route {
            covered.add(place, found.forwarded, &right);
        }
        results.push(TestResult { name: test.name.clone(), failures });
    }
    Some(Checked { results, coverage: covered.finish(&manager.routes) })
}

/// The runtime keys of routes that have one.
fn keys(file: &File<'_>, routes: &RouteConfiguration) -> HashMap<(usize, usize), String> {
    let hosts = routes.virtual_hosts.iter().enumerate();
    let routes = hosts.flat_map(|(host, config)| (0..config.routes.len()).map(move |r| (host, r)));
    routes.filter_map(|place| Some((place, file.runtime_key(place)?.to_owned()))).collect()
}

// === impl Bench ===

impl Bench<'_> {
    /// The table when that key is in force: fractions of other routes let nobody through, and those of this one let
    /// at least the first through.
    fn table(&mut self, runtime: &str) -> (Arc<RouteConfiguration>, Arc<Table>) {
        let (manager, keys) = (self.manager, &self.keys);
        let made = self.tables.entry(runtime.to_owned()).or_insert_with(|| {
            let mut config = RouteConfiguration::clone(&manager.routes);
            for (host, virtual_host) in config.virtual_hosts.iter_mut().enumerate() {
                for (number, route) in virtual_host.routes.iter_mut().enumerate() {
                    let Some(fraction) = &mut route.matcher.fraction else { continue };
                    let key = keys.get(&(host, number));
                    let on = !runtime.is_empty() && key.is_some_and(|key| key == runtime);
                    fraction.numerator = if on { fraction.numerator.max(1) } else { 0 };
                }
            }
            let table = Table::new(&config);
            (Arc::new(config), Arc::new(table))
        });
        made.clone()
    }

    fn find(&mut self, input: &Input) -> Found {
        let (config, table) = self.table(&input.runtime);
        let mut request = request(input);
        let mut found = Found {
            route: None,
            forwarded: false,
            cluster: String::new(),
            virtual_host: String::new(),
            location: String::new(),
            status: None,
            request: Request::new(Body::empty()),
            response: HeaderMap::new(),
        };
        let mut answer = Response::new(Body::empty());
        answer.headers_mut().extend(input.response_headers.iter().cloned());
        let asked = request.headers().clone();
        let host = text(&input.authority).to_owned();
        let (uri, method) = (request.uri().clone(), request.method().clone());
        let head = Head::of(&host, &method, &uri, &asked).with_random(input.random);
        let Some(selected) = table.select(&head) else {
            found.request = request;
            return found;
        };
        let mut named = String::new();
        if let Some(route) = selected.route {
            let place = place(&table, &head, route);
            let action = &route.action;
            found.forwarded = matches!(action, Action::Forward(_) | Action::NonForwarding);
            if found.forwarded {
                found.virtual_host = selected.virtual_host.name.to_string();
            }
            if let Action::Forward(forward) = action {
                named = match forward.choose(&head).cluster {
                    ClusterRef::Slot(slot) => table.clusters().name(slot).to_string(),
                    ClusterRef::Named(name) => name.to_owned(),
                };
                found.cluster.clone_from(&named);
            }
            found.route = place.map(|(host, number)| {
                (host, number, coverage::cluster(&config, (host, number), &named))
            });
        }
        let mut info = info();
        let router = self.router(&table, &named).by_chance(input.random);
        match router.preview((&mut request, &mut answer), &host, &mut info) {
            Ok(_bound) => found.response = answer.into_parts().0.headers,
            Err(response) if !found.forwarded => {
                found.status = Some(response.status());
                found.location = location(&head, selected, &response);
                found.response = response.into_parts().0.headers;
                found.response.extend(input.response_headers.iter().cloned());
            }
            Err(_unfit) => {}
        }
        if !asked.contains_key(headers::X_ENVOY_EXPECTED_RQ_TIMEOUT_MS) {
            // Who is forwarding tells that, and nobody is.
            request.headers_mut().remove(headers::X_ENVOY_EXPECTED_RQ_TIMEOUT_MS);
        }
        found.request = request;
        found
    }

    /// A router that knows all clusters of the table, and the one of that name.
    fn router(&self, table: &Arc<Table>, named: &str) -> Router {
        let names = table.clusters().names().iter().map(|name| &**name).chain([named]);
        let clusters = super::clusters_of(names, &self.root);
        Router::new(table.clone(), self.manager.router, clusters, &self.root)
    }
}

fn request(input: &Input) -> Request {
    let mut request = Request::new(Body::empty());
    *request.method_mut() = input.method.clone();
    *request.uri_mut() = Uri::from(input.path.clone());
    let scheme = if input.ssl { "https" } else { "http" };
    let headers = request.headers_mut();
    headers.insert(HOST, input.authority.clone());
    headers.insert(headers::X_FORWARDED_PROTO, HeaderValue::from_static(scheme));
    if input.internal {
        headers.insert(headers::X_ENVOY_INTERNAL, HeaderValue::from_static("true"));
    }
    for (name, value) in &input.request_headers {
        headers.append(name.clone(), value.clone());
    }
    request
}

/// The connection that the tool's requests come by.
fn info() -> StreamInfo {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let ends = Downstream::new(loopback, loopback);
    StreamInfo::new(clock::now(), Protocol::Http11, ends)
}

/// The numbers of a route and of its virtual host.
fn place(table: &Table, head: &Head<'_>, route: &crate::route::Route) -> Option<(usize, usize)> {
    let (_, host) = table.virtual_host_by(head)?;
    let mut routes = table.virtual_hosts()[host].explain(head);
    Some((host, routes.position(|(one, _)| std::ptr::eq(one, route))?))
}

/// Where an answer leads, or the request's own URL if it leads nowhere.
fn location(head: &Head<'_>, selected: Selected<'_>, response: &Response) -> String {
    if let Some(location) = response.headers().get(http::header::LOCATION) {
        return String::from_utf8_lossy(location.as_bytes()).into_owned();
    }
    match selected.route {
        Some(route) if matches!(route.action, Action::DirectResponse(_)) => {
            let own = location_of(&Redirect::default(), head, head.target().as_bytes());
            String::from_utf8_lossy(&own).into_owned()
        }
        Some(_) | None => String::new(),
    }
}

fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or("")
}
