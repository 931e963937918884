//! `envoy.config.listener.v3.Listener`.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::base::random;
use crate::config::diagnostic::Findings;
use crate::config::listener::{DEFAULT_BACKLOG, DEFAULT_BUFFER_LIMIT, Listener, Terminal};

use super::message::Message;
use super::{address, hcm};

/// Lowers a listener.
pub(super) fn lower(
    listener: &Message<'_>,
    clusters: Option<&BTreeSet<&str>>,
    findings: &mut Findings,
) -> Option<Listener> {
    let address = address::literal(listener, "address", "a listener resolves no names", findings);
    let terminal = terminal(listener, clusters, findings);
    Some(Listener {
        name: listener.nonempty("name").map_or_else(random::uuid, str::to_owned),
        stat_prefix: listener.nonempty("stat_prefix").map(str::to_owned),
        buffer_limit: listener
            .u32("per_connection_buffer_limit_bytes")
            .unwrap_or(DEFAULT_BUFFER_LIMIT),
        backlog: listener.u32("tcp_backlog_size").unwrap_or(DEFAULT_BACKLOG),
        reuse_port: listener.bool("enable_reuse_port").unwrap_or(true),
        bind_to_port: listener.bool("bind_to_port").unwrap_or(true),
        address: address?,
        terminal: terminal?,
    })
}

fn terminal(
    listener: &Message<'_>,
    clusters: Option<&BTreeSet<&str>>,
    findings: &mut Findings,
) -> Option<Terminal> {
    let mut chains = listener.messages("filter_chains");
    let Some(chain) = chains.next() else {
        if listener.is_empty("filter_chains") {
            findings.error(listener.at, "filter_chains is missing");
        }
        return None;
    };
    for other in chains {
        findings.error(other.at, "a second filter chain is not supported yet");
        other.dismiss_all();
    }
    let mut filters = chain.messages("filters");
    let Some(filter) = filters.next() else {
        if chain.is_empty("filters") {
            let message = "a filter chain without an HTTP connection manager is not supported yet";
            findings.error(chain.at, message);
        }
        return None;
    };
    for other in filters {
        findings.error(other.at, "a second network filter is not supported yet");
        other.dismiss_all();
    }
    filter.dismiss(&["name"]);
    let extension = super::extension(filter, findings)?;
    if extension.schema.name == hcm::NAME {
        let hcm = hcm::lower(extension, clusters, findings)?;
        return Some(Terminal::Http(Arc::new(hcm)));
    }
    super::wrong_extension(filter, extension, "an HTTP connection manager", findings);
    None
}
