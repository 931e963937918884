//! Whether a request may become a connection, and what a host is asked for then.

use crate::message::Request;
use crate::message::local_reply::LocalReply;
use crate::message::upgrade::Upgrade;
use crate::route::{Action, Route};

/// Refuses an upgrade that neither the route nor the connection manager allows. Of most requests there is nothing to ask.
/// Says whether the proxy is the end of a CONNECT.
pub(super) fn check(request: &Request, route: &Route) -> Result<bool, LocalReply> {
    let Some(upgrade) = request.extensions().get::<Upgrade>() else { return Ok(false) };
    let own = match &route.action {
        Action::Forward(forward) => forward.upgrades.iter().find(|own| own.kind == upgrade.kind),
        Action::Redirect(_) | Action::DirectResponse(_) | Action::NonForwarding => None,
    };
    let enabled = own.map(|own| own.enabled).or(upgrade.enabled);
    if enabled != Some(true) {
        tracing::debug!(kind = &*upgrade.kind, "no route allows the upgrade");
        return Err(LocalReply::upgrade_failed());
    }
    Ok(upgrade.is_connect() && own.is_some_and(|own| own.terminates))
}

/// Has the host asked for a bare connection.
pub(super) fn terminate(request: &mut Request) {
    if let Some(upgrade) = request.extensions_mut().get_mut::<Upgrade>() {
        upgrade.terminates = true;
    }
}
