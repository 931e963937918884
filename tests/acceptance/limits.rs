//! What a proxy does not wait for, and how much it takes on: breakers, timeouts, connections, upstreams that misbehave.
//!
//! One proxy with a file of the test's own, before a server of the test's own; ours and the real Envoy.

/// Makes a test of each proxy out of `async fn name(mesh: &Mesh, origin: &O)`, a function that starts the origin, and a
/// [`File`].
macro_rules! each_proxy {
    ($name:ident, $origin:expr, $file:expr) => {
        mod $name {
            use outrigger_harness::{node::ConfigVersion, topology::Topology, trial};

            use super::*;
            use crate::limits::{At, before};

            fn topology(_version: ConfigVersion, origin: &impl At) -> Topology {
                before(&$file, origin.at())
            }

            #[test]
            fn outrigger() {
                trial::run_with(
                    trial::Mode::V3Process,
                    async || $origin.await,
                    topology,
                    super::$name,
                );
            }

            #[test]
            fn envoy() {
                trial::run_with(trial::Mode::Envoy, async || $origin.await, topology, super::$name);
            }
        }
    };
}

mod breakers;
mod overload;
mod pressure;
mod timeouts;
mod upstreams;
mod upstreams_http2;
mod windows;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

use outrigger_harness::{
    eventually::satisfies,
    mesh::Mesh,
    node::{Config, ConfigVersion, Node, Role},
    origin::Origin,
    topology::Topology,
};

/// What a test's file has beside what every one has. Each is one line of YAML, or several.
#[derive(Clone, Copy, Debug, Default)]
struct File {
    /// In the bootstrap message.
    top: &'static str,
    /// In the listener.
    listener: &'static str,
    /// In the connection manager.
    manager: &'static str,
    /// In the action of the route, in the form `, name: value`.
    route: &'static str,
    /// In the cluster.
    cluster: &'static str,
    /// On the command line.
    arguments: &'static [&'static str],
}

/// A file's place for a cluster's HTTP options.
const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// A proxy with that file, before that origin: everything goes to the cluster `app`, `/high` with high priority.
fn before(file: &File, origin: SocketAddr) -> Topology {
    let mut config = Config::of(Role::Sidecar, ConfigVersion::V3).unwrap();
    let File { top, listener, manager, route, cluster, arguments } = file;
    let [listener, cluster] = [listener, cluster].map(|more| indented(more, 4));
    let manager = indented(manager, 10);
    config.text = format!(
        r#"{top}
admin: {{address: {{socket_address: {{address: 0.0.0.0, port_value: 8001}}}}}}
static_resources:
  listeners:
  - name: test
    stat_prefix: test
    address: {{socket_address: {{address: 0.0.0.0, port_value: 80}}}}
{listener}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: test
          {ACCESS_LOG}
{manager}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {{prefix: /high}}
                route: {{cluster: app, priority: HIGH{route}}}
              - match: {{prefix: /}}
                route: {{cluster: app{route}}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:
  - name: app
    type: STATIC
    connect_timeout: 1s
{cluster}
    load_assignment:
      cluster_name: app
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: 8080}}}}}}}}]}}]
"#
    )
    .replace("HTTP_OPTIONS", HTTP_OPTIONS);
    let arguments = [&["--file-flush-interval-msec", "50"], *arguments].concat();
    Topology::new().lone_sidecar(config).arguments(Node::SIDECAR, &arguments).origin(
        Node::SIDECAR,
        "127.0.0.1:8080",
        origin,
    )
}

fn indented(text: &str, by: usize) -> String {
    let lines = text.lines().map(|line| format!("{}{line}", " ".repeat(by)));
    lines.collect::<Vec<_>>().join("\n")
}

/// A line for each request, where the test sees it.
const ACCESS_LOG: &str = "access_log: [{name: log, typed_config: {\
    '@type': type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog, \
    log_format: {text_format_source: {inline_string: \"LINE %REQ(:METHOD)% %PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% \
    %RESPONSE_CODE_DETAILS%\\n\"}}}}]";

/// Something that listens.
trait At {
    fn at(&self) -> SocketAddr;
}

impl At for Origin {
    fn at(&self) -> SocketAddr {
        self.address()
    }
}

/// A server that does with each connection as a function says. It ends with the test's process: its threads wait for
/// bytes, which costs nothing.
struct Scripted(SocketAddr);

impl At for Scripted {
    fn at(&self) -> SocketAddr {
        self.0
    }
}

/// Starts one.
fn scripted(
    script: impl Fn(TcpStream) -> std::io::Result<()> + Clone + Send + 'static,
) -> Scripted {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        while let Ok((stream, _peer)) = listener.accept() {
            let script = script.clone();
            // An error is an end of the connection, which is the proxy's to notice.
            thread::spawn(move || drop(script(stream)));
        }
    });
    Scripted(address)
}

/// Reads the head of a request; an error at the end of the connection.
fn read_head(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        seen.push(byte[0]);
    }
    Ok(())
}

/// A server that answers nothing until it is told to, and everything from then on.
struct Gate {
    server: Scripted,
    open: Arc<(Mutex<bool>, Condvar)>,
}

impl At for Gate {
    fn at(&self) -> SocketAddr {
        self.server.0
    }
}

async fn gate() -> Gate {
    let open = Arc::<(Mutex<bool>, Condvar)>::default();
    let shared = open.clone();
    let server = scripted(move |mut stream| {
        loop {
            read_head(&mut stream)?;
            let (open, told) = &*shared;
            drop(told.wait_while(open.lock().unwrap(), |open| !*open).unwrap());
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")?;
        }
    });
    Gate { server, open }
}

impl Gate {
    fn open(&self) {
        *self.open.0.lock().unwrap() = true;
        self.open.1.notify_all();
    }
}

/// A request without a body.
const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// What every file has, before one worker.
const EMPTY: File =
    File { top: "", listener: "", manager: "", route: "", cluster: "", arguments: ONE_WORKER };

/// Each worker may have one connection to each host, whatever the breakers say.
const ONE_WORKER: &[&str] = &["--concurrency", "1"];

/// A server that never answers.
async fn silent() -> Scripted {
    scripted(|mut stream| {
        loop {
            read_head(&mut stream)?;
        }
    })
}

/// A server that answers with a body that never ends, one chunk at a time.
async fn dripping() -> Scripted {
    scripted(|mut stream| {
        read_head(&mut stream)?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        loop {
            stream.write_all(b"1\r\nx\r\n")?;
            thread::sleep(DRIP);
        }
    })
}

/// How long it waits between two chunks.
const DRIP: Duration = Duration::from_millis(50);

/// Waits until these stats have these values.
async fn assert_stats(mesh: &Mesh, expected: &[(&str, u64)]) {
    let admin = mesh.admin(Node::SIDECAR);
    for (name, value) in expected {
        admin.counter(name).becomes(*value).await;
    }
}

/// Waits for a line of the access log.
async fn assert_logged(mesh: &Mesh, line: &str) {
    let logs = async || mesh.logs(Node::SIDECAR).await;
    let what = format!("the line {line:?} in the log");
    satisfies(&what, logs, |logs| logs.contains(line)).await.unwrap();
}
