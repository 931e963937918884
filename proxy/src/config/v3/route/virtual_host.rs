//! `envoy.config.route.v3.VirtualHost` and `Route`.

use crate::config::route::{Attempts, BufferLimit, RequireTls, Route, VirtualHost};
use crate::config::source::Quoted;
use crate::config::v3::message::Message;
use crate::config::v3::{headers, http_filter, mirror, rate_limit};

use super::Lowering;

impl Lowering<'_> {
    pub(super) fn virtual_host(&mut self, host: &Message<'_>) -> VirtualHost {
        VirtualHost {
            name: host.text("name").unwrap_or_default().to_owned(),
            domains: self.domains(host),
            require_tls: match host.enumeration("require_tls") {
                Some("EXTERNAL_ONLY") => RequireTls::ExternalOnly,
                Some("ALL") => RequireTls::All,
                _ => RequireTls::None,
            },
            headers: headers::mutations(host, self.findings),
            retry_policy: super::retry::lower(host, self.findings).flatten(),
            attempts: attempts(host),
            buffer_limit: buffer_limit(host),
            routes: host.messages("routes").filter_map(|route| self.route(route)).collect(),
            mirrors: mirror::policies(host, self.clusters, self.findings),
            rate_limits: rate_limit::limits(host, self.findings),
            filters: http_filter::per_filter(host, self.findings),
        }
    }

    fn domains(&mut self, host: &Message<'_>) -> Vec<String> {
        let mut domains = Vec::new();
        for (at, domain) in host.texts("domains") {
            let domain = domain.to_ascii_lowercase();
            if self.domains.insert(domain.clone()) {
                domains.push(domain);
            } else {
                let message = format!("domain {} is given twice in this table", Quoted(&domain));
                self.findings.error(at, message);
            }
        }
        domains
    }

    fn route(&mut self, route: &Message<'_>) -> Option<Route> {
        let name = route.text("name").unwrap_or_default().to_owned();
        // Everything is looked at before anything gives up, so that all of it is reported.
        let matcher = route.message("match").and_then(|matcher| self.matcher(matcher));
        let headers = headers::mutations(route, self.findings);
        let action = self.action(route, matcher.as_ref().map(|matcher| &matcher.path));
        let buffer_limit = buffer_limit(route);
        let filters = http_filter::per_filter(route, self.findings);
        Some(Route { name, matcher: matcher?, headers, buffer_limit, action: action?, filters })
    }
}

fn attempts(host: &Message<'_>) -> Attempts {
    let flag = |name| host.bool(name).unwrap_or_default();
    Attempts {
        in_request: flag("include_request_attempt_count"),
        in_response: flag("include_attempt_count_in_response"),
        tells_timeout: flag("include_is_timeout_retry_header"),
    }
}

fn buffer_limit(level: &Message<'_>) -> BufferLimit {
    BufferLimit {
        body: level.u64("request_body_buffer_limit"),
        request: level.u32("per_request_buffer_limit_bytes"),
    }
}
