//! `envoy.config.route.v3.RouteAction` and `DirectResponseAction`.

use std::fmt;

use crate::config::route::{DEFAULT_ROUTE_TIMEOUT, DirectResponse, Forward};
use crate::config::v3::message::Message;
use crate::config::v3::{address, protocol};

use super::Lowering;

/// `max_direct_response_body_size_bytes` where the file says nothing: 4 KiB, Envoy's.
const MAX_DIRECT_RESPONSE_BODY: usize = 4096;

/// A name quoted as Envoy's own message quotes it, which people search for.
struct SingleQuoted<'a>(&'a str);

// === impl Lowering ===

impl Lowering<'_> {
    pub(super) fn forward(&mut self, action: &Message<'_>) -> Option<Forward> {
        let cluster = action.nonempty("cluster");
        if let (Some(cluster), Some(known)) = (cluster, self.clusters)
            && !known.contains(cluster)
        {
            let message = format!("route: unknown cluster {}", SingleQuoted(cluster));
            self.findings
                .error(action.place("cluster"), message)
                .did_you_mean(cluster, known.iter().copied());
        }
        let status = match action.enumeration("cluster_not_found_response_code") {
            Some("NOT_FOUND") => 404,
            Some("INTERNAL_SERVER_ERROR") => 500,
            _ => 503,
        };
        Some(Forward {
            timeout: protocol::timeout(Some(action), "timeout", Some(DEFAULT_ROUTE_TIMEOUT)),
            cluster: cluster?.to_owned(),
            cluster_not_found_status: status,
        })
    }

    pub(super) fn direct_response(&mut self, response: &Message<'_>) -> Option<DirectResponse> {
        let body = address::inline_text(response, "body").unwrap_or_default().to_owned();
        if body.len() > MAX_DIRECT_RESPONSE_BODY {
            let message = format!(
                "expected a body of at most {MAX_DIRECT_RESPONSE_BODY} bytes, found {}",
                body.len()
            );
            self.findings.error(response.place("body"), message);
        }
        let status = u16::try_from(response.u32("status")?).ok()?;
        Some(DirectResponse { status, body })
    }
}

// === impl SingleQuoted ===

impl fmt::Display for SingleQuoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.escape_debug())
    }
}
