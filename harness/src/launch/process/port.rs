//! A port of 127.0.0.1 that stays ours while nobody listens on it.

use std::{io, net::SocketAddr};

use tokio::net::TcpSocket;

/// A reserved port.
///
/// The socket is bound and never listens. While it lives, the kernel gives the port to nobody who asks for any port, neither
/// to listen nor to connect from; who asks for this very one, with `SO_REUSEADDR` as every server does, gets it. So a node's
/// address is known before it starts, and is the same after it was killed; connecting to it meanwhile is refused.
#[derive(Debug)]
pub(super) struct Port {
    address: SocketAddr,
    _held: Option<TcpSocket>,
}

// === impl Port ===

impl Port {
    /// Reserves a free port.
    pub(super) fn free() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        Ok(Self { address: socket.local_addr()?, _held: Some(socket) })
    }

    /// Takes a port that somebody chose, if nobody listens on it. It is not held: another's must be noticed.
    pub(super) fn fixed(port: u16) -> io::Result<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        drop(std::net::TcpListener::bind(address)?);
        Ok(Self { address, _held: None })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn a_reserved_port_refuses_until_somebody_listens_on_it() {
        let port = Port::free().unwrap();
        assert_eq!(
            TcpStream::connect(port.address()).unwrap_err().kind(),
            io::ErrorKind::ConnectionRefused
        );
        let listener = TcpListener::bind(port.address()).unwrap();
        TcpStream::connect(port.address()).unwrap();
        drop(listener);
        TcpListener::bind(port.address()).unwrap();
    }

    #[tokio::test]
    async fn a_taken_port_is_refused() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let error = Port::fixed(taken.local_addr().unwrap().port()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }
}
