//! Compares what a request meets with what is expected, in `router_check_tool`'s words.

use std::fmt;

use http::HeaderMap;
use http::header::HOST;

use crate::config::matcher::{HeaderCondition, HeaderField, HeaderMatcher};
use crate::config::route_tests::{Expected, HeaderCheck, Wanted};
use crate::route::Head;

use super::Found;

/// Something that is not as expected.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// What: the field of `validate`, and the kind of a condition on a header.
    pub kind: String,
    /// What was expected; none for conditions that do not compare whole values.
    pub expected: Option<String>,
    /// What was found.
    pub actual: String,
    /// Whether it was expected not to be that.
    pub inverted: bool,
}

/// Compares. Also says which fields are right, by their names.
pub(super) fn compare(expected: &Expected, found: &Found) -> (Vec<Failure>, Vec<&'static str>) {
    let (mut failures, mut right) = (Vec::new(), Vec::new());
    let request = &found.request;
    let path = request.uri().path_and_query().map_or("", |path| path.as_str());
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    let of_forwarded = |text: &str| if found.forwarded { text.to_owned() } else { String::new() };
    let code = expected.code_redirect.map(|code| code.to_string());
    let status = found.status.map_or(0, |status| status.as_u16()).to_string();
    for (kind, wanted, actual) in [
        ("cluster_name", &expected.cluster_name, found.cluster.clone()),
        // There are none, since none can be configured yet.
        ("virtual_cluster_name", &expected.virtual_cluster_name, String::new()),
        ("virtual_host_name", &expected.virtual_host_name, found.virtual_host.clone()),
        ("path_rewrite", &expected.path_rewrite, of_forwarded(path)),
        ("host_rewrite", &expected.host_rewrite, of_forwarded(host)),
        ("path_redirect", &expected.path_redirect, found.location.clone()),
        ("code_redirect", &code, status),
    ] {
        match wanted {
            None => {}
            Some(wanted) if *wanted == actual => right.push(kind),
            Some(wanted) => failures.push(Failure {
                kind: kind.to_owned(),
                expected: Some(wanted.clone()),
                actual,
                inverted: false,
            }),
        }
    }
    let head = Head::of(host, request.method(), request.uri(), request.headers());
    let checks = expected.request_headers.iter();
    failures.extend(checks.filter_map(|check| {
        let values: Vec<&[u8]> = head.values(&HeaderField::new(&check.name)).collect();
        header(check, &values)
    }));
    let status = found.status.map(|status| status.as_str().to_owned());
    let checks = expected.response_headers.iter();
    failures.extend(checks.filter_map(|check| {
        let values = match &status {
            Some(status) if check.name == ":status" => vec![status.as_bytes()],
            _ => values(&found.response, &check.name),
        };
        header(check, &values)
    }));
    (failures, right)
}

fn values<'h>(headers: &'h HeaderMap, name: &str) -> Vec<&'h [u8]> {
    let all = headers.iter().filter(|(other, _)| other.as_str().eq_ignore_ascii_case(name));
    all.map(|(_, value)| value.as_bytes()).collect()
}

fn header(check: &HeaderCheck, values: &[&[u8]]) -> Option<Failure> {
    let HeaderCheck { name, kind, wanted } = check;
    let first = values.first().map(|value| String::from_utf8_lossy(value).into_owned());
    let failure = |expected, actual, inverted| {
        Some(Failure { kind: kind.clone(), expected, actual, inverted })
    };
    match wanted {
        Wanted::Value(wanted) => {
            let actual = first.unwrap_or_default();
            if actual == *wanted { None } else { failure(Some(wanted.clone()), actual, false) }
        }
        Wanted::Match(matcher, _) if matcher.matches(values.iter().copied()) => None,
        Wanted::Match(matcher, exact) => {
            let actual = format!("{name}: {}", first.as_deref().unwrap_or("NULL"));
            match (&matcher.condition, exact) {
                (HeaderCondition::Present(_), _) => {
                    let wanted = is_wanted(matcher);
                    let has = |there: bool| format!("has({name}):{there}");
                    failure(Some(has(wanted)), has(!wanted), false)
                }
                (_, Some(exact)) => {
                    failure(Some(format!("{name}: {exact}")), actual, matcher.invert)
                }
                (_, None) => failure(None, actual, matcher.invert),
            }
        }
    }
}

/// Whether the header is to be there.
fn is_wanted(matcher: &HeaderMatcher) -> bool {
    matches!(matcher.condition, HeaderCondition::Present(wanted) if wanted != matcher.invert)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.inverted { "NOT " } else { "" };
        if let Some(expected) = &self.expected {
            write!(f, "expected: [{expected}], ")?;
        }
        write!(f, "actual: {not}[{}], test type: {}", self.actual, self.kind)
    }
}
