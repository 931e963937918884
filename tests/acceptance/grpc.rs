//! gRPC's filters, as data: each file under `fixtures/grpc/` is a chain of filters before an origin that speaks gRPC, and
//! requests that both proxies must make the same of.
//!
//! `NAME.yaml` has the fields of a connection manager, `http_filters` among them without the router, and then
//! `requests: |` with what is asked: lines such as `1 POST /a.Service/ok`, where the number is the version of HTTP, each
//! with header lines below it, and `> body` with bytes as Rust writes them. What the origin answers to is the
//! method: see [`service`].
//!
//! `NAME.expected` is what the real Envoy made of it: what the client got, what the origin got, what the log says, and at
//! the end the stats of gRPC. `UPDATE_EXPECT=1` writes it anew, from the real Envoy only.

mod peer;

use std::{
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, StatusCode};
use outrigger_harness::{
    client::{
        grpc::framed,
        stream::{Http, exchange},
    },
    eventually::satisfies,
    mesh::Mesh,
    node::{Config, ConfigVersion, Node},
    origin::{Origin, OriginPlan, origin},
    settings::DataPlane,
    topology::Topology,
    trial::{self, Mode},
};

/// A file's two tests.
macro_rules! fixture {
    ($name:ident) => {
        mod $name {
            use outrigger_harness::trial::Mode;

            #[test]
            fn outrigger() {
                super::run(stringify!($name), Mode::V3Process);
            }

            #[test]
            fn envoy() {
                super::run(stringify!($name), Mode::Envoy);
            }
        }
    };
}

fixture!(web);
fixture!(bridge);
fixture!(bridge_upgrades);
fixture!(stats_without_methods);
fixture!(stats_of_all_methods);
fixture!(stats_of_listed_methods);
fixture!(all_filters);

/// What goes around a file's fields.
const BOOTSTRAP: &str = r#"
admin: { address: { socket_address: { address: 0.0.0.0, port_value: 8001 } } }
static_resources:
  clusters:
  - &app
    name: app
    connect_timeout: 1s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http2_protocol_options: {} }
    load_assignment: &origin
      cluster_name: app
      endpoints:
      - lb_endpoints:
        - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 8080 } } }
  - { name: plain, alt_stat_name: other, load_assignment: *origin }
  - { name: empty, load_assignment: { cluster_name: empty } }
  listeners:
  - address: { socket_address: { address: 0.0.0.0, port_value: 80 } }
    per_connection_buffer_limit_bytes: 20000
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: test
          access_log:
          - name: log
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
              log_format:
                text_format_source:
                  inline_string: "LOG %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %BYTES_RECEIVED% %BYTES_SENT%\n"
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - { match: { prefix: /to.Plain/ }, route: { cluster: plain } }
              - { match: { prefix: /to.Empty/ }, route: { cluster: empty } }
              - { match: { path: /to.None/direct }, direct_response: { status: 403, body: { inline_string: "no\n" } } }
              - { match: { path: /to.None/unknown }, route: { cluster_header: x-cluster } }
              - { match: { prefix: /to.App/by_type, grpc: {} }, route: { cluster: app, prefix_rewrite: /was.Grpc/ok } }
              - { match: { prefix: / }, route: { cluster: app } }
"#;

const ROUTER: &str = r#"
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
"#;

/// How a line of the log begins among all that a proxy prints.
const LOGGED: &str = "LOG ";

const REQUESTS: &str = "\nrequests: |\n";

/// A message that the origin answers with.
const ANSWER: &[u8] = b"\x0a\x03now";

/// An answer whose length no version of base64 can say without padding.
const OTHER_ANSWER: &[u8] = b"\x0a\x05later";

