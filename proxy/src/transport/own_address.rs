//! The address that stands for this machine where it says of itself who it is.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::LazyLock;

/// It is looked up once: in `x-forwarded-for`, a machine keeps its name.
static OWN: LazyLock<IpAddr> = LazyLock::new(look_up);

/// The address by which this machine reaches others.
pub fn own_address() -> IpAddr {
    *OWN
}

/// Whatever routes to an address that nobody has (RFC 5737) does. Connecting a datagram socket only looks up the route.
fn look_up() -> IpAddr {
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let Ok(socket) = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)) else { return loopback };
    let reached =
        socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).and_then(|()| socket.local_addr());
    reached.map_or(loopback, |address| address.ip())
}
