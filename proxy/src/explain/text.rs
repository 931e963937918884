//! An explanation for people.

use std::fmt::Write as _;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Response};

use crate::config::route::{Action, ClusterName, ClusterSpecifier, HostRewrite, PathRewrite};
use crate::hcm::{Outcome, Seen};
use crate::router::Shadowed;

use super::plan::{self, Source};
use super::{Considered, Explanation, Verdict, VirtualHost, words};

/// More routes than this are shown only if they came close, or if all are asked for.
const FEW: usize = 10;

/// How to write.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// With colours.
    pub colour: bool,
    /// All routes, those after the one that is met too.
    pub all: bool,
}

/// Lines with a word before each.
struct Page {
    text: String,
    manner: Manner,
}

/// A colour of terminals.
#[derive(Clone, Copy)]
enum Ink {
    Strong,
    Good,
    Bad,
    Faint,
}

/// The explanations, one after the other.
pub fn text(explanations: &[Explanation<'_>], manner: Manner) -> String {
    let mut page = Page { text: String::new(), manner };
    for (index, explanation) in explanations.iter().enumerate() {
        if index > 0 {
            page.text.push('\n');
        }
        page.explanation(explanation);
    }
    page.text
}

// === impl Page ===

impl Page {
    fn explanation(&mut self, explanation: &Explanation<'_>) {
        let question = explanation.question;
        let asked = format!("{} {} for {}", question.method, question.target, question.host());
        let asked = self.ink(Ink::Strong, &asked);
        self.line("request", &asked);
        for change in &explanation.changes {
            self.line("", change);
        }
        let address = &explanation.listener.address;
        let listener = match &explanation.name {
            Some(name) => format!("{name} on {address}"),
            None => address.to_string(),
        };
        self.line("listener", &listener);
        if explanation.preview.seen.is_some() {
            match &explanation.virtual_host {
                Some(host) => self.virtual_host(host),
                None => {
                    let none = self.ink(Ink::Bad, "none has a domain for this host");
                    self.line("virtual host", &none);
                }
            }
        }
        self.outcome(explanation);
    }

    fn virtual_host(&mut self, host: &VirtualHost<'_>) {
        let name = &host.config.name;
        self.line("virtual host", &format!("{name}, by its domain {}", host.domain));
        if host.requires_tls {
            self.line("", "require_tls: the client is sent to https, whatever the routes say");
            return;
        }
        self.routes(host);
    }

    fn routes(&mut self, host: &VirtualHost<'_>) {
        let all = self.manner.all || host.routes.len() <= FEW;
        let shown = |route: &&Considered<'_>| match &route.verdict {
            Verdict::Met => true,
            Verdict::TooLate => self.manner.all,
            Verdict::Unmet { close, .. } => {
                let before = host.met().is_none_or(|met| route.number < met.number);
                self.manner.all || (before && (all || *close))
            }
        };
        let shown: Vec<&Considered<'_>> = host.routes.iter().filter(shown).collect();
        let met = host.met().map_or(usize::MAX, |met| met.number);
        let earlier = host.routes.iter().filter(|route| route.number < met).count();
        let told = shown.iter().filter(|route| route.number < met).count();
        if earlier > told {
            let plural = if earlier - told == 1 { "" } else { "s" };
            let others =
                format!("{} earlier one{plural} for other paths (--all shows all)", earlier - told);
            let others = self.ink(Ink::Faint, &others);
            self.line("routes", &others);
        }
        let names = shown.iter().map(|route| titled(route).chars().count()).max().unwrap_or(0);
        for (index, route) in shown.iter().enumerate() {
            let title = titled(route);
            let padding = " ".repeat(names - title.chars().count());
            let (ink, verdict) = match &route.verdict {
                Verdict::Met => (Ink::Good, "yes"),
                Verdict::Unmet { reason, .. } => (Ink::Bad, reason.as_str()),
                Verdict::TooLate => (Ink::Faint, "it would do, but an earlier one did"),
            };
            let verdict = self.ink(ink, verdict);
            let word = if index == 0 && earlier == told { "routes" } else { "" };
            self.line(word, &format!("{title}{padding}  {verdict}"));
        }
        if host.met().is_none() {
            let none = format!("none of {} is for this request", host.routes.len());
            let none = self.ink(Ink::Bad, &none);
            self.line(if shown.is_empty() { "routes" } else { "" }, &none);
        }
    }

    fn outcome(&mut self, explanation: &Explanation<'_>) {
        match &explanation.preview.outcome {
            Outcome::Upstream { head, bound, answer } => {
                let cluster = self.ink(Ink::Strong, &bound.cluster);
                self.line("cluster", &format!("{cluster}{}", chosen(explanation)));
                self.shares(explanation);
                self.shadows(&bound.shadows);
                self.rewrites(explanation);
                self.limits(explanation);
                self.upstream_head(explanation, head);
                self.answer_headers(answer);
            }
            Outcome::Reply(response) => self.reply(explanation, response),
            Outcome::Reset(reason) => {
                let reset = self.ink(Ink::Bad, &format!("its stream is reset: {reason}"));
                self.line("answer", &reset);
            }
        }
    }

    /// The clusters among which chance decides.
    fn shares(&mut self, explanation: &Explanation<'_>) {
        let Some(Action::Forward(forward)) = action(explanation) else { return };
        let ClusterSpecifier::Weighted(weighted) = &forward.cluster else { return };
        for one in &weighted.clusters {
            let name = cluster_name(&one.cluster);
            let percent = f64::from(one.weight) * 100.0 / f64::from(weighted.total);
            let share = format!("{name} gets {} of {} ({percent:.1}%)", one.weight, weighted.total);
            self.line("", &share);
        }
    }

    /// Where copies go.
    fn shadows(&mut self, shadows: &[Shadowed]) {
        for (index, Shadowed { cluster, host, fraction }) in shadows.iter().enumerate() {
            let to = match cluster {
                Some(cluster) => format!("{cluster}, as {host}"),
                None => String::from("nowhere: the request names no cluster for it"),
            };
            let part = fraction.map_or_else(String::new, |part| {
                format!(", for {} of {} requests", part.numerator, part.denominator)
            });
            self.line(if index == 0 { "shadow" } else { "" }, &format!("{to}{part}"));
        }
    }

    fn rewrites(&mut self, explanation: &Explanation<'_>) {
        let Some(Action::Forward(forward)) = action(explanation) else { return };
        match &forward.path_rewrite {
            Some(PathRewrite::Prefix(by)) => {
                self.line("rewrite", &format!("of the path: prefix_rewrite {by}"));
            }
            Some(PathRewrite::Regex(rewrite)) => {
                self.line("rewrite", &format!("of the path: regex_rewrite {}", rewrite.pattern));
            }
            Some(PathRewrite::Format(format)) => {
                self.line("rewrite", &format!("of the path: path_rewrite {format}"));
            }
            None => {}
        }
        let word = if forward.path_rewrite.is_some() { "" } else { "rewrite" };
        let host = match &forward.host_rewrite {
            Some(HostRewrite::Literal(host)) => {
                format!("host_rewrite_literal {}", String::from_utf8_lossy(host.as_bytes()))
            }
            Some(HostRewrite::Auto) => {
                String::from("auto_host_rewrite: the name of the upstream host that is chosen")
            }
            Some(HostRewrite::Header(name)) => {
                format!("host_rewrite_header {}", words::field(name))
            }
            Some(HostRewrite::PathRegex(rewrite)) => {
                format!("host_rewrite_path_regex {}", rewrite.pattern)
            }
            Some(HostRewrite::Format(format)) => format!("host_rewrite {format}"),
            None => return,
        };
        self.line(word, &format!("of the host: {host}"));
    }

    fn limits(&mut self, explanation: &Explanation<'_>) {
        for (index, limit) in explanation.limits.iter().enumerate() {
            let value =
                limit.value.map_or_else(|| String::from("none"), |time| format!("{time:?}"));
            let source = match limit.source {
                Source::Default => String::from("default"),
                source => format!("by the {}", source.as_str()),
            };
            let word = if index == 0 { "timeouts" } else { "" };
            self.line(word, &format!("{:<20} {value:<6} {source}", plan::title(limit.name)));
        }
        self.line("retries", "none");
    }

    /// The head as upstream gets it, what differs from the request marked.
    fn upstream_head(&mut self, explanation: &Explanation<'_>, head: &Parts) {
        let question = explanation.question;
        let target = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let asked = question.target.path_and_query().map_or("/", |path| path.as_str());
        let line = format!("{} {target}", head.method);
        let line = self.marked(target != asked, &line);
        self.line("upstream gets", &line);
        for (name, value) in &head.headers {
            let same = question.says(name.as_str(), value);
            let value = shown(name.as_str(), value, same);
            let line = self.marked(!same, &format!("{name}: {value}"));
            self.line("", &line);
        }
        for (name, value) in &question.headers {
            if !head.headers.contains_key(name) {
                let value = String::from_utf8_lossy(value.as_bytes());
                let line = self.ink(Ink::Bad, &format!("- {name}: {value}"));
                self.line("", &line);
            }
        }
    }

    /// What the route does to upstream's answer.
    fn answer_headers(&mut self, answer: &HeaderMap) {
        for (index, (name, value)) in lines(answer).enumerate() {
            let word = if index == 0 { "client gets" } else { "" };
            let line = self.marked(true, &format!("{name}: {}", shown(name, value, true)));
            self.line(word, &line);
        }
    }

    fn marked(&self, changed: bool, line: &str) -> String {
        if changed { self.ink(Ink::Good, &format!("+ {line}")) } else { format!("  {line}") }
    }

    fn reply(&mut self, explanation: &Explanation<'_>, response: &Response<Bytes>) {
        let status = response.status();
        let reason = status.canonical_reason().unwrap_or("");
        let why = reason_of(explanation);
        let line = self.ink(Ink::Strong, &format!("{} {reason}", status.as_u16()));
        self.line("answer", &format!("{line}, {why}"));
        for (name, value) in response.headers() {
            let value = shown(name.as_str(), value, false);
            self.line("", &format!("  {name}: {value}"));
        }
        for line in String::from_utf8_lossy(response.body()).lines() {
            self.line("", &format!("  > {line}"));
        }
    }

    fn line(&mut self, word: &str, text: &str) {
        let word = format!("{word:<14}");
        let word = if word.trim().is_empty() { word } else { self.ink(Ink::Faint, &word) };
        // A string takes anything.
        let _ = writeln!(self.text, "{word}{text}");
    }

    fn ink(&self, ink: Ink, text: &str) -> String {
        if !self.manner.colour {
            return text.to_owned();
        }
        let code = match ink {
            Ink::Strong => "1",
            Ink::Good => "32",
            Ink::Bad => "31",
            Ink::Faint => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

fn titled(route: &Considered<'_>) -> String {
    let matcher = words::matcher(&route.config.matcher);
    match route.config.name.as_str() {
        "" => format!("#{} {matcher}", route.number),
        name => format!("#{} {name}: {matcher}", route.number),
    }
}

/// What the route that is met does.
pub(super) fn action<'e>(explanation: &'e Explanation<'_>) -> Option<&'e Action> {
    let met = explanation.virtual_host.as_ref()?.met()?;
    Some(&met.config.action)
}

/// How the cluster was found, where the route leaves it open.
fn chosen(explanation: &Explanation<'_>) -> String {
    let Some(Action::Forward(forward)) = action(explanation) else { return String::new() };
    match &forward.cluster {
        ClusterSpecifier::One(ClusterName::Fixed(_)) => String::new(),
        ClusterSpecifier::One(ClusterName::Header(field)) => {
            format!(", which {} names (cluster_header)", words::field(field))
        }
        ClusterSpecifier::Weighted(weighted) => match &weighted.random_header {
            Some(field) => format!(
                ", by the number in {}, or else by random value {} (weighted_clusters)",
                words::field(field),
                explanation.question.random
            ),
            None => {
                format!(", for random value {} (weighted_clusters)", explanation.question.random)
            }
        },
    }
}

pub(super) fn cluster_name(name: &ClusterName) -> String {
    match name {
        ClusterName::Fixed(name) => name.clone(),
        ClusterName::Header(field) => format!("the one that {} names", words::field(field)),
    }
}

/// Why a request is answered here.
pub(super) fn reason_of(explanation: &Explanation<'_>) -> String {
    let details = explanation.preview.details.as_deref().unwrap_or("");
    match (&explanation.preview.seen, &explanation.virtual_host, action(explanation)) {
        (None, _, _) => format!("before a route is looked for: {details}"),
        (Some(_), None, _) => String::from("since no virtual host is for it"),
        (Some(_), Some(host), _) if host.requires_tls => String::from("since TLS is required"),
        (Some(_), Some(_), None) => String::from("since no route is for it"),
        (Some(_), Some(_), Some(Action::Redirect(_))) => String::from("a redirect"),
        (Some(_), Some(_), Some(Action::DirectResponse(_))) => String::from("a direct_response"),
        (Some(_), Some(_), Some(Action::NonForwarding)) => {
            String::from("since no filter answered (non_forwarding_action)")
        }
        (Some(_), Some(_), Some(Action::Forward(forward))) => {
            let cluster = missing_cluster(&forward.cluster, explanation.preview.seen.as_ref());
            format!("{details}{cluster}")
        }
    }
}

/// The cluster that is not there.
fn missing_cluster(specifier: &ClusterSpecifier, seen: Option<&Seen>) -> String {
    match specifier {
        ClusterSpecifier::One(ClusterName::Fixed(name)) => format!(": {name}"),
        ClusterSpecifier::One(ClusterName::Header(field)) => {
            let named = seen.and_then(|seen| seen.head().first(field).map(str::to_owned));
            match named {
                Some(name) => format!(": {} names {name:?}", words::field(field)),
                None => format!(": {} is missing", words::field(field)),
            }
        }
        ClusterSpecifier::Weighted(_) => String::new(),
    }
}

/// A header's value, unless it is another one each time.
pub(super) fn shown(name: &str, value: &http::HeaderValue, given: bool) -> String {
    if is_fresh(name) && !given {
        return String::from("(a new one each time)");
    }
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// Whether such a header has another value each time.
pub(super) fn is_fresh(name: &str) -> bool {
    matches!(name, "x-request-id" | "date")
}

/// The lines of a head, as they are shown in JSON too.
pub(super) fn lines(headers: &HeaderMap) -> impl Iterator<Item = (&str, &http::HeaderValue)> {
    headers.iter().map(|(name, value)| (name.as_str(), value))
}
