//! TLS with clients and with hosts: ours and the real Envoy, with the same file, asked by curl and `openssl s_client`.

#![expect(clippy::needless_pass_by_value, reason = "JSON is made where it is passed on")]

mod bad;
mod chains;
mod downstream;
mod rotation;
mod told;
mod upstream;

use std::{
    fs,
    net::TcpListener,
    process::Stdio,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use outrigger_harness::{
    authority::{Authority, Leaf, Pair},
    mesh::Mesh,
    node::{Config, ConfigVersion, Node, Role},
    topology::Topology,
};
use serde_json::{Value, json};
use tokio::{process::Command, time::timeout};

/// Makes a test of each proxy out of `async fn name(mesh: &Mesh, bench: &Bench)` and what its file is made of.
macro_rules! each_tls {
    ($name:ident, $file:path) => {
        mod $name {
            async fn bench() -> crate::tls::Bench {
                crate::tls::Bench::new()
            }

            fn topology(
                _version: outrigger_harness::node::ConfigVersion,
                bench: &crate::tls::Bench,
            ) -> outrigger_harness::topology::Topology {
                bench.topology(&$file(bench))
            }

            #[test]
            fn outrigger() {
                let mode = outrigger_harness::trial::Mode::V3Process;
                outrigger_harness::trial::run_with(mode, bench, topology, super::$name);
            }

            #[test]
            fn envoy() {
                let mode = outrigger_harness::trial::Mode::Envoy;
                outrigger_harness::trial::run_with(mode, bench, topology, super::$name);
            }
        }
    };
}
use each_tls;

/// How long a client of another's making may take.
const PATIENCE: Duration = Duration::from_secs(20);

const CONTEXTS: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3";

/// What the tests of one file need: two authorities, a folder with their certificates, and free ports.
pub(crate) struct Bench {
    pub(crate) mesh: Authority,
    pub(crate) folder: tempfile::TempDir,
    ports: Vec<u16>,
}

/// Certificates by the names of their files.
const LEAVES: [&str; 6] = ["server", "client", "stranger", "expired", "future", "revoked"];

impl Bench {
    pub(crate) fn new() -> Self {
        let mesh = Authority::new("Mesh CA").unwrap();
        let other = Authority::new("Other CA").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("ca.pem", mesh.pem());
        write("crl.pem", &mesh.revoke(77).unwrap());
        for name in LEAVES {
            let leaf = Leaf::new(name).dns("localhost").uri(&format!("spiffe://mesh/{name}"));
            let leaf = match name {
                "server" => leaf.dns("*.example.com").ip([127, 0, 0, 1].into()).email("a@mesh"),
                "expired" => leaf.years(2020, 2021),
                "future" => leaf.years(2110, 2111),
                "revoked" => leaf.serial(77),
                _ => leaf,
            };
            let authority = if name == "stranger" { &other } else { &mesh };
            let Pair { chain, key } = authority.issue(&leaf).unwrap();
            write(&format!("{name}.pem"), &chain);
            write(&format!("{name}.key"), &key);
        }
        let ports = (0..12).map(|_| free_port()).collect();
        Self { mesh, folder, ports }
    }

    /// A port that was free a moment ago.
    pub(crate) fn port(&self, index: usize) -> u16 {
        self.ports[index]
    }

    fn file(&self, name: &str) -> Value {
        json!({ "filename": self.folder.path().join(name) })
    }

    /// A certificate with its key.
    pub(crate) fn pair(&self, name: &str) -> Value {
        json!({
            "certificate_chain": self.file(&format!("{name}.pem")),
            "private_key": self.file(&format!("{name}.key")),
        })
    }

    /// A validation context that trusts the mesh, with these fields more.
    pub(crate) fn trusting(&self, more: Value) -> Value {
        merged(json!({ "trusted_ca": self.file("ca.pem") }), more)
    }

    /// The context of a listener that shows that certificate, with these fields of the common context and of its own.
    pub(crate) fn server(&self, pair: &str, common: Value, more: Value) -> Value {
        let common = merged(json!({ "tls_certificates": [self.pair(pair)] }), common);
        socket("DownstreamTlsContext", merged(json!({ "common_tls_context": common }), more))
    }

    /// The context of a cluster.
    #[expect(clippy::unused_self, reason = "it reads like that of a listener")]
    pub(crate) fn client(&self, common: Value, more: Value) -> Value {
        socket("UpstreamTlsContext", merged(json!({ "common_tls_context": common }), more))
    }

    /// A proxy with this file, in which its stats and its log are easy to find.
    #[expect(clippy::unused_self, reason = "who has a topology has what its files name")]
    pub(crate) fn topology(&self, resources: &Value) -> Topology {
        let mut config = Config::of(Role::Sidecar, ConfigVersion::V3).unwrap();
        let file = json!({
            "static_resources": resources,
            "admin": { "address": address("0.0.0.0", 8001) },
        });
        config.text = file.to_string();
        Topology::new().lone_sidecar(config).arguments(
            Node::SIDECAR,
            &["--file-flush-interval-msec", "50", "--service-node", "sidecar"],
        )
    }

    /// What a program prints that runs in the folder of the certificates; all of it, with its errors.
    pub(crate) async fn run(&self, command: &str) -> String {
        let mut program = Command::new("sh");
        program.args(["-c", command]).current_dir(self.folder.path()).stdin(Stdio::null());
        let output = timeout(PATIENCE, program.kill_on_drop(true).output()).await;
        let output = output.expect("it ends in time").expect("there is a shell");
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// What curl prints of `https://localhost:<port>/`, with these arguments more.
    pub(crate) async fn curl(&self, port: u16, arguments: &str) -> String {
        let url = format!("https://localhost:{port}/");
        self.run(&format!("curl --silent --cacert ca.pem {arguments} {url}; echo \"exit $?\""))
            .await
    }
}

/// A port below those that the system gives by itself, so that no other test gets it meanwhile.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 12_000 + u16::try_from(std::process::id() % 1000).unwrap_or_default() * 16;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % 4000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn socket(kind: &str, mut context: Value) -> Value {
    context["@type"] = format!("{CONTEXTS}.{kind}").into();
    json!({ "name": "envoy.transport_sockets.tls", "typed_config": context })
}

/// The fields of both.
pub(crate) fn merged(mut one: Value, other: Value) -> Value {
    if let (Value::Object(fields), Value::Object(more)) = (&mut one, other) {
        fields.extend(more);
    }
    one
}

pub(crate) fn address(ip: &str, port: u16) -> Value {
    json!({ "socket_address": { "address": ip, "port_value": port } })
}

/// A connection manager that serves these routes and logs a line for each request.
pub(crate) fn manager(routes: Value, more: Value) -> Value {
    const TYPE: &str = "type.googleapis.com/envoy.extensions";
    let format = "LINE %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %PROTOCOL% \
                  %DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_PEER_URI_SAN% %UPSTREAM_TLS_VERSION% \
                  %UPSTREAM_PEER_URI_SAN% %REQUESTED_SERVER_NAME%\n";
    let hosts = json!([{ "name": "all", "domains": ["*"], "routes": routes }]);
    let manager = json!({
        "@type": format!("{TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "test",
        "route_config": { "virtual_hosts": hosts },
        "access_log": [{ "name": "log", "typed_config": {
            "@type": format!("{TYPE}.access_loggers.stream.v3.StdoutAccessLog"),
            "log_format": { "text_format_source": { "inline_string": format } },
        } }],
        "http_filters": [{ "name": "router", "typed_config": {
            "@type": format!("{TYPE}.filters.http.router.v3.Router"),
        } }],
    });
    json!({ "name": "hcm", "typed_config": merged(manager, more) })
}

/// Answers everything with these words.
pub(crate) fn says(words: &str) -> Value {
    json!([{
        "match": { "prefix": "/" },
        "direct_response": { "status": 200, "body": { "inline_string": words } },
    }])
}

/// A listener on that port with this transport socket, whose stats are `listener.<name>.`
pub(crate) fn listener(name: &str, at: Value, socket: Option<Value>, filter: Value) -> Value {
    let mut chain = json!({ "filters": [filter] });
    if let Some(socket) = socket {
        chain["transport_socket"] = socket;
    }
    json!({ "name": name, "stat_prefix": name, "address": at, "filter_chains": [chain] })
}

/// A cluster of one host on that port.
pub(crate) fn cluster(name: &str, port: u16, socket: Option<Value>) -> Value {
    let endpoint = json!({ "endpoint": { "address": address("127.0.0.1", port) } });
    let mut cluster = json!({
        "name": name,
        "connect_timeout": "5s",
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": [endpoint] }] },
    });
    if let Some(socket) = socket {
        cluster["transport_socket"] = socket;
    }
    cluster
}

/// Waits for each of these counters.
pub(crate) async fn assert_counts(mesh: &Mesh, below: &str, counts: &[(&str, u64)]) {
    for (name, count) in counts {
        mesh.admin(Node::SIDECAR).counter(&format!("{below}{name}")).becomes(*count).await;
    }
}
