//! `envoy.config.route.v3.RouteAction` and `DirectResponseAction`.

use crate::config::cluster::RoutingPriority;
use crate::config::diagnostic::Findings;
use crate::config::matcher::HeaderField;
use crate::config::route::{
    Action, DirectResponse, Forward, HostRewrite, PathMatch, PathRewrite, PathTemplate, Upgrade,
};
use crate::config::v3::message::Message;
use crate::config::v3::{
    data_source, endpoint, extension, matcher, mirror, rate_limit, substitution_format,
    wrong_extension,
};
use crate::formatter::{FormatError, HeadFormat};

use super::{Lowering, times};

/// The one extension there is for `path_rewrite_policy`.
const TEMPLATE_REWRITE: &str =
    "envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig";

// === impl Lowering ===

impl Lowering<'_> {
    /// What a route does; `path` is how it finds its paths, if that makes sense.
    pub(super) fn action(
        &mut self,
        route: &Message<'_>,
        path: Option<&PathMatch>,
    ) -> Option<Action> {
        let template = match path {
            Some(PathMatch::Template(template)) => Some(template),
            _ => None,
        };
        if let Some(action) = route.message("route") {
            let forward = self.forward(action, template);
            return forward.map(|forward| Action::Forward(Box::new(forward)));
        }
        if let Some(redirect) = route.message("redirect") {
            self.refuse_prefix(redirect, template);
            let redirect = super::redirect::lower(redirect, self.findings);
            return redirect.map(|redirect| Action::Redirect(Box::new(redirect)));
        }
        if route.message("non_forwarding_action").is_some() {
            return Some(Action::NonForwarding);
        }
        self.direct_response(route.message("direct_response")?).map(Action::DirectResponse)
    }

    fn forward(
        &mut self,
        action: &Message<'_>,
        template: Option<&PathTemplate>,
    ) -> Option<Forward> {
        let metadata_match = endpoint::metadata_match(action);
        let cluster = self.cluster(action, metadata_match.as_ref());
        self.refuse_prefix(action, template);
        let path_rewrite = if action.has("path_rewrite_policy") {
            self.path_rewrite_policy(action, template).map(Some)
        } else {
            path_rewrite(action, self.findings)
        };
        let host_rewrite = host_rewrite(action, self.findings);
        let rate_limits = rate_limit::limits(action, self.findings);
        let retry_policy = super::retry::lower(action, self.findings);
        let status = match action.enumeration("cluster_not_found_response_code") {
            Some("NOT_FOUND") => 404,
            Some("INTERNAL_SERVER_ERROR") => 500,
            _ => 503,
        };
        let hash_policy = super::hash_policy::lower(action, self.findings);
        let mirrors = mirror::policies(action, self.clusters, self.findings);
        let append = action.bool("append_x_forwarded_host");
        Some(Forward {
            timeout: times::timeout(action),
            times: times::lower(action, self.findings).map(Box::new),
            priority: priority(action),
            cluster_not_found_status: status,
            append_x_forwarded_host: append.unwrap_or_default(),
            rate_limits,
            include_vh_rate_limits: action.bool("include_vh_rate_limits").unwrap_or_default(),
            upgrades: upgrades(action),
            mirrors,
            cluster: cluster?,
            metadata_match: metadata_match.map(Box::new),
            hash_policy: hash_policy?,
            path_rewrite: path_rewrite?,
            host_rewrite: host_rewrite?,
            retry_policy: retry_policy?,
        })
    }

    /// What a template matches is no prefix that could be replaced.
    fn refuse_prefix(&mut self, action: &Message<'_>, template: Option<&PathTemplate>) {
        if template.is_some() && action.nonempty("prefix_rewrite").is_some() {
            let message = "prefix_rewrite does not go with path_match_policy";
            self.findings.error(action.place("prefix_rewrite"), message);
        }
    }

    fn path_rewrite_policy(
        &mut self,
        action: &Message<'_>,
        template: Option<&PathTemplate>,
    ) -> Option<PathRewrite> {
        let policy = action.message("path_rewrite_policy")?;
        policy.dismiss(&["name"]);
        let rewrite = extension(policy, self.findings)?;
        if rewrite.schema.name != TEMPLATE_REWRITE {
            wrong_extension(policy, rewrite, "a way to rewrite paths", self.findings);
            return None;
        }
        let others = ["prefix_rewrite", "regex_rewrite", "path_rewrite"];
        if others.into_iter().any(|other| action.has(other)) {
            let message =
                "only one of prefix_rewrite, regex_rewrite, path_rewrite and path_rewrite_policy";
            self.findings.error(policy.at, message);
        }
        let text = rewrite.text("path_template_rewrite")?;
        let Some(template) = template else {
            let message = "path_rewrite_policy needs a path_match_policy in the route's match";
            self.findings.error(policy.at, message);
            return None;
        };
        let rewritten = template.rewrite(text);
        let rewritten = rewritten
            .map_err(|why| self.bad_template(rewrite, "path_template_rewrite", &why))
            .ok()?;
        Some(PathRewrite::Regex(rewritten))
    }

    fn direct_response(&mut self, response: &Message<'_>) -> Option<DirectResponse> {
        let body = data_source::bytes(response, "body", self.most_body, self.findings);
        let body_format = substitution_format::lower(response, "body_format", self.findings);
        let status = u16::try_from(response.u32("status")?).ok()?;
        let body_format = body_format.map(Box::new);
        Some(DirectResponse { status, body: body.unwrap_or_default(), body_format })
    }
}

