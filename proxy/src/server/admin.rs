//! The admin server: an ordinary listener on the main thread, whose connection manager ends in the admin pages.

use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use crate::access_log::{AccessLogs, Files};
use crate::admin::{Admin, Parts};
use crate::base::drain::Drain;
use crate::base::task::{self, Owned};
use crate::config;
use crate::config::hcm::HttpConnectionManager;
use crate::config::listener::{DEFAULT_BACKLOG, DEFAULT_BUFFER_LIMIT, FilterChain, Terminal};
use crate::hcm::{self, Ending, Hcm};
use crate::listener::{self, Acceptor, Chain, Listener};

/// The name of the admin server's thread in its stats.
const THREAD: &str = "main_thread";

/// Binds the admin server, says where it is bound, and begins to serve. Without `admin` in the file there is none.
///
/// It goes on while the rest drains, so that the drain can be watched.
///
/// # Errors
/// The address cannot be bound, or an access log cannot be opened.
pub(super) fn start(
    parts: Parts,
    path: Option<&Path>,
    files: &Files,
    tasks: &mut Owned,
) -> Result<(), Box<dyn std::error::Error>> {
    let Some(admin) = parts.bootstrap.admin.clone() else { return Ok(()) };
    let root = parts.store.root();
    let logs = AccessLogs::build(&admin.access_logs, files)?;
    let manager = HttpConnectionManager::of_admin(admin.access_logs.clone());
    let listener = Listener::bind(listener_of(&admin, manager.clone()), 1, &root)?;
    tracing::info!(address = %listener.address, "admin");
    if let Some(path) = path {
        // Envoy serves on without the file, too: whoever waits for it will say so.
        if let Err(error) = fs::write(path, listener.address.to_string()) {
            tracing::error!(path = %path.display(), %error, "cannot write the admin address");
        }
    }
    let hcm_parts = hcm::Parts {
        filters: None,
        config: Arc::new(manager),
        terminal: hcm::Terminal::Handler(Rc::new(Admin::new(parts))),
        logs: Arc::new(logs),
        ending: Ending::default(),
        buffer_limit: listener.config.buffer_limit,
    };
    let hcm = Hcm::new(hcm_parts, &root, &listener.scope);
    let acceptor = Acceptor {
        chains: Rc::new([Chain::of(listener::Terminal::Http(Rc::new(hcm)))]),
        listener: Arc::new(listener),
        worker: THREAD.to_owned(),
        drain: Drain::new(),
        overload: None,
        most_connections: None,
    };
    task::spawn_in(tasks, listener::accept(acceptor));
    Ok(())
}

fn listener_of(
    admin: &config::admin::Admin,
    manager: HttpConnectionManager,
) -> config::listener::Listener {
    config::listener::Listener {
        name: String::from("admin"),
        address: admin.address.clone(),
        stat_prefix: Some(String::from("admin")),
        buffer_limit: DEFAULT_BUFFER_LIMIT,
        backlog: DEFAULT_BACKLOG,
        reuse_port: false,
        bind_to_port: true,
        most_connections: None,
        ignores_global_limit: true,
        listener_filters: Vec::new(),
        listener_filters_timeout: None,
        continues_on_timeout: false,
        chains: vec![FilterChain::of(Terminal::Http(Arc::new(manager)))],
        default_chain: None,
        matcher: None,
    }
}
