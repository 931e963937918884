//! What is read and written of the PROXY protocol.

use super::{Header, Parsed, Version, parse, write};

fn ends(source: &str, target: &str) -> Option<(std::net::SocketAddr, std::net::SocketAddr)> {
    Some((source.parse().unwrap(), target.parse().unwrap()))
}

/// What the real Envoy takes and refuses.
#[test]
fn a_line_is_read_as_envoy_reads_it() {
    let known = ends("1.2.3.4:1111", "5.6.7.8:2222");
    let taken = [
        ("PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n", known),
        ("PROXY TCP6 1:2:3::4 5:6::7:8 1111 2222\r\n", ends("[1:2:3::4]:1111", "[5:6::7:8]:2222")),
        ("PROXY UNKNOWN\r\n", None),
        ("PROXY UNKNOWN 1 2 3\r\n", None),
        ("PROXY TCP4 1.2.3.4 5.6.7.8 01 0\r\n", ends("1.2.3.4:1", "5.6.7.8:0")),
    ];
    for (line, ends) in taken {
        let header = Header { version: Version::V1, length: line.len(), ends };
        assert_eq!(parse(format!("{line}GET /").as_bytes()), Parsed::Header(header), "{line}");
        for cut in 1..line.len() {
            let parsed = parse(&line.as_bytes()[..cut]);
            assert!(matches!(parsed, Parsed::Partial(_)), "{line} cut at {cut}: {parsed:?}");
        }
    }
    let refused = [
        "PROXY TCP4 1.2.3 5.6.7.8 1111 2222\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 66666 2222\r\n",
        "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1111\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222 3\r\n",
        "PROXY tcp4 1.2.3.4 5.6.7.8 1111 2222\r\n",
        "PROXY UDP4 1.2.3.4 5.6.7.8 1111 2222\r\n",
        "PROXY TCP4 224.0.0.1 5.6.7.8 1111 2222\r\n",
        "PROXY TCP4 0.0.0.0 0.0.0.0 1111 2222\r\n",
    ];
    for line in refused {
        assert_eq!(parse(line.as_bytes()), Parsed::Wrong(Version::V1), "{line}");
    }
    let long = format!("PROXY TCP4 {}", "1".repeat(120));
    assert_eq!(parse(long.as_bytes()), Parsed::Wrong(Version::V1));
    for other in ["GET / HTTP/1.1\r\n", "PROXX", "\r\n\r\n\0\r\nQUITx"] {
        assert_eq!(parse(other.as_bytes()), Parsed::Other, "{other}");
    }
}

fn v2(head: &[u8], rest: &[u8]) -> Vec<u8> {
    [b"\r\n\r\n\0\r\nQUIT\n", head, rest].concat()
}

const FOUR: &[u8] = &[1, 2, 3, 4, 5, 6, 7, 8, 0, 80, 1, 187];

#[test]
fn a_binary_header_is_read_as_envoy_reads_it() {
    let known = ends("1.2.3.4:80", "5.6.7.8:443");
    let taken = [
        (v2(&[0x21, 0x11, 0, 12], FOUR), known),
        (v2(&[0x21, 0x12, 0, 12], FOUR), known),
        (v2(&[0x21, 0x11, 0, 19], &[FOUR, b"\x02\x00\x04abcd"].concat()), known),
        (v2(&[0x20, 0, 0, 0], b""), None),
        (v2(&[0x20, 0x11, 0, 12], FOUR), None),
    ];
    for (bytes, ends) in taken {
        let header = Header { version: Version::V2, length: bytes.len(), ends };
        let more = [&bytes[..], b"GET /"].concat();
        assert_eq!(parse(&more), Parsed::Header(header), "{bytes:?}");
        for cut in 1..bytes.len() {
            let parsed = parse(&bytes[..cut]);
            let left = bytes.len() - cut;
            assert!(matches!(parsed, Parsed::Partial(1..)), "{bytes:?} cut at {cut}: {parsed:?}");
            assert!(matches!(parsed, Parsed::Partial(least) if least <= left), "{parsed:?}");
        }
    }
    let refused = [
        v2(&[0x21, 0, 0, 0], b""),
        v2(&[0x31, 0x11, 0, 12], FOUR),
        v2(&[0x23, 0x11, 0, 12], FOUR),
        v2(&[0x21, 0x11, 0, 4], b"abcd"),
        v2(&[0x21, 0x31, 0, 216], &[b'a'; 216]),
        v2(&[0x21, 0x11, 0, 14], &[FOUR, b"\x02\x00"].concat()),
    ];
    for bytes in refused {
        assert_eq!(parse(&bytes), Parsed::Wrong(Version::V2), "{bytes:?}");
    }
}

#[test]
fn what_is_written_is_what_is_read() {
    let all = [ends("1.2.3.4:80", "5.6.7.8:443"), ends("[::1]:1", "[2001:db8::2]:65535"), None];
    for version in [Version::V1, Version::V2] {
        for ends in all {
            let bytes = write(version, ends);
            let header = Header { version, length: bytes.len(), ends };
            assert_eq!(parse(&bytes), Parsed::Header(header), "{version:?}");
        }
    }
}
