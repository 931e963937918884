//! Headers with an underscore in their name, which some servers cannot tell from those with a dash.

use http::header::HeaderMap;

use crate::config::hcm::{HttpConnectionManager, Underscores as Action};
use crate::message::headers;
use crate::stats::{Scope, stats};

stats! {
    /// What a codec did about such headers, under `http1.` and `http2.`
    struct CodecStats {
        /// Headers that were dropped
        dropped_headers_with_underscores: Counter,
        /// Requests that were refused
        requests_rejected_with_underscores_in_headers: Counter,
    }
}

/// What is done about them.
#[derive(Debug)]
pub(super) struct Underscores {
    drops: bool,
    http1: CodecStats,
    http2: CodecStats,
}

/// The request has such a header, and is refused for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Unwanted;

// === impl Underscores ===

impl Underscores {
    /// None where they are headers like others.
    pub(super) fn new(config: &HttpConnectionManager, root: &Scope) -> Option<Self> {
        Some(Self {
            drops: match config.underscores {
                Action::Allow => return None,
                Action::Reject => false,
                Action::Drop => true,
            },
            http1: CodecStats::register(&root.scope("http1")),
            http2: CodecStats::register(&root.scope("http2")),
        })
    }

    /// Drops or refuses what came by HTTP/1, or by HTTP/2.
    pub(super) fn check(&self, headers: &mut HeaderMap, http2: bool) -> Result<(), Unwanted> {
        let stats = if http2 { &self.http2 } else { &self.http1 };
        let unwanted = headers.keys().filter(|name| name.as_str().contains('_'));
        let count: usize = unwanted.map(|name| headers.get_all(name).iter().count()).sum();
        if count == 0 {
            return Ok(());
        }
        if !self.drops {
            stats.requests_rejected_with_underscores_in_headers.inc();
            return Err(Unwanted);
        }
        stats.dropped_headers_with_underscores.add(count as u64);
        headers::retain(headers, |name| !name.as_str().contains('_'));
        Ok(())
    }
}
