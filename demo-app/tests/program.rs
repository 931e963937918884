//! The program as it is started, on a real socket.

#![expect(
    clippy::unwrap_used,
    reason = "the lint exempts test functions, and these are their helpers"
)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

/// Longer than anything here takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running service; killed when dropped.
struct Service {
    child: Child,
    errors: BufReader<std::process::ChildStderr>,
    address: SocketAddr,
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo-app"));
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn finish(mut command: Command) -> Output {
    command.output().unwrap()
}

fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args([name, &pid.to_string()]).status().unwrap();
    assert!(status.success());
}

// === impl Service ===

impl Service {
    fn start() -> Self {
        let mut child = program().env("SERVICE_API_PORT", "0").spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        errors.read_line(&mut line).unwrap();
        let address =
            line.trim_end().strip_prefix("listening on http://").unwrap().parse().unwrap();
        Self { child, errors, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// Waits for the next line of the log, which tells that something has happened.
    fn wait_for(&mut self, wanted: &str) {
        let mut line = String::new();
        self.errors.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), wanted);
    }

    fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Sends a request and reads one response with a content length.
fn exchange(stream: &mut TcpStream, request: &str) -> (String, String) {
    stream.write_all(request.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "the connection ended after {head:?}");
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |value| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (head, String::from_utf8(body).unwrap())
}

#[test]
fn one_connection_carries_many_requests() {
    let service = Service::start();
    let mut stream = service.connect();
    for _request in 0..3 {
        let (head, body) = exchange(&mut stream, "GET / HTTP/1.1\r\nhost: app\r\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("\r\ncontent-type: text/html; charset=utf-8\r\n"), "{head}");
        assert_eq!(body.len(), 42, "{body}");
    }
}

#[test]
fn a_connection_that_begins_with_http2_stays_so() {
    let service = Service::start();
    let mut stream = service.connect();
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    stream.write_all(&[&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &settings].concat()).unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(head[3], 4, "the first frame of HTTP/2 is SETTINGS, and this is {head:?}");
}

#[test]
fn the_close_failure_ends_the_connection_without_an_answer() {
    let service = Service::start();
    let mode = r#"{"close":true}"#;
    let put = format!(
        "PUT /failure HTTP/1.1\r\nhost: app\r\ncontent-length: {}\r\n\r\n{mode}",
        mode.len()
    );
    let (head, _) = exchange(&mut service.connect(), &put);
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");

    let mut stream = service.connect();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: app\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(String::from_utf8_lossy(&answer), "");
}

#[test]
fn trailers_are_echoed() {
    let service = Service::start();
    let (_, body) = exchange(
        &mut service.connect(),
        "POST /echo HTTP/1.1\r\nhost: app\r\ntransfer-encoding: chunked\r\ntrailer: x-sum\r\n\r\n\
         2\r\nhi\r\n0\r\nx-sum: 2\r\n\r\n",
    );
    assert!(body.contains(r#""body":"hi""#), "{body}");
    assert!(body.contains(r#""trailers":{"x-sum":["2"]}"#), "{body}");
}

#[test]
fn a_running_request_is_finished_after_sigterm() {
    let mut service = Service::start();
    let mut stream = service.connect();
    stream.write_all(b"GET /delay/300 HTTP/1.1\r\nhost: app\r\n\r\n").unwrap();
    // An answer on a second connection shows that the first one's request, sent before, has been read.
    exchange(&mut service.connect(), "GET /healthz HTTP/1.1\r\nhost: app\r\n\r\n");
    service.signal("-TERM");
    service.wait_for("draining");

    let (head, body) = exchange(&mut stream, "");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
    assert_eq!(body, "waited 300 ms\n");
    assert_eq!(service.wait().code(), Some(0));
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut service = Service::start();
    let mut stream = service.connect();
    stream.write_all(b"GET /delay/60000 HTTP/1.1\r\nhost: app\r\n\r\n").unwrap();
    exchange(&mut service.connect(), "GET /healthz HTTP/1.1\r\nhost: app\r\n\r\n");
    service.signal("-TERM");
    service.wait_for("draining");
    service.signal("-TERM");
    service.wait_for("stopped at once");
    assert_eq!(service.wait().code(), Some(0));
}

#[test]
fn the_health_check_asks_the_configured_port() {
    let service = Service::start();
    let mut check = program();
    check.arg("healthcheck").env("SERVICE_API_PORT", service.address.port().to_string());
    assert_eq!(finish(check).status.code(), Some(0));

    let mut check = program();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    check.arg("healthcheck").env("SERVICE_API_PORT", closed.port().to_string());
    let output = finish(check);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.starts_with(&format!("demo-app: cannot ask {closed}: ")), "{told}");
}

#[test]
fn wrong_settings_are_all_told_and_exit_with_1() {
    let mut command = program();
    command.env("SERVICE_API_HOST", "here").env("SERVICE_API_PORT", "http");
    let output = finish(command);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "demo-app: SERVICE_API_HOST: \"here\" is not an IP address (nor localhost)\n\
         demo-app: SERVICE_API_PORT: \"http\" is not a port number between 0 and 65535\n"
    );
}

#[test]
fn an_address_in_use_is_told_in_one_line() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let mut command = program();
    command.env("SERVICE_API_PORT", address.port().to_string());
    let output = finish(command);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.starts_with(&format!("demo-app: cannot bind {address}: ")), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn help_and_version_are_answers() {
    for argument in ["--help", "--version"] {
        let mut command = program();
        command.arg(argument);
        let output = finish(command);
        assert_eq!(output.status.code(), Some(0), "{argument}");
        assert!(!output.stdout.is_empty(), "{argument}");
    }
    let mut command = program();
    command.arg("--no-such-flag");
    assert_eq!(finish(command).status.code(), Some(1));
}
