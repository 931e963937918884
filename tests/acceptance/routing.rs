//! Routing, as data: each file under `fixtures/routing/` is a case, which both proxies must answer in the same way.
//!
//! `NAME.yaml` has the fields of a connection manager, with `route_config` among them, and then `requests: |` with what is
//! asked: request lines, each with header lines and `> body` below it, and empty lines as wanted. There are the clusters
//! `one`, `two` and `three`, behind each of which the same origin answers, and `empty`, which has no host.
//!
//! `NAME.expected` is what the real Envoy made of it: what the client got, what the origin got, what the log says; or
//! what the log says only, if the file says `lookups: |` instead. `http2/NAME.expected` is the same where the client
//! speaks HTTP/2; what HTTP/2 has no words for is not asked then, and nothing of a file with a line
//! `# HTTP/1 only: (reason)`. `UPDATE_EXPECT=1` writes both anew, from the real
//! Envoy only.

use std::{
    fmt::Write,
    fs, io,
    net::{IpAddr, Ipv4Addr, UdpSocket},
    path::{Path, PathBuf},
};

use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::Bytes;
use outrigger_harness::{
    client::stream::{Http, exchange},
    eventually::satisfies,
    mesh::Mesh,
    node::{Config, ConfigVersion, Node},
    origin::{Origin, Seen, origin},
    settings::DataPlane,
    topology::Topology,
    trial::{self, Mode},
};

/// A file's four tests.
macro_rules! fixture {
    ($name:ident) => {
        mod $name {
            use outrigger_harness::{client::stream::Http, trial::Mode};

            #[test]
            fn outrigger() {
                super::run(stringify!($name), Mode::V3Process, Http::One);
            }

            #[test]
            fn envoy() {
                super::run(stringify!($name), Mode::Envoy, Http::One);
            }

            #[test]
            fn outrigger_over_http2() {
                super::run(stringify!($name), Mode::V3Process, Http::Two);
            }

            #[test]
            fn envoy_over_http2() {
                super::run(stringify!($name), Mode::Envoy, Http::Two);
            }
        }
    };
}

/// The two tests of a file that is not asked over HTTP/2.
macro_rules! fixture_over_http1 {
    ($name:ident) => {
        mod $name {
            use outrigger_harness::{client::stream::Http, trial::Mode};

            #[test]
            fn outrigger() {
                super::run(stringify!($name), Mode::V3Process, Http::One);
            }

            #[test]
            fn envoy() {
                super::run(stringify!($name), Mode::Envoy, Http::One);
            }
        }
    };
}

include!(concat!(env!("OUT_DIR"), "/routing.rs"));

/// What goes around a file's fields.
const BOOTSTRAP: &str = r#"
admin: { address: { socket_address: { address: 0.0.0.0, port_value: 8001 } } }
static_resources:
  clusters:
  - &one
    name: one
    connect_timeout: 1s
    load_assignment:
      cluster_name: one
      endpoints:
      - lb_endpoints:
        - endpoint:
            address: { socket_address: { address: 127.0.0.1, port_value: 8080 } }
            hostname: origin.example
  - { <<: *one, name: two }
  - { <<: *one, name: three }
  - { name: empty, load_assignment: { cluster_name: empty } }
  listeners:
  - address: { socket_address: { address: 0.0.0.0, port_value: 80 } }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: routing
"#;

/// The router, unless the file has one of its own.
const HTTP_FILTERS: &str = r#"
http_filters:
- name: envoy.filters.http.router
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
"#;

/// A line for each request, unless the file has a log of its own.
const ACCESS_LOG: &str = r#"
access_log:
- name: log
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
    log_format:
      text_format_source:
        inline_string: "LOG %REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% route %ROUTE_NAME% cluster %UPSTREAM_CLUSTER%\n"
"#;

/// How a line of the log begins among all that a proxy prints.
const LOGGED: &str = "LOG ";

/// How the last line of a request begins where several logs may write about it.
const LOGGED_LAST: &str = "LOG end";

/// What says what is asked, to the end of the file.
const REQUESTS: &str = "\nrequests: |\n";

/// The same where only the log is looked at.
const LOOKUPS: &str = "\nlookups: |\n";

/// Counters that are compared besides, where they are not zero.
const COUNTERS: [&str; 22] = [
    "no_cluster",
    "no_route",
    "rq_direct_response",
    "rq_redirect",
    "rq_total",
    "downstream_rq_too_large",
    "fault.aborts_injected",
    "fault.active_faults",
    "fault.delays_injected",
    "fault.faults_overflow",
    "fault.response_rl_injected",
    "fault.someone.aborts_injected",
    "fault.someone.delays_injected",
    "health_check.cached_response",
    "health_check.failed",
    "health_check.failed_cluster_empty",
    "health_check.ok",
    "health_check.request_total",
    "http_local_rate_limit.enabled",
    "http_local_rate_limit.enforced",
    "http_local_rate_limit.ok",
    "http_local_rate_limit.rate_limited",
];

/// Values that differ from run to run.
const MASKED: [&str; 3] = ["date", "x-request-id", "x-envoy-upstream-service-time"];

