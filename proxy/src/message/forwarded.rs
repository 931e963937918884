//! Who a request comes from: `x-forwarded-for` and its kin, believed, said on and hidden as Envoy does.
//!
//! Envoy 1.40 takes no address for internal unless `internal_address_config` says so.

use std::net::{IpAddr, SocketAddr};

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::config::address::CidrRange;

use super::headers;

/// Whom a connection manager believes, and what it says on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Trust {
    /// `use_remote_address`: this is the edge, and the connection says who the client is.
    pub use_remote_address: bool,
    /// `xff_num_trusted_hops`: how many proxies before us are believed.
    pub trusted_hops: u32,
    /// `skip_xff_append`.
    pub skip_append: bool,
    /// `internal_address_config.cidr_ranges`.
    pub internal: Vec<CidrRange>,
    /// What stands for a client on this machine's loopback, which means nothing elsewhere.
    pub own: IpAddr,
}

// === impl Trust ===

impl Trust {
    /// The client: who the last believed proxy saw, or the connection's peer.
    pub fn client(&self, headers: &HeaderMap, peer: SocketAddr) -> SocketAddr {
        let hop = if self.use_remote_address {
            match self.trusted_hops.checked_sub(1) {
                Some(hop) => hop,
                None => return peer,
            }
        } else {
            self.trusted_hops
        };
        from_right(headers, hop).map_or(peer, |ip| SocketAddr::new(ip, 0))
    }

    /// Whether a request comes from inside: from one of our own addresses, and through nobody else.
    pub fn is_internal(&self, headers: &HeaderMap, peer: SocketAddr) -> bool {
        if self.internal.is_empty() {
            return false;
        }
        let client = if self.use_remote_address {
            let direct = !headers.contains_key(headers::X_FORWARDED_FOR);
            direct.then(|| self.client(headers, peer).ip())
        } else {
            only(headers).filter(|_| self.trusted_hops == 0)
        };
        client.is_some_and(|client| self.internal.iter().any(|range| range.contains(client)))
    }

    /// What the edge does to a request of `peer`: hides what only Envoys may say, and says who the client is. What an
    /// `internal` client says is believed.
    pub fn mark(&self, headers: &mut HeaderMap, peer: SocketAddr, internal: bool) -> SocketAddr {
        let client = self.client(headers, peer);
        if !internal && headers.keys().any(is_hidden_at_edge) {
            headers::retain(headers, |name| !is_hidden_at_edge(name));
        }
        if !self.skip_append {
            let peer = if peer.ip().is_loopback() { self.own } else { peer.ip() };
            append(headers, peer);
        }
        if self.trusted_hops == 0 || !headers.contains_key(headers::X_FORWARDED_PROTO) {
            headers.insert(headers::X_FORWARDED_PROTO, HeaderValue::from_static("http"));
        }
        if !internal && let Ok(address) = HeaderValue::try_from(client.ip().to_string()) {
            headers.insert(headers::X_ENVOY_EXTERNAL_ADDRESS, address);
        }
        client
    }
}

/// What a client outside may not say, beside what no client may.
fn is_hidden_at_edge(name: &HeaderName) -> bool {
    name.as_str().strip_prefix("x-envoy-").is_some_and(|rest| {
        matches!(
            rest,
            "downstream-service-cluster"
                | "downstream-service-node"
                | "original-path"
                | "original-host"
                | "decorator-operation"
        )
    })
}

/// The address that has `hop` others to its right in `x-forwarded-for`; the list may go over several lines.
fn from_right(headers: &HeaderMap, hop: u32) -> Option<IpAddr> {
    let mut left = hop;
    for line in headers.get_all(headers::X_FORWARDED_FOR).iter().rev() {
        for address in line.to_str().ok()?.rsplit(',') {
            if left == 0 {
                return address.trim().parse().ok();
            }
            left -= 1;
        }
    }
    None
}

