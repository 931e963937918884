//! Where a request would go, and with which head.

use std::time::Duration;

use crate::message::{Request, Response};
use crate::stream_info::StreamInfo;
use crate::upstream::lb;

use super::shadow::{Shadowed, shadowed};
use super::{Router, mutation, rewrite};

/// Where a request would go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bound {
    /// The cluster.
    pub cluster: String,
    /// For how long the upstream may take; none is for ever.
    pub timeout: Option<Duration>,
    /// Where copies of the request would go.
    pub shadows: Vec<Shadowed>,
}

// === impl Router ===

impl Router {
    /// The same router, of which a number decides what is left to chance.
    #[must_use]
    pub fn by_chance(self, number: u64) -> Self {
        Self { chance: Some(number), ..self }
    }

    /// Does all that is done to a request before it is sent, and to `answer` all that is done to upstream's.
    ///
    /// # Errors
    /// The answer, if it is not sent.
    pub fn preview(
        &self,
        (request, answer): (&mut Request, &mut Response),
        host: &str,
        info: &mut StreamInfo,
    ) -> Result<Bound, Box<Response>> {
        let ready = self.route(request, host, info, &mut |_head| {})?;
        // Which host it is does not matter, but for its name; where none is known yet, the client's stays.
        if let Some(rewrite) = ready.rewrite
            && let Some(target) = ready
                .local
                .choose(&lb::Context { metadata: ready.metadata(), ..lb::Context::default() })
        {
            let says_old = !self.options.suppress_envoy_headers;
            rewrite::apply_auto(rewrite, request, &target.host, says_old);
        }
        let shadows = ready.mirrors.map(|mirrors| shadowed(mirrors, request));
        mutation::change_response(ready.headers, ready.notes, answer, info);
        Ok(Bound {
            cluster: ready.local.cluster.name.to_string(),
            timeout: ready.timeout,
            shadows: shadows.unwrap_or_default(),
        })
    }
}
