//! `EDS` from a file: the hosts are what the file says, and the file is read anew whenever it has changed.
//!
//! A change is seen by looking at the file again and again, not by being told of it: inotify says nothing of a file that
//! was replaced under a bind mount, or on the other side of a network or of a virtual machine, and follows the inode
//! instead of the name, while the name is all that a file, a swapped symbolic link and a mount have in common. It costs
//! one system call every [`PAUSE`], on the main thread's pool, and no worker knows of it.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use tokio::time::{self, Instant};

use crate::base::clock;
use crate::config::cluster::Eds;
use crate::config::endpoint::{Assignment, Discovered, Endpoint, PriorityPolicy};
use crate::config::{self, AssignmentError};
use crate::upstream::connect::millis;
use crate::upstream::lb::hash;
use crate::upstream::stats::EdsStats;
use crate::upstream::{Cluster, Host};

/// How long it takes at most until a change is seen. Nobody notices a quarter of a second, nor a call each.
const PAUSE: Duration = Duration::from_millis(250);

/// A file that is written in place is read once it rests; one that never rests is read after so many looks all the same.
const MOST_UNREST: u32 = 20;

/// What of a file is different when it is another one, or was written to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Looks {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// One file under watch.
#[derive(Debug)]
struct Watch {
    /// As it was when it was read last; none if it was not there.
    read: Option<Looks>,
    /// As it was a moment ago.
    seen: Option<Looks>,
    unrest: u32,
}

/// Reads the file, now and after each change, for ever.
pub(super) async fn follow(cluster: Arc<Cluster>, eds: Eds) {
    // Every cluster of this type has them.
    let Some(stats) = &cluster.eds_stats else { return };
    let mut watch = Watch { read: None, seen: None, unrest: 0 };
    let mut stale_at = None;
    let mut begun = false;
    loop {
        let looks = Looks::of(&eds).await;
        if watch.is_to_be_read(looks) || !begun {
            begun = true;
            watch.read = looks;
            if let Some(stale_after) = read(&cluster, &eds, stats) {
                stale_at = stale_after.map(|after| Instant::now() + after);
            }
            cluster.set_warm();
        }
        if stale_at.is_some_and(|at| at <= Instant::now()) {
            stale_at = None;
            tracing::warn!(cluster = %cluster.name, "the hosts are too old: they go");
            stats.assignment_stale.inc();
            publish(&cluster, &[], PriorityPolicy::default());
        }
        time::sleep(PAUSE).await;
    }
}

/// Takes over what the file says, if it can be taken over. Then it says for how long that holds, unless it is as before.
fn read(cluster: &Cluster, eds: &Eds, stats: &EdsStats) -> Option<Option<Duration>> {
    let (path, name) = (eds.path.display(), &cluster.name);
    cluster.stats.update_attempt.inc();
    let discovered = match config::load_assignment(&eds.path, &eds.service) {
        Ok(discovered) => discovered,
        Err(error) => {
            match &error {
                AssignmentError::Unreadable(_) => cluster.stats.update_failure.inc(),
                AssignmentError::Rejected(_) => stats.update_rejected.inc(),
            }
            let error = error.to_string().replace('\n', "; ");
            tracing::warn!(cluster = %name, %path, error, "a file of endpoints is not taken over; the hosts stay");
            return None;
        }
    };
    let Discovered { version, assignment } = discovered;
    cluster.stats.update_success.inc();
    stats.update_time.set(clock::wall().duration_since(UNIX_EPOCH).map_or(0, millis));
    stats.version.set(hash::xx(version.as_bytes(), 0));
    stats.version_text.set(version);
    let Some(Assignment { endpoints, policy, stale_after }) = assignment else {
        tracing::info!(cluster = %name, %path, "a file of endpoints has no resource; the hosts stay");
        cluster.stats.update_empty.inc();
        return None;
    };
    if stale_after.is_some() {
        stats.assignment_timeout_received.inc();
    }
    tracing::info!(cluster = %name, %path, endpoints = endpoints.len(), "a file of endpoints is taken over");
    publish(cluster, &endpoints, policy);
    Some(stale_after)
}