/// The address in `x-forwarded-for`, if it is the only one.
fn only(headers: &HeaderMap) -> Option<IpAddr> {
    let mut lines = headers.get_all(headers::X_FORWARDED_FOR).iter();
    let address = lines.next()?.to_str().ok()?.trim().parse().ok();
    address.filter(|_| lines.next().is_none())
}

/// Appends an address to `x-forwarded-for`, with all its lines made one.
pub fn append(headers: &mut HeaderMap, address: IpAddr) {
    let mut list = Vec::new();
    for line in headers.get_all(headers::X_FORWARDED_FOR) {
        list.extend_from_slice(line.as_bytes());
        if !list.is_empty() {
            list.push(b',');
        }
    }
    list.extend_from_slice(address.to_string().as_bytes());
    if let Ok(list) = HeaderValue::from_maybe_shared(bytes::Bytes::from(list)) {
        headers.insert(headers::X_FORWARDED_FOR, list);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    use http::header::{HeaderMap, HeaderName, HeaderValue};

    use super::{CidrRange, Trust};

    const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7)), 99);

    fn trust(use_remote_address: bool, trusted_hops: u32) -> Trust {
        let internal = Vec::new();
        Trust { use_remote_address, trusted_hops, skip_append: false, internal, own: OWN }
    }

    fn head(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        headers
    }

    fn lines(headers: &HeaderMap) -> Vec<String> {
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    }

    /// What the real Envoy logged as `%DOWNSTREAM_REMOTE_ADDRESS%`.
    #[test]
    fn the_client_is_who_the_last_believed_proxy_saw() {
        let client = |trust: Trust, list| {
            trust.client(&head(&[("x-forwarded-for", list)]), PEER).to_string()
        };
        let three = "1.1.1.1, 2.2.2.2,10.0.0.3";
        let cases = [
            (trust(false, 0), three, "10.0.0.3:0"),
            (trust(false, 1), three, "2.2.2.2:0"),
            (trust(false, 2), three, "1.1.1.1:0"),
            (trust(false, 3), three, "198.51.100.7:99"),
            (trust(true, 0), three, "198.51.100.7:99"),
            (trust(true, 1), three, "10.0.0.3:0"),
            (trust(true, 3), three, "1.1.1.1:0"),
            (trust(true, 4), three, "198.51.100.7:99"),
            (trust(false, 0), "2001:db8::1", "[2001:db8::1]:0"),
            (trust(false, 0), "[2001:db8::1]", "198.51.100.7:99"),
            (trust(false, 0), "1.2.3.4:80", "198.51.100.7:99"),
            (trust(false, 0), "1.2.3.4,", "198.51.100.7:99"),
            (trust(false, 0), "", "198.51.100.7:99"),
            (trust(false, 0), "010.0.0.1", "198.51.100.7:99"),
        ];
        for (trust, list, expected) in cases {
            assert_eq!(client(trust.clone(), list), expected, "{list} with {trust:?}");
        }
    }

    #[test]
    fn a_list_over_several_lines_is_one_list() {
        let headers = head(&[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2")]);
        assert_eq!(trust(false, 1).client(&headers, PEER).to_string(), "1.1.1.1:0");
    }

    #[test]
    fn the_edge_says_who_the_client_is() {
        let mut headers = head(&[("host", "a")]);
        trust(true, 0).mark(&mut headers, PEER, false);
        let expected = [
            "host: a",
            "x-forwarded-for: 198.51.100.7",
            "x-forwarded-proto: http",
            "x-envoy-external-address: 198.51.100.7",
        ];
        assert_eq!(lines(&headers), expected);
    }

    #[test]
    fn the_edge_believes_no_protocol_unless_a_hop_is_trusted() {
        for (hops, expected) in [(0, "http"), (1, "https")] {
            let mut headers = head(&[("x-forwarded-proto", "https")]);
            trust(true, hops).mark(&mut headers, PEER, false);
            assert_eq!(headers["x-forwarded-proto"], expected);
        }
    }

    #[test]
    fn the_list_grows_in_its_place_and_a_loopback_client_is_this_machine() {
        let mut headers =
            head(&[("x-forwarded-for", "1.1.1.1"), ("a", "b"), ("x-forwarded-for", "2.2.2.2")]);
        trust(true, 0).mark(&mut headers, "127.0.0.1:5".parse().unwrap(), false);
        assert_eq!(lines(&headers)[..2], ["x-forwarded-for: 1.1.1.1,2.2.2.2,192.0.2.2", "a: b"]);
        assert_eq!(headers["x-envoy-external-address"], "127.0.0.1");
        for (before, after) in [("", "192.0.2.2"), ("1.2.3.4,", "1.2.3.4,,192.0.2.2")] {
            let mut headers = head(&[("x-forwarded-for", before)]);
            trust(true, 0).mark(&mut headers, "[::1]:5".parse().unwrap(), false);
            assert_eq!(headers["x-forwarded-for"], after);
        }
    }

    #[test]
    fn the_edge_can_leave_the_list_alone() {
        let mut headers = head(&[("x-forwarded-for", "1.1.1.1")]);
        Trust { skip_append: true, ..trust(true, 0) }.mark(&mut headers, PEER, false);
        assert_eq!(headers["x-forwarded-for"], "1.1.1.1");
        assert_eq!(headers["x-envoy-external-address"], "198.51.100.7");
    }

    #[test]
    fn no_client_outside_says_what_envoys_tell_each_other() {
        let mut headers = head(&[
            ("x-envoy-original-path", "/a"),
            ("a", "b"),
            ("x-envoy-downstream-service-cluster", "c"),
            ("x-envoy-attempt-count", "1"),
        ]);
        trust(true, 0).mark(&mut headers, PEER, false);
        assert_eq!(lines(&headers)[..2], ["a: b", "x-envoy-attempt-count: 1"]);
    }

    /// Which requests the real Envoy gave `x-envoy-internal`.
    #[test]
    fn who_comes_from_one_of_our_addresses_and_through_nobody_is_internal() {
        let range = |text: &str| CidrRange { address: text.parse().unwrap(), length: 8 };
        let internal = vec![range("10.0.0.0"), range("198.0.0.0")];
        let cases: [(bool, u32, &[&'static str], bool); 13] = [
            (true, 0, &[], true),
            (true, 0, &["10.0.0.1"], false),
            (true, 1, &["10.0.0.1"], false),
            (true, 1, &[], true),
            (false, 0, &[], false),
            (false, 0, &["10.0.0.1"], true),
            (false, 0, &["8.8.8.8"], false),
            (false, 0, &["10.0.0.1,10.0.0.2"], false),
            (false, 0, &["10.0.0.1", "10.0.0.3"], false),
            (false, 0, &["10.0.0.1,"], false),
            (false, 0, &["x"], false),
            (false, 0, &["::ffff:10.0.0.1"], false),
            (false, 1, &["10.0.0.1"], false),
        ];
        for (use_remote_address, hops, lists, expected) in cases {
            let trust = Trust { internal: internal.clone(), ..trust(use_remote_address, hops) };
            let lines: Vec<_> = lists.iter().map(|list| ("x-forwarded-for", *list)).collect();
            assert_eq!(trust.is_internal(&head(&lines), PEER), expected, "{lists:?} {trust:?}");
        }
    }

    #[test]
    fn what_an_internal_client_says_is_believed() {
        let mut headers = head(&[("x-envoy-original-path", "/a")]);
        trust(true, 0).mark(&mut headers, PEER, true);
        let expected = [
            "x-envoy-original-path: /a",
            "x-forwarded-for: 198.51.100.7",
            "x-forwarded-proto: http",
        ];
        assert_eq!(lines(&headers), expected);
    }
}
