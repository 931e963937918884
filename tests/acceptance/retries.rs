//! Retries, as data: each file under `fixtures/retries/` has routes with policies of their own, and requests that both
//! proxies must make the same of.
//!
//! `NAME.yaml` has the fields of a connection manager, with `route_config` among them, and then `requests: |` with what is
//! asked: request lines, each with header lines below it, and `> N` for a body of so many bytes. What the origin answers
//! to is the last part of a path, such as `/route/503,200`: the first time a path is asked for the first word says what
//! happens, the next time the second, and then always the last. A word is a status, with `+name=value` for a header;
//! `close` ends the connection, `hang` never answers.
//!
//! Behind the clusters `one` and `tight` (no retries at a time) is the origin;
//! `refused` is an address where nobody listens.
//!
//! `NAME.expected` is what the real Envoy made of it. `UPDATE_EXPECT=1` writes it anew, from the real Envoy only.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Read, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use outrigger_harness::{
    eventually::satisfies,
    mesh::Mesh,
    node::{Config, ConfigVersion, Node},
    settings::DataPlane,
    topology::Topology,
    trial::{self, Mode},
};

/// A file's two tests.
macro_rules! fixture {
    ($name:ident) => {
        mod $name {
            #[test]
            fn outrigger() {
                super::run(stringify!($name), outrigger_harness::trial::Mode::V3Process);
            }

            #[test]
            fn envoy() {
                super::run(stringify!($name), outrigger_harness::trial::Mode::Envoy);
            }
        }
    };
}

fixture!(conditions);
fixture!(bodies);
fixture!(limits);

/// What goes around a file's fields.
const BOOTSTRAP: &str = r#"
admin: { address: { socket_address: { address: 0.0.0.0, port_value: 8001 } } }
static_resources:
  clusters:
  - name: one
    connect_timeout: 1s
    typed_extension_protocol_options: &once
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        # What happens to a connection that is used again has a test of its own.
        common_http_protocol_options: { max_requests_per_connection: 1 }
        explicit_http_config: { http_protocol_options: {} }
    load_assignment: &origin
      cluster_name: one
      endpoints:
      - lb_endpoints:
        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 8080 } } }
  - name: tight
    typed_extension_protocol_options: *once
    load_assignment: *origin
    circuit_breakers: { thresholds: [{ max_retries: 0 }] }
  - name: again
    load_assignment: *origin
  - name: refused
    connect_timeout: 1s
    load_assignment:
      cluster_name: refused
      endpoints:
      - lb_endpoints:
        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 8081 } } }
  listeners:
  - address: { socket_address: { address: 0.0.0.0, port_value: 80 } }
    per_connection_buffer_limit_bytes: 20000
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: retries
          internal_address_config: { cidr_ranges: [{ address_prefix: 127.0.0.0, prefix_len: 8 }] }
          use_remote_address: true
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
          access_log:
          - name: log
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
              log_format:
                text_format_source:
                  inline_string: "LOG %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% attempts %UPSTREAM_REQUEST_ATTEMPT_COUNT%\n"
"#;

const CLUSTERS: [&str; 3] = ["one", "tight", "refused"];

/// How a line of the log begins among all that a proxy prints.
const LOGGED: &str = "LOG ";

const REQUESTS: &str = "\nrequests: |\n";

/// The end of the names of counters that are compared.
const COUNTED: [&str; 5] = [
    "upstream_rq_retry",
    "upstream_rq_per_try",
    "retry.",
    "upstream_rq_timeout",
    "retry_or_shadow",
];

/// Answers as each path says.
pub(crate) struct Scripted {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// A request as the origin got it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: usize,
}

