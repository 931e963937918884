//! What is explained is what happens: each request of the routing cases, explained, beside what the proxies did.
//!
//! The expectations under `tests/fixtures/routing` are what the real Envoy did, and this proxy is held to them by
//! `tests/acceptance/routing.rs`. Here nothing runs: the same must be told without.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};

use http::{HeaderName, HeaderValue};
use outrigger::config::bootstrap::{Bootstrap, Node};
use outrigger::config::listener::Terminal;
use outrigger::config::load;
use outrigger::explain::{self, Explainer, Question};
use serde_json::Value as Json;

/// What goes around a case's fields, as in `tests/acceptance/routing.rs`.
const BOOTSTRAP: &str = r#"
static_resources:
  clusters:
CLUSTERS  - { name: empty, load_assignment: { cluster_name: empty } }
  listeners:
  - address: { socket_address: { address: 0.0.0.0, port_value: 10000 } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: routing
"#;

/// The filters, unless the case has its own.
const HTTP_FILTERS: &str = r#"
http_filters:
- name: envoy.filters.http.router
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
"#;

/// Each of the clusters `one`, `two` and `three`.
const CLUSTER: &str = r#"
  - name: NAME
    load_assignment:
      cluster_name: NAME
      endpoints:
      - lb_endpoints:
        - endpoint:
            address: { socket_address: { address: 127.0.0.1, port_value: 8080 } }
            hostname: origin.example
"#;

/// Values that differ from run to run, and what a server adds to every answer.
const UNEQUAL: [&str; 3] = ["date", "x-request-id", "x-envoy-upstream-service-time"];

/// A request of a case, and what the real Envoy did with it.
struct Case {
    question: Question,
    /// What the client got, and what the origin got, if anything; lines as they stand in the file.
    client: Vec<String>,
    origin: Option<Vec<String>>,
}

#[test]
fn what_is_explained_is_what_happens() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/routing");
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|kind| kind == "yaml")).collect();
    files.sort();
    let (mut compared, mut wrong) = (0, String::new());
    for file in &files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(file).unwrap();
        let (fields, requests) = text.split_once("\nrequests: |\n").unwrap_or((&text, ""));
        let bootstrap = bootstrap(fields);
        // What filters do to a request is not explained.
        if has_filters(&bootstrap) {
            continue;
        }
        // That there is one for each is what the acceptance tests see to.
        let Ok(expected) = fs::read_to_string(file.with_extension("expected")) else { continue };
        for case in cases(requests, &expected) {
            compared += 1;
            if let Err(difference) = case.compare(&bootstrap) {
                write!(wrong, "{name}: {}\n{difference}", case.question.line()).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(compared > 400, "{compared} requests were compared");
}

fn bootstrap(fields: &str) -> Bootstrap {
    let clusters: String =
        ["one", "two", "three"].map(|name| CLUSTER[1..].replace("NAME", name)).concat();
    let mut text = BOOTSTRAP.replace("CLUSTERS", &clusters);
    let filters = if fields.contains("http_filters:") { "" } else { HTTP_FILTERS };
    let fields = fields.lines().take_while(|line| !line.starts_with("lookups:"));
    for line in fields.chain(filters.lines()) {
        writeln!(text, "          {line}").expect("a string takes anything");
    }
    let node = Node { cluster: String::from("app"), ..Node::default() };
    load(None, Some(&text), &node).unwrap_or_else(|report| panic!("{report}")).bootstrap
}

fn has_filters(bootstrap: &Bootstrap) -> bool {
    let mut chains = bootstrap.listeners.iter().flat_map(|listener| &listener.chains);
    chains.any(|chain| matches!(&chain.terminal, Terminal::Http(hcm) if !hcm.filters.is_empty()))
}

/// The requests that can be asked about, with what became of them. A request that is no head at all cannot.
fn cases(requests: &str, expected: &str) -> Vec<Case> {
    let lines: Vec<&str> =
        requests.lines().map(str::trim_start).filter(|line| !line.is_empty()).collect();
    let asked = lines.chunk_by(|_, next| !is_request_line(next));
    let blocks = expected.split("\n\n").filter(|block| block.contains("\n  client got "));
    asked.zip(blocks).filter_map(|(asked, block)| Case::new(asked, block)).collect()
}

fn is_request_line(line: &str) -> bool {
    let first = line.split(' ').next().unwrap_or_default();
    first != ">" && !first.contains(':')
}

// === impl Case ===

impl Case {
    fn new(asked: &[&str], block: &str) -> Option<Self> {
        let (line, rest) = asked.split_first()?;
        // What this one is answered is in the environment of whoever answers.
        let (method, target) = line.split_once(' ').filter(|(_, path)| *path != "/environment")?;
        let (body, head): (Vec<&str>, Vec<&str>) =
            rest.iter().partition(|line| line.starts_with("> "));
        let mut headers = Vec::new();
        if !head.iter().any(|line| line.starts_with("host:")) {
            headers.push((http::header::HOST, HeaderValue::from_static("host.example")));
        }
        for line in head {
            let (name, value) = line.split_once(':')?;
            let name = name.parse::<HeaderName>().ok()?;
            headers.push((name, HeaderValue::from_str(value.trim()).ok()?));
        }
        let length: usize = body.iter().map(|line| line.len() - 2).sum();
        if length > 0 {
            headers.push((http::header::CONTENT_LENGTH, HeaderValue::from(length)));
        }
        let question = Question {
            method: method.parse().ok()?,
            target: target.parse().ok()?,
            headers,
            client: ([127, 0, 0, 1], 40000).into(),
            random: 0,
        };
        let mut parts: [Vec<String>; 2] = [Vec::new(), Vec::new()];
        let mut part = None;
        for line in block.lines() {
            match line.strip_prefix("  client got ").or_else(|| line.strip_prefix("  origin got "))
            {
                Some(first) => {
                    part = Some(usize::from(line.starts_with("  origin")));
                    parts[part?].push(first.to_owned());
                }
                None => {
                    parts[part.unwrap_or(0)].extend(line.strip_prefix("    ").map(str::to_owned))
                }
            }
        }
        let [client, origin] = parts;
        let origin = Some(origin).filter(|origin| !origin.is_empty());
        Some(Self { question, client, origin })
    }

    /// Whether the client sends a body. A connection closes when one is on its way that nobody reads, and what is
    /// explained has none.
    fn has_body(&self) -> bool {
        self.question.headers.iter().any(|(name, _)| name == http::header::CONTENT_LENGTH)
    }

    /// Compares what is told with what happened, as texts that should be the same.
    fn compare(&self, bootstrap: &Bootstrap) -> Result<(), String> {
        let explainer = Explainer::new(bootstrap);
        let explanations = [explainer.explain(&self.question, 0).expect("it speaks HTTP")];
        let told = &explain::json(&explanations)["listeners"][0];
        // It must be possible to tell people too.
        let people = explain::text(&explanations, explain::Manner::default());
        let (mut told, mut happened) = match &self.origin {
            Some(origin) => (upstream(&told["upstream_request"]), plain(origin)),
            // A cluster without a host has nothing to tell of what it would get.
            None if told["cluster"]["name"] == "empty" => return Ok(()),
            None => (client(&told["response"]), plain(&self.client)),
        };
        if self.has_body() {
            told.retain(|line| line != "connection: close");
            happened.retain(|line| line != "connection: close");
        }
        if told == happened {
            return Ok(());
        }
        Err(format!("told:\n{}\nhappened:\n{}\n{people}\n", told.join("\n"), happened.join("\n")))
    }
}

fn upstream(request: &Json) -> Vec<String> {
    let text = |name: &str| request[name].as_str().unwrap_or("nothing").to_owned();
    let mut lines = headers(&request["headers"]);
    lines.insert(0, format!("{} {}", text("method"), text("path")));
    lines
}

fn client(response: &Json) -> Vec<String> {
    let mut lines = headers(&response["headers"]);
    // The codec adds it to an answer without a body, unless there never is one.
    let never = matches!(response["status"].as_u64(), Some(204 | 304));
    if !never && !lines.iter().any(|line| line.starts_with("content-length: ")) {
        lines.push(String::from("content-length: 0"));
        lines.sort();
    }
    lines.insert(0, response["status"].to_string());
    lines
}

fn headers(headers: &Json) -> Vec<String> {
    let pair = |header: &Json| {
        let name = header[0].as_str()?.to_owned();
        let masked = UNEQUAL.contains(&name.as_str());
        let value = if masked { "*" } else { header[1].as_str()? };
        Some(format!("{name}: {}", value.replace(&own_address(), "OWN")).trim_end().to_owned())
    };
    let mut lines: Vec<String> =
        headers.as_array().into_iter().flatten().filter_map(pair).collect();
    lines.sort();
    lines
}

/// What a proxy calls itself where its loopback address would mean nothing.
fn own_address() -> String {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("there is a port");
    // Only looks up a route, to an address that nobody has (RFC 5737).
    let reached = socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9));
    reached.and_then(|()| socket.local_addr()).expect("there is a route").ip().to_string()
}

/// The first line, and the headers sorted; no bodies.
fn plain(lines: &[String]) -> Vec<String> {
    let (first, rest) = lines.split_first().expect("it begins with a status or a method");
    let rest = rest.iter().filter(|line| !line.starts_with("> ") && *line != ">");
    let mut lines: Vec<String> = rest.map(|line| line.trim_end().to_owned()).collect();
    lines.sort();
    lines.insert(0, first.clone());
    lines
}
