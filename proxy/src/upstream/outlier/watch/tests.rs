//! A cluster is watched, and time passes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::LocalSet;
use tokio::time::sleep;

use crate::base::task::Owned;
use crate::config;
use crate::config::outlier::OutlierDetection;
use crate::stats::Store;
use crate::upstream::events::EventLog;
use crate::upstream::health::Flag;
use crate::upstream::outlier::{Origin, Outcome};
use crate::upstream::{Cluster, Host, outlier};

/// Of four hosts two may be ejected, for 10 s, 20 s and so on.
fn settings() -> OutlierDetection {
    OutlierDetection {
        interval: Duration::from_secs(1),
        base_ejection_time: Duration::from_secs(10),
        max_ejection_percent: 50,
        ..OutlierDetection::default()
    }
}

/// Runs `test` with a cluster of four hosts that is watched, and what its log takes.
async fn watched<F: Future<Output = ()>>(
    settings: OutlierDetection,
    test: impl FnOnce(Arc<Cluster>, Arc<Mutex<String>>) -> F,
) {
    let mut config = config::cluster::Cluster::without_hosts("app");
    config.outlier_detection = Some(Box::new(settings));
    let cluster = Arc::new(Cluster::new(Arc::new(config), &Store::new().root()));
    let hosts = (1..=4_u16)
        .map(|port| Arc::new(Host::new(([127, 0, 0, 1], port).into(), "", Arc::default())));
    cluster.publish(hosts.collect());
    let lines = Arc::new(Mutex::new(String::new()));
    let into = lines.clone();
    let log = EventLog::new(move |line| {
        into.lock().unwrap().push_str(std::str::from_utf8(line).unwrap());
    });
    let work = async {
        let mut owner = Owned::new();
        outlier::start(&cluster, Some(log), &mut owner);
        test(cluster.clone(), lines).await;
    };
    LocalSet::new().run_until(work).await;
}

fn answer(cluster: &Cluster, host: usize, status: u16, times: usize) {
    for _ in 0..times {
        cluster.hosts().hosts()[host].observe(Outcome::Answered(status));
    }
}

fn is_ejected(cluster: &Cluster, host: usize) -> bool {
    cluster.hosts().hosts()[host].has(Flag::FailedOutlierCheck)
}

/// Lets the watch have its turn.
async fn a_moment() {
    sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_host_is_ejected_at_once_and_let_in_when_its_time_is_over() {
    watched(settings(), |cluster, lines| async move {
        answer(&cluster, 0, 500, 4);
        answer(&cluster, 0, 200, 1);
        answer(&cluster, 0, 500, 4);
        a_moment().await;
        assert!(!is_ejected(&cluster, 0), "not five in a row");
        answer(&cluster, 0, 500, 1);
        a_moment().await;
        assert!(is_ejected(&cluster, 0));
        assert_eq!(cluster.stats.membership_healthy.value(), 3);
        sleep(Duration::from_secs(9)).await;
        assert!(is_ejected(&cluster, 0));
        sleep(Duration::from_secs(2)).await;
        assert!(!is_ejected(&cluster, 0));
        assert_eq!(cluster.stats.membership_healthy.value(), 4);
        // The second time takes twice as long.
        answer(&cluster, 0, 503, 5);
        sleep(Duration::from_secs(12)).await;
        assert!(is_ejected(&cluster, 0));
        let lines = lines.lock().unwrap();
        let has = |text: &str| lines.matches(text).count();
        // A gateway failure is told too, though it is not enforced.
        assert_eq!(
            (has("\"EJECT\""), has("\"UNEJECT\""), has("\"enforced\":true")),
            (3, 1, 2),
            "{lines}"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn no_more_than_the_most_are_ejected_and_who_is_gone_does_not_count() {
    watched(settings(), |cluster, _lines| async move {
        let stats = cluster.outlier.clone().unwrap();
        let stats = &stats.stats;
        for host in 0..4 {
            answer(&cluster, host, 500, 5);
        }
        a_moment().await;
        assert_eq!(stats.ejections_active.value(), 2);
        assert_eq!(stats.ejections_overflow.value(), 2);
        let hosts = cluster.hosts();
        let stay = hosts.hosts().iter().filter(|host| !host.has(Flag::FailedOutlierCheck));
        cluster.publish(stay.cloned().collect());
        a_moment().await;
        assert_eq!(stats.ejections_active.value(), 0);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_check_that_passes_ends_an_ejection() {
    watched(settings(), |cluster, _lines| async move {
        answer(&cluster, 1, 500, 5);
        a_moment().await;
        assert!(is_ejected(&cluster, 1));
        cluster.hosts().hosts()[1].monitor().unwrap().passed_check();
        a_moment().await;
        assert!(!is_ejected(&cluster, 1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn rates_are_those_of_an_interval() {
    let mut settings = settings();
    settings.success_rate.minimum_hosts = 3;
    settings.success_rate.request_volume = 10;
    settings.success_rate.stdev_factor = 1000;
    watched(settings, |cluster, _lines| async move {
        for host in 0..4 {
            answer(&cluster, host, 200, 8);
            answer(&cluster, host, if host == 3 { 500 } else { 200 }, 2);
        }
        sleep(Duration::from_millis(1500)).await;
        let rate = |host: usize| {
            let hosts = cluster.hosts();
            hosts.hosts()[host].monitor().unwrap().success_rate(Origin::External)
        };
        assert_eq!((rate(0), rate(3)), (100.0, 80.0));
        let averages = &cluster.outlier.as_ref().unwrap().external;
        assert_eq!(averages.success_rate.get(), 95.0);
        assert!((0..4).map(|host| is_ejected(&cluster, host)).eq([false, false, false, true]));
        sleep(Duration::from_secs(1)).await;
        assert_eq!((rate(0), averages.success_rate.get()), (-1.0, -1.0));
    })
    .await;
}