/// A file.
#[derive(Debug)]
struct Fixture {
    fields: String,
    requests: Vec<Request>,
    in_full: bool,
    http: Http,
    expected: PathBuf,
}

/// What is asked.
#[derive(Debug)]
struct Request {
    line: String,
    /// Names and values, and a host among them.
    headers: Vec<(String, String)>,
    body: String,
    bytes: String,
}

/// What a client got: status, headers, body.
type Got = (u16, Vec<(String, String)>, String);

fn run(name: &str, mode: Mode, http: Http) {
    let fixture = Fixture::read(name, http);
    trial::run_with(
        mode,
        async || origin().header("x-from", "origin").body("answered\n").start().await.unwrap(),
        |_version, origin| fixture.topology(origin),
        async |mesh, origin| fixture.compare(mesh, origin).await,
    );
}

// === impl Fixture ===

impl Fixture {
    fn read(name: &str, http: Http) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/routing");
        let text = fs::read_to_string(folder.join(name).with_extension("yaml")).unwrap();
        let in_full = text.split_once(REQUESTS);
        let (fields, requests) =
            in_full.or_else(|| text.split_once(LOOKUPS)).expect("something is asked");
        let lines: Vec<&str> =
            requests.lines().map(str::trim_start).filter(|line| !line.is_empty()).collect();
        let requests = lines.chunk_by(|_, next| !is_request_line(next)).map(Request::new);
        let sayable = |request: &Request| http == Http::One || request.over_http2().is_some();
        let expected = match http {
            Http::One => folder,
            Http::Two => folder.join("http2"),
        };
        Self {
            fields: fields.to_owned(),
            requests: requests.filter(sayable).collect(),
            in_full: in_full.is_some(),
            http,
            expected: expected.join(name).with_extension("expected"),
        }
    }

    fn topology(&self, origin: &Origin) -> Topology {
        let mut text = BOOTSTRAP.to_owned();
        let log = if self.fields.contains("access_log:") { "" } else { ACCESS_LOG };
        let filters = if self.fields.contains("http_filters:") { "" } else { HTTP_FILTERS };
        for line in self.fields.lines().chain(log.lines()).chain(filters.lines()) {
            writeln!(text, "          {line}").unwrap();
        }
        let config = Config { version: ConfigVersion::V3, path: "routing.yaml".into(), text };
        Topology::new()
            .lone_sidecar(config)
            .arguments(Node::SIDECAR, &["--file-flush-interval-msec", "50", "--concurrency", "1"])
            .origin(Node::SIDECAR, "127.0.0.1:8080", origin.address())
    }

    async fn compare(&self, mesh: &Mesh, origin: &Origin) {
        let found = self.transcript(mesh, origin).await;
        if mesh.data_plane() == DataPlane::Envoy && std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&self.expected, &found).unwrap();
        }
        let expected = fs::read_to_string(&self.expected).unwrap_or_default();
        assert!(found == expected, "{}", difference(&expected, &found));
    }

    /// Everything that can be seen of the requests, from all sides.
    async fn transcript(&self, mesh: &Mesh, origin: &Origin) -> String {
        let mut text = String::new();
        for request in &self.requests {
            let before = origin.seen().len();
            let got = self.ask(mesh, request).await;
            if !self.in_full {
                continue;
            }
            writeln!(text, "{}", request.line).unwrap();
            write_got(&mut text, got.as_ref());
            for seen in &origin.seen()[before..] {
                write_seen(&mut text, seen);
            }
            text.push('\n');
        }
        for line in self.logged(mesh).await {
            writeln!(text, "{line}").unwrap();
        }
        let stats = mesh.admin(Node::SIDECAR).stats().await.unwrap();
        for name in COUNTERS {
            let name = format!("http.routing.{name}");
            if let Some(value) = stats.value(&name).filter(|value| *value > 0) {
                writeln!(text, "{name}: {value}").unwrap();
            }
        }
        let places =
            [(origin.address().to_string(), "ORIGIN"), (mesh.front_address().to_string(), "PROXY")];
        for (place, name) in places {
            text = text.replace(&place, name);
        }
        text.replace(&own_address().to_string(), "OWN")
    }

    /// What a client gets; nothing if its stream is reset.
    async fn ask(&self, mesh: &Mesh, request: &Request) -> Option<Got> {
        if self.http == Http::Two {
            let request = request.over_http2().expect("only what can be said is asked");
            let reply = exchange(mesh.front_address(), Http::Two, request).await.ok()?;
            let value = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
            let headers = reply.headers.iter();
            let headers = headers.map(|(name, text)| (name.to_string(), value(text.as_bytes())));
            return Some((reply.status, headers.collect(), value(&reply.body)));
        }
        let mut connection = mesh.connect().await;
        let reply = connection.exchange(&request.bytes).await.unwrap();
        Some((reply.status(), reply.headers.clone(), reply.text()))
    }

    async fn logged(&self, mesh: &Mesh) -> Vec<String> {
        let lines = async || {
            let logs = mesh.logs(Node::SIDECAR).await?;
            Ok(logs.lines().filter(|line| line.starts_with(LOGGED)).map(str::to_owned).collect())
        };
        let last = if self.fields.contains(LOGGED_LAST) { LOGGED_LAST } else { LOGGED };
        let all = |lines: &Vec<String>| {
            lines.iter().filter(|line| line.starts_with(last)).count() >= self.requests.len()
        };
        satisfies("a line in the log for each request", lines, all).await.unwrap()
    }
}

