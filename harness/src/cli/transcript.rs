//! The tutorial's request, shown as `curl -v` shows it.

use std::net::SocketAddr;

use super::screen::{self, DIM, SENT};
use crate::{client::raw::RawConnection, error::Error};

/// Makes the tutorial's request and prints request and response.
///
/// # Errors
/// [`Error::Step`] if no response comes.
pub(super) async fn show(gateway: SocketAddr) -> Result<(), Error> {
    let failed = |error| Error::step(format!("ask http://{gateway}/"), error);
    let port = gateway.port();
    let lines = [
        "GET / HTTP/1.1".to_owned(),
        format!("Host: localhost:{port}"),
        concat!("User-Agent: cargo-mesh/", env!("CARGO_PKG_VERSION")).to_owned(),
        "Accept: */*".to_owned(),
    ];
    screen::print(format_args!("$ curl -v http://localhost:{port}/"));
    let mut connection = RawConnection::to(gateway).await.map_err(failed)?;
    screen::print(format_args!(
        "{DIM}* Connected to localhost ({}) port {port}{DIM:#}",
        gateway.ip()
    ));
    for line in &lines {
        screen::print(format_args!("{SENT}> {line}{SENT:#}"));
    }
    screen::print(">");
    let reply =
        connection.exchange(format!("{}\r\n\r\n", lines.join("\r\n"))).await.map_err(failed)?;
    screen::print(format_args!("< {}", reply.status_line));
    for (name, value) in &reply.headers {
        screen::print(format_args!("< {name}: {value}"));
    }
    screen::print("<");
    screen::print(reply.text());
    screen::print(format_args!("{DIM}* Connection #0 to host localhost left intact{DIM:#}"));
    Ok(())
}
