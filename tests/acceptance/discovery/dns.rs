//! Names: a server of the test's own says what they stand for.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use outrigger_harness::{
    eventually::becomes_true,
    mesh::Mesh,
    node::{Config, ConfigVersion, Node, Role},
    origin::{Origin, origin},
    topology::Topology,
};
use tokio::{net::UdpSocket, task::JoinSet};

/// The name that a cluster has for its host.
const NAME: &str = "app.test";

const ONE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const TWO: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A name server, and a host on the first address.
struct Given {
    names: Names,
    host: Origin,
}

/// A name server for A records. Dropping it ends it.
struct Names {
    address: SocketAddr,
    known: Arc<Mutex<HashMap<String, Vec<Ipv4Addr>>>>,
    _task: JoinSet<()>,
}

// === impl Names ===

impl Names {
    async fn start() -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        let known: Arc<Mutex<HashMap<String, Vec<Ipv4Addr>>>> = Arc::default();
        let mut task = JoinSet::new();
        let answers = Arc::clone(&known);
        task.spawn(async move {
            let mut query = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut query).await {
                let answer = answer(&query[..length], &answers.lock().unwrap());
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        Self { address, known, _task: task }
    }

    /// Says what the name stands for from now on; with nothing, the server fails.
    fn set(&self, addresses: &[Ipv4Addr]) {
        let mut known = self.known.lock().unwrap();
        match addresses {
            [] => known.remove(NAME),
            some => known.insert(NAME.to_owned(), some.to_vec()),
        };
    }
}

/// The answer to a query of one question (RFC 1035), with a time to live of a second.
fn answer(query: &[u8], known: &HashMap<String, Vec<Ipv4Addr>>) -> Vec<u8> {
    let mut labels = Vec::new();
    let mut at = 12;
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
        at = end;
    }
    let question = &query[12..at + 5];
    let is_a = question[question.len() - 4..] == [0, 1, 0, 1];
    let addresses = known.get(&labels.join("."));
    let found = addresses.filter(|_| is_a).map_or(&[][..], Vec::as_slice);
    // Nothing known is that the server fails.
    let code = if addresses.is_none() { 0x82 } else { 0x80 };
    let count = u8::try_from(found.len()).unwrap();
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, code, 0, 1, 0, count, 0, 0, 0, 0]);
    answer.extend(question);
    for address in found {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4]);
        answer.extend(address.octets());
    }
    answer
}

async fn given() -> Given {
    let names = Names::start().await;
    names.set(&[ONE, TWO]);
    Given { names, host: origin().body("one").start().await.unwrap() }
}

async fn given_nothing() -> Given {
    let given = given().await;
    given.names.set(&[]);
    given
}

/// The tutorial's sidecar with these fields in its cluster, the name server and the name.
fn sidecar(fields: &str, given: &Given) -> Topology {
    sidecar_of(NAME, fields, given)
}

fn sidecar_of(host: &str, fields: &str, given: &Given) -> Topology {
    let text = Config::of(Role::Sidecar, ConfigVersion::V3).unwrap().text;
    let name = given.names.address;
    let resolver = format!(
        "typed_dns_resolver_config: {{ name: cares, typed_config: {{ '@type': type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig, resolvers: [{{ socket_address: {{ address: {}, port_value: {} }} }}], dns_resolver_options: {{ no_default_search_domain: true }} }} }}",
        name.ip(),
        name.port()
    );
    let fields = fields.replace("RESOLVER", &resolver);
    let port = given.host.address().port();
    let text = text.replace("      type: STRICT_DNS\n", &format!("{fields}\n")).replace(
        "address: 127.0.0.1, port_value: 8080",
        &format!("address: {host}, port_value: {port}"),
    );
    assert!(text.contains(host), "{text}");
    let path = PathBuf::from("names.yaml");
    Topology::new()
        .lone_sidecar(Config { version: ConfigVersion::V3, path, text })
        .arguments(Node::SIDECAR, &["--concurrency", "1"])
}

fn logical(_version: ConfigVersion, given: &Given) -> Topology {
    let fields = "      type: LOGICAL_DNS\n      dns_refresh_rate: 0.5s\n      RESOLVER";
    sidecar(fields, given)
}

fn strict(_version: ConfigVersion, given: &Given) -> Topology {
    let fields = "      type: STRICT_DNS\n      dns_refresh_rate: 0.3s\n      dns_jitter: 0.2s\n      RESOLVER";
    sidecar(fields, given)
}

fn extension(_version: ConfigVersion, given: &Given) -> Topology {
    let fields = "      cluster_type: { name: any, typed_config: { '@type': type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster, all_addresses_in_single_endpoint: true, dns_refresh_rate: 60s, dns_failure_refresh_rate: { base_interval: 0.2s, max_interval: 0.4s }, respect_dns_ttl: true, dns_lookup_family: V4_ONLY, RESOLVER } }";
    sidecar(fields, given)
}

fn failing(_version: ConfigVersion, given: &Given) -> Topology {
    let fields = "      type: STRICT_DNS\n      dns_refresh_rate: 60s\n      dns_failure_refresh_rate: { base_interval: 0.2s, max_interval: 0.4s }\n      RESOLVER";
    sidecar(fields, given)
}

