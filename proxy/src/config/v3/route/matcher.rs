//! `envoy.config.route.v3.RouteMatch`.

use crate::config::diagnostic::Findings;
use crate::config::route::{
    CookieMatcher, PathMatch, PathTemplate, QueryCondition, QueryMatcher, RouteMatch,
    TemplateError, TlsMatch,
};
use crate::config::v3::message::Message;
use crate::config::v3::{extension, matcher, wrong_extension};

use super::Lowering;

/// The one extension there is for `path_match_policy`.
const PATH_TEMPLATE: &str = "envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig";

impl Lowering<'_> {
    pub(super) fn matcher(&mut self, config: &Message<'_>) -> Option<RouteMatch> {
        // Everything is looked at before anything gives up, so that all of it is reported.
        let path = self.path(config);
        let headers = matcher::headers(config, "headers", self.findings);
        let query: Vec<_> =
            config.messages("query_parameters").map(|one| query(one, self.findings)).collect();
        let cookies: Vec<_> =
            config.messages("cookies").map(|cookie| self.cookie(cookie)).collect();
        let fraction = matcher::runtime_fraction(config, "runtime_fraction");
        Some(RouteMatch {
            case_sensitive: config.bool("case_sensitive").unwrap_or(true),
            grpc: config.message("grpc").is_some(),
            tls: config.message("tls_context").map(|tls| TlsMatch {
                presented: tls.bool("presented"),
                validated: tls.bool("validated"),
            }),
            path: path?,
            headers: headers?,
            query_parameters: query.into_iter().collect::<Option<_>>()?,
            cookies: cookies.into_iter().collect::<Option<_>>()?,
            fraction,
        })
    }

    fn path(&mut self, config: &Message<'_>) -> Option<PathMatch> {
        if let Some(prefix) = config.text("prefix") {
            return Some(PathMatch::Prefix(prefix.into()));
        }
        if let Some(path) = config.text("path") {
            return Some(PathMatch::Exact(path.into()));
        }
        if let Some(prefix) = config.text("path_separated_prefix") {
            return Some(PathMatch::SeparatedPrefix(prefix.into()));
        }
        if let Some(policy) = config.message("path_match_policy") {
            return self.template(policy).map(PathMatch::Template);
        }
        if config.message("connect_matcher").is_some() {
            return Some(PathMatch::Connect);
        }
        matcher::regex(config, "safe_regex", self.findings).map(PathMatch::Regex)
    }

    fn template(&mut self, policy: &Message<'_>) -> Option<PathTemplate> {
        policy.dismiss(&["name"]);
        let template = extension(policy, self.findings)?;
        if template.schema.name != PATH_TEMPLATE {
            wrong_extension(policy, template, "a way to match paths", self.findings);
            return None;
        }
        let parsed = PathTemplate::parse(template.text("path_template")?);
        parsed.map_err(|why| self.bad_template(template, "path_template", &why)).ok()
    }

    /// Reports what is wrong with a template.
    pub(super) fn bad_template(&mut self, at: &Message<'_>, field: &str, why: &TemplateError) {
        let message = format!("expected a template of a path: {why}");
        self.findings.error(at.place(field), message);
    }

    fn cookie(&mut self, config: &Message<'_>) -> Option<CookieMatcher> {
        let condition = matcher::string(config, "string_match", self.findings);
        Some(CookieMatcher {
            name: config.text("name")?.into(),
            invert: config.bool("invert_match").unwrap_or_default(),
            condition: condition?,
        })
    }
}

/// One matcher in a list `query_parameters`.
pub(in crate::config::v3) fn query(
    config: &Message<'_>,
    findings: &mut Findings,
) -> Option<QueryMatcher> {
    let name = config.text("name");
    let condition = if config.has("string_match") {
        QueryCondition::Text(matcher::string(config, "string_match", findings)?)
    } else {
        QueryCondition::Present(config.bool("present_match").unwrap_or(true))
    };
    Some(QueryMatcher { name: name?.into(), condition })
}
