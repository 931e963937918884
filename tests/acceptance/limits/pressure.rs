//! Back pressure: who does not read stops who sends, through one proxy and through two, in bounded memory; and when he
//! reads again, everything arrives.

use std::{
    convert::Infallible,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
    client::conn::{http1, http2},
};
use outrigger_harness::{
    admin::Stats,
    client::stream::Http,
    eventually::satisfies,
    mesh::Mesh,
    node::{Config, ConfigVersion, Node, Role},
    settings::DataPlane,
    topology::Topology,
};
use tokio::{net::TcpStream as Socket, task::JoinSet, time::sleep};

use super::{At, read_head};

/// Makes a test of each proxy out of `async fn name(mesh: &Mesh, server: &Server)` and the file's way.
macro_rules! each_way {
    ($name:ident, $way:expr) => {
        mod $name {
            use outrigger_harness::{node::ConfigVersion, topology::Topology, trial};

            use super::{Server, Way, server};

            fn topology(_version: ConfigVersion, server: &Server) -> Topology {
                super::topology($way, server)
            }

            #[test]
            fn outrigger() {
                trial::run_with(trial::Mode::V3Process, async || server(), topology, super::$name);
            }

            #[test]
            fn envoy() {
                trial::run_with(trial::Mode::Envoy, async || server(), topology, super::$name);
            }
        }
    };
}

/// What lies between client and server.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// One proxy.
    Once,
    /// A proxy, and HTTP/2 to another one, which is the same process.
    Twice,
}

/// How much is asked for, or sent.
const ALL: u64 = 256 << 20;

/// What all buffers on the way together hold at most: the system's, of up to 10 MiB a connection, three times, and the
/// proxy's.
const MOST_ON_THE_WAY: u64 = 48 << 20;

/// What a proxy's memory grows by at most.
const MOST_HELD: u64 = 16 << 20;

/// Who has not got further for so long has been stopped.
const STUCK: Duration = Duration::from_secs(1);

/// What is sent, again and again. Its length is a prime number, so that a piece lost or sent twice shows.
const PATTERN: usize = 65_521;

fn pattern() -> Bytes {
    (0..PATTERN).map(|index| (index * 31 % 251) as u8).collect::<Vec<_>>().into()
}

/// Compares what comes with what was to come.
struct Checked {
    pattern: Bytes,
    seen: u64,
}

impl Checked {
    fn new() -> Self {
        Self { pattern: pattern(), seen: 0 }
    }

    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let place = (self.seen % PATTERN as u64) as usize;
            let length = bytes.len().min(PATTERN - place);
            assert!(bytes[..length] == self.pattern[place..place + length], "after {}", self.seen);
            self.seen += length as u64;
            bytes = &bytes[length..];
        }
    }
}

/// A server that answers GET with all there is, and reads what it is sent only once it may.
struct Server {
    address: SocketAddr,
    /// Body bytes that it has got rid of, or got.
    moved: Arc<AtomicU64>,
    reads: Arc<(Mutex<bool>, Condvar)>,
}

impl At for Server {
    fn at(&self) -> SocketAddr {
        self.address
    }
}

fn server() -> Server {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let server = Server {
        address: listener.local_addr().unwrap(),
        moved: Arc::default(),
        reads: Arc::default(),
    };
    let (moved, reads) = (server.moved.clone(), server.reads.clone());
    thread::spawn(move || {
        while let Ok((stream, _peer)) = listener.accept() {
            let (moved, reads) = (moved.clone(), reads.clone());
            // An error is an end of the connection, which is the proxy's to notice.
            thread::spawn(move || drop(serve(stream, &moved, &reads)));
        }
    });
    server
}

