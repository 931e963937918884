//! What a request asks for that is not a response but a connection: an upgrade (WebSocket, for one), or CONNECT.

use http::header::{CONNECTION, HeaderMap, HeaderValue, UPGRADE};
use http::{Method, StatusCode};

use super::{Request, hop_by_hop};

/// The kind of an upgrade that is the method CONNECT.
pub const CONNECT: &str = "connect";

/// An upgrade that a request asks for; among the request's extensions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Upgrade {
    /// `upgrade_type`, in lower case.
    pub kind: Box<str>,
    /// What the connection manager's `upgrade_configs` say of this kind, if anything.
    pub enabled: Option<bool>,
    /// Whether the proxy is itself the end of a CONNECT, and what passes through it is bare TCP for upstream
    /// (`connect_config`).
    pub terminates: bool,
}

/// Marks a response that gives what was asked for; among its extensions.
#[derive(Clone, Copy, Debug)]
pub struct Given;

/// Whether a request asks for a bare connection to its host.
pub fn terminates(request: &Request) -> bool {
    request.extensions().get::<Upgrade>().is_some_and(|upgrade| upgrade.terminates)
}

// === impl Upgrade ===

impl Upgrade {
    /// The kind of upgrade that a request asks for, if any. One to HTTP/2 is a mere offer, and is not taken up, as in
    /// Envoy.
    pub fn wanted(method: &Method, headers: &HeaderMap) -> Option<Box<str>> {
        if *method == Method::CONNECT {
            return Some(CONNECT.into());
        }
        let kind = headers.get(UPGRADE)?.to_str().ok()?;
        let named = |value| hop_by_hop::has_token(value, "upgrade");
        let asks = headers.get_all(CONNECTION).iter().any(named);
        (asks && !kind.eq_ignore_ascii_case("h2c")).then(|| kind.to_ascii_lowercase().into())
    }

    /// Whether it is CONNECT.
    pub fn is_connect(&self) -> bool {
        &*self.kind == CONNECT
    }

    /// Whether a response of this status gives what was asked for.
    pub fn is_given_by(&self, status: StatusCode) -> bool {
        if self.is_connect() {
            status.is_success()
        } else {
            status == StatusCode::SWITCHING_PROTOCOLS
        }
    }

    /// Says in a head, in HTTP/1.1's words, what is upgraded to.
    pub fn say(&self, headers: &mut HeaderMap) {
        if let Ok(kind) = HeaderValue::from_str(&self.kind) {
            headers.insert(UPGRADE, kind);
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Method};

    use super::Upgrade;

    #[test]
    fn an_upgrade_is_asked_for_by_two_headers() {
        let wanted = |connection: &'static str, upgrade: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("connection", HeaderValue::from_static(connection));
            headers.insert("upgrade", HeaderValue::from_static(upgrade));
            Upgrade::wanted(&Method::GET, &headers)
        };
        assert_eq!(wanted("keep-alive, Upgrade", "WebSocket").as_deref(), Some("websocket"));
        assert_eq!(wanted("keep-alive", "websocket"), None);
        assert_eq!(wanted("Upgrade, HTTP2-Settings", "h2c"), None);
        assert_eq!(wanted("upgrade", "websocket, foo").as_deref(), Some("websocket, foo"));
        let connect = Upgrade::wanted(&Method::CONNECT, &HeaderMap::new());
        assert_eq!(connect.as_deref(), Some("connect"));
    }
}
