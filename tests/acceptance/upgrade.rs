//! Requests that become connections: WebSockets and other upgrades, CONNECT, over HTTP/1 and HTTP/2; ours and the real
//! Envoy, with the same file.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use outrigger_harness::{client::raw::RawConnection, mesh::Mesh, node::Node};

use crate::network::{FILTERS, assert_count, assert_logged, assert_quiet, chain, filter};

/// A line for each request, where the test sees it.
const LOG: &str = "access_log: [{name: log, typed_config: {\
    '@type': type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog, \
    log_format: {text_format_source: {inline_string: \"LINE %REQ(:METHOD)% %PROTOCOL% %RESPONSE_CODE% \
    %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %RESPONSE_CODE_DETAILS% %UPSTREAM_CLUSTER%\\n\"}}}}]";

/// Switches protocols and says `first`, then sends back what comes until that is `close`; refuses `/refused`.
fn websocket(mut stream: TcpStream) {
    let mut head = Vec::new();
    let mut some = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let Ok(count @ 1..) = stream.read(&mut some) else { return };
        head.extend_from_slice(&some[..count]);
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    let asked = head.contains("\r\nconnection: ") && head.contains("upgrade: websocket\r\n");
    if !asked || head.starts_with("get /refused ") {
        drop(stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno"));
        drop(stream.read(&mut some));
        return;
    }
    let answer = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nfirst";
    if stream.write_all(answer.as_bytes()).is_err() {
        return;
    }
    while let Ok(count @ 1..) = stream.read(&mut some) {
        if &some[..count] == b"close" || stream.write_all(&some[..count]).is_err() {
            return;
        }
    }
}

/// A connection manager with these routes, and these fields more.
fn manager(prefix: &str, routes: &str, fields: &str) -> String {
    let router = format!("{{name: r, typed_config: {{'@type': {FILTERS}.http.router.v3.Router}}}}");
    filter(
        "http_connection_manager.v3.HttpConnectionManager",
        &format!(
            "stat_prefix: {prefix}, {LOG}, {fields}, http_filters: [{router}], \
             route_config: {{virtual_hosts: [{{name: v, domains: ['*'], routes: [{routes}]}}]}}"
        ),
    )
}

fn upgrading(fields: &str) -> String {
    let fields = format!("upgrade_configs: [{{upgrade_type: websocket}}]{fields}");
    chain(&[manager("test", "{match: {prefix: /}, route: {cluster: app, timeout: 1s}}", &fields)])
}

/// What a client of WebSockets asks.
fn ask(path: &str, kind: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: {kind}\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// A client that has got what it asked for.
async fn upgraded(mesh: &Mesh) -> RawConnection {
    let mut connection = mesh.connect().await;
    let reply = connection.exchange(ask("/", "websocket")).await.unwrap();
    assert_eq!((reply.status(), reply.header("upgrade")), (101, Some("websocket")));
    assert_eq!(reply.header("connection").map(str::to_ascii_lowercase).as_deref(), Some("upgrade"));
    connection.until_text("first").await.unwrap();
    connection
}

async fn say(connection: &mut RawConnection, text: &str) {
    connection.send(text).await.unwrap();
    connection.until_text(text).await.unwrap();
}

each_network!(a_websocket_carries_both_ways, super::websocket, super::upgrading(""));
async fn a_websocket_carries_both_ways(mesh: &Mesh) {
    let mut connection = upgraded(mesh).await;
    let admin = mesh.admin(Node::SIDECAR);
    admin.gauge("http.test.downstream_cx_upgrades_active").becomes(1).await;
    say(&mut connection, "hello").await;
    let large = "x".repeat(1024 * 1024);
    say(&mut connection, &large).await;
    drop(connection);
    assert_logged(
        mesh,
        "LINE GET HTTP/1.1 101 DC 1048581 1048586 downstream_remote_disconnect app",
    )
    .await;
    for (name, count) in [
        ("http.test.downstream_cx_upgrades_total", 1),
        ("http.test.downstream_rq_1xx", 1),
        ("http.test.downstream_cx_destroy_remote_active_rq", 1),
        ("http.test.downstream_rq_rx_reset", 1),
        ("cluster.app.upstream_rq_101", 1),
        ("cluster.app.upstream_cx_destroy_local_with_active_rq", 1),
        ("cluster.app.upstream_rq_tx_reset", 0),
    ] {
        assert_count(mesh, name, count).await;
    }
    admin.gauge("http.test.downstream_cx_upgrades_active").becomes(0).await;
    admin.gauge("http.test.downstream_rq_active").becomes(0).await;
    assert_quiet(mesh).await;
}

each_network!(
    what_comes_right_behind_the_head_is_the_websockets,
    super::websocket,
    super::upgrading("")
);
async fn what_comes_right_behind_the_head_is_the_websockets(mesh: &Mesh) {
    let mut connection = mesh.connect().await;
    connection.send(format!("{}early", ask("/", "WebSocket"))).await.unwrap();
    assert_eq!(connection.reply().await.unwrap().status(), 101);
    connection.until_text("firstearly").await.unwrap();
}

each_network!(a_host_that_closes_closes_the_websocket, super::websocket, super::upgrading(""));
async fn a_host_that_closes_closes_the_websocket(mesh: &Mesh) {
    let mut connection = upgraded(mesh).await;
    connection.send("close").await.unwrap();
    assert_eq!(connection.rest().await.unwrap(), b"");
    let details = "upstream_reset_after_response_started{connection_termination}";
    assert_logged(mesh, &format!("LINE GET HTTP/1.1 101 UC 5 5 {details} app")).await;
    assert_count(mesh, "cluster.app.upstream_cx_destroy_remote_with_active_rq", 1).await;
    drop(connection);
    assert_quiet(mesh).await;
}

each_network!(a_host_may_refuse_an_upgrade, super::websocket, super::upgrading(""));
async fn a_host_may_refuse_an_upgrade(mesh: &Mesh) {
    let mut connection = mesh.connect().await;
    let reply = connection.exchange(ask("/refused", "websocket")).await.unwrap();
    assert_eq!((reply.status(), reply.text().as_str()), (403, "no"));
    assert_eq!(reply.header("connection"), Some("close"));
    assert_logged(mesh, "LINE GET HTTP/1.1 403 - 0 2 via_upstream app").await;
    drop(connection);
    assert_quiet(mesh).await;
}

each_network!(
    a_silent_websocket_ends_after_the_stream_idle_timeout,
    super::websocket,
    super::upgrading(", stream_idle_timeout: 1.5s")
);
async fn a_silent_websocket_ends_after_the_stream_idle_timeout(mesh: &Mesh) {
    let mut connection = upgraded(mesh).await;
    // The route's timeout, a second, is none of its.
    assert_eq!(connection.rest().await.unwrap(), b"");
    assert_logged(mesh, "LINE GET HTTP/1.1 101 SI 0 5 stream_idle_timeout app").await;
    assert_count(mesh, "http.test.downstream_rq_idle_timeout", 1).await;
    drop(connection);
    assert_quiet(mesh).await;
}

fn routes() -> String {
    let routes = "{match: {prefix: /off}, route: {cluster: app, upgrade_configs: [{upgrade_type: websocket, \
        enabled: false}]}}, {match: {prefix: /foo}, route: {cluster: app, upgrade_configs: [{upgrade_type: foo}]}}, \
        {match: {prefix: /here}, direct_response: {status: 200}}, {match: {prefix: /there}, route: {cluster: app}}";
    chain(&[manager("test", routes, "upgrade_configs: [{upgrade_type: websocket}]")])
}

each_network!(what_may_be_upgraded_says_the_route, super::websocket, super::routes());
async fn what_may_be_upgraded_says_the_route(mesh: &Mesh) {
    for (path, kind, expected) in [
        ("/there", "websocket", 101),
        ("/there", "foo", 403),
        ("/there", "websocket, foo", 403),
        ("/off", "websocket", 403),
        ("/foo", "websocket", 101),
        ("/nowhere", "foo", 404),
        ("/here", "foo", 403),
    ] {
        let mut connection = mesh.connect().await;
        let reply = connection.exchange(ask(path, kind)).await.unwrap();
        assert_eq!(reply.status(), expected, "{path} {kind}");
        let closes = (expected != 101).then_some("close");
        assert_eq!(reply.header("connection").filter(|_| expected != 101), closes, "{path} {kind}");
    }
    assert_logged(mesh, "LINE GET HTTP/1.1 403 - 0 0 upgrade_failed app").await;
    assert_count(mesh, "http.test.downstream_rq_ws_on_non_ws_route", 4).await;
    assert_count(mesh, "http.test.downstream_cx_upgrades_total", 2).await;
}

const CONNECT: &str = "CONNECT some.example:443 HTTP/1.1\r\nhost: some.example:443\r\n\r\n";

fn connecting() -> String {
    let own = "upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]";
    let routes = format!(
        "{{match: {{connect_matcher: {{}}, headers: [{{name: to, string_match: {{exact: dead}}}}]}}, \
         route: {{cluster: dead, {own}}}}}, \
         {{match: {{connect_matcher: {{}}, headers: [{{name: to, string_match: {{exact: shut}}}}]}}, \
         route: {{cluster: app}}}}, {{match: {{connect_matcher: {{}}}}, route: {{cluster: app, {own}}}}}"
    );
    chain(&[manager("test", &routes, "stream_idle_timeout: 60s")])
}

each_network!(
    connect_is_a_bare_connection_to_the_cluster,
    crate::network::echo,
    super::connecting()
);
async fn connect_is_a_bare_connection_to_the_cluster(mesh: &Mesh) {
    let mut connection = mesh.connect().await;
    connection.send(CONNECT).await.unwrap();
    connection.until_text("HTTP/1.1 200 OK\r\n").await.unwrap();
    connection.until_text("\r\n\r\n").await.unwrap();
    say(&mut connection, "hello").await;
    drop(connection);
    assert_logged(mesh, "LINE CONNECT HTTP/1.1 200 DC 5 5 downstream_remote_disconnect app").await;
    for (name, count) in [
        ("http.test.downstream_cx_upgrades_total", 1),
        ("cluster.app.upstream_rq_200", 1),
        ("cluster.app.upstream_rq_total", 1),
        ("cluster.app.upstream_cx_http1_total", 0),
        ("cluster.app.upstream_cx_tx_bytes_total", 5),
    ] {
        assert_count(mesh, name, count).await;
    }
    assert_quiet(mesh).await;
    for (to, expected, line) in
        [("dead", 503, "503 UF 0 98"), ("shut", 403, "403 - 0 0 upgrade_failed app")]
    {
        let mut connection = mesh.connect().await;
        let request = CONNECT.replace("\r\n\r\n", &format!("\r\nto: {to}\r\n\r\n"));
        assert_eq!(connection.exchange(request).await.unwrap().status(), expected, "{to}");
        assert_logged(mesh, &format!("LINE CONNECT HTTP/1.1 {line}")).await;
    }
}

each_network!(no_other_route_is_for_connect, crate::network::echo, super::upgrading(""));
async fn no_other_route_is_for_connect(mesh: &Mesh) {
    let mut connection = mesh.connect().await;
    let reply = connection.exchange(CONNECT).await.unwrap();
    assert_eq!((reply.status(), reply.header("connection")), (404, Some("close")));
    assert_logged(mesh, "LINE CONNECT HTTP/1.1 404 NR 0 0 route_not_found -").await;
}

/// Two listeners of one proxy: HTTP/1.1 comes in, is HTTP/2 between them, and leaves as HTTP/1.1 or bare TCP.
fn in_between() -> String {
    let both = "upgrade_configs: [{upgrade_type: CONNECT}, {upgrade_type: websocket}]";
    let connect = "upgrade_configs: [{upgrade_type: CONNECT, connect_config: {}}]";
    let first = "{match: {connect_matcher: {}}, route: {cluster: between}}, \
        {match: {prefix: /}, route: {cluster: between}}";
    let second = format!(
        "{{match: {{connect_matcher: {{}}}}, route: {{cluster: app, {connect}}}}}, \
         {{match: {{prefix: /}}, route: {{cluster: app}}}}"
    );
    let allow = format!("{both}, http2_protocol_options: {{allow_connect: true}}");
    format!(
        "{}}}\n  - {{address: {{socket_address: {{address: 127.0.0.1, port_value: BETWEEN}}}}, \
         stat_prefix: between, {}",
        chain(&[manager("test", first, both)]),
        chain(&[manager("between", &second, &allow)]),
    )
}

each_network!(an_upgrade_crosses_http2_by_extended_connect, super::websocket, super::in_between());
async fn an_upgrade_crosses_http2_by_extended_connect(mesh: &Mesh) {
    let mut connection = upgraded(mesh).await;
    say(&mut connection, "hello").await;
    drop(connection);
    assert_logged(mesh, "LINE GET HTTP/1.1 101 DC 5 10 downstream_remote_disconnect between").await;
    assert_logged(mesh, "LINE GET HTTP/2 101 DR 5 10 http2.remote_reset app").await;
    let mut connection = upgraded(mesh).await;
    connection.send("close").await.unwrap();
    assert_eq!(connection.rest().await.unwrap(), b"");
    let details = "upstream_reset_after_response_started{remote_error_with_CONNECT_request}";
    assert_logged(mesh, &format!("LINE GET HTTP/1.1 101 UR 5 5 {details} between")).await;
    let mut connection = mesh.connect().await;
    let reply = connection.exchange(ask("/refused", "websocket")).await.unwrap();
    assert_eq!((reply.status(), reply.text().as_str()), (403, "no"));
    drop(connection);
    for (name, count) in [
        ("http.test.downstream_cx_upgrades_total", 3),
        ("http.between.downstream_cx_upgrades_total", 3),
        ("http.between.downstream_rq_http2_total", 3),
        ("cluster.between.upstream_rq_101", 2),
        ("cluster.app.upstream_rq_101", 2),
    ] {
        assert_count(mesh, name, count).await;
    }
    mesh.admin(Node::SIDECAR).gauge("cluster.between.upstream_rq_active").becomes(0).await;
    assert_quiet(mesh).await;
}

each_network!(connect_crosses_http2, crate::network::echo, super::in_between());
async fn connect_crosses_http2(mesh: &Mesh) {
    let mut connection = mesh.connect().await;
    connection.send(CONNECT).await.unwrap();
    connection.until_text("HTTP/1.1 200 OK\r\n").await.unwrap();
    connection.until_text("\r\n\r\n").await.unwrap();
    say(&mut connection, "hello").await;
    drop(connection);
    assert_logged(mesh, "LINE CONNECT HTTP/2 200 DR 5 5 http2.remote_reset app").await;
    assert_quiet(mesh).await;
}

each_network!(a_websocket_outlasts_its_listener, super::websocket, super::upgrading(""));
async fn a_websocket_outlasts_its_listener(mesh: &Mesh) {
    let mut connection = upgraded(mesh).await;
    let admin = mesh.admin(Node::SIDECAR);
    admin.post("/drain_listeners").await.unwrap().expect_status(200);
    admin.counter("listener_manager.listener_stopped").becomes(1).await;
    say(&mut connection, "after").await;
    connection.send("close").await.unwrap();
    connection.rest().await.unwrap();
    admin.gauge("http.test.downstream_cx_upgrades_active").becomes(0).await;
    assert_quiet(mesh).await;
}
