//! The PROXY protocol: a header before all other bytes that says for whom a proxy connects.
//!
//! Versions 1 and 2 of the specification by HAProxy's authors, with what Envoy takes and refuses of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest header of version 1, with its line end.
const MOST_V1: usize = 107;

/// How version 1 begins.
const V1: &[u8] = b"PROXY ";

/// How version 2 begins.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A header of version 2 without its addresses.
pub const HEAD_V2: usize = 16;

/// Which version a header is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// The line of text.
    V1,
    /// The binary one.
    V2,
}

/// What the bytes of a connection's beginning are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Parsed {
    /// More of them must come; so many, at least.
    Partial(usize),
    /// Not a header.
    Other,
    /// A header of that version, and wrong.
    Wrong(Version),
    /// A header.
    Header(Header),
}

/// A header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// Its version.
    pub version: Version,
    /// How many bytes it takes.
    pub length: usize,
    /// Who connected, and to where; none if the proxy speaks for itself or does not know.
    pub ends: Option<(SocketAddr, SocketAddr)>,
}

/// Reads the bytes of a connection's beginning.
pub fn parse(bytes: &[u8]) -> Parsed {
    if is_start(bytes, V2) {
        return parse_v2(bytes);
    }
    if is_start(bytes, V1) {
        return parse_v1(bytes);
    }
    Parsed::Other
}

/// The version whose header the bytes begin like, as far as they go.
pub fn version(bytes: &[u8]) -> Option<Version> {
    match (is_start(bytes, V2), is_start(bytes, V1)) {
        (true, _) => Some(Version::V2),
        (_, true) => Some(Version::V1),
        _ => None,
    }
}

/// Whether both are the same as far as they go.
fn is_start(bytes: &[u8], signature: &[u8]) -> bool {
    let length = bytes.len().min(signature.len());
    bytes[..length] == signature[..length]
}

fn parse_v1(bytes: &[u8]) -> Parsed {
    let most = &bytes[..bytes.len().min(MOST_V1)];
    let Some(end) = most.windows(2).position(|two| two == b"\r\n") else {
        // A line feed alone ends no header.
        let bad = memchr::memchr(b'\n', most).is_some_and(|_| bytes.len() > V1.len());
        return match bad || bytes.len() >= MOST_V1 {
            true => Parsed::Wrong(Version::V1),
            false => Parsed::Partial(1),
        };
    };
    let line = std::str::from_utf8(&bytes[V1.len()..end]).ok();
    match line.and_then(ends_v1) {
        Some(ends) => Parsed::Header(Header { version: Version::V1, length: end + 2, ends }),
        None => Parsed::Wrong(Version::V1),
    }
}

/// What the line says of the connection's ends; none if it is wrong.
#[expect(clippy::option_option, reason = "wrong, not known, or known")]
fn ends_v1(line: &str) -> Option<Option<(SocketAddr, SocketAddr)>> {
    let mut words = line.split(' ');
    let v4 = match words.next()? {
        "UNKNOWN" => return Some(None),
        "TCP4" => true,
        "TCP6" => false,
        _ => return None,
    };
    let [source, target] = [words.next()?, words.next()?].map(|word| word.parse::<IpAddr>().ok());
    let [from, to] = [words.next()?, words.next()?].map(|word| word.parse::<u16>().ok());
    if words.next().is_some() {
        return None;
    }
    let (source, target) = (SocketAddr::new(source?, from?), SocketAddr::new(target?, to?));
    let fits = |end: SocketAddr| end.is_ipv4() == v4 && is_of_one(end.ip());
    (fits(source) && fits(target)).then_some(Some((source, target)))
}

/// Whether one machine can have the address.
fn is_of_one(address: IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !address.is_unspecified() && !address.is_multicast() && !broadcast
}

