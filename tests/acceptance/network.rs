//! Connections that are not HTTP: TCP proxies, the filters before them, the choice of a filter chain, and the PROXY
//! protocol; ours and the real Envoy, with the same file.

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
};

use outrigger_harness::{
    client::raw::RawConnection,
    eventually::satisfies,
    mesh::Mesh,
    node::{Config, ConfigVersion, Node, Role},
    topology::Topology,
};

/// Makes a test of each proxy out of `async fn name(mesh: &Mesh)`, the listener of its file, and how its server answers.
macro_rules! each_network {
    ($name:ident, $server:expr, $listener:expr) => {
        mod $name {
            async fn server() -> std::net::SocketAddr {
                crate::network::server($server)
            }

            fn topology(
                _version: outrigger_harness::node::ConfigVersion,
                server: &std::net::SocketAddr,
            ) -> outrigger_harness::topology::Topology {
                crate::network::topology($listener, *server)
            }

            async fn body(mesh: &outrigger_harness::mesh::Mesh, _server: &std::net::SocketAddr) {
                super::$name(mesh).await;
            }

            #[test]
            fn outrigger() {
                let mode = outrigger_harness::trial::Mode::V3Process;
                outrigger_harness::trial::run_with(mode, server, topology, body);
            }

            #[test]
            fn envoy() {
                let mode = outrigger_harness::trial::Mode::Envoy;
                outrigger_harness::trial::run_with(mode, server, topology, body);
            }
        }
    };
}

mod flow;

/// Serves each connection with this function, in a thread that ends with the test's process.
pub(crate) fn server(serve: fn(TcpStream)) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        while let Ok((stream, _peer)) = listener.accept() {
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// Sends back what comes, and at the end `bye`.
pub(crate) fn echo(mut stream: TcpStream) {
    let mut some = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut some) {
        if stream.write_all(&some[..count]).is_err() {
            return;
        }
    }
    // The client may be gone.
    drop(stream.write_all(b"bye"));
}

/// Says `hi` and nothing more, and reads what still comes.
fn talks_first(mut stream: TcpStream) {
    drop(stream.write_all(b"hi"));
    drop(stream.shutdown(Shutdown::Write));
    drop(stream.read_to_end(&mut Vec::new()));
}

/// Resets the connection once something has come: the system does, when bytes are there that nobody has read.
fn resets(stream: TcpStream) {
    drop(stream.peek(&mut [0; 1]));
    drop(stream);
}

/// A line for each connection, where the test sees it.
const LOG: &str = "access_log: [{name: log, typed_config: {\
    '@type': type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog, \
    log_format: {text_format_source: {inline_string: \"LINE %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% \
    %UPSTREAM_CLUSTER% %UPSTREAM_TRANSPORT_FAILURE_REASON% %PROTOCOL% %RESPONSE_CODE% \
    %DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS%\\n\"}}}}]";

pub(crate) const FILTERS: &str = "type.googleapis.com/envoy.extensions.filters";

/// A cluster of these speaks HTTP/2.
const HTTP2: &str = "typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: \
    {'@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, \
    explicit_http_config: {http2_protocol_options: {}}}}";

/// A network filter.
pub(crate) fn filter(kind: &str, fields: &str) -> String {
    format!("{{name: f, typed_config: {{'@type': {FILTERS}.network.{kind}, {fields}}}}}")
}

/// A TCP proxy with these fields more.
fn proxy(fields: &str) -> String {
    filter("tcp_proxy.v3.TcpProxy", &format!("stat_prefix: test, {fields}, {LOG}"))
}

/// A listener with this one chain.
pub(crate) fn chain(filters: &[String]) -> String {
    format!("filter_chains: [{{filters: [{}]}}]", filters.join(", "))
}

