//! How many allocations a request costs: the number can only fall.
//!
//! The program of this test is two things. Without arguments of a proxy it is the test: it starts itself again as a
//! proxy, with the tutorial's sidecar file, between an origin and a client of its own. As the proxy it is what
//! `outrigger` is, but counts what it allocates, and says the count for every line on its standard input.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use outrigger::base::clock;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<std::alloc::System> = &INSTRUMENTED_SYSTEM;

/// What one request over kept connections may cost, HTTP/1.1 on both sides. Lower it when you have made it cheaper.
///
/// Four of them are the copy of an idempotent request's head, which is kept where a connection that was idle may turn out
/// to be closed (`upstream/attempt.rs`); under load, when connections are hardly idle, there is none.
const MOST_PER_REQUEST: f64 = 15.0;

/// What else runs meanwhile (stats are flushed every five seconds), as a share of a request.
const OTHERS: f64 = 0.5;

const REQUESTS: usize = 2000;
const PATIENCE: Duration = Duration::from_secs(60);
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: 42\r\nconnection: keep-alive\r\n\r\nThe datetime is 2018-07-26T12:34:56.123456";

fn main() -> ExitCode {
    if std::env::args().nth(1).is_some_and(|first| first == "-c") {
        thread::spawn(say_counts);
        return outrigger::server::main();
    }
    let cost = per_request();
    if cost > MOST_PER_REQUEST + OTHERS {
        eprintln!("a request costs {cost:.2} allocations, allowed are {MOST_PER_REQUEST}");
        return ExitCode::FAILURE;
    }
    eprintln!("a request costs {cost:.2} allocations (allowed: {MOST_PER_REQUEST})");
    ExitCode::SUCCESS
}

/// Says how often memory was asked for so far, for every line that is read.
fn say_counts() {
    for line in io::stdin().lines() {
        let stats = ALLOCATOR.stats();
        let count = stats.allocations + stats.reallocations;
        if line.and_then(|_| writeln!(io::stdout(), "{count}")).is_err() {
            return;
        }
    }
}

fn per_request() -> f64 {
    let directory = tempfile::tempdir().expect("a folder");
    let mut proxy = Proxy::start(directory.path(), origin());
    let mut client = TcpStream::connect(proxy.address).expect("the proxy listens");
    client.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let ask = |client: &mut TcpStream| {
        for _ in 0..REQUESTS {
            client.write_all(REQUEST).expect("the proxy reads");
            read_answer(client);
        }
    };
    // Connections, caches and the histograms' bins are made now.
    ask(&mut client);
    let before = proxy.count();
    ask(&mut client);
    (proxy.count() - before) as f64 / REQUESTS as f64
}

/// Reads one response, whose body ends as the origin's does.
fn read_answer(client: &mut TcpStream) {
    let mut bytes = [0; 1024];
    let mut filled = 0;
    while !bytes[..filled].ends_with(b".123456") {
        let read = client.read(&mut bytes[filled..]).expect("an answer in time");
        assert_ne!(read, 0, "the proxy closed the connection");
        filled += read;
    }
    assert!(bytes.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

/// A server that answers every head with the same bytes.
fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            thread::spawn(move || answer(socket));
        }
    });
    address
}

fn answer(mut socket: TcpStream) {
    let mut bytes = [0; 4096];
    let mut filled = 0;
    while let Ok(read @ 1..) = socket.read(&mut bytes[filled..]) {
        filled += read;
        if bytes[..filled].ends_with(b"\r\n\r\n") {
            filled = 0;
            if socket.write_all(RESPONSE).is_err() {
                return;
            }
        }
    }
}

/// This program as a proxy.
struct Proxy {
    process: Child,
    counts: BufReader<std::process::ChildStdout>,
    address: SocketAddr,
}

impl Proxy {
    fn start(directory: &Path, origin: SocketAddr) -> Self {
        let sample =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../compose/sidecar/bootstrap.v3.yaml");
        let port = free_port();
        let file = std::fs::read_to_string(sample).expect("the sample");
        let file = file
            .replace("0.0.0.0, port_value: 80 ", &format!("127.0.0.1, port_value: {port} "))
            .replace("0.0.0.0, port_value: 8001 ", "127.0.0.1, port_value: 0 ")
            .replace(
                "127.0.0.1, port_value: 8080 ",
                &format!("127.0.0.1, port_value: {} ", origin.port()),
            );
        let path = directory.join("sidecar.yaml");
        std::fs::write(&path, file).expect("the file");
        let this = std::env::current_exe().expect("this program");
        let mut process = Command::new(this)
            .args(["-c".as_ref(), path.as_os_str()])
            .args(["--concurrency", "1", "-l", "error"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let counts = BufReader::new(process.stdout.take().expect("its output"));
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let proxy = Self { process, counts, address };
        let until = clock::now() + PATIENCE;
        while !proxy.serves() {
            assert!(clock::now() < until, "the proxy does not serve");
            thread::yield_now();
        }
        proxy
    }

    /// Whether a request gets through; before its hosts are resolved it does not.
    fn serves(&self) -> bool {
        let Ok(mut client) = TcpStream::connect(self.address) else { return false };
        let mut first = [0; 12];
        client.write_all(REQUEST).is_ok()
            && client.read_exact(&mut first).is_ok()
            && first == *b"HTTP/1.1 200"
    }

    fn count(&mut self) -> usize {
        let mut line = String::new();
        let input = self.process.stdin.as_mut().expect("its input");
        input.write_all(b"\n").expect("it reads");
        self.counts.read_line(&mut line).expect("it answers");
        line.trim().parse().expect("a number")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}