fn parse_v2(bytes: &[u8]) -> Parsed {
    let wrong = Parsed::Wrong(Version::V2);
    let Some(head) = bytes.get(..HEAD_V2) else { return Parsed::Partial(HEAD_V2 - bytes.len()) };
    let length = HEAD_V2 + usize::from(u16::from_be_bytes([head[14], head[15]]));
    let (version, command, family) = (head[12] >> 4, head[12] & 0xf, head[13]);
    // Family and transport: TCP or UDP over IPv4, over IPv6. LOCAL need not say one.
    let addresses = match (command, family) {
        (0, _) => 0,
        (1, 0x11 | 0x12) => 12,
        (1, 0x21 | 0x22) => 36,
        _ => return wrong,
    };
    if version != 2 || length < HEAD_V2 + addresses {
        return wrong;
    }
    let Some(rest) = bytes.get(HEAD_V2..length) else {
        return Parsed::Partial(length - bytes.len());
    };
    if command == 1 && !are_whole(&rest[addresses..]) {
        return wrong;
    }
    let ends = ends_v2(&rest[..addresses]);
    Parsed::Header(Header { version: Version::V2, length, ends })
}

/// Whether all extensions (a kind, a length, and so many bytes each) are there.
fn are_whole(mut extensions: &[u8]) -> bool {
    while let [_kind, high, low, rest @ ..] = extensions {
        match rest.get(usize::from(u16::from_be_bytes([*high, *low]))..) {
            Some(more) => extensions = more,
            None => return false,
        }
    }
    extensions.is_empty()
}

fn ends_v2(bytes: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let port = |at: usize| Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]));
    let ip = |at: usize, length: usize| -> Option<IpAddr> {
        let bytes = bytes.get(at..at + length)?;
        match <[u8; 4]>::try_from(bytes) {
            Ok(four) => Some(Ipv4Addr::from(four).into()),
            Err(_) => <[u8; 16]>::try_from(bytes).ok().map(|all| Ipv6Addr::from(all).into()),
        }
    };
    let length = (bytes.len().checked_sub(4)?) / 2;
    let source = SocketAddr::new(ip(0, length)?, port(2 * length)?);
    let target = SocketAddr::new(ip(length, length)?, port(2 * length + 2)?);
    Some((source, target))
}

/// A header that says who connected, and to where; without ends, that the proxy speaks for itself.
pub fn write(version: Version, ends: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    match version {
        Version::V1 => write_v1(ends),
        Version::V2 => write_v2(ends),
    }
}

fn write_v1(ends: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    let text = match ends {
        Some((source, target)) if source.is_ipv4() == target.is_ipv4() => {
            let family = if source.is_ipv4() { 4 } else { 6 };
            let (from, to) = (source.ip(), target.ip());
            format!("PROXY TCP{family} {from} {to} {} {}\r\n", source.port(), target.port())
        }
        _ => String::from("PROXY UNKNOWN\r\n"),
    };
    text.into_bytes()
}

fn write_v2(ends: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    let mut bytes = V2.to_vec();
    match ends {
        Some((SocketAddr::V4(source), SocketAddr::V4(target))) => {
            bytes.extend_from_slice(&[0x21, 0x11, 0, 12]);
            bytes.extend_from_slice(&source.ip().octets());
            bytes.extend_from_slice(&target.ip().octets());
            bytes.extend_from_slice(&source.port().to_be_bytes());
            bytes.extend_from_slice(&target.port().to_be_bytes());
        }
        Some((SocketAddr::V6(source), SocketAddr::V6(target))) => {
            bytes.extend_from_slice(&[0x21, 0x21, 0, 36]);
            bytes.extend_from_slice(&source.ip().octets());
            bytes.extend_from_slice(&target.ip().octets());
            bytes.extend_from_slice(&source.port().to_be_bytes());
            bytes.extend_from_slice(&target.port().to_be_bytes());
        }
        _ => bytes.extend_from_slice(&[0x20, 0, 0, 0]),
    }
    bytes
}

#[cfg(test)]
mod tests;
