//! `envoy.config.route.v3.VirtualHost` and `Route`.

use crate::config::route::{RequireTls, Route, VirtualHost};
use crate::config::source::Quoted;
use crate::config::v3::message::Message;
use crate::config::v3::{headers, http_filter, rate_limit};

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
            routes: host.messages("routes").filter_map(|route| self.route(route)).collect(),
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
        let filters = http_filter::per_filter(route, self.findings);
        Some(Route { name, matcher: matcher?, headers, action: action?, filters })
    }
}
