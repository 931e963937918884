//! `/` and `/stats?format=html`: the admin pages for people.

use std::fmt::Write;

use super::Parts;
use super::endpoint::{ENDPOINTS, Endpoint, Param};
use super::page::Page;
use super::query::Query;
use super::server_stats::state;

/// Part of each page, so that it needs nothing from anywhere.
const STYLE: &str = include_str!("home.css");

/// What is running at a glance, and every page with its parameters; what changes something is a button.
pub(super) fn home(parts: &Parts, _: &Query) -> Page {
    let state = state(parts).name();
    let node = &parts.bootstrap.node;
    let mut body = format!(
        "<h1>Outrigger {} <span class=\"state {state}\">{state}</span></h1>\n<p>{}</p>\n",
        env!("CARGO_PKG_VERSION"),
        escape(&format!(
            "{}up {}",
            [&node.id, &node.cluster]
                .iter()
                .filter(|name| !name.is_empty())
                .fold(String::new(), |names, name| names + name + " · "),
            humantime(parts.life.uptime().as_secs())
        )),
    );
    listeners(&mut body, parts);
    clusters(&mut body, parts);
    pages(&mut body, false, "Pages");
    pages(&mut body, true, "Orders");
    Page::html(document("Outrigger", &body))
}

/// Stats in a page where they can be chosen.
pub(super) fn stats(text: &str, query: &Query) -> String {
    let checked = |name| if query.has(name) { " checked" } else { "" };
    let mut body = format!(
        "<h1><a href=\"/\">Outrigger</a> stats</h1>\n<div><form action=\"/stats\">\
         <input type=\"hidden\" name=\"format\" value=\"html\">\
         <input name=\"filter\" value=\"{}\" placeholder=\"regular expression\" autofocus> \
         <label><input type=\"checkbox\" name=\"invert_filter\"{}> invert</label> \
         <label><input type=\"checkbox\" name=\"usedonly\"{}> used only</label> ",
        escape(query.get("filter").unwrap_or_default()),
        checked("invert_filter"),
        checked("usedonly"),
    );
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.path == "/stats") {
        let lists = endpoint.params.iter().filter(|param| !param.values.is_empty());
        for param in lists.filter(|param| param.name != "format") {
            choice(&mut body, param, query.get(param.name));
        }
    }
    body.push_str("<button>Show</button></form></div>\n");
    // Writing to a string cannot fail.
    let _ = writeln!(body, "<pre>{}</pre>", escape(text));
    document("Outrigger stats", &body)
}

fn listeners(body: &mut String, parts: &Parts) {
    body.push_str("<h2>Listeners</h2>\n<table><tr><th>Address<th>Name<th>Connections</tr>\n");
    for listener in parts.listeners.listeners() {
        let _ = writeln!(
            body,
            "<tr><td class=\"m\">{}<td>{}<td class=\"n\">{}</tr>",
            listener.address,
            escape(&listener.config.name),
            listener.scope.gauge("downstream_cx_active").value(),
        );
    }
    body.push_str("</table>\n");
}

fn clusters(body: &mut String, parts: &Parts) {
    body.push_str(
        "<h2>Clusters</h2>\n<table><tr><th>Name<th>Host<th>Connections<th>Requests<th>Errors</tr>\n",
    );
    for cluster in parts.clusters.clusters() {
        let name = escape(&cluster.name);
        let hosts = cluster.hosts();
        if hosts.hosts().is_empty() {
            let _ = writeln!(body, "<tr><td>{name}<td colspan=\"4\">no hosts</tr>");
        }
        for host in hosts.hosts() {
            let stats = &host.stats;
            let _ = writeln!(
                body,
                "<tr><td>{name}<td class=\"m\">{}<td class=\"n\">{}<td class=\"n\">{}<td class=\"n\">{}</tr>",
                host.address,
                stats.cx_active.value(),
                stats.rq_total.value(),
                stats.rq_error.value(),
            );
        }
    }
    body.push_str("</table>\n");
}

fn pages(body: &mut String, mutating: bool, title: &str) {
    let _ = writeln!(body, "<h2>{title}</h2>\n<table>");
    for endpoint in ENDPOINTS.iter().filter(|endpoint| endpoint.mutates == mutating) {
        let Endpoint { path, help, params, .. } = endpoint;
        let link = if mutating {
            format!("<code>{path}</code>")
        } else {
            format!("<a href=\"{path}\"><code>{path}</code></a>")
        };
        let _ = write!(body, "<tr><td>{link}<td>{}<td>", escape(help));
        form(body, path, params, mutating);
        body.push_str("</tr>\n");
    }
    body.push_str("</table>\n");
}

/// A form with a field for each parameter; without parameters, only an order needs one.
fn form(body: &mut String, path: &str, params: &[Param], mutating: bool) {
    if params.is_empty() && !mutating {
        return;
    }
    // A parameter of an order goes into its query, too, which a form does for GET alone: so each has a button.
    if mutating {
        let _ = write!(
            body,
            "<form method=\"post\" action=\"{path}\"><button>{}</button></form> ",
            path.trim_start_matches('/')
        );
        for param in params {
            let Param { name, help, .. } = param;
            let _ = write!(
                body,
                "<form method=\"post\" action=\"{path}?{name}\"><button title=\"{}\">{name}</button></form> ",
                escape(help)
            );
        }
        return;
    }
    let _ = write!(body, "<form action=\"{path}\">");
    for param in params {
        let Param { name, help, values } = param;
        let help = escape(help);
        if !values.is_empty() {
            choice(body, param, None);
        } else if takes_text(name) {
            let _ =
                write!(body, "<input name=\"{name}\" placeholder=\"{name}\" title=\"{help}\"> ");
        } else {
            let _ = write!(
                body,
                "<label title=\"{help}\"><input type=\"checkbox\" name=\"{name}\"> {name}</label> "
            );
        }
    }
    body.push_str("<button>Show</button></form>");
}

fn choice(body: &mut String, param: &Param, chosen: Option<&str>) {
    let Param { name, help, values } = param;
    let _ = write!(body, "<select name=\"{name}\" title=\"{}\">", escape(help));
    let _ = write!(body, "<option value=\"\">{name}</option>");
    for value in *values {
        let selected = if chosen == Some(value) { " selected" } else { "" };
        let _ = write!(body, "<option{selected}>{value}</option>");
    }
    body.push_str("</select> ");
}

/// The parameters that are more than there or not.
fn takes_text(name: &str) -> bool {
    matches!(name, "filter" | "resource" | "mask" | "name_regex")
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><link rel=\"icon\" href=\"data:,\">\
         <style>\n{STYLE}</style></head><body>\n{body}</body></html>\n"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Seconds in the largest two units that fit.
fn humantime(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::{escape, humantime};

    #[test]
    fn what_comes_from_outside_is_no_markup() {
        assert_eq!(escape("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
    }

    #[test]
    fn times_are_short() {
        let times = [59, 61, 3_660, 90_000].map(humantime);
        assert_eq!(times, ["59 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
    }
}