fn priority(action: &Message<'_>) -> RoutingPriority {
    match action.enumeration("priority") {
        Some("HIGH") => RoutingPriority::High,
        _ => RoutingPriority::Default,
    }
}

fn upgrades(action: &Message<'_>) -> Vec<Upgrade> {
    let upgrades = action.messages("upgrade_configs").map(|upgrade| Upgrade {
        kind: upgrade.text("upgrade_type").unwrap_or_default().to_ascii_lowercase().into(),
        enabled: upgrade.bool("enabled").unwrap_or(true),
        terminates: upgrade.message("connect_config").is_some(),
    });
    upgrades.collect()
}

/// `prefix_rewrite` or `regex_rewrite`, of a route or a redirect. The inner none is neither.
#[expect(clippy::option_option, reason = "something wrong, nothing, or something")]
pub(super) fn path_rewrite(
    action: &Message<'_>,
    findings: &mut Findings,
) -> Option<Option<PathRewrite>> {
    let prefix = action.nonempty("prefix_rewrite");
    let format = action.nonempty("path_rewrite");
    let regex = action.has("regex_rewrite");
    let set = [
        ("prefix_rewrite", prefix.is_some()),
        ("regex_rewrite", regex),
        ("path_rewrite", format.is_some()),
    ];
    let mut set = set.into_iter().filter(|(_, is)| *is);
    if let (Some((first, _)), Some((second, _))) = (set.next(), set.next()) {
        let message = format!("only one of {first} and {second} can be set");
        findings.error(action.place(second), message);
    }
    if regex {
        let rewrite = matcher::rewrite(action, "regex_rewrite", findings)?;
        return Some(Some(PathRewrite::Regex(rewrite)));
    }
    if let Some(format) = format {
        let format = format_of(action, "path_rewrite", HeadFormat::sparing(format), findings)?;
        return Some(Some(PathRewrite::Format(format)));
    }
    Some(prefix.map(|prefix| PathRewrite::Prefix(prefix.into())))
}

fn format_of(
    action: &Message<'_>,
    field: &str,
    format: Result<HeadFormat, FormatError>,
    findings: &mut Findings,
) -> Option<HeadFormat> {
    format.map_err(|error| findings.error(action.place(field), error.to_string())).ok()
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
    if let Some(format) = action.nonempty("host_rewrite") {
        let format = format_of(action, "host_rewrite", HeadFormat::parse(format), findings)?;
        return Some(Some(HostRewrite::Format(format)));
    }
    Some(None)
}