fn serve(
    mut stream: TcpStream,
    moved: &AtomicU64,
    (reads, told): &(Mutex<bool>, Condvar),
) -> io::Result<()> {
    let mut first = [0];
    loop {
        stream.read_exact(&mut first)?;
        read_head(&mut stream)?;
        if &first == b"G" {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {ALL}\r\n\r\n")?;
            for piece in pieces() {
                stream.write_all(&piece)?;
                moved.fetch_add(piece.len() as u64, Relaxed);
            }
            continue;
        }
        drop(told.wait_while(reads.lock().unwrap(), |reads| !*reads).unwrap());
        let mut checked = Checked::new();
        let mut piece = vec![0; PATTERN];
        while checked.seen < ALL {
            let count = stream.read(&mut piece)?;
            if count == 0 {
                return Ok(());
            }
            checked.take(&piece[..count]);
            moved.fetch_add(count as u64, Relaxed);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")?;
    }
}

/// All that there is, piece by piece.
fn pieces() -> impl Iterator<Item = Bytes> + Send + 'static {
    let pattern = pattern();
    let mut left = ALL;
    std::iter::from_fn(move || {
        let length = left.min(PATTERN as u64);
        left -= length;
        (length > 0).then(|| pattern.slice(..length as usize))
    })
}

/// What says which HTTP a cluster speaks.
const HTTP: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// A proxy that holds no more than 256 KiB of a connection, and takes no more than that of a stream of HTTP/2.
fn topology(way: Way, server: &Server) -> Topology {
    let between = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let windows = "http2_protocol_options: {initial_stream_window_size: 262144, initial_connection_window_size: 1048576}";
    let limit = "per_connection_buffer_limit_bytes: 262144";
    let listener = |name: &str, address: SocketAddr, cluster: &str| {
        format!(
            r#"  - name: {name}
    stat_prefix: {name}
    {limit}
    address: {{socket_address: {{address: {}, port_value: {}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: {name}
          {windows}
          route_config: {{virtual_hosts: [{{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: {cluster}, timeout: 0s}}}}]}}]}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
"#,
            address.ip(),
            address.port()
        )
    };
    let cluster = |name: &str, address: SocketAddr, more: &str| {
        format!(
            r#"  - name: {name}
    type: STATIC
    connect_timeout: 1s
    {limit}
{more}
    load_assignment:
      cluster_name: {name}
      endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: {}, port_value: {}}}}}}}}}]}}]
"#,
            address.ip(),
            address.port()
        )
    };
    let front = SocketAddr::from(([0, 0, 0, 0], 80));
    let (listeners, clusters) = match way {
        Way::Once => (listener("front", front, "app"), cluster("app", server.at(), "")),
        Way::Twice => {
            let http2 = format!(
                "    typed_extension_protocol_options:\n      {HTTP}:\n        \
                 \"@type\": type.googleapis.com/{HTTP}\n        explicit_http_config: {{{windows}}}"
            );
            (
                listener("front", front, "hop") + &listener("back", between, "app"),
                cluster("hop", between, &http2) + &cluster("app", server.at(), ""),
            )
        }
    };
    let mut config = Config::of(Role::Sidecar, ConfigVersion::V3).unwrap();
    config.text = format!(
        "admin: {{address: {{socket_address: {{address: 0.0.0.0, port_value: 8001}}}}}}\nstatic_resources:\n  \
         listeners:\n{listeners}  clusters:\n{clusters}"
    );
    Topology::new().lone_sidecar(config).arguments(Node::SIDECAR, super::ONE_WORKER)
}

type Outgoing = BoxBody<Bytes, Infallible>;

/// Sends a request on a connection of its own, which `driver` keeps.
async fn send(
    mesh: &Mesh,
    http: Http,
    request: Request<Outgoing>,
    driver: &mut JoinSet<()>,
) -> Response<Incoming> {
    use hyper_util::rt::{TokioExecutor, TokioIo};
    let socket = TokioIo::new(Socket::connect(mesh.front_address()).await.unwrap());
    match http {
        Http::One => {
            let (mut sender, connection) = http1::handshake(socket).await.unwrap();
            driver.spawn(async { drop(connection.await) });
            sender.send_request(request).await.unwrap()
        }
        Http::Two => {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.initial_stream_window_size(262_144).initial_connection_window_size(262_144);
            let (mut sender, connection) = builder.handshake(socket).await.unwrap();
            driver.spawn(async { drop(connection.await) });
            sender.send_request(request).await.unwrap()
        }
    }
}

