//! An explanation for programs: what `--format json` prints.

use serde_json::{Value as Json, json};

use crate::config::route::{Action, ClusterName, ClusterSpecifier};
use crate::hcm::Outcome;

use super::plan::Limit;
use super::text::{action, cluster_name, is_fresh, lines, reason_of};
use super::{Considered, Explanation, Verdict, VirtualHost, words};

/// One object: the request, and what would become of it on each listener.
pub fn json(explanations: &[Explanation<'_>]) -> Json {
    let question = explanations.first().map(|one| one.question);
    let request = question.map(|question| {
        json!({
            "method": question.method.as_str(),
            "target": question.target.to_string(),
            "host": question.host(),
            "random_value": question.random,
        })
    });
    json!({
        "request": request,
        "listeners": explanations.iter().map(explanation).collect::<Vec<_>>(),
    })
}

fn explanation(explanation: &Explanation<'_>) -> Json {
    let seen = explanation.preview.seen.as_ref();
    let seen = seen.map(|seen| {
        json!({ "method": seen.method.as_str(), "path": seen.uri.to_string(), "host": seen.host })
    });
    let host = explanation.virtual_host.as_ref();
    let met = host.and_then(VirtualHost::met);
    let (outcome, cluster, upstream, response) = outcome(explanation);
    json!({
        "listener": explanation.name,
        "address": explanation.listener.address.to_string(),
        "seen": seen,
        "changes": explanation.changes,
        "virtual_host": host.map(|host| {
            json!({
                "name": host.config.name,
                "domain": host.domain,
                "requires_tls": host.requires_tls,
            })
        }),
        "routes": host.map(|host| host.routes.iter().map(route).collect::<Vec<_>>()),
        "route": met.map(route),
        "outcome": outcome,
        "cluster": cluster,
        "shadows": shadows(explanation),
        "timeouts": explanation.limits.iter().map(limit).collect::<Vec<_>>(),
        "retries": Json::Null,
        "upstream_request": upstream,
        "response": response,
    })
}

fn route(route: &Considered<'_>) -> Json {
    let (verdict, reason) = match &route.verdict {
        Verdict::Met => ("met", None),
        Verdict::Unmet { reason, .. } => ("unmet", Some(reason)),
        Verdict::TooLate => ("too_late", None),
    };
    json!({
        "number": route.number,
        "name": route.config.name,
        "match": words::matcher(&route.config.matcher),
        "verdict": verdict,
        "reason": reason,
    })
}

/// What happens, in a word; the cluster; what upstream gets; what the client gets from here.
fn outcome(explanation: &Explanation<'_>) -> (&'static str, Json, Json, Json) {
    match &explanation.preview.outcome {
        Outcome::Upstream { head, bound, answer } => {
            let upstream = json!({
                "method": head.method.as_str(),
                "path": head.uri.path_and_query().map(|path| path.as_str()),
                "headers": headers(explanation, &head.headers),
            });
            let response = json!({ "headers_added": headers(explanation, answer) });
            ("cluster", cluster(explanation, &bound.cluster), upstream, response)
        }
        Outcome::Reply(response) => {
            let response = json!({
                "status": response.status().as_u16(),
                "reason": reason_of(explanation),
                "details": explanation.preview.details,
                "headers": headers(explanation, response.headers()),
                "body": String::from_utf8_lossy(response.body()),
            });
            (answer(explanation), Json::Null, Json::Null, response)
        }
        Outcome::Reset(reason) => ("reset", Json::Null, Json::Null, json!({ "reason": reason })),
    }
}

fn answer(explanation: &Explanation<'_>) -> &'static str {
    if explanation.preview.seen.is_none() {
        return "refused";
    }
    let tls = explanation.virtual_host.as_ref().is_some_and(|host| host.requires_tls);
    match action(explanation) {
        _ if tls => "redirect",
        Some(Action::Redirect(_)) => "redirect",
        Some(Action::DirectResponse(_)) => "direct_response",
        Some(Action::NonForwarding | Action::Forward(_)) => "no_cluster",
        None => "no_route",
    }
}

fn cluster(explanation: &Explanation<'_>, name: &str) -> Json {
    let Some(Action::Forward(forward)) = action(explanation) else { return Json::Null };
    let (specifier, shares) = match &forward.cluster {
        ClusterSpecifier::One(ClusterName::Fixed(_)) => ("cluster", None),
        ClusterSpecifier::One(ClusterName::Header(_)) => ("cluster_header", None),
        ClusterSpecifier::Weighted(weighted) => {
            let shares = weighted.clusters.iter();
            let shares = shares.map(|one| {
                json!({
                    "cluster": cluster_name(&one.cluster),
                    "weight": one.weight,
                    "total": weighted.total,
                })
            });
            ("weighted_clusters", Some(shares.collect::<Vec<_>>()))
        }
    };
    json!({ "name": name, "specifier": specifier, "shares": shares })
}

/// Where copies go; the cluster is null if the request names none, the fraction if all requests are copied.
fn shadows(explanation: &Explanation<'_>) -> Vec<Json> {
    let Outcome::Upstream { bound, .. } = &explanation.preview.outcome else { return Vec::new() };
    let shadows = bound.shadows.iter().map(|shadow| {
        let fraction = shadow.fraction;
        let fraction =
            fraction.map(|of| json!({ "numerator": of.numerator, "denominator": of.denominator }));
        json!({ "cluster": shadow.cluster, "host": shadow.host, "fraction": fraction })
    });
    shadows.collect()
}

/// A duration is in milliseconds; none is for ever.
fn limit(limit: &Limit) -> Json {
    let millis = limit.value.map(|value| u64::try_from(value.as_millis()).unwrap_or(u64::MAX));
    json!({ "name": limit.name, "ms": millis, "source": limit.source.as_str() })
}

/// Name and value; the value is null where it is another one each time.
fn headers(explanation: &Explanation<'_>, headers: &http::HeaderMap) -> Json {
    let given = |name: &str, value| explanation.question.says(name, value);
    let all = lines(headers).map(|(name, value)| {
        let value = (!is_fresh(name) || given(name, value))
            .then(|| String::from_utf8_lossy(value.as_bytes()).into_owned());
        json!([name, value])
    });
    all.collect()
}
