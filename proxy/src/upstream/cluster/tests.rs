//! Hosts that come and go in a cluster whose hosts are checked.

use std::sync::Arc;

use super::Cluster;
use crate::config;
use crate::config::health_check::HealthCheck;
use crate::stats::Store;
use crate::upstream::Host;
use crate::upstream::health::Flag;

fn cluster(ignore_health_on_host_removal: bool) -> Cluster {
    let mut config = config::cluster::Cluster::without_hosts("app");
    config.health_check = Some(Box::new(HealthCheck::each_second(1, 1)));
    config.ignore_health_on_host_removal = ignore_health_on_host_removal;
    Cluster::new(Arc::new(config), &Store::new().root())
}

fn host(port: u16) -> Arc<Host> {
    Arc::new(Host::new(([127, 0, 0, 1], port).into(), "", Arc::default()))
}

/// Two hosts that have passed their checks.
fn two(cluster: &Cluster) -> [Arc<Host>; 2] {
    let hosts = [host(1), host(2)];
    cluster.publish(hosts.to_vec());
    for host in &hosts {
        host.set(Flag::FailedActiveHc, false);
    }
    cluster.refresh();
    assert_eq!(cluster.stats.membership_healthy.value(), 2);
    hosts
}

#[test]
fn a_host_takes_no_traffic_before_its_first_check() {
    let cluster = cluster(false);
    let host = host(1);
    cluster.publish(vec![host.clone()]);
    assert!(host.has(Flag::FailedActiveHc));
    assert_eq!(cluster.stats.membership_healthy.value(), 0);
    assert_eq!(cluster.stats.membership_total.value(), 1);
}

#[test]
fn a_host_that_passes_stays_when_it_is_no_longer_told_of_until_it_fails() {
    let cluster = cluster(false);
    let [first, second] = two(&cluster);
    cluster.publish(vec![second.clone()]);
    assert!(first.has(Flag::PendingDynamicRemoval));
    assert_eq!(cluster.stats.membership_healthy.value(), 2);
    assert_eq!(cluster.stats.membership_change.value(), 1, "nothing has come or gone");
    assert!(cluster.told_hosts().iter().all(|host| Arc::ptr_eq(host, &second)));
    // It may come back before.
    cluster.publish(vec![first.clone(), second.clone()]);
    assert!(!first.has(Flag::PendingDynamicRemoval) && !first.has(Flag::FailedActiveHc));
    cluster.publish(vec![second]);
    cluster.remove(&|host| Arc::ptr_eq(host, &first));
    assert_eq!(cluster.stats.membership_total.value(), 1);
    assert_eq!(cluster.stats.membership_change.value(), 2);
}

#[test]
fn a_host_that_fails_goes_at_once_and_so_does_any_where_health_does_not_matter() {
    for ignore in [false, true] {
        let cluster = cluster(ignore);
        let [first, second] = two(&cluster);
        first.set(Flag::FailedActiveHc, !ignore);
        cluster.publish(vec![second]);
        assert_eq!(cluster.stats.membership_total.value(), 1, "{ignore}");
    }
}
