//! `STRICT_DNS`: every address of every name is a host. `LOGICAL_DNS`: the first address of a name is.
//!
//! Names are resolved again and again, each at its own pace. A name that does not resolve keeps the hosts it had; one
//! that never did has none, and requests are answered 503 until it has.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time;

use crate::base::random;
use crate::config::address;
use crate::config::cluster::{Dns as Settings, DnsBackOff, LookupFamily};
use crate::config::endpoint::Endpoint;
use crate::transport::dns::{Answer, Dns, Wanted};
use crate::upstream::{Cluster, Host};

/// After a first failure a name is asked for again soon, since in a mesh that is starting it is about to appear;
/// the pause doubles up to `dns_refresh_rate`, unless there is a `dns_failure_refresh_rate`.
const FIRST_FAILURE_PAUSE: Duration = Duration::from_millis(250);

/// Resolves the cluster's names for ever; so many addresses of each become hosts.
pub(super) async fn follow(cluster: Arc<Cluster>, settings: Settings, most: usize) {
    let mut targets: Vec<Target> = cluster.config.endpoints.iter().map(Target::new).collect();
    publish(&cluster, &targets);
    let dns = Dns::new(wanted(settings.family), settings.resolver.clone());
    loop {
        let mut pause = Duration::MAX;
        for target in targets.iter_mut().filter(|target| target.is_due()) {
            target.resolve(&cluster, &dns, &settings, most).await;
        }
        publish(&cluster, &targets);
        cluster.set_warm();
        for target in &targets {
            pause = pause.min(target.pause());
        }
        if pause == Duration::MAX {
            return;
        }
        time::sleep(pause).await;
    }
}

/// One configured endpoint and the hosts that its name stands for.
#[derive(Debug)]
struct Target {
    endpoint: Endpoint,
    hosts: Vec<Arc<Host>>,
    /// When to ask again; none for a literal, which never changes.
    due: Option<time::Instant>,
    failures: u32,
}

// === impl Target ===

impl Target {
    fn new(endpoint: &Endpoint) -> Self {
        let mut target =
            Self { endpoint: endpoint.clone(), hosts: Vec::new(), due: None, failures: 0 };
        match endpoint.address.literal() {
            Some(literal) => target.take(&[literal.ip()], &[]),
            None => target.due = Some(time::Instant::now()),
        }
        target
    }

    fn is_due(&self) -> bool {
        self.due.is_some_and(|due| due <= time::Instant::now())
    }

    fn pause(&self) -> Duration {
        self.due.map_or(Duration::MAX, |due| due.saturating_duration_since(time::Instant::now()))
    }

    async fn resolve(&mut self, cluster: &Cluster, dns: &Dns, settings: &Settings, most: usize) {
        let address::Host::Name(name) = self.endpoint.address.host.clone() else { return };
        let stats = &cluster.stats;
        stats.update_attempt.inc();
        let pause = match dns.resolve(&name).await {
            Ok(Answer { mut addresses, ttl }) => {
                addresses.truncate(most);
                stats.update_success.inc();
                if addresses.is_empty() {
                    stats.update_empty.inc();
                }
                if self.failures > 0 || self.hosts.is_empty() {
                    tracing::info!(cluster = %cluster.name, name, ?addresses, "name resolves");
                }
                self.failures = 0;
                // Who is no longer told of may still be there, and is who it was.
                self.take(&addresses, cluster.hosts().hosts());
                pause_after(ttl, settings)
            }
            Err(error) => {
                stats.update_failure.inc();
                if self.failures == 0 {
                    tracing::warn!(cluster = %cluster.name, %error, "name does not resolve; it is asked for again");
                }
                self.failures = self.failures.saturating_add(1);
                let doubled =
                    |pause: Duration| pause.saturating_mul(1 << (self.failures - 1).min(16));
                match settings.failure {
                    None => doubled(FIRST_FAILURE_PAUSE).min(settings.refresh_rate),
                    Some(DnsBackOff { base, most }) => part_of(doubled(base).min(most)),
                }
            }
        };
        self.due = Some(time::Instant::now() + pause);
    }

    /// Takes over the addresses; hosts that stay, or are among `others`, are the same hosts as before.
    fn take(&mut self, addresses: &[std::net::IpAddr], others: &[Arc<Host>]) {
        let Endpoint { address, hostname, health, traits, health_check } = &self.endpoint;
        let name = if hostname.is_empty() { address.host_name() } else { hostname };
        let known = std::mem::take(&mut self.hosts);
        for ip in addresses {
            let at = SocketAddr::new(*ip, address.port);
            if self.hosts.iter().any(|host| host.address == at) {
                continue;
            }
            let mut before = known.iter().chain(others);
            let host = before.find(|host| host.address == at).cloned();
            self.hosts.push(host.unwrap_or_else(|| {
                let host = Host::new(at, name, traits.clone()).with_health(*health);
                Arc::new(host.with_health_check(health_check.clone()))
            }));
        }
    }
}

/// How long an answer is used.
fn pause_after(ttl: Duration, settings: &Settings) -> Duration {
    // The system does not say, and a record may say nothing by zero.
    let held = match settings.respect_ttl && !ttl.is_zero() {
        true => ttl.max(settings.least),
        false => settings.refresh_rate,
    };
    held + part_of(settings.jitter)
}

/// A part of it, by chance.
fn part_of(whole: Duration) -> Duration {
    match usize::try_from(whole.as_millis()) {
        Ok(0) | Err(_) => whole,
        Ok(millis) => Duration::from_millis(random::below(millis) as u64),
    }
}

/// Publishes all targets' hosts, unless they are the ones that are there already.
fn publish(cluster: &Cluster, targets: &[Target]) {
    let mut hosts: Vec<Arc<Host>> = Vec::new();
    for host in targets.iter().flat_map(|target| &target.hosts) {
        if !hosts.iter().any(|known| known.address == host.address) {
            hosts.push(host.clone());
        }
    }
    let published = cluster.told_hosts();
    let same = hosts.len() == published.len()
        && hosts.iter().all(|host| published.iter().any(|known| Arc::ptr_eq(known, host)));
    if same {
        cluster.stats.update_no_rebuild.inc();
    } else {
        let weight = hosts.iter().map(|host| host.traits().weight).max().unwrap_or(0);
        cluster.stats.max_host_weight.set(u64::from(weight));
        cluster.publish(hosts);
    }
}

fn wanted(family: LookupFamily) -> Wanted {
    match family {
        LookupFamily::Auto => Wanted::V6ThenV4,
        LookupFamily::V4Only => Wanted::V4,
        LookupFamily::V6Only => Wanted::V6,
        LookupFamily::V4Preferred => Wanted::V4ThenV6,
        LookupFamily::All => Wanted::Both,
    }
}