/// A proxy with a listener of these fields, before that server: cluster `app`. Nobody listens in cluster `dead`, and
/// cluster `empty` has no host.
pub(crate) fn topology(listener: impl Into<String>, server: SocketAddr) -> Topology {
    let listener = listener.into();
    let mut config = Config::of(Role::Sidecar, ConfigVersion::V3).unwrap();
    let dead = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let cluster = |name: &str, port: u16| {
        format!(
            "  - {{name: {name}, connect_timeout: 0.25s, type: STATIC, load_assignment: {{cluster_name: {name}, \
             endpoints: [{{lb_endpoints: [{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, \
             port_value: {port}}}}}}}}}]}}]}}}}\n"
        )
    };
    // A port for a second listener, if there is one: free a moment ago.
    let between = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let listener = listener.replace("BETWEEN", &between.to_string());
    config.text = format!(
        "static_resources:\n  listeners:\n  - {{address: {{socket_address: {{address: 0.0.0.0, port_value: 80}}}}, \
         stat_prefix: test, {listener}}}\n  clusters:\n{}{}  - {{name: empty, type: STATIC, load_assignment: \
         {{cluster_name: empty}}}}\n{}admin: {{address: {{socket_address: {{address: 0.0.0.0, port_value: 8001}}}}}}\n",
        cluster("app", server.port()),
        cluster("dead", dead.port()),
        cluster("between", between).replace("}}\n", &format!("}}, {HTTP2}}}\n")),
    );
    Topology::new()
        .lone_sidecar(config)
        .arguments(Node::SIDECAR, &["--file-flush-interval-msec", "50"])
}

pub(crate) async fn assert_count(mesh: &Mesh, name: &str, count: u64) {
    mesh.admin(Node::SIDECAR).counter(name).becomes(count).await;
}

/// Waits for a line of the access log.
pub(crate) async fn assert_logged(mesh: &Mesh, line: &str) {
    let logs = async || mesh.logs(Node::SIDECAR).await;
    let what = format!("the line {line:?} in the log");
    satisfies(&what, logs, |logs| logs.contains(line)).await.unwrap();
}

async fn say(connection: &mut RawConnection, text: &str) {
    connection.send(text).await.unwrap();
    connection.until_text(text).await.unwrap();
}

/// Nothing is under way any more.
pub(crate) async fn assert_quiet(mesh: &Mesh) {
    let admin = mesh.admin(Node::SIDECAR);
    for gauge in [
        "cluster.app.upstream_cx_active",
        "cluster.app.upstream_rq_active",
        "cluster.app.upstream_rq_pending_active",
        "listener.test.downstream_cx_active",
    ] {
        admin.gauge(gauge).becomes(0).await;
    }
}

each_network!(
    a_tcp_proxy_carries_both_ways_and_each_end,
    super::echo,
    super::chain(&[super::proxy("cluster: app")])
);
async fn a_tcp_proxy_carries_both_ways_and_each_end(mesh: &Mesh) {
    let mut connection = mesh.connect().await;
    say(&mut connection, "hello").await;
    let admin = mesh.admin(Node::SIDECAR);
    admin.gauge("cluster.app.upstream_cx_active").becomes(1).await;
    admin.gauge("cluster.app.upstream_rq_active").becomes(1).await;
    connection.finish().await.unwrap();
    assert_eq!(connection.rest().await.unwrap(), b"bye");
    assert_logged(mesh, "LINE - 5 8 app - - 0 127.0.0.1").await;
    for (name, count) in [
        ("tcp.test.downstream_cx_total", 1),
        ("tcp.test.downstream_cx_rx_bytes_total", 5),
        ("tcp.test.downstream_cx_tx_bytes_total", 8),
        ("cluster.app.upstream_cx_rx_bytes_total", 8),
        ("cluster.app.upstream_cx_tx_bytes_total", 5),
        ("cluster.app.upstream_cx_destroy_remote_with_active_rq", 1),
        ("cluster.app.upstream_rq_total", 1),
        ("cluster.app.upstream_rq_pending_total", 1),
        ("cluster.app.upstream_cx_http1_total", 0),
    ] {
        assert_count(mesh, name, count).await;
    }
    assert_quiet(mesh).await;
}