/// Waits until this number has not changed for long, and says what it is.
async fn until_stuck(number: &AtomicU64) -> u64 {
    let mut last = 0;
    loop {
        sleep(STUCK).await;
        let now = number.load(Relaxed);
        if now == last && now > 0 {
            return now;
        }
        last = now;
    }
}

async fn memory(mesh: &Mesh) -> u64 {
    mesh.peak_memory(Node::SIDECAR).await.unwrap().unwrap()
}

/// Waits until all of these have counted, or, where `at_rest`, until of each pair the second is what the first is.
async fn assert_counted(mesh: &Mesh, names: &[String]) {
    for name in names {
        mesh.admin(Node::SIDECAR).counter(name).reaches(1).await;
    }
}

/// Whatever stopped has gone on. A message that ends while its sender is stopped leaves Envoy with one stop more.
async fn assert_resumed(mesh: &Mesh, pairs: &[[String; 2]]) {
    let most_left = u64::from(mesh.data_plane() == DataPlane::Envoy);
    for [stopped, resumed] in pairs {
        let read = async || mesh.admin(Node::SIDECAR).stats().await;
        let what = format!("as much of {resumed} as of {stopped}");
        let all = |stats: &Stats| {
            let value = |name| stats.value(name).unwrap_or_default();
            value(stopped).checked_sub(value(resumed)).is_some_and(|left| left <= most_left)
        };
        satisfies(&what, read, all).await.unwrap();
    }
}

fn downloading(way: Way) -> Vec<[String; 2]> {
    let clusters: &[&str] = match way {
        Way::Once => &["app"],
        Way::Twice => &["app", "hop"],
    };
    let pair = |cluster: &&str| {
        ["paused", "resumed"]
            .map(|done| format!("cluster.{cluster}.upstream_flow_control_{done}_reading_total"))
    };
    clusters.iter().map(pair).collect()
}

fn uploading(way: Way) -> Vec<[String; 2]> {
    let hops: &[(&str, &str)] = match way {
        Way::Once => &[("front", "app")],
        Way::Twice => &[("front", "hop"), ("back", "app")],
    };
    let pairs = hops.iter().flat_map(|(manager, cluster)| {
        [
            ["paused", "resumed"]
                .map(|done| format!("http.{manager}.downstream_flow_control_{done}_reading_total")),
            ["backed_up", "drained"]
                .map(|done| format!("cluster.{cluster}.upstream_flow_control_{done}_total")),
        ]
    });
    pairs.collect()
}

fn firsts(pairs: &[[String; 2]]) -> Vec<String> {
    pairs.iter().map(|[first, _]| first.clone()).collect()
}

async fn assert_idle(mesh: &Mesh) {
    for gauge in [
        "http.front.downstream_rq_active",
        "http.front.downstream_cx_tx_bytes_buffered",
        "cluster.app.upstream_rq_active",
        "cluster.app.upstream_cx_tx_bytes_buffered",
    ] {
        mesh.admin(Node::SIDECAR).gauge(gauge).becomes(0).await;
    }
}

/// A client that does not read stops the server; then it reads.
async fn download(mesh: &Mesh, server: &Server, (way, http): (Way, Http)) {
    let before = memory(mesh).await;
    server.moved.store(0, Relaxed);
    let mut driver = JoinSet::new();
    let empty = Full::default().boxed();
    let request = Request::get("http://mesh/").body(empty).unwrap();
    let response = send(mesh, http, request, &mut driver).await;
    assert_eq!(response.status(), 200);
    let sent = until_stuck(&server.moved).await;
    assert!(sent <= MOST_ON_THE_WAY, "the server got rid of {sent} bytes");
    assert_counted(mesh, &firsts(&downloading(way))).await;
    if http == Http::One {
        mesh.admin(Node::SIDECAR)
            .gauge("http.front.downstream_cx_tx_bytes_buffered")
            .reaches(1)
            .await;
    }
    let mut checked = Checked::new();
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        checked.take(frame.unwrap().data_ref().unwrap());
    }
    assert_eq!(checked.seen, ALL);
    assert_resumed(mesh, &downloading(way)).await;
    drop(driver);
    assert_idle(mesh).await;
    let grown = memory(mesh).await.saturating_sub(before);
    assert!(grown <= MOST_HELD, "it grew by {grown} bytes");
}