#[derive(Default)]
struct Script {
    asked: Mutex<HashMap<String, usize>>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

// === impl Scripted ===

impl Scripted {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Script::default());
        let seen = script.seen.clone();
        // Ends with the test's process: a thread that waits for bytes costs nothing until then.
        thread::spawn(move || {
            while let Ok((stream, _peer)) = listener.accept() {
                let script = script.clone();
                thread::spawn(move || script.serve(stream));
            }
        });
        Self { address, seen }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

// === impl Script ===

impl Script {
    fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut writer = stream;
        loop {
            let seen = read(&mut reader)?;
            let path = seen.line.split(' ').nth(1)?.to_owned();
            self.seen.lock().unwrap().push(seen);
            let words: Vec<&str> = path.rsplit('/').next()?.split(',').collect();
            let asked = {
                let mut asked = self.asked.lock().unwrap();
                let count = asked.entry(path.clone()).or_insert(0);
                *count += 1;
                *count - 1
            };
            let word = words[asked.min(words.len() - 1)];
            match word {
                "close" => return None,
                "hang" => {
                    reader.read_to_end(&mut Vec::new()).ok()?;
                    return None;
                }
                word => {
                    let mut parts = word.split('+');
                    let status = parts.next()?;
                    let headers: String =
                        parts.map(|part| part.replacen('=', ": ", 1) + "\r\n").collect();
                    let answer =
                        format!("HTTP/1.1 {status} X\r\n{headers}content-length: 2\r\n\r\nok");
                    writer.write_all(answer.as_bytes()).ok()?;
                }
            }
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<Seen> {
    let mut line = || {
        let mut line = String::new();
        (reader.read_line(&mut line).ok()? > 0).then(|| line.trim_end().to_owned())
    };
    let first = line()?;
    let mut headers = BTreeMap::new();
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.insert(name.to_owned(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Seen { line: first, headers, body: length })
}

/// What only its own test asks for.
const PLAIN: &str = "route_config: { virtual_hosts: [{ name: all, domains: ['*'], routes: [\
    { match: { prefix: / }, route: { cluster: again } }] }] }";

#[test]
fn a_connection_that_closes_as_it_is_used_again_costs_an_idempotent_request_nothing() {
    trial::run_with(
        Mode::V3Process,
        async || Scripted::start(),
        |_version, origin| topology(PLAIN, origin),
        async |mesh, origin| {
            let ask = async |line: &str| {
                let request = format!("{line} HTTP/1.1\r\nhost: host.example\r\n\r\n");
                mesh.connect().await.exchange(&request).await.unwrap().status()
            };
            assert_eq!(ask("GET /a/200").await, 200);
            assert_eq!(ask("GET /b/close,200").await, 200);
            let admin = mesh.admin(Node::SIDECAR);
            admin.counter("cluster.again.upstream_rq_moved").becomes(1).await;
            admin.counter("cluster.again.upstream_cx_total").becomes(2).await;
            // Once, and on a connection that is new: one that closes this too means it.
            assert_eq!(ask("GET /c/close").await, 503);
            admin.counter("cluster.again.upstream_rq_moved").becomes(2).await;
            // What a second time could mean something else is not sent a second time.
            assert_eq!(ask("GET /d/200").await, 200);
            assert_eq!(ask("POST /e/close,200").await, 503);
            let asked = origin.seen().into_iter().map(|seen| seen.line).collect::<Vec<_>>();
            assert_eq!(asked.iter().filter(|line| line.contains("/e/")).count(), 1);
        },
    );
}

/// An address where nobody listens.
fn closed() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}

fn topology(fields: &str, origin: &Scripted) -> Topology {
    let mut text = BOOTSTRAP.to_owned();
    for line in fields.lines() {
        writeln!(text, "          {line}").unwrap();
    }
    let config = Config { version: ConfigVersion::V3, path: "retries.yaml".into(), text };
    Topology::new()
        .lone_sidecar(config)
        .arguments(Node::SIDECAR, &["--file-flush-interval-msec", "50", "--concurrency", "1"])
        .origin(Node::SIDECAR, "127.0.0.1:8080", origin.address())
        .origin(Node::SIDECAR, "127.0.0.1:8081", closed())
}

fn run(name: &str, mode: Mode) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/retries");
    let expected = folder.join(name).with_extension("expected");
    let text = fs::read_to_string(folder.join(name).with_extension("yaml")).unwrap();
    let (fields, requests) = text.split_once(REQUESTS).expect("something is asked");
    trial::run_with(
        mode,
        async || Scripted::start(),
        |_version, origin| topology(fields, origin),
        async |mesh, origin| {
            let found = transcript(requests, mesh, origin).await;
            if mesh.data_plane() == DataPlane::Envoy && std::env::var_os("UPDATE_EXPECT").is_some()
            {
                fs::write(&expected, &found).unwrap();
            }
            let expected = fs::read_to_string(&expected).unwrap_or_default();
            assert!(found == expected, "expected:\n{expected}\nfound:\n{found}");
        },
    );
}

/// Everything that can be seen of the requests, from all sides.
async fn transcript(requests: &str, mesh: &Mesh, origin: &Scripted) -> String {
    let mut text = String::new();
    let lines: Vec<&str> =
        requests.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let is_more =
        |line: &str| line.starts_with('>') || line.split(' ').next().unwrap().contains(':');
    let mut counted = counters(mesh).await;
    for (index, lines) in lines.chunk_by(|_, next| is_more(next)).enumerate() {
        let before = origin.seen().len();
        let mut connection = mesh.connect().await;
        let reply = connection.exchange(&request(lines)).await.unwrap();
        writeln!(text, "{}", lines.join(" | ")).unwrap();
        let fields = reply.headers.iter();
        let fields = fields.filter(|(name, _)| name.starts_with("x-") && !name.ends_with("time"));
        let fields: String = fields.map(|(name, value)| format!(" {name}: {value}")).collect();
        writeln!(text, "  client got {}{fields} > {}", reply.status(), reply.text()).unwrap();
        for (number, seen) in origin.seen()[before..].iter().enumerate() {
            writeln!(text, "  origin got {}", shown(seen, number > 0)).unwrap();
        }
        writeln!(text, "  {}", logged(mesh, index).await).unwrap();
        let now = counters(mesh).await;
        for (name, value) in &now {
            let more = value - counted.get(name).unwrap_or(&0);
            if more > 0 {
                writeln!(text, "  {name} +{more}").unwrap();
            }
        }
        counted = now;
    }
    text
}

fn request(lines: &[&str]) -> String {
    let (line, rest) = lines.split_first().unwrap();
    let mut text = format!("{line} HTTP/1.1\r\nhost: host.example\r\n");
    let mut body = String::new();
    for more in rest {
        match more.strip_prefix("> ") {
            Some(count) => body = "x".repeat(count.parse().unwrap()),
            None => write!(text, "{more}\r\n").unwrap(),
        }
    }
    if !body.is_empty() {
        write!(text, "content-length: {}\r\n", body.len()).unwrap();
    }
    text + "\r\n" + &body
}

/// What a later try is told of the time that is left depends on how long the others took.
fn shown(seen: &Seen, again: bool) -> String {
    let mut text = format!("{} > {}", seen.line, seen.body);
    for (name, value) in &seen.headers {
        let left = name == "x-envoy-expected-rq-timeout-ms";
        let value = if left && again && value.len() > 3 { "less" } else { value };
        if name.starts_with("x-envoy-") && name != "x-envoy-internal" {
            write!(text, " {name}: {value}").unwrap();
        }
    }
    text
}

async fn logged(mesh: &Mesh, index: usize) -> String {
    let lines = async || {
        let logs = mesh.logs(Node::SIDECAR).await?;
        let lines = logs.lines().filter(|line| line.starts_with(LOGGED)).map(str::to_owned);
        Ok(lines.collect::<Vec<String>>())
    };
    let there = |lines: &Vec<String>| lines.len() > index;
    let lines = satisfies("a line in the log for each request", lines, there).await.unwrap();
    lines[index].clone()
}

async fn counters(mesh: &Mesh) -> BTreeMap<String, u64> {
    let stats = mesh.admin(Node::SIDECAR).stats().await.unwrap();
    let mut counters = BTreeMap::new();
    for cluster in CLUSTERS {
        let prefix = format!("cluster.{cluster}.");
        for (name, value) in stats.iter() {
            let Some(rest) = name.strip_prefix(&prefix) else { continue };
            let code = rest.strip_prefix("upstream_rq_").is_some_and(|rest| {
                matches!(rest, "completed" | "total") || rest.starts_with(|c: char| c.is_numeric())
            });
            if code || COUNTED.iter().any(|counted| rest.starts_with(counted)) {
                counters.insert(name.to_owned(), value);
            }
        }
    }
    counters
}
