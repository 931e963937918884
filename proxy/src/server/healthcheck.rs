//! `outrigger healthcheck`: asks a proxy whether it is ready. An image without a shell has no other way.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

/// How long the proxy may take; an orchestrator's own patience is longer.
const PATIENCE: Duration = Duration::from_secs(2);

/// An answer of `/ready` is far shorter.
const MOST: u64 = 64 * 1024;

/// `outrigger healthcheck`.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The admin server's address
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:8001")]
    admin: String,
}

/// Asks the admin server for `/ready`, and says what it answered.
pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let admin = arguments.admin.as_str();
    let (text, code) = match ask(admin) {
        Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => (state(&answer), ExitCode::SUCCESS),
        Ok(answer) => (state(&answer), ExitCode::FAILURE),
        Err(error) => (format!("no answer from {admin}: {error}"), ExitCode::FAILURE),
    };
    // The exit code is the answer; the text is for people.
    let _ = writeln!(io::stderr(), "{text}");
    code
}

fn ask(admin: &str) -> io::Result<String> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the address does not resolve");
    for address in admin.to_socket_addrs()? {
        match ask_at(address) {
            Ok(answer) => return Ok(answer),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn ask_at(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /ready HTTP/1.1\r\nhost: healthcheck\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MOST).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The body's first word: `LIVE`, `DRAINING`, …
fn state(answer: &str) -> String {
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let words = ["PRE_INITIALIZING", "INITIALIZING", "DRAINING", "LIVE"];
    let state = words.into_iter().find(|word| body.contains(word));
    state.unwrap_or_else(|| answer.lines().next().unwrap_or("an empty answer")).to_owned()
}