/// A server that does not read stops the client; then it reads.
async fn upload(mesh: &Mesh, server: &Server, (way, http): (Way, Http)) {
    let before = memory(mesh).await;
    server.moved.store(0, Relaxed);
    *server.reads.0.lock().unwrap() = false;
    let taken = Arc::new(AtomicU64::new(0));
    let counted = taken.clone();
    let parts = pieces().map(move |piece| {
        counted.fetch_add(piece.len() as u64, Relaxed);
        Ok(Frame::data(piece))
    });
    let body = StreamBody::new(stream::iter(parts)).boxed();
    let request = Request::post("http://mesh/").header("content-length", ALL).body(body).unwrap();
    let mut driver = JoinSet::new();
    let sending = send(mesh, http, request, &mut driver);
    let watching = async {
        let sent = until_stuck(&taken).await;
        assert!(sent <= MOST_ON_THE_WAY, "the client got rid of {sent} bytes");
        assert_eq!(server.moved.load(Relaxed), 0);
        assert_counted(mesh, &firsts(&uploading(way))).await;
        let waiting = "cluster.app.upstream_cx_tx_bytes_buffered";
        mesh.admin(Node::SIDECAR).gauge(waiting).reaches(1).await;
        *server.reads.0.lock().unwrap() = true;
        server.reads.1.notify_all();
    };
    let (response, ()) = tokio::join!(sending, watching);
    assert_eq!(response.status(), 200);
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok");
    assert_eq!(server.moved.load(Relaxed), ALL);
    assert_resumed(mesh, &uploading(way)).await;
    drop(driver);
    assert_idle(mesh).await;
    let grown = memory(mesh).await.saturating_sub(before);
    assert!(grown <= MOST_HELD, "it grew by {grown} bytes");
}

each_way!(a_client_that_does_not_read_stops_the_server, Way::Once);
async fn a_client_that_does_not_read_stops_the_server(mesh: &Mesh, server: &Server) {
    download(mesh, server, (Way::Once, Http::One)).await;
}

each_way!(a_client_of_http2_that_does_not_read_stops_the_server, Way::Once);
async fn a_client_of_http2_that_does_not_read_stops_the_server(mesh: &Mesh, server: &Server) {
    download(mesh, server, (Way::Once, Http::Two)).await;
}

each_way!(a_client_that_does_not_read_stops_the_server_two_proxies_on, Way::Twice);
async fn a_client_that_does_not_read_stops_the_server_two_proxies_on(mesh: &Mesh, server: &Server) {
    download(mesh, server, (Way::Twice, Http::One)).await;
}

each_way!(a_server_that_does_not_read_stops_the_client, Way::Once);
async fn a_server_that_does_not_read_stops_the_client(mesh: &Mesh, server: &Server) {
    upload(mesh, server, (Way::Once, Http::One)).await;
}

each_way!(a_server_that_does_not_read_stops_a_client_of_http2, Way::Once);
async fn a_server_that_does_not_read_stops_a_client_of_http2(mesh: &Mesh, server: &Server) {
    upload(mesh, server, (Way::Once, Http::Two)).await;
}

each_way!(a_server_that_does_not_read_stops_the_client_two_proxies_on, Way::Twice);
async fn a_server_that_does_not_read_stops_the_client_two_proxies_on(mesh: &Mesh, server: &Server) {
    upload(mesh, server, (Way::Twice, Http::One)).await;
}
