//! A virtual host and its routes.

use std::sync::Arc;

use crate::config::rate_limit::{RateLimit, RateLimits};
use crate::config::route as config;
use crate::config::route::RequireTls;
use crate::message::mirror::Mirror;

use super::action::Action;
use super::filters::FilterSettings;
use super::head::Head;
use super::headers::{HeaderParsers, Level, Levels};
use super::index::Index;
use super::matcher::{Matcher, Unmet};
use super::table::Numbers;
use super::tries::{Above, Tries};

/// One virtual host.
#[derive(Debug)]
pub struct VirtualHost {
    /// `name`.
    pub name: Arc<str>,
    require_tls: RequireTls,
    /// `ignore_path_parameters_in_path_matching` of the table.
    ignore_path_parameters: bool,
    routes: Vec<Route>,
    index: Option<Index>,
    pub(super) filters: FilterSettings,
    /// `rate_limits`.
    rate_limits: RateLimits,
}

/// One route.
#[derive(Debug)]
pub struct Route {
    /// `name`; none where the file gives none.
    pub name: Option<Arc<str>>,
    matcher: Matcher,
    /// What is done to the headers of requests and responses.
    pub headers: HeaderParsers,
    /// What to do.
    pub action: Action,
    pub(super) filters: FilterSettings,
    /// How its requests are tried, if there is anything to say of that.
    pub tries: Option<Box<Tries>>,
    /// Where copies of its requests go; most go nowhere.
    pub mirrors: Option<Arc<[Mirror]>>,
}

/// `rate_limits` that a request meets.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    /// The route's.
    pub route: &'a [RateLimit],
    /// The virtual host's.
    pub virtual_host: &'a [RateLimit],
    /// `include_vh_rate_limits`.
    pub includes_host: bool,
}

// === impl VirtualHost ===

impl VirtualHost {
    /// As configured; `levels` says what its table does to headers.
    pub(super) fn new(
        config: &config::VirtualHost,
        ignore_path_parameters: bool,
        numbers: &mut Numbers<'_>,
        levels: &Levels,
    ) -> Self {
        let mirrors = Mirror::all(&config.mirrors).or_else(|| levels.mirrors.clone());
        let levels = Levels { virtual_host: Level::new(&config.headers), ..levels.clone() };
        let above = Above::new(config);
        let routes = config.routes.iter().map(|route| {
            let route_made = Route::new(route, numbers, &levels);
            let own = match &route.action {
                config::Action::Forward(forward) => Mirror::all(&forward.mirrors),
                _ => None,
            };
            let mirrors = own.or_else(|| mirrors.clone());
            Route { tries: above.tries(route), mirrors, ..route_made }
        });
        let routes: Vec<Route> = routes.collect();
        Self {
            name: Arc::from(config.name.as_str()),
            require_tls: config.require_tls,
            ignore_path_parameters,
            index: Index::new(routes.iter().map(|route| &route.matcher)),
            routes,
            filters: numbers.filters.settings(&config.filters),
            rate_limits: config.rate_limits.clone(),
        }
    }

    /// The limits that requests of one of its routes meet; none where the route does not forward.
    pub fn limits<'a>(&'a self, route: &'a Route) -> Option<Limits<'a>> {
        let Action::Forward(forward) = &route.action else { return None };
        Some(Limits {
            route: &forward.rate_limits,
            virtual_host: &self.rate_limits,
            includes_host: forward.include_vh_rate_limits,
        })
    }

    /// Whether the request must come again by TLS. Who says that it came by TLS is believed.
    pub fn requires_tls(&self, head: &Head<'_>) -> bool {
        let required = match self.require_tls {
            RequireTls::None => return false,
            RequireTls::ExternalOnly => !head.is_internal(),
            RequireTls::All => true,
        };
        required && head.forwarded_proto() != Some("https")
    }

    /// The first route that is for this request.
    pub fn select(&self, head: &Head<'_>) -> Option<&Route> {
        let path = self.path_of(head);
        match &self.index {
            None => self.routes.iter().find(|route| route.matcher.unmet(head, path).is_none()),
            Some(index) => {
                let matches =
                    |number: usize| self.routes[number].matcher.unmet(head, path).is_none();
                index.first(path, matches).map(|number| &self.routes[number])
            }
        }
    }

    /// All routes, in their order, each with the first condition that the request does not fulfil.
    pub fn explain<'t>(
        &'t self,
        head: &'t Head<'_>,
    ) -> impl Iterator<Item = (&'t Route, Option<Unmet<'t>>)> {
        let path = self.path_of(head);
        self.routes.iter().map(move |route| (route, route.matcher.unmet(head, path)))
    }

    fn path_of<'h>(&self, head: &Head<'h>) -> &'h str {
        if !self.ignore_path_parameters {
            return head.path;
        }
        head.path.split_once(';').map_or(head.path, |(path, _)| path)
    }
}

// === impl Route ===

impl Route {
    fn new(config: &config::Route, numbers: &mut Numbers<'_>, levels: &Levels) -> Self {
        let own = Level::new(&config.headers);
        let of_cluster = |cluster: &_| levels.parsers(&own, Some(&Level::new(cluster)));
        Self {
            name: Some(config.name.as_str()).filter(|name| !name.is_empty()).map(Arc::from),
            matcher: Matcher::new(&config.matcher),
            headers: levels.parsers(&own, None),
            action: Action::new(&config.action, numbers, &of_cluster),
            filters: numbers.filters.settings(&config.filters),
            tries: None,
            mirrors: None,
        }
    }

    /// The part of a path, which the route is for, that `prefix_rewrite` replaces.
    pub fn matched<'p>(&self, path: &'p str) -> &'p str {
        self.matcher.matched(path)
    }
}
