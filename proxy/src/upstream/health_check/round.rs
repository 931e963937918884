//! The checks of all hosts of one cluster.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::base::clock;
use crate::base::task::{self, Guarded};
use crate::upstream::events::EventLog;
use crate::upstream::health::Flag;
use crate::upstream::{Cluster, Host};

use super::ActiveHealth;
use super::checker::Config;
use super::session::{Common, Session};

/// Telling workers of changed health takes this part of the main thread's time at most, however many hosts change one
/// after the other: after each time there is a pause of nine times as long.
const SHARE: u32 = 9;

/// The checks of all hosts.
pub(super) struct Round {
    common: Rc<Common>,
    sessions: HashMap<*const Host, Running>,
}

struct Running {
    session: Rc<Session>,
    _task: Guarded,
}

// === impl Round ===

impl Round {
    pub(super) fn new(
        cluster: Arc<Cluster>,
        health: Arc<ActiveHealth>,
        config: Config,
        logs: Vec<EventLog>,
    ) -> Self {
        let stale = Cell::new(false);
        let common = Rc::new(Common { cluster, health, config, logs, stale });
        Self { common, sessions: HashMap::new() }
    }

    /// Checks for ever.
    pub(super) async fn run(mut self) {
        let common = self.common.clone();
        common.cluster.discovered().await;
        loop {
            self.follow();
            self.take_passive_failures();
            self.let_go();
            let pause = self.tell();
            if self.sessions.values().all(|running| running.session.is_checked()) {
                common.health.first_round.set();
            }
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
            common.health.attention.notified().await;
        }
    }

    /// Takes over the hosts as they are now.
    fn follow(&mut self) {
        let hosts = self.common.cluster.hosts();
        let mut known = std::mem::take(&mut self.sessions);
        let checked = hosts.hosts().iter().filter(|host| !host.is_check_disabled());
        for host in checked {
            let key = Arc::as_ptr(host);
            let running = known.remove(&key).unwrap_or_else(|| {
                let session = Rc::new(Session::new(host.clone(), self.common.clone()));
                let task = task::spawn_guarded(session.clone().run());
                Running { session, _task: task }
            });
            self.sessions.insert(key, running);
        }
    }

    fn take_passive_failures(&self) {
        for running in self.sessions.values() {
            for _ in 0..running.session.host.take_passive_failures() {
                running.session.failed_in_passing();
            }
        }
    }

    /// Lets hosts go that discovery has dropped, and that stayed only as long as they were healthy.
    fn let_go(&mut self) {
        let gone: Vec<*const Host> = self
            .sessions
            .iter()
            .filter(|(_, running)| {
                let session = &running.session;
                session.is_failed() && session.host.has(Flag::PendingDynamicRemoval)
            })
            .map(|(key, _)| *key)
            .collect();
        if !gone.is_empty() {
            self.common.cluster.remove(&|host| gone.contains(&Arc::as_ptr(host)));
            self.follow();
        }
    }

    /// Tells workers of what has changed, and how long to wait before the next time.
    fn tell(&self) -> Duration {
        if !self.common.stale.take() {
            return Duration::ZERO;
        }
        let begun = clock::now();
        self.common.cluster.refresh();
        begun.elapsed() * SHARE
    }
}
