//! A virtual host and its routes.

use std::sync::Arc;

use crate::config::route as config;

use super::action::Action;
use super::clusters::Clusters;
use super::head::Head;
use super::headers::{HeaderParsers, Level, Levels};
use super::matcher::Matcher;

/// One virtual host.
#[derive(Debug)]
pub struct VirtualHost {
    /// `name`.
    pub name: Arc<str>,
    routes: Vec<Route>,
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
}

// === impl VirtualHost ===

impl VirtualHost {
    /// As configured; `levels` says what its table does to headers.
    pub(super) fn new(
        config: &config::VirtualHost,
        clusters: &mut Clusters,
        levels: &Levels,
    ) -> Self {
        let levels = Levels { virtual_host: Level::new(&config.headers), ..levels.clone() };
        let routes = config.routes.iter().map(|route| Route::new(route, clusters, &levels));
        let routes = routes.collect();
        Self { name: Arc::from(config.name.as_str()), routes }
    }

    /// The first route that is for this request.
    pub(super) fn select(&self, head: &Head<'_>) -> Option<&Route> {
        self.routes.iter().find(|route| route.matcher.matches(head))
    }
}

// === impl Route ===

impl Route {
    fn new(config: &config::Route, clusters: &mut Clusters, levels: &Levels) -> Self {
        Self {
            name: Some(config.name.as_str()).filter(|name| !name.is_empty()).map(Arc::from),
            matcher: Matcher::new(&config.matcher),
            headers: levels.parsers(&Level::new(&config.headers), None),
            action: Action::new(&config.action, clusters),
        }
    }
}