/// Publishes hosts for the endpoints. One that was a host before stays the same host, with what is new about it.
fn publish(cluster: &Cluster, endpoints: &[Endpoint], policy: PriorityPolicy) {
    let told = cluster.told_hosts();
    let old = cluster.hosts();
    let known: HashMap<_, _> = old.hosts().iter().map(|host| (host.address, host)).collect();
    let mut hosts = HashMap::with_capacity(endpoints.len());
    let mut order = Vec::with_capacity(endpoints.len());
    let mut changed = cluster.set_priorities(policy);
    for endpoint in endpoints {
        let Some(address) = endpoint.address.literal() else { continue };
        if hosts.contains_key(&address) {
            // The first of those with one address is the host.
            continue;
        }
        let same = known.get(&address).filter(|host| host.health_check == endpoint.health_check);
        let host = match same {
            Some(host) => {
                // Another reason for the same health is no change, as in Envoy.
                let health = host.health();
                host.set_configured_health(endpoint.health);
                changed |= host.health() != health;
                if **host.traits() != *endpoint.traits {
                    host.set_traits(endpoint.traits.clone());
                    changed = true;
                }
                (*host).clone()
            }
            None => Arc::new(Host::of(endpoint, address)),
        };
        hosts.insert(address, host.clone());
        order.push(host);
    }
    let known: HashMap<_, _> = told.iter().map(|host| (Arc::as_ptr(host), ())).collect();
    let same = told.len() == order.len()
        && order.iter().all(|host| known.contains_key(&Arc::as_ptr(host)));
    let weight = order.iter().map(|host| host.traits().weight).max().unwrap_or(1);
    cluster.stats.max_host_weight.set(u64::from(weight));
    if same && !changed {
        cluster.stats.update_no_rebuild.inc();
    } else {
        cluster.publish(order);
    }
}

// === impl Looks ===

impl Looks {
    /// None if there is no such file at the moment.
    async fn of(eds: &Eds) -> Option<Self> {
        let metadata = tokio::fs::metadata(&eds.path).await.ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// Whether it is the same file, whatever is written in it.
    fn is(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

// === impl Watch ===

impl Watch {
    /// Whether a file that looks like this is to be read now.
    fn is_to_be_read(&mut self, now: Option<Looks>) -> bool {
        let before = std::mem::replace(&mut self.seen, now);
        // Where it is gone, it is about to come back; and nobody would be helped by losing the hosts.
        let Some(now) = now.filter(|now| self.read != Some(*now)) else {
            self.unrest = 0;
            return false;
        };
        let replaced = self.read.is_none_or(|read| !read.is(&now));
        self.unrest += 1;
        if replaced || before == Some(now) || self.unrest > MOST_UNREST {
            self.unrest = 0;
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::{Looks, MOST_UNREST, Watch};

    fn looks(inode: u64, size: u64) -> Option<Looks> {
        Some(Looks { device: 1, inode, size, modified: (0, 0), changed: (0, 0) })
    }

    #[test]
    fn another_file_is_read_at_once_and_one_written_in_place_when_it_rests() {
        let mut watch = Watch { read: looks(1, 10), seen: looks(1, 10), unrest: 0 };
        assert!(!watch.is_to_be_read(looks(1, 10)));
        assert!(!watch.is_to_be_read(None), "gone is no change");
        assert!(watch.is_to_be_read(looks(2, 10)));
        watch.read = looks(2, 10);
        assert!(!watch.is_to_be_read(looks(2, 5)), "it may be being written");
        assert!(!watch.is_to_be_read(looks(2, 20)));
        assert!(watch.is_to_be_read(looks(2, 20)));
    }

    #[test]
    fn a_file_that_never_rests_is_read_all_the_same() {
        let mut watch = Watch { read: looks(1, 0), seen: looks(1, 0), unrest: 0 };
        let looked = (1..1000).find(|size| watch.is_to_be_read(looks(1, *size))).unwrap();
        assert_eq!(looked, u64::from(MOST_UNREST) + 1);
    }
}
