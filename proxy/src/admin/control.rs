//! The orders that the admin server takes.

use std::sync::atomic::Ordering;

use tokio::time::sleep;

use super::Parts;
use super::page::Page;
use super::query::Query;
use super::server_stats::ServerStats;
use crate::base::task;

/// `/healthcheck/fail`: not ready any more; clients are told to close their connections.
pub(super) fn fail(parts: &Parts, _: &Query) -> Page {
    set_health_failed(parts, true)
}

/// `/healthcheck/ok`: takes that back.
pub(super) fn pass(parts: &Parts, _: &Query) -> Page {
    set_health_failed(parts, false)
}

/// `/drain_listeners`: closes the listening sockets. With `graceful`, clients are asked to leave first, and new ones
/// are served until the drain time is over; with `skip_exit`, for ever.
///
/// With `inboundonly` nothing happens: no listener has a direction.
pub(super) fn drain_listeners(parts: &Parts, query: &Query) -> Page {
    let (graceful, skip_exit) = (query.has("graceful"), query.has("skip_exit"));
    if query.has("inboundonly") {
        return Page::ok();
    }
    tracing::info!(graceful, skip_exit, "told to drain the listeners");
    if graceful || skip_exit {
        parts.ending.leaving.store(true, Ordering::Relaxed);
    }
    let listeners = parts.listeners.clone();
    if graceful && !skip_exit {
        let time = parts.drain_time;
        task::spawn(async move {
            sleep(time).await;
            listeners.stop();
        });
    } else if !skip_exit {
        listeners.stop();
    }
    Page::ok()
}

/// `/quitquitquit`: ends the process.
pub(super) fn quit(parts: &Parts, _: &Query) -> Page {
    tracing::info!("told to quit");
    parts.life.quit.notify_one();
    Page::ok()
}

/// `/reopen_logs`: after somebody moved them away.
pub(super) fn reopen_logs(parts: &Parts, _: &Query) -> Page {
    parts.files.reopen();
    Page::ok()
}

/// `/reset_counters`.
pub(super) fn reset_counters(parts: &Parts, _: &Query) -> Page {
    parts.store.reset();
    Page::ok()
}

fn set_health_failed(parts: &Parts, failed: bool) -> Page {
    parts.ending.health_failed.store(failed, Ordering::Relaxed);
    ServerStats::register(&parts.store.root().scope("server")).live(parts);
    Page::ok()
}
