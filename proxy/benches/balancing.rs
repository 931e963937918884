//! What it costs to choose one of ten thousand hosts, by every policy, and to publish such a set anew:
//! `cargo bench -p outrigger --bench balancing`. Fails where a choice takes 200 ns or an update 20 ms.

use std::hint::black_box;
use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use outrigger::base::clock;
use outrigger::config;
use outrigger::config::endpoint::{HealthStatus, Traits};
use outrigger::config::lb::{LeastRequest, LoadBalancing, Maglev, Policy, RingHash};
use outrigger::stats::Store;
use outrigger::upstream::health::Flag;
use outrigger::upstream::lb::Context;
use outrigger::upstream::{Cluster, Host, Local};

const HOSTS: u32 = 10_000;
const CHOICES: u32 = 1_000_000;
const MOST_FOR_A_CHOICE: f64 = 200.0;
const MOST_FOR_AN_UPDATE: Duration = Duration::from_millis(20);

/// How often each is measured; the best counts, since whatever else runs can only make it slower.
const ROUNDS: u32 = 5;

fn main() -> ExitCode {
    let policies = [
        Policy::RoundRobin,
        Policy::LeastRequest(LeastRequest::default()),
        Policy::Random,
        Policy::RingHash(RingHash::default()),
        Policy::Maglev(Maglev::default()),
    ];
    let mut all_right = true;
    for policy in policies {
        for weights in [1, 5] {
            let row = measure(policy, weights);
            all_right &= row.choice < MOST_FOR_A_CHOICE && row.update < MOST_FOR_AN_UPDATE;
            let Row { choice, update, health } = row;
            let name = format!("{policy:?}");
            let name = name.split('(').next().unwrap_or_default();
            let _ = writeln!(
                std::io::stdout(),
                "{name:12} weights 1 to {weights}: {choice:6.1} ns a choice, {update:8.2?} an update, {health:8.2?} one host's health"
            );
        }
    }
    if all_right { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What was measured.
struct Row {
    /// Nanoseconds for one choice.
    choice: f64,
    /// Another set of hosts: until it is published, and one worker has chosen from it.
    update: Duration,
    /// The same hosts, of which one's health has changed: likewise.
    health: Duration,
}

fn measure(policy: Policy, weights: u32) -> Row {
    let lb = LoadBalancing { policy, ..LoadBalancing::default() };
    let config = config::cluster::Cluster { lb, ..config::cluster::Cluster::without_hosts("app") };
    let cluster = Arc::new(Cluster::new(Arc::new(config), &Store::new().root()));
    let local = Local::new(cluster.clone());
    let mut row = Row { choice: f64::MAX, update: Duration::MAX, health: Duration::MAX };
    for round in 0..ROUNDS {
        // All hosts are new each time, which is the worst.
        let hosts = hosts(round * HOSTS / 10, weights);
        row.update = row.update.min(timed(|| {
            cluster.publish(hosts);
            black_box(local.choose(&context(0)));
        }));
        let chosen = cluster.hosts().hosts()[7].clone();
        chosen.set(Flag::FailedActiveHc, true);
        row.health = row.health.min(timed(|| {
            cluster.refresh();
            black_box(local.choose(&context(0)));
        }));
        let begun = clock::now();
        for number in 0..CHOICES {
            black_box(local.choose(&context(number)));
        }
        row.choice = row.choice.min(nanoseconds(begun) / f64::from(CHOICES));
    }
    row
}

/// Numbers that are spread over all hashes.
fn context(number: u32) -> Context<'static> {
    let hash = u64::from(number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Context { hash: Some(hash), ..Context::default() }
}

fn hosts(first: u32, weights: u32) -> Vec<Arc<Host>> {
    let traits: Vec<_> =
        (1..=weights).map(|weight| Arc::new(Traits { weight, ..Traits::default() })).collect();
    let host = |number: u32| {
        let address = SocketAddr::from(((0x0A00_0000 + number).to_be_bytes(), 80));
        let traits = traits[(number % weights) as usize].clone();
        Arc::new(Host::new(address, "", traits).with_health(HealthStatus::Healthy))
    };
    (first..first + HOSTS).map(host).collect()
}

fn timed(work: impl FnOnce()) -> Duration {
    let begun = clock::now();
    work();
    begun.elapsed()
}

fn nanoseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e9
}