// === impl Request ===

impl Request {
    fn new(lines: &[&str]) -> Self {
        let (line, rest) = lines.split_first().expect("it is not empty");
        let mut bytes = format!("{line} HTTP/1.1\r\n");
        let mut named = Vec::new();
        if !rest.iter().any(|line| line.starts_with("host:")) {
            bytes.push_str("host: host.example\r\n");
            named.push(("host".to_owned(), "host.example".to_owned()));
        }
        let (body, headers): (Vec<&str>, Vec<&str>) =
            rest.iter().partition(|line| line.starts_with("> "));
        for header in headers {
            write!(bytes, "{header}\r\n").unwrap();
            let (name, value) = header.split_once(':').expect("it is a header");
            named.push((name.to_owned(), value.trim().to_owned()));
        }
        let body: String = body.iter().map(|line| &line[2..]).collect();
        if !body.is_empty() {
            write!(bytes, "content-length: {}\r\n", body.len()).unwrap();
        }
        write!(bytes, "\r\n{body}").unwrap();
        Self { line: (*line).to_owned(), headers: named, body, bytes }
    }

    /// The same request in HTTP/2, if that can say it.
    fn over_http2(&self) -> Option<hyper::Request<BoxBody<Bytes, io::Error>>> {
        let (method, target) = self.line.split_once(' ')?;
        let mut hosts = self.headers.iter().filter(|(name, _)| name == "host");
        let (host, none) = (hosts.next()?, hosts.next());
        if none.is_some() || !target.starts_with('/') || target.contains('#') {
            return None;
        }
        let mut request =
            hyper::Request::builder().method(method).uri(format!("http://{}{target}", host.1));
        for (name, value) in self.headers.iter().filter(|(name, _)| name != "host") {
            let of_connection = ["connection", "upgrade", "transfer-encoding", "keep-alive"];
            if of_connection.contains(&name.to_ascii_lowercase().as_str()) {
                return None;
            }
            request = request.header(name, value);
        }
        let body = Full::new(Bytes::from(self.body.clone())).map_err(|never| match never {});
        let request = request.body(body.boxed()).ok()?;
        // What the library says otherwise than it was written is not what is asked.
        let said = request.uri().path_and_query().map(ToString::to_string);
        (said.as_deref() == Some(target)).then_some(request)
    }
}

/// Neither a header nor a part of a body.
fn is_request_line(line: &str) -> bool {
    let first = line.split(' ').next().unwrap_or_default();
    first != ">" && !first.contains(':')
}

fn write_got(text: &mut String, got: Option<&Got>) {
    let Some((status, headers, body)) = got else {
        text.push_str("  client got a reset\n");
        return;
    };
    writeln!(text, "  client got {status}").unwrap();
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    write_headers(text, headers.collect());
    write_body(text, body);
}

fn write_seen(text: &mut String, seen: &Seen) {
    writeln!(text, "  origin got {} {}", seen.method, seen.target).unwrap();
    let value = |value| String::from_utf8_lossy(value).into_owned();
    let headers: Vec<(&str, String)> =
        seen.headers.iter().map(|(name, text)| (name.as_str(), value(text.as_bytes()))).collect();
    write_headers(text, headers.iter().map(|(name, value)| (*name, value.as_str())).collect());
    write_body(text, &String::from_utf8_lossy(&seen.body));
}

fn write_headers(text: &mut String, mut headers: Vec<(&str, &str)>) {
    headers.sort_by_key(|(name, _)| *name);
    for (name, value) in headers {
        let value = if MASKED.contains(&name) { "*" } else { value };
        writeln!(text, "    {name}: {value}").unwrap();
    }
}

fn write_body(text: &mut String, body: &str) {
    for line in body.lines() {
        writeln!(text, "    > {line}").unwrap();
    }
}

/// What a proxy calls itself where its loopback address would mean nothing.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    // Only looks up a route, to an address that nobody has (RFC 5737).
    let reached = socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9));
    reached
        .and_then(|()| socket.local_addr())
        .map_or(IpAddr::V4(Ipv4Addr::BROADCAST), |address| address.ip())
}

/// All lines, with a mark before those of one side only.
fn difference(expected: &str, found: &str) -> String {
    let mut text = String::from("- what the real Envoy does, + what was found:\n");
    let mut rest = expected.lines().collect::<Vec<_>>();
    for line in found.lines() {
        let Some(place) = rest.iter().position(|other| *other == line) else {
            writeln!(text, "+{line}").unwrap();
            continue;
        };
        rest.drain(..place).for_each(|missed| writeln!(text, "-{missed}").unwrap());
        rest.remove(0);
        writeln!(text, " {line}").unwrap();
    }
    rest.iter().for_each(|missed| writeln!(text, "-{missed}").unwrap());
    text
}
