//! What the process is and how it is: `/ready`, `/server_info`, `/memory` and the pages that say little.

use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use crate::base::memory::Memory;

use super::Parts;
use super::life::State;
use super::page::Page;
use super::query::Query;
use super::server_stats::state;

/// What is printed for the hash of a build, of which we know none.
const VERSION: &str = concat!("outrigger/", env!("CARGO_PKG_VERSION"));

/// `envoy.admin.v3.ServerInfo`.
#[derive(Serialize)]
struct ServerInfo<'a> {
    version: &'static str,
    state: &'static str,
    uptime_current_epoch: String,
    uptime_all_epochs: String,
    hot_restart_version: &'static str,
    command_line_options: &'a Value,
    node: Value,
}

/// `envoy.admin.v3.Memory`.
#[derive(Serialize)]
struct MemoryPage {
    allocated: String,
    heap_size: String,
    pageheap_unmapped: String,
    pageheap_free: String,
    total_thread_cache: String,
    total_physical_bytes: String,
}

/// `/ready`: the state, with a status that an orchestrator understands.
pub(super) fn ready(parts: &Parts, _: &Query) -> Page {
    let state = state(parts);
    let page = Page::text(format!("{}\n", state.name()));
    if state == State::Live { page } else { page.with(StatusCode::SERVICE_UNAVAILABLE) }
}

/// `/server_info`.
pub(super) fn server_info(parts: &Parts, _: &Query) -> Page {
    let uptime = format!("{}s", parts.life.uptime().as_secs());
    Page::message(&ServerInfo {
        version: VERSION,
        state: state(parts).name(),
        uptime_current_epoch: uptime.clone(),
        uptime_all_epochs: uptime,
        hot_restart_version: "disabled",
        command_line_options: &parts.command_line,
        node: node(parts),
    })
}

/// `/memory`, from what the system says; our allocator keeps no count of its own.
pub(super) fn memory(_: &Parts, _: &Query) -> Page {
    let Memory { allocated, heap, physical } = Memory::now();
    Page::message(&MemoryPage {
        allocated: allocated.to_string(),
        heap_size: heap.to_string(),
        pageheap_unmapped: String::from("0"),
        pageheap_free: heap.saturating_sub(allocated).to_string(),
        total_thread_cache: String::from("0"),
        total_physical_bytes: physical.to_string(),
    })
}

/// `/hot_restart_version`: no other process can take over.
pub(super) fn hot_restart_version(_: &Parts, _: &Query) -> Page {
    Page::text("disabled")
}

/// `/runtime`: no layer, no flag.
pub(super) fn runtime(_: &Parts, _: &Query) -> Page {
    Page::message(&json!({ "entries": {}, "layers": [] }))
}

/// The node as it is configured, and who says so.
pub(super) fn node(parts: &Parts) -> Value {
    let mut numbers = env!("CARGO_PKG_VERSION").split('.').map(|part| part.parse().unwrap_or(0u32));
    let mut number = || numbers.next().unwrap_or(0);
    let version = json!({
        "major_number": number(),
        "minor_number": number(),
        "patch": number(),
    });
    let node = &parts.bootstrap.node;
    let mut message = json!({
        "id": node.id,
        "cluster": node.cluster,
        "user_agent_name": "outrigger",
        "user_agent_build_version": { "version": version },
    });
    if !node.zone.is_empty() {
        message["locality"] = json!({ "zone": node.zone });
    }
    message
}
