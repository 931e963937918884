//! Takes over certificates and authorities whose files change: whole or not at all.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use tokio::time::sleep;

use crate::base::clock;
use crate::base::task::{self, Owned};
use crate::base::watch::{PAUSE, Watch};
use crate::config::tls::{Common, Downstream, SecretFile, Upstream};
use crate::config::{AssignmentError, load_secret};
use crate::listener::Listener;
use crate::stats::{Scope, stats};
use crate::{listener, upstream};

stats! {
    /// Stats of one secret, under `sds.<name>.`
    struct SecretStats {
        /// Times the files that the secret names had changed, and were not taken over
        key_rotation_failed: Counter,
        /// Times the secret's file was read
        update_attempt: Counter,
        /// Times it could not be read
        update_failure: Counter,
        /// Times what it says was refused
        update_rejected: Counter,
        /// Times it was taken over
        update_success: Counter,
        /// When it was taken over last, in milliseconds since 1970
        update_time: Gauge,
        /// The version of what was taken over last
        version_text: TextReadout,
    }
}

/// Who uses secrets.
trait User {
    fn common(&self) -> &Common;

    /// Takes over other certificates; or says why not, and goes on as before.
    fn take(&mut self, common: Common) -> Result<(), String>;
}

struct Chain {
    listener: Arc<Listener>,
    index: usize,
    config: Downstream,
}

struct Cluster {
    cluster: Arc<upstream::Cluster>,
    config: Upstream,
}

/// One secret, and what is watched for it.
struct Secret {
    file: SecretFile,
    watch: Watch,
    /// The files that it names.
    named: Vec<(PathBuf, Watch)>,
    stats: SecretStats,
}

/// Follows the files of all secrets, for as long as the process lasts.
pub(super) fn start(
    listeners: &listener::Manager,
    clusters: &upstream::Manager,
    root: &Scope,
    tasks: &mut Owned,
) {
    for listener in listeners.listeners() {
        for (index, chain) in listener.config.chains.iter().enumerate() {
            if let Some(tls) = &chain.tls {
                let config = Downstream::clone(tls);
                follow(Chain { listener: listener.clone(), index, config }, root, tasks);
            }
        }
    }
    for cluster in clusters.clusters() {
        if let Some(tls) = &cluster.config.tls {
            let config = Upstream::clone(tls);
            follow(Cluster { cluster: cluster.clone(), config }, root, tasks);
        }
    }
}

fn follow(user: impl User + 'static, root: &Scope, tasks: &mut Owned) {
    let secrets: Vec<_> = user.common().secrets().cloned().collect();
    if secrets.is_empty() {
        return;
    }
    let secrets: Vec<_> = secrets.into_iter().map(|file| Secret::new(file, root)).collect();
    task::spawn_in(tasks, run(user, secrets));
}

async fn run(mut user: impl User, mut secrets: Vec<Secret>) {
    for secret in &mut secrets {
        secret.begin(&mut user).await;
    }
    loop {
        sleep(PAUSE).await;
        for secret in &mut secrets {
            secret.look(&mut user).await;
        }
    }
}

// === impl Secret ===

impl Secret {
    fn new(file: SecretFile, root: &Scope) -> Self {
        let stats = SecretStats::register(&root.scope("sds").scope(&file.name));
        Self { file, watch: Watch::default(), named: Vec::new(), stats }
    }

    /// Reads it once more: the loader has read it a moment ago, and it may have changed since.
    async fn begin(&mut self, user: &mut impl User) {
        self.watch.look(&self.file.path).await;
        self.name(&user.common().clone()).await;
        self.stats.update_attempt.inc();
        self.settle(true, user).await;
    }

    /// Looks at the files that the secret names from now on.
    async fn name(&mut self, common: &Common) {
        self.named =
            common.files_of(&self.file).into_iter().map(|f| (f, Watch::default())).collect();
        for (path, watch) in &mut self.named {
            watch.look(path).await;
        }
    }

    fn taken(&mut self, version: String) {
        self.stats.update_success.inc();
        let now = clock::wall().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        self.stats.update_time.set(u64::try_from(now).unwrap_or(u64::MAX));
        self.stats.version_text.set(version);
    }

    /// Takes over what has changed, if something has.
    async fn look(&mut self, user: &mut impl User) {
        let itself = self.watch.look(&self.file.path).await;
        let mut rotated = false;
        for (path, watch) in &mut self.named {
            rotated |= watch.look(path).await;
        }
        if !itself && !rotated {
            return;
        }
        if itself {
            self.stats.update_attempt.inc();
        }
        self.settle(itself, user).await;
    }

    /// Takes it over, if it can be; `itself` says whether it is the secret's own file that has changed.
    async fn settle(&mut self, itself: bool, user: &mut impl User) {
        match self.read(user) {
            Ok(version) => {
                tracing::info!(secret = %self.file.name, "a secret is taken over");
                if itself {
                    self.taken(version);
                    self.name(&user.common().clone()).await;
                }
            }
            Err(error) => {
                match &error {
                    _ if !itself => self.stats.key_rotation_failed.inc(),
                    AssignmentError::Unreadable(_) => self.stats.update_failure.inc(),
                    AssignmentError::Rejected(_) => self.stats.update_rejected.inc(),
                }
                let error = error.to_string().replace('\n', "; ");
                tracing::warn!(secret = %self.file.name, error, "a secret is not taken over; the one before stays");
            }
        }
    }

    /// Reads the secret with the files that it names, and gives it to its user.
    fn read(&self, user: &mut impl User) -> Result<String, AssignmentError> {
        let secret = load_secret(&self.file.path, &self.file.name)?;
        let rejected = |why: String| AssignmentError::rejected(&self.file.path, why);
        let common = user.common().with(&self.file.name, &secret.kind);
        let common = common.ok_or_else(|| rejected(String::from("it is of another kind now")))?;
        user.take(common).map_err(rejected)?;
        Ok(secret.version)
    }
}

// === impl User ===

impl User for Chain {
    fn common(&self) -> &Common {
        &self.config.common
    }

    fn take(&mut self, common: Common) -> Result<(), String> {
        let config = Downstream { common, ..self.config.clone() };
        if let Some(Some(acceptor)) = self.listener.acceptors().get(self.index) {
            acceptor.replace(&config).map_err(|error| error.to_string())?;
        }
        self.config = config;
        Ok(())
    }
}

impl User for Cluster {
    fn common(&self) -> &Common {
        &self.config.common
    }

    fn take(&mut self, common: Common) -> Result<(), String> {
        let config = Upstream { common, ..self.config.clone() };
        if let Some(connector) = &self.cluster.tls {
            connector.replace(&config)?;
        }
        self.config = config;
        Ok(())
    }
}
