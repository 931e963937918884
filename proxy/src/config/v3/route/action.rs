//! `envoy.config.route.v3.RouteAction` and `DirectResponseAction`.

use crate::config::diagnostic::Findings;
use crate::config::matcher::HeaderField;
use crate::config::route::{
    Action, DEFAULT_ROUTE_TIMEOUT, DirectResponse, Forward, HostRewrite, PathRewrite,
};
use crate::config::v3::message::Message;
use crate::config::v3::{data_source, matcher, protocol};

use super::Lowering;

// === impl Lowering ===

impl Lowering<'_> {
    pub(super) fn action(&mut self, route: &Message<'_>) -> Option<Action> {
        if let Some(action) = route.message("route") {
            return self.forward(action).map(|forward| Action::Forward(Box::new(forward)));
        }
        if let Some(redirect) = route.message("redirect") {
            let redirect = super::redirect::lower(redirect, self.findings);
            return redirect.map(|redirect| Action::Redirect(Box::new(redirect)));
        }
        if route.message("non_forwarding_action").is_some() {
            return Some(Action::NonForwarding);
        }
        self.direct_response(route.message("direct_response")?).map(Action::DirectResponse)
    }

    fn forward(&mut self, action: &Message<'_>) -> Option<Forward> {
        let cluster = self.cluster(action);
        let path_rewrite = path_rewrite(action, self.findings);
        let host_rewrite = host_rewrite(action, self.findings);
        let status = match action.enumeration("cluster_not_found_response_code") {
            Some("NOT_FOUND") => 404,
            Some("INTERNAL_SERVER_ERROR") => 500,
            _ => 503,
        };
        let append = action.bool("append_x_forwarded_host");
        Some(Forward {
            timeout: protocol::timeout(Some(action), "timeout", Some(DEFAULT_ROUTE_TIMEOUT)),
            cluster_not_found_status: status,
            append_x_forwarded_host: append.unwrap_or_default(),
            cluster: cluster?,
            path_rewrite: path_rewrite?,
            host_rewrite: host_rewrite?,
        })
    }

    fn direct_response(&mut self, response: &Message<'_>) -> Option<DirectResponse> {
        let body = data_source::bytes(response, "body", self.most_body, self.findings);
        let status = u16::try_from(response.u32("status")?).ok()?;
        Some(DirectResponse { status, body: body.unwrap_or_default() })
    }
}

/// `prefix_rewrite` or `regex_rewrite`, of a route or a redirect. The inner none is neither.
#[expect(clippy::option_option, reason = "something wrong, nothing, or something")]
pub(super) fn path_rewrite(
    action: &Message<'_>,
    findings: &mut Findings,
) -> Option<Option<PathRewrite>> {
    let prefix = action.nonempty("prefix_rewrite");
    if !action.has("regex_rewrite") {
        return Some(prefix.map(|prefix| PathRewrite::Prefix(prefix.into())));
    }
    if prefix.is_some() {
        let message = "only one of prefix_rewrite and regex_rewrite can be set";
        findings.error(action.place("regex_rewrite"), message);
    }
    let rewrite = matcher::rewrite(action, "regex_rewrite", findings)?;
    prefix.is_none().then_some(Some(PathRewrite::Regex(rewrite)))
}

#[expect(clippy::option_option, reason = "something wrong, nothing, or something")]
fn host_rewrite(action: &Message<'_>, findings: &mut Findings) -> Option<Option<HostRewrite>> {
    if let Some(host) = action.nonempty("host_rewrite_literal") {
        // The rules have refused what is no header's value.
        return Some(Some(HostRewrite::Literal(host.parse().ok()?)));
    }
    if action.bool("auto_host_rewrite") == Some(true) {
        return Some(Some(HostRewrite::Auto));
    }
    if let Some(name) = action.nonempty("host_rewrite_header") {
        return Some(Some(HostRewrite::Header(HeaderField::new(name))));
    }
    if action.has("host_rewrite_path_regex") {
        let rewrite = matcher::rewrite(action, "host_rewrite_path_regex", findings)?;
        return Some(Some(HostRewrite::PathRegex(rewrite)));
    }
    Some(None)
}
