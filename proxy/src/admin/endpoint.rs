//! The one list of pages: for finding a page, for `/help` and for the home page.

use std::fmt::Write;

use http::{Method, StatusCode, Uri};

use super::page::Page;
use super::query::Query;
use super::{Parts, certs, clusters, config_dump, control, home, listeners, server_info, stats};

/// One page.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) path: &'static str,
    /// Changes something, and so takes POST and nothing else.
    pub(super) mutates: bool,
    pub(super) help: &'static str,
    pub(super) params: &'static [Param],
    handler: fn(&Parts, &Query) -> Page,
}

/// A parameter of a page.
#[derive(Debug)]
pub(super) struct Param {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    /// The values it takes; empty if it takes any, or none.
    pub(super) values: &'static [&'static str],
}

const FILTER: Param =
    any("filter", "a regular expression that finds something in the names to show");
const FORMAT: Param = one_of("format", "how to write it", &["text", "json"]);
const INVERT: Param = any("invert_filter", "show the names in which the filter finds nothing");
const USED_ONLY: Param = any("usedonly", "leave out what was never touched");

/// All pages, by path.
pub(super) const ENDPOINTS: &[Endpoint] = &[
    get("/", "this overview", &[], home::home),
    get("/certs", "the certificates in use", &[], certs::certs),
    get(
        "/clusters",
        "clusters, their limits and their hosts",
        &[FILTER, FORMAT],
        clusters::clusters,
    ),
    get(
        "/config_dump",
        "the configuration in force",
        &[
            any("resource", "one list of it, such as static_clusters"),
            any("mask", "only these fields, by path, with commas between them"),
            any("name_regex", "only what has a name that this expression matches"),
            any("include_eds", "endpoints too; they are part of static clusters anyway"),
        ],
        config_dump::config_dump,
    ),
    post(
        "/drain_listeners",
        "stop accepting connections",
        &[
            any("graceful", "ask clients to leave, and stop listening when the drain time is over"),
            any("skip_exit", "ask clients to leave, and go on listening"),
            any("inboundonly", "only listeners marked as inbound"),
        ],
        control::drain_listeners,
    ),
    post("/healthcheck/fail", "fail health checks from now on", &[], control::fail),
    post("/healthcheck/ok", "pass health checks again", &[], control::pass),
    get("/help", "this list", &[], help),
    get(
        "/hot_restart_version",
        "which processes can take over from this one",
        &[],
        server_info::hot_restart_version,
    ),
    get("/listeners", "the addresses listened on", &[FORMAT], listeners::listeners),
    get("/memory", "how much memory is in use", &[], server_info::memory),
    post("/quitquitquit", "end the process at once", &[], control::quit),
    get("/ready", "200 while it serves, else 503", &[], server_info::ready),
    post("/reopen_logs", "open the access logs again", &[], control::reopen_logs),
    post("/reset_counters", "set all counters to zero", &[], control::reset_counters),
    get("/runtime", "runtime flags", &[], server_info::runtime),
    get("/server_info", "version, state and command line", &[], server_info::server_info),
    get(
        "/stats",
        "all stats",
        &[
            USED_ONLY,
            FILTER,
            INVERT,
            one_of("format", "how to write them", &["text", "json", "html", "prometheus"]),
            one_of(
                "type",
                "one kind of stats",
                &["All", "Counters", "Gauges", "Histograms", "TextReadouts"],
            ),
            one_of(
                "histogram_buckets",
                "what to show of histograms",
                &["summary", "cumulative", "disjoint", "detailed"],
            ),
        ],
        stats::stats,
    ),
    get(
        "/stats/prometheus",
        "all stats, for Prometheus",
        &[
            USED_ONLY,
            FILTER,
            INVERT,
            any("text_readouts", "texts too, as the labels of gauges"),
            any("help", "say what each metric means"),
            one_of("histogram_buckets", "what to show of histograms", &["cumulative", "summary"]),
        ],
        stats::prometheus,
    ),
];

/// The page that a request asks for.
pub(super) fn answer(parts: &Parts, method: &Method, uri: &Uri) -> Page {
    let Some(endpoint) = ENDPOINTS.iter().find(|endpoint| endpoint.path == uri.path()) else {
        return Page::text(format!("invalid path. {}", help_text())).with(StatusCode::NOT_FOUND);
    };
    if endpoint.mutates && method != Method::POST {
        return Page::text(format!("Method {method} not allowed, POST required."))
            .with(StatusCode::METHOD_NOT_ALLOWED);
    }
    (endpoint.handler)(parts, &Query::parse(uri.query()))
}

fn help(_: &Parts, _: &Query) -> Page {
    Page::text(help_text())
}

fn help_text() -> String {
    let mut text = String::from("admin commands are:\n");
    for Endpoint { path, mutates, help, params, .. } in ENDPOINTS {
        let post = if *mutates { " (POST)" } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {path}{post}: {help}");
        for Param { name, help, values } in *params {
            let _ = write!(text, "      {name}: {help}");
            if !values.is_empty() {
                let _ = write!(text, "; One of ({})", values.join(", "));
            }
            text.push('\n');
        }
    }
    text
}

const fn get(
    path: &'static str,
    help: &'static str,
    params: &'static [Param],
    handler: fn(&Parts, &Query) -> Page,
) -> Endpoint {
    Endpoint { path, mutates: false, help, params, handler }
}

const fn post(
    path: &'static str,
    help: &'static str,
    params: &'static [Param],
    handler: fn(&Parts, &Query) -> Page,
) -> Endpoint {
    Endpoint { path, mutates: true, help, params, handler }
}

const fn any(name: &'static str, help: &'static str) -> Param {
    Param { name, help, values: &[] }
}

const fn one_of(name: &'static str, help: &'static str, values: &'static [&'static str]) -> Param {
    Param { name, help, values }
}