each_network!(
    the_host_may_end_first,
    super::talks_first,
    super::chain(&[super::proxy("cluster: app")])
);
async fn the_host_may_end_first(mesh: &Mesh) {
    let mut connection = mesh.connect().await;
    assert_eq!(connection.rest().await.unwrap(), b"hi");
    connection.send("more").await.unwrap();
    connection.finish().await.unwrap();
    assert_logged(mesh, "LINE - 4 2 app").await;
    assert_count(mesh, "cluster.app.upstream_cx_destroy_local_with_active_rq", 1).await;
    assert_quiet(mesh).await;
}

each_network!(
    a_reset_of_the_host_is_one_of_the_client,
    super::resets,
    super::chain(&[super::proxy("cluster: app")])
);
async fn a_reset_of_the_host_is_one_of_the_client(mesh: &Mesh) {
    let mut connection = mesh.connect().await;
    connection.send("x").await.unwrap();
    // A reset counts as an end here.
    assert_eq!(connection.rest().await.unwrap(), b"");
    assert_logged(mesh, "LINE UR 1 0 app").await;
    assert_count(mesh, "cluster.app.upstream_cx_destroy_remote_with_active_rq", 1).await;
    assert_quiet(mesh).await;
}

each_network!(
    a_host_that_cannot_be_reached_is_tried_as_often_as_said,
    super::echo,
    super::chain(&[super::proxy("cluster: dead, max_connect_attempts: 3")])
);
async fn a_host_that_cannot_be_reached_is_tried_as_often_as_said(mesh: &Mesh) {
    let mut connection = mesh.connect().await;
    assert_eq!(connection.rest().await.unwrap(), b"");
    assert_logged(mesh, "LINE UF,URX 0 0 dead delayed_connect_error:_Connection_refused").await;
    assert_count(mesh, "cluster.dead.upstream_cx_connect_fail", 3).await;
    assert_count(mesh, "cluster.dead.upstream_cx_connect_attempts_exceeded", 1).await;
    assert_count(mesh, "cluster.dead.upstream_rq_pending_failure_eject", 3).await;
}

each_network!(
    without_a_host_there_is_no_connection,
    super::echo,
    super::chain(&[super::proxy("cluster: empty")])
);
async fn without_a_host_there_is_no_connection(mesh: &Mesh) {
    assert_eq!(mesh.connect().await.rest().await.unwrap(), b"");
    assert_logged(mesh, "LINE UH 0 0 empty").await;
    assert_count(mesh, "cluster.empty.upstream_cx_none_healthy", 1).await;
}

each_network!(
    without_a_cluster_there_is_no_connection,
    super::echo,
    super::chain(&[super::proxy("cluster: none")])
);
async fn without_a_cluster_there_is_no_connection(mesh: &Mesh) {
    assert_eq!(mesh.connect().await.rest().await.unwrap(), b"");
    assert_logged(mesh, "LINE NC 0 0 -").await;
    assert_count(mesh, "tcp.test.downstream_cx_no_route", 1).await;
}

each_network!(
    a_quiet_connection_ends_after_the_idle_timeout,
    super::echo,
    super::chain(&[super::proxy("cluster: app, idle_timeout: 0.4s")])
);
async fn a_quiet_connection_ends_after_the_idle_timeout(mesh: &Mesh) {
    let mut connection = mesh.connect().await;
    say(&mut connection, "x").await;
    assert_eq!(connection.rest().await.unwrap(), b"");
    assert_logged(mesh, "LINE - 1 1 app").await;
    assert_count(mesh, "tcp.test.idle_timeout", 1).await;
    assert_quiet(mesh).await;
}

each_network!(
    a_connection_ends_when_it_has_lasted_for_long,
    super::echo,
    super::chain(&[super::proxy("cluster: app, max_downstream_connection_duration: 0.4s")])
);
async fn a_connection_ends_when_it_has_lasted_for_long(mesh: &Mesh) {
    let mut connection = mesh.connect().await;
    say(&mut connection, "x").await;
    assert_eq!(connection.rest().await.unwrap(), b"");
    assert_logged(mesh, "LINE DT 1 1 app").await;
    assert_count(mesh, "tcp.test.max_downstream_connection_duration", 1).await;
    assert_quiet(mesh).await;
}

