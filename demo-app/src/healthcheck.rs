//! Asks a running service for its health; the image has no shell and no curl to do it with.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use thiserror::Error;

use crate::settings::PORT;

/// Longer than a service that is well needs, shorter than the time an engine gives a check.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why the service is not healthy.
#[derive(Debug, Error)]
pub enum Error {
    /// A port that the system chose is known to nobody else.
    #[error("{PORT} is 0, so nobody knows which port to ask")]
    UnknownPort,
    /// It cannot be asked.
    #[error("cannot ask {address}")]
    Ask {
        /// Who was asked.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// It answered something else than 200.
    #[error("{address} answered {line:?}")]
    Answer {
        /// Who was asked.
        address: SocketAddr,
        /// The response's first line.
        line: String,
    },
}

/// Asks the service that was told to bind `bound`.
///
/// # Errors
///
/// When it does not answer `200` in time.
pub fn check(bound: SocketAddr) -> Result<(), Error> {
    let address = reachable(bound);
    if address.port() == 0 {
        return Err(Error::UnknownPort);
    }
    let line = ask(address).map_err(|source| Error::Ask { address, source })?;
    if line.split(' ').nth(1) == Some("200") {
        return Ok(());
    }
    Err(Error::Answer { address, line })
}

/// An address to connect to: one that is bound to every address is asked on loopback.
fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!("GET /healthz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}