/// The addresses of the hosts, as `/clusters` names them, and their names.
async fn hosts(mesh: &Mesh) -> Vec<(String, String)> {
    let text = mesh.admin(Node::SIDECAR).get("/clusters").await.unwrap().text();
    let lines = text.lines().filter_map(|line| line.strip_prefix("local_service::127.0.0."));
    let names = lines.filter_map(|line| line.split_once("::hostname::"));
    let mut hosts: Vec<_> =
        names.map(|(at, name)| (format!("127.0.0.{at}"), name.to_owned())).collect();
    hosts.sort();
    hosts
}

async fn until_hosts(mesh: &Mesh, given: &Given, addresses: &[Ipv4Addr]) {
    let port = given.host.address().port();
    let wanted: Vec<_> =
        addresses.iter().map(|address| (format!("{address}:{port}"), NAME.to_owned())).collect();
    let are = becomes_true("the hosts", async || {
        let hosts = hosts(mesh).await;
        Ok(if hosts == wanted { Ok(()) } else { Err(format!("{hosts:?}")) })
    });
    are.await.unwrap();
}

async fn follows_the_first_address(mesh: &Mesh, given: &Given) {
    let (client, admin) = (mesh.client(), mesh.admin(Node::SIDECAR));
    until_hosts(mesh, given, &[ONE]).await;
    client.get("/").await.unwrap().expect_status(200).expect_body("one");
    admin.counter("cluster.local_service.membership_change").becomes(1).await;
    admin.counter("cluster.local_service.update_no_rebuild").reaches(1).await;
    given.names.set(&[TWO, ONE]);
    until_hosts(mesh, given, &[TWO]).await;
    admin.counter("cluster.local_service.membership_change").becomes(2).await;
    admin.gauge("cluster.local_service.membership_total").becomes(1).await;
    // It is another host, and the connection to the one that was is closed.
    admin.gauge("cluster.local_service.upstream_cx_active").becomes(0).await;
    admin.counter("cluster.local_service.upstream_cx_destroy_local").becomes(1).await;
    given.names.set(&[]);
    admin.counter("cluster.local_service.update_failure").reaches(1).await;
    assert_eq!(hosts(mesh).await.len(), 1, "what was known is kept");
    given.names.set(&[ONE]);
    until_hosts(mesh, given, &[ONE]).await;
    client.get("/").await.unwrap().expect_status(200).expect_body("one");
}

each_proxy!(the_first_address_of_a_name_is_the_host, given, logical);
async fn the_first_address_of_a_name_is_the_host(mesh: &Mesh, given: &Given) {
    follows_the_first_address(mesh, given).await;
}

each_proxy!(the_extension_says_the_same, given, extension);
async fn the_extension_says_the_same(mesh: &Mesh, given: &Given) {
    follows_the_first_address(mesh, given).await;
}

each_proxy!(a_name_server_of_the_files_own_says_the_hosts, given, strict);
async fn a_name_server_of_the_files_own_says_the_hosts(mesh: &Mesh, given: &Given) {
    let admin = mesh.admin(Node::SIDECAR);
    until_hosts(mesh, given, &[ONE, TWO]).await;
    admin.counter("cluster.local_service.update_success").reaches(3).await;
    given.names.set(&[ONE]);
    until_hosts(mesh, given, &[ONE]).await;
    mesh.client().get("/").await.unwrap().expect_status(200).expect_body("one");
    given.names.set(&[]);
    admin.counter("cluster.local_service.update_failure").reaches(2).await;
    until_hosts(mesh, given, &[ONE]).await;
    admin.counter("cluster.local_service.membership_change").becomes(2).await;
}

each_proxy!(a_name_that_does_not_resolve_is_asked_for_at_its_own_rate, given_nothing, failing);
async fn a_name_that_does_not_resolve_is_asked_for_at_its_own_rate(mesh: &Mesh, given: &Given) {
    let admin = mesh.admin(Node::SIDECAR);
    admin.counter("cluster.local_service.update_failure").reaches(4).await;
    mesh.client().get("/").await.unwrap().expect_status(503).expect_body("no healthy upstream");
    given.names.set(&[ONE]);
    until_hosts(mesh, given, &[ONE]).await;
    admin.counter("cluster.local_service.update_success").becomes(1).await;
}

fn system(_version: ConfigVersion, given: &Given) -> Topology {
    let fields = "      type: STRICT_DNS\n      typed_dns_resolver_config: { name: system, typed_config: { '@type': type.googleapis.com/envoy.extensions.network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig } }";
    sidecar_of("localhost", fields, given)
}

each_proxy!(the_system_may_be_asked_too, given, system);
async fn the_system_may_be_asked_too(mesh: &Mesh, _given: &Given) {
    mesh.client().get("/").await.unwrap().expect_status(200).expect_body("one");
    let hosts = hosts(mesh).await;
    assert!(matches!(hosts.as_slice(), [(_, name)] if name == "localhost"), "{hosts:?}");
}