each_network!(
    clusters_get_connections_by_their_weights,
    super::echo,
    super::chain(&[super::proxy(
        "weighted_clusters: {clusters: [{name: app, weight: 3}, {name: empty, weight: 1}]}"
    )])
);
async fn clusters_get_connections_by_their_weights(mesh: &Mesh) {
    for _ in 0..200 {
        let mut connection = mesh.connect().await;
        connection.finish().await.unwrap();
        connection.rest().await.unwrap();
    }
    let got =
        mesh.admin(Node::SIDECAR).counter("cluster.app.upstream_rq_total").value().await.unwrap();
    // Four standard deviations around 150.
    assert!((126..=174).contains(&got), "of 200, {got:?}");
}

fn limited() -> String {
    let fields = "stat_prefix: lim, max_connections: 1, delay: 0.1s";
    chain(&[filter("connection_limit.v3.ConnectionLimit", fields), proxy("cluster: app")])
}

each_network!(a_connection_over_the_limit_is_closed, super::echo, super::limited());
async fn a_connection_over_the_limit_is_closed(mesh: &Mesh) {
    let mut first = mesh.connect().await;
    say(&mut first, "x").await;
    assert_eq!(mesh.connect().await.rest().await.unwrap(), b"");
    assert_count(mesh, "connection_limit.lim.limited_connections", 1).await;
    assert_logged(mesh, "LINE - 0 0 -").await;
    mesh.admin(Node::SIDECAR).gauge("connection_limit.lim.active_connections").becomes(1).await;
    first.finish().await.unwrap();
    assert_eq!(first.rest().await.unwrap(), b"bye");
    mesh.admin(Node::SIDECAR).gauge("connection_limit.lim.active_connections").becomes(0).await;
    say(&mut mesh.connect().await, "y").await;
}

fn rate_limited() -> String {
    let fields = "stat_prefix: rate, token_bucket: {max_tokens: 2, fill_interval: 3600s}";
    chain(&[filter("local_ratelimit.v3.LocalRateLimit", fields), proxy("cluster: app")])
}

each_network!(a_connection_over_the_rate_is_closed, super::echo, super::rate_limited());
async fn a_connection_over_the_rate_is_closed(mesh: &Mesh) {
    for _ in 0..2 {
        say(&mut mesh.connect().await, "x").await;
    }
    assert_eq!(mesh.connect().await.rest().await.unwrap(), b"");
    assert_count(mesh, "local_rate_limit.rate.rate_limited", 1).await;
    assert_logged(mesh, "LINE URX 0 0 -").await;
}

/// A chain that answers with its own name, for connections like these.
fn named(name: &str, criteria: &str) -> String {
    let response = format!("response: {{inline_string: {name}}}");
    let answer = filter("direct_response.v3.Config", &response);
    format!("{{name: {name}, filter_chain_match: {{{criteria}}}, filters: [{answer}]}}")
}

const PROXY_PROTOCOL: &str = "listener_filters: [{name: p, typed_config: {'@type': \
    type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol";

fn chains() -> String {
    let chains = [
        named("port", "destination_port: 443"),
        named("wide", "prefix_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]"),
        named(
            "narrow",
            "prefix_ranges: [{address_prefix: 10.1.0.0, prefix_len: 16}], source_ports: [7]",
        ),
        named("source", "source_prefix_ranges: [{address_prefix: 192.0.2.0, prefix_len: 24}]"),
        named("here", "source_type: SAME_IP_OR_LOOPBACK"),
        named("v6", "prefix_ranges: [{address_prefix: 'fd00::', prefix_len: 8}]"),
    ];
    format!(
        "{PROXY_PROTOCOL}}}}}], filter_chains: [{}], default_filter_chain: {}",
        chains.join(", "),
        named("default", "")
    )
}

