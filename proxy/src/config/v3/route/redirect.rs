//! `envoy.config.route.v3.RedirectAction`.

use crate::config::diagnostic::Findings;
use crate::config::route::Redirect;
use crate::config::v3::message::Message;

use super::action::path_rewrite;

/// Lowers a redirect.
pub(super) fn lower(redirect: &Message<'_>, findings: &mut Findings) -> Option<Redirect> {
    let text = |name| redirect.nonempty(name).map(Box::<str>::from);
    let https = redirect.bool("https_redirect") == Some(true);
    let rewrite = path_rewrite(redirect, findings);
    let status = match redirect.enumeration("response_code") {
        Some("FOUND") => 302,
        Some("SEE_OTHER") => 303,
        Some("TEMPORARY_REDIRECT") => 307,
        Some("PERMANENT_REDIRECT") => 308,
        _ => 301,
    };
    Some(Redirect {
        scheme: text("scheme_redirect").or_else(|| https.then(|| "https".into())),
        host: text("host_redirect"),
        port: redirect.u32("port_redirect").filter(|port| *port != 0),
        path: text("path_redirect"),
        strip_query: redirect.bool("strip_query").unwrap_or_default(),
        status,
        path_rewrite: rewrite?,
    })
}