struct Asked {
    http: Http,
    line: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

/// The services of the origin.
fn service() -> OriginPlan {
    let grpc = || origin().header("content-type", "application/grpc");
    let ok = || grpc().body(framed(ANSWER)).trailer("grpc-status", "0");
    let fail = grpc().trailer("grpc-status", "5").trailer("grpc-message", "not here");
    let two = [framed(ANSWER), framed(OTHER_ANSWER)].concat();
    let long = framed(&[b'x'; 30_000]);
    let mut all = origin().status(StatusCode::NOT_FOUND).body("nothing here");
    for (path, plan) in [
        ("/a.Service/ok", ok()),
        ("/a.Service/other", ok()),
        ("/b.Service/ok", ok().trailer("x-custom", "value")),
        ("/was.Grpc/ok", ok().header("x-was", "grpc")),
        ("/a.Service/fail", fail),
        ("/a.Service/fail_late", grpc().body(framed(ANSWER)).trailer("grpc-status", "13")),
        ("/a.Service/odd", grpc().body(framed(ANSWER)).trailer("grpc-status", "odd")),
        ("/a.Service/two", grpc().body(two).trailer("grpc-status", "0")),
        ("/a.Service/empty", grpc().trailer("grpc-status", "0")),
        (
            "/a.Service/head",
            grpc().header("grpc-status", "7").header("grpc-message", "not for you"),
        ),
        ("/a.Service/no_trailers", grpc().body(framed(ANSWER))),
        ("/a.Service/no_status", grpc().body(framed(ANSWER)).trailer("x-custom", "value")),
        ("/a.Service/long", grpc().body(long).trailer("grpc-status", "0")),
        ("/a.Service/broken", grpc().body(framed(ANSWER)).breaks_off()),
        ("/a.Service/page", origin().header("content-type", "text/html").body("<p>50 %</p>\n~é")),
        (
            "/a.Service/unwell",
            origin().status(StatusCode::SERVICE_UNAVAILABLE).body("come again later"),
        ),
        ("/a.Service/nothing", origin().status(StatusCode::UNAUTHORIZED)),
        (
            "/a.Service/web",
            origin().header("content-type", "application/grpc-web+proto").body(framed(ANSWER)),
        ),
        ("/to.Plain/ok", grpc().body(framed(ANSWER))),
    ] {
        all = all.path(path, plan);
    }
    all
}

fn run(name: &str, mode: Mode) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/grpc");
    let text = fs::read_to_string(path.join(format!("{name}.yaml"))).unwrap();
    let (fields, requests) = text.split_once(REQUESTS).expect("a file says what is asked");
    let text = format!("{BOOTSTRAP}{}{ROUTER}", indented(fields));
    let asked = asked(requests);
    trial::run_with(
        mode,
        async || service().start().await.unwrap(),
        |_version, origin: &Origin| {
            let file = "grpc.yaml".into();
            let config = Config { version: ConfigVersion::V3, path: file, text: text.clone() };
            let topology = Topology::new().lone_sidecar(config);
            topology.arguments(Node::SIDECAR, &["--file-flush-interval-msec", "50"]).origin(
                Node::SIDECAR,
                "127.0.0.1:8080",
                origin.address(),
            )
        },
        async |mesh, origin| {
            let found = transcript(mesh, origin, &asked).await;
            compare(mesh, &path.join(format!("{name}.expected")), &found);
        },
    );
}

fn compare(mesh: &Mesh, path: &PathBuf, found: &str) {
    if std::env::var_os("UPDATE_EXPECT").is_some() && mesh.data_plane() == DataPlane::Envoy {
        fs::write(path, found).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    if expected != found {
        let actual = path.with_extension("actual");
        fs::write(&actual, found).unwrap();
        panic!("not as in {}: see {}\n{found}", path.display(), actual.display());
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("          {line}\n")).collect()
}

fn asked(requests: &str) -> Vec<Asked> {
    let mut asked: Vec<Asked> = Vec::new();
    for line in requests.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(text) = line.strip_prefix("> ") {
            let last = asked.last_mut().expect("a body is one of a request");
            last.body = [last.body.clone(), unescaped(text)].concat().into();
        } else if let Some((name, value)) = line.split_once(": ") {
            let last = asked.last_mut().expect("a header is one of a request");
            last.headers.push((name.to_owned(), value.to_owned()));
        } else {
            let (version, line) = line.split_once(' ').expect("a version, and then a request line");
            let http = if version == "1" { Http::One } else { Http::Two };
            asked.push(Asked {
                http,
                line: line.to_owned(),
                headers: Vec::new(),
                body: Bytes::new(),
            });
        }
    }
    asked
}

/// Bytes as Rust writes them: `\x00` and `\n`.
fn unescaped(text: &str) -> Bytes {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        rest = match after.as_bytes()[0] {
            b'x' => {
                bytes.push(u8::from_str_radix(&after[1..3], 16).unwrap());
                &after[3..]
            }
            b'n' => {
                bytes.push(b'\n');
                &after[1..]
            }
            other => panic!("no escape: {}", char::from(other)),
        };
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes.into()
}