/// What answers a connection of which a PROXY header says this.
async fn answer(mesh: &Mesh, header: &str) -> String {
    let mut connection = mesh.connect().await;
    connection.send(format!("PROXY {header}\r\n")).await.unwrap();
    String::from_utf8(connection.rest().await.unwrap()).unwrap()
}

each_network!(
    a_connection_is_of_the_chain_that_asks_for_it_most_exactly,
    super::echo,
    super::chains()
);
async fn a_connection_is_of_the_chain_that_asks_for_it_most_exactly(mesh: &Mesh) {
    for (header, expected) in [
        ("TCP4 8.8.8.8 9.9.9.9 1 443", "port"),
        ("TCP4 8.8.8.8 10.1.2.3 1 443", "port"),
        ("TCP4 8.8.8.8 10.2.2.3 1 80", "wide"),
        ("TCP4 8.8.8.8 10.1.2.3 7 80", "narrow"),
        ("TCP4 8.8.8.8 10.1.2.3 1 80", "default"),
        ("TCP4 192.0.2.77 9.9.9.9 1 80", "source"),
        ("TCP4 127.0.0.1 9.9.9.9 1 80", "here"),
        ("TCP4 127.0.0.9 9.9.9.9 1 80", "default"),
        ("TCP4 9.9.9.9 9.9.9.9 1 80", "here"),
        ("TCP4 8.8.8.8 9.9.9.9 1 80", "default"),
        ("TCP6 fd01::1 fd02::2 1 80", "v6"),
        ("UNKNOWN", "here"),
    ] {
        assert_eq!(answer(mesh, header).await, expected, "{header}");
    }
}

fn matched() -> String {
    let input = |name: &str| {
        format!(
            "input: {{name: i, typed_config: {{'@type': \
             type.googleapis.com/envoy.extensions.matching.common_inputs.network.v3.{name}}}}}"
        )
    };
    let to = |name: &str| {
        format!(
            "action: {{name: a, typed_config: {{'@type': type.googleapis.com/google.protobuf.StringValue, \
             value: {name}}}}}"
        )
    };
    let ip = "custom_match: {name: ip, typed_config: {'@type': \
        type.googleapis.com/envoy.extensions.matching.input_matchers.ip.v3.Ip, stat_prefix: ip, \
        cidr_ranges: [{address_prefix: 10.0.0.0, prefix_len: 8}]}}";
    let (source, port) = (input("SourceIPInput"), input("DestinationPortInput"));
    format!(
        "{PROXY_PROTOCOL}}}}}], filter_chain_matcher: {{matcher_list: {{matchers: [\
         {{predicate: {{and_matcher: {{predicate: [{{single_predicate: {{{source}, {ip}}}}}, \
         {{not_matcher: {{single_predicate: {{{port}, value_match: {{exact: '80'}}}}}}}}]}}}}, on_match: {{{}}}}}, \
         {{predicate: {{single_predicate: {{{port}, value_match: {{safe_regex: {{google_re2: {{}}, \
         regex: '[0-9]'}}}}}}}}, on_match: {{{}}}}}]}}}}, filter_chains: [{}, {}], default_filter_chain: {}",
        to("inside"),
        to("digit"),
        named("inside", ""),
        named("digit", ""),
        named("default", ""),
    )
}

each_network!(a_matcher_finds_the_chain_by_its_name, super::echo, super::matched());
async fn a_matcher_finds_the_chain_by_its_name(mesh: &Mesh) {
    for (header, expected) in [
        ("TCP4 10.0.0.1 9.9.9.9 1 81", "inside"),
        ("TCP4 10.0.0.1 9.9.9.9 1 80", "default"),
        ("TCP4 10.0.0.1 9.9.9.9 1 8", "inside"),
        ("TCP4 11.0.0.1 9.9.9.9 1 8", "digit"),
        ("TCP4 11.0.0.1 9.9.9.9 1 88", "default"),
    ] {
        assert_eq!(answer(mesh, header).await, expected, "{header}");
    }
}

fn nobody() -> String {
    format!("filter_chains: [{}]", named("never", "destination_port: 1"))
}

