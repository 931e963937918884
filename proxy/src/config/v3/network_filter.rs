//! Network filters: what a filter chain is made of, and what it ends in.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::config::diagnostic::Findings;
use crate::config::listener::{ConnectionLimit, LocalRateLimit, NetworkFilter, Terminal};
use crate::config::tcp_proxy::{DEFAULT_IDLE_TIMEOUT, TcpProxy};

use super::message::Message;
use super::{access_log, data_source, hcm, protocol};

const TCP_PROXY: &str = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
const CONNECTION_LIMIT: &str =
    "envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit";
const LOCAL_RATE_LIMIT: &str = "envoy.extensions.filters.network.local_ratelimit.v3.LocalRateLimit";
const ECHO: &str = "envoy.extensions.filters.network.echo.v3.Echo";
const DIRECT_RESPONSE: &str = "envoy.extensions.filters.network.direct_response.v3.Config";

/// The least `fill_interval` that Envoy takes.
const LEAST_FILL_INTERVAL: Duration = Duration::from_millis(50);

/// How long a direct response may be: it is kept as long as the listener is.
const MOST_RESPONSE: usize = 1024 * 1024;

/// A network filter, by its place in a chain.
enum Filter {
    Before(NetworkFilter),
    Last(Terminal),
}

/// Lowers the filters of a chain.
pub(super) fn lower(
    chain: &Message<'_>,
    clusters: Option<&BTreeSet<&str>>,
    findings: &mut Findings,
) -> Option<(Vec<NetworkFilter>, Terminal)> {
    let messages: Vec<&Message<'_>> = chain.messages("filters").collect();
    let last = messages.len().saturating_sub(1);
    let mut terminal = messages.is_empty().then_some(Terminal::Nothing);
    let mut before = Vec::new();
    let mut right = true;
    for (index, filter) in messages.into_iter().enumerate() {
        filter.dismiss(&["name"]);
        match one(filter, clusters, findings) {
            None => right = false,
            Some(Filter::Last(_)) if index < last => {
                findings.error(filter.at, "a terminal filter must be the last of its chain");
                right = false;
            }
            Some(Filter::Last(last)) => terminal = Some(last),
            Some(Filter::Before(_)) if index == last => {
                let message = "the last filter of a chain must be a terminal one";
                findings.error(filter.at, message).hint("an HTTP connection manager, or a proxy");
                right = false;
            }
            Some(Filter::Before(filter)) => before.push(filter),
        }
    }
    Some((before, terminal?)).filter(|_| right)
}

fn one(
    filter: &Message<'_>,
    clusters: Option<&BTreeSet<&str>>,
    findings: &mut Findings,
) -> Option<Filter> {
    let extension = super::extension(filter, findings)?;
    Some(match extension.schema.name {
        hcm::NAME => {
            let hcm = hcm::lower(extension, clusters, findings)?;
            Filter::Last(Terminal::Http(Arc::new(hcm)))
        }
        TCP_PROXY => Filter::Last(Terminal::Tcp(Arc::new(tcp_proxy(extension, findings)?))),
        ECHO => Filter::Last(Terminal::Echo),
        DIRECT_RESPONSE => {
            let bytes = data_source::bytes(extension, "response", MOST_RESPONSE, findings);
            Filter::Last(Terminal::DirectResponse(bytes.unwrap_or_default()))
        }
        CONNECTION_LIMIT => {
            let limit = connection_limit(extension)?;
            Filter::Before(NetworkFilter::ConnectionLimit(Arc::new(limit)))
        }
        LOCAL_RATE_LIMIT => {
            let limit = local_rate_limit(extension, findings)?;
            Filter::Before(NetworkFilter::LocalRateLimit(Arc::new(limit)))
        }
        _ => {
            super::wrong_extension(filter, extension, "a network filter", findings);
            return None;
        }
    })
}

fn tcp_proxy(proxy: &Message<'_>, findings: &mut Findings) -> Option<TcpProxy> {
    let clusters = match proxy.message("weighted_clusters") {
        None => vec![(proxy.text("cluster")?.to_owned(), 1)],
        Some(weighted) => {
            let each = weighted.messages("clusters").map(|cluster| {
                let name = cluster.text("name").unwrap_or_default().to_owned();
                (name, cluster.u32("weight").unwrap_or_default())
            });
            each.collect()
        }
    };
    let all: u64 = clusters.iter().map(|(_, weight)| u64::from(*weight)).sum();
    if all > u64::from(u32::MAX) {
        let message = format!("the sum of the weights is {all}, more than {}", u32::MAX);
        findings.error(proxy.place("weighted_clusters"), message);
    }
    Some(TcpProxy {
        stat_prefix: proxy.text("stat_prefix")?.to_owned(),
        clusters,
        idle_timeout: protocol::timeout(Some(proxy), "idle_timeout", Some(DEFAULT_IDLE_TIMEOUT)),
        max_connect_attempts: proxy.u32("max_connect_attempts").unwrap_or(1),
        max_duration: proxy.duration("max_downstream_connection_duration"),
        access_logs: access_log::lower(proxy, "access_log", findings),
    })
}

fn connection_limit(limit: &Message<'_>) -> Option<ConnectionLimit> {
    Some(ConnectionLimit {
        stat_prefix: limit.text("stat_prefix")?.to_owned(),
        max_connections: limit.u64("max_connections")?,
        delay: limit.duration("delay").filter(|delay| !delay.is_zero()),
        enabled: enabled(limit),
    })
}

fn local_rate_limit(limit: &Message<'_>, findings: &mut Findings) -> Option<LocalRateLimit> {
    let bucket = limit.message("token_bucket")?;
    let fill_interval = bucket.duration("fill_interval")?;
    if fill_interval < LEAST_FILL_INTERVAL {
        let message =
            format!("expected at least 0.050s, found {}", super::duration_text(fill_interval));
        findings.error(bucket.place("fill_interval"), message);
    }
    Some(LocalRateLimit {
        stat_prefix: limit.text("stat_prefix")?.to_owned(),
        max_tokens: bucket.u32("max_tokens")?,
        tokens_per_fill: bucket.u32("tokens_per_fill").unwrap_or(1),
        fill_interval,
        enabled: enabled(limit),
    })
}

/// `runtime_enabled`. No layer of a runtime exists that could say otherwise.
fn enabled(filter: &Message<'_>) -> bool {
    let flag = filter.message("runtime_enabled");
    flag.is_none_or(|flag| flag.bool("default_value").unwrap_or(true))
}
