//! The host that a request is for: checked, and without what routes shall not see of it.

use http::header::HeaderValue;

use crate::config::hcm::StripPort;
use crate::message::local_reply::LocalReply;

use super::Hcm;

/// A `host` header that is known to be text.
pub(super) struct Authority(HeaderValue);

// === impl Authority ===

impl Authority {
    /// Refuses what cannot be an authority: spaces, userinfo, a path.
    pub(super) fn new(value: HeaderValue) -> Result<Self, LocalReply> {
        let bad =
            |byte: &u8| matches!(byte, b' ' | b'@' | b'/' | b'\t' | b'?' | b'#' | b',' | b'\\');
        if value.to_str().is_err() || value.as_bytes().iter().any(bad) {
            return Err(LocalReply::invalid_authority());
        }
        Ok(Self(value))
    }

    /// The header's value.
    pub(super) fn value(&self) -> &HeaderValue {
        &self.0
    }

    /// Without the port and the dot at its end that the connection manager is to strip, if that changes anything.
    /// `local` is the port to which the client connected.
    pub(super) fn stripped(&self, hcm: &Hcm, local: u16) -> Option<Self> {
        let config = &hcm.config;
        let keeps_port = config.strip_port == StripPort::Never;
        if keeps_port && !config.strip_trailing_host_dot {
            return None;
        }
        let old: &str = self;
        let dotless = if config.strip_trailing_host_dot { without_dot(old) } else { None };
        let host = dotless.as_deref().unwrap_or(old);
        let host = match config.strip_port {
            StripPort::Never => host,
            StripPort::Matching => without_port(host, Some(local)),
            StripPort::Any => without_port(host, None),
        };
        if host.len() == old.len() {
            return None;
        }
        HeaderValue::from_str(host).ok().map(Self)
    }
}

impl std::ops::Deref for Authority {
    type Target = str;

    fn deref(&self) -> &str {
        self.0.to_str().unwrap_or("")
    }
}

/// Without a port; only without that one, if one is given. What is no number is no port.
fn without_port(host: &str, only: Option<u16>) -> &str {
    let Some((name, port)) = host.rsplit_once(':') else { return host };
    // The colons of an IPv6 address are between brackets.
    if port.ends_with(']') {
        return host;
    }
    let Ok(port) = port.parse::<u32>() else { return host };
    if only.is_some_and(|only| u32::from(only) != port) { host } else { name }
}

/// Without the dot before the port or at the end.
fn without_dot(host: &str) -> Option<String> {
    if let Some(name) = host.strip_suffix('.') {
        return Some(name.to_owned());
    }
    let (name, port) = host.rsplit_once(':')?;
    Some(format!("{}:{port}", name.strip_suffix('.')?))
}

#[cfg(test)]
mod tests {
    use super::{without_dot, without_port};

    /// What the upstream of the real Envoy got.
    #[test]
    fn ports_are_stripped() {
        for (host, any, matching) in [
            ("a.example", "a.example", "a.example"),
            ("a.example:99", "a.example", "a.example"),
            ("a.example:80", "a.example", "a.example:80"),
            ("[::1]:99", "[::1]", "[::1]"),
            ("[::1]", "[::1]", "[::1]"),
            ("a:", "a:", "a:"),
            ("a:x", "a:x", "a:x"),
            (":99", "", ""),
            ("a:80:99", "a:80", "a:80"),
            ("a:099", "a", "a"),
            ("a:65536", "a", "a:65536"),
        ] {
            assert_eq!(without_port(host, None), any, "{host}");
            assert_eq!(without_port(host, Some(99)), matching, "{host}");
        }
    }

    #[test]
    fn one_dot_is_stripped() {
        for (host, expected) in [
            ("a.example", None),
            ("a.example.", Some("a.example")),
            ("a.example.:80", Some("a.example:80")),
            ("a..", Some("a.")),
            ("a..:80", Some("a.:80")),
            ("a.:", Some("a:")),
            (".", Some("")),
            ("[::1]:80", None),
        ] {
            assert_eq!(without_dot(host).as_deref(), expected, "{host}");
        }
    }
}