each_network!(a_connection_that_no_chain_takes_is_closed, super::echo, super::nobody());
async fn a_connection_that_no_chain_takes_is_closed(mesh: &Mesh) {
    assert_eq!(mesh.connect().await.rest().await.unwrap(), b"");
    assert_count(mesh, "listener.test.no_filter_chain_match", 1).await;
    assert_count(mesh, "listener.test.downstream_cx_total", 0).await;
}

each_network!(a_chain_without_filters_closes_what_it_gets, super::echo, "filter_chains: [{}]");
async fn a_chain_without_filters_closes_what_it_gets(mesh: &Mesh) {
    assert_eq!(mesh.connect().await.rest().await.unwrap(), b"");
    assert_count(mesh, "listener.test.network_extension_config_missing", 1).await;
    assert_count(mesh, "listener.test.downstream_cx_total", 1).await;
}

fn told() -> String {
    format!(
        "{PROXY_PROTOCOL}}}}}], listener_filters_timeout: 0.5s, {}",
        chain(&[proxy("cluster: app")])
    )
}

each_network!(a_proxy_says_for_whom_it_connects, super::echo, super::told());
async fn a_proxy_says_for_whom_it_connects(mesh: &Mesh) {
    let mut connection = mesh.connect().await;
    connection.send("PROXY TCP4 192.0.2.1 192.0.2.2 11 22\r\nhello").await.unwrap();
    connection.until_text("hello").await.unwrap();
    drop(connection);
    assert_logged(mesh, "0 192.0.2.1:11 192.0.2.2:22").await;
    let mut binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c".to_vec();
    binary.extend([192, 0, 2, 3, 192, 0, 2, 4, 0, 33, 0, 44]);
    let mut connection = mesh.connect().await;
    // One byte at a time it is the same header.
    for byte in binary {
        connection.send([byte]).await.unwrap();
    }
    say(&mut connection, "hello").await;
    drop(connection);
    assert_logged(mesh, "0 192.0.2.3:33 192.0.2.4:44").await;
    assert_count(mesh, "proxy_proto.versions.v1.found", 1).await;
    assert_count(mesh, "proxy_proto.versions.v2.found", 1).await;
    for (beginning, stat) in [
        ("PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n", "proxy_proto.versions.v1.error"),
        ("\r\n\r\n\0\r\nQUIT\n\x31\x11\x00\x0cabcdefghijkl", "proxy_proto.versions.v2.error"),
        ("hello, this is no header", "proxy_proto.not_found_disallowed"),
        ("PROX", "listener.test.downstream_pre_cx_timeout"),
    ] {
        let mut connection = mesh.connect().await;
        connection.send(beginning).await.unwrap();
        assert_eq!(connection.rest().await.unwrap(), b"", "{beginning:?}");
        assert_count(mesh, stat, 1).await;
    }
    assert_count(mesh, "downstream_cx_proxy_proto_error", 3).await;
    mesh.admin(Node::SIDECAR).gauge("listener.test.downstream_pre_cx_active").becomes(0).await;
}

fn may_be_told() -> String {
    format!(
        "{PROXY_PROTOCOL}, allow_requests_without_proxy_protocol: true, disallowed_versions: [V2], \
         stat_prefix: edge}}}}], listener_filters_timeout: 0.5s, continue_on_listener_filters_timeout: true, {}",
        chain(&[filter("echo.v3.Echo", "")])
    )
}

each_network!(a_client_need_not_say_for_whom_it_connects, super::echo, super::may_be_told());
async fn a_client_need_not_say_for_whom_it_connects(mesh: &Mesh) {
    say(&mut mesh.connect().await, "hello").await;
    assert_count(mesh, "proxy_proto.edge.not_found_allowed", 1).await;
    // What could still become a header is waited for, and then passed on.
    say(&mut mesh.connect().await, "PROX").await;
    assert_count(mesh, "listener.test.downstream_pre_cx_timeout", 1).await;
    // A header of a version that is not allowed is none.
    say(&mut mesh.connect().await, "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0").await;
    assert_count(mesh, "proxy_proto.edge.not_found_allowed", 2).await;
}