async fn transcript(mesh: &Mesh, origin: &Origin, all: &[Asked]) -> String {
    let mut text = String::new();
    for (number, asked) in all.iter().enumerate() {
        let seen = origin.seen().len();
        writeln!(text, "{:?} {}", asked.http, asked.line).unwrap();
        text += &reply(mesh, asked).await;
        let read = async || mesh.logs(Node::SIDECAR).await;
        let has_line = |logs: &String| logged(logs).count() > number;
        let logs = satisfies("the log has a line", read, has_line).await.unwrap();
        if let Some(seen) = origin.seen().get(seen) {
            writeln!(text, "  origin got {} {}", seen.method, seen.target).unwrap();
            text += &fields(&seen.headers);
            text += &body(&seen.body);
        }
        writeln!(text, "  log {}\n", logged(&logs).nth(number).unwrap()).unwrap();
    }
    let stats = mesh.admin(Node::SIDECAR).get("/stats").await.unwrap().text();
    for line in stats.lines().filter(|line| {
        line.starts_with("cluster.") && line.contains(".grpc")
            || line.starts_with("http.test.") && line.contains("_too_large")
    }) {
        // How long something took is not known beforehand.
        let shown = match line.split_once(": P") {
            Some((name, _)) => format!("{name}: (times)"),
            None => line.to_owned(),
        };
        writeln!(text, "{shown}").unwrap();
    }
    for line in hosts(mesh).await {
        writeln!(text, "{line}").unwrap();
    }
    let metrics = mesh.admin(Node::SIDECAR).get("/stats/prometheus").await.unwrap().text();
    let of_grpc = |line: &&str| line.contains("grpc") && !line.contains("_bucket{");
    let mut metrics: Vec<&str> = metrics.lines().filter(of_grpc).collect();
    metrics.sort_unstable();
    for line in metrics {
        let line = match line.contains("_sum{") {
            true => line.rsplit_once(' ').map_or(line, |(name, _)| name),
            false => line,
        };
        writeln!(text, "{line}").unwrap();
    }
    text
}

/// What the proxy counts of hosts.
async fn hosts(mesh: &Mesh) -> Vec<String> {
    let clusters = mesh.admin(Node::SIDECAR).get("/clusters").await.unwrap().text();
    let counted = |line: &str| {
        let (name, _address, of_host) = {
            let mut parts = line.splitn(3, "::");
            (parts.next()?, parts.next()?, parts.next()?)
        };
        let counts = ["rq_success", "rq_error", "rq_total"];
        counts.iter().any(|count| of_host.starts_with(count)).then(|| format!("{name} {of_host}"))
    };
    let mut lines: Vec<String> = clusters.lines().filter_map(counted).collect();
    lines.sort();
    lines
}

fn logged(logs: &str) -> impl Iterator<Item = &str> {
    logs.lines().filter_map(|line| line.strip_prefix(LOGGED))
}

async fn reply(mesh: &Mesh, asked: &Asked) -> String {
    let (method, target) = asked.line.split_once(' ').expect("a method and a target");
    let mut request = hyper::Request::builder().method(method).uri(match asked.http {
        Http::One => target.to_owned(),
        Http::Two => format!("http://any.example{target}"),
    });
    if asked.http == Http::One {
        request = request.header("host", "any.example");
    }
    for (name, value) in &asked.headers {
        request = request.header(name, value);
    }
    let whole = Full::new(asked.body.clone()).map_err(|never| -> io::Error { match never {} });
    let exchanged =
        exchange(mesh.front_address(), asked.http, request.body(whole.boxed()).unwrap());
    let mut text = String::new();
    match exchanged.await {
        Err(_) => text.push_str("  client got no whole response\n"),
        Ok(reply) => {
            writeln!(text, "  client got {}", reply.status).unwrap();
            text += &fields(&reply.headers);
            text += &body(&reply.body);
            if !reply.trailers.is_empty() {
                text.push_str("    and then\n");
                text += &fields(&reply.trailers);
            }
        }
    }
    text
}

fn fields(headers: &HeaderMap) -> String {
    let mut lines: Vec<String> = headers
        .iter()
        .map(|(name, value)| {
            let value = match name.as_str() {
                "date" | "x-request-id" | "x-envoy-upstream-service-time" => "*".into(),
                _ => String::from_utf8_lossy(value.as_bytes()),
            };
            format!("    {name}: {value}\n")
        })
        .collect();
    lines.sort();
    lines.concat()
}

/// How much of a body is shown.
const SHOWN: usize = 200;

fn body(body: &[u8]) -> String {
    match body.len() {
        0 => String::new(),
        length if length > SHOWN => format!("    > {length} bytes\n"),
        _ => format!("    > {}\n", body.escape_ascii()),
    }
}
