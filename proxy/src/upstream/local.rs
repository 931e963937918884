//! One worker's view of a cluster: whose turn it is, and the connections it has.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use http::StatusCode;

use crate::config::cluster::RoutingPriority;
use crate::config::lb::Subsets;
use crate::stats::FlowStats;

use super::failure::Failure;
use super::health::Flag;
use super::host_set::HostSet;
use super::lb::{Balancer, Context, Field};
use super::pool::Pool;
use super::stats::{ClusterStats, CodeStats, Origin, RateLimitStats};
use super::subsets::{Found, Part};
use super::{Cluster, Host};

/// One worker's view of a cluster.
#[derive(Debug)]
pub struct Local {
    /// What is shared with the other workers.
    pub cluster: Arc<Cluster>,
    /// Where it is counted that one side takes no more.
    pub flow: Flows,
    codes: RefCell<CodeStats>,
    /// What rate limit services made of its requests, by the prefixes of the filters that asked.
    rate_limits: RefCell<Vec<(Box<str>, Rc<RateLimitStats>)>>,
    view: RefCell<View>,
}

/// Where it is counted that one side takes no more.
#[derive(Debug)]
pub struct Flows {
    /// A host, of requests.
    pub up: Rc<FlowStats>,
    /// A client, of responses.
    pub down: Rc<FlowStats>,
}

/// One worker's view of a host.
#[derive(Debug)]
pub struct LocalHost {
    /// What is shared with the other workers.
    pub host: Arc<Host>,
    /// This worker's connections to it.
    pool: Pool,
    /// Those for requests of high priority, which share no connection with others; made with the first of them.
    high: OnceCell<Box<Pool>>,
    /// Whether it was ejected, or had failed its health check, when the worker last looked.
    failed: Cell<bool>,
}

/// The host set that this worker last saw, made ready for choosing.
#[derive(Debug, Default)]
struct View {
    /// None before the first choice.
    seen: Option<Arc<HostSet>>,
    hosts: Vec<Rc<LocalHost>>,
    balancer: Balancer,
    /// By the numbers of the set's subsets.
    subsets: Vec<Balancer>,
}

// === impl Local ===

impl Local {
    /// A view of `cluster`.
    pub fn new(cluster: Arc<Cluster>) -> Self {
        let flow = Flows::of(&cluster.stats);
        Self {
            codes: RefCell::default(),
            rate_limits: RefCell::default(),
            view: RefCell::default(),
            flow,
            cluster,
        }
    }

    /// The host that gets the next request; none if there is none to take.
    pub fn choose(&self, context: &Context<'_>) -> Option<Rc<LocalHost>> {
        let mut view = self.view.borrow_mut();
        let view = &mut *view;
        view.catch_up(&self.cluster);
        let chosen = view.choose(context, 0, &self.cluster)?;
        let Some(rejects) = context.rejects else { return Some(chosen.clone()) };
        let mut chosen = chosen.clone();
        for attempt in 1..=context.more_choices {
            if !rejects(&chosen.host) {
                break;
            }
            chosen = view.choose(context, attempt, &self.cluster)?.clone();
        }
        Some(chosen)
    }

    /// Takes over the hosts as they are now, where any were used before: connections that nobody uses to hosts that went,
    /// or that failed, close.
    pub fn catch_up(&self) {
        // Whoever is choosing takes them over anyway.
        if let Ok(mut view) = self.view.try_borrow_mut()
            && !view.hosts.is_empty()
        {
            view.catch_up(&self.cluster);
        }
    }

    /// Counts a response, or the local reply that stands for one.
    pub fn charge(&self, code: u16, origin: Origin) {
        self.cluster.stats.upstream_rq_completed.inc();
        self.codes.borrow_mut().charge(&self.cluster.scope, code, origin);
    }

    /// Counts a failure, and the local reply of that status that stands for a response.
    pub fn charge_failure(&self, failure: &Failure, status: StatusCode, origin: Origin) {
        if let Failure::NoHealthyHost = failure {
            self.cluster.stats.upstream_cx_none_healthy.inc();
        }
        // Between two tries there is no response that the reply could stand for.
        if !matches!(failure, Failure::RouteTimeout { trying: false }) {
            self.charge(status.as_u16(), origin);
        }
    }

    /// Counts a response that is not passed on, since its request is tried again. That is rare, so the counters are found
    /// by their names.
    pub fn charge_retried(&self, code: u16) {
        let scope = self.cluster.scope.scope("retry");
        scope.counter("upstream_rq_completed").inc();
        scope.counter(&format!("upstream_rq_{code}")).inc();
        scope.counter(&format!("upstream_rq_{}xx", code / 100)).inc();
    }

    /// What rate limit services made of its requests, for the filters with this prefix. There are few of them.
    pub fn rate_limit_stats(&self, prefix: &str) -> Rc<RateLimitStats> {
        let mut known = self.rate_limits.borrow_mut();
        if let Some((_, stats)) = known.iter().find(|(known, _)| **known == *prefix) {
            return stats.clone();
        }
        let scope = self.cluster.scope.scope("ratelimit");
        let scope = if prefix.is_empty() { scope } else { scope.scope(prefix) };
        let stats = Rc::new(RateLimitStats::register(&scope));
        known.push((prefix.into(), stats.clone()));
        stats
    }

    /// Records the time to the end of a response.
    pub fn time(&self, millis: u64, origin: Origin) {
        self.cluster.stats.upstream_rq_time.record(millis);
        self.codes.borrow_mut().time(&self.cluster.scope, millis, origin);
    }
}

// === impl Flows ===

impl Flows {
    fn of(stats: &ClusterStats) -> Self {
        Self {
            up: Rc::new(FlowStats {
                stopped: stats.upstream_flow_control_backed_up_total.clone(),
                resumed: stats.upstream_flow_control_drained_total.clone(),
            }),
            down: Rc::new(FlowStats {
                stopped: stats.upstream_flow_control_paused_reading_total.clone(),
                resumed: stats.upstream_flow_control_resumed_reading_total.clone(),
            }),
        }
    }
}

// === impl LocalHost ===

impl LocalHost {
    /// A host without connections.
    pub fn new(cluster: &Arc<Cluster>, host: &Arc<Host>) -> Self {
        let pool = Pool::new(cluster.clone(), host.clone(), RoutingPriority::Default);
        Self { host: host.clone(), pool, high: OnceCell::new(), failed: Cell::new(false) }
    }

    /// This worker's connections for requests of that priority.
    pub fn pool(&self, priority: RoutingPriority) -> &Pool {
        match priority {
            RoutingPriority::Default => &self.pool,
            RoutingPriority::High => self.high.get_or_init(|| Box::new(self.pool.of(priority))),
        }
    }

    /// Closes what nobody uses when the host has just been ejected, or failed its health check.
    fn drain_if_it_failed(&self) {
        let failed = self.host.has(Flag::FailedActiveHc) || self.host.has(Flag::FailedOutlierCheck);
        if failed && !self.failed.replace(failed) {
            self.pool.drain();
            if let Some(high) = self.high.get() {
                high.drain();
            }
        }
        self.failed.set(failed);
    }

    /// Closes its connections as soon as nobody uses them: it is gone.
    fn retire(&self) {
        self.pool.retire();
        self.high.get().inspect(|high| high.retire());
    }

    /// Whether the codec is HTTP/2.
    pub fn is_http2(&self) -> bool {
        self.pool.is_http2()
    }
}

// === impl View ===

impl View {
    fn catch_up(&mut self, cluster: &Arc<Cluster>) {
        let hosts = cluster.peek_hosts();
        if !self.seen.as_ref().is_some_and(|seen| Arc::ptr_eq(&hosts, seen)) {
            let hosts = hosts.clone();
            self.follow(cluster, hosts);
        }
    }

    fn choose(
        &mut self,
        context: &Context<'_>,
        attempt: u32,
        cluster: &Cluster,
    ) -> Option<&Rc<LocalHost>> {
        let chosen = match (self.seen.as_ref()?.subsets(), &cluster.config.lb.subsets) {
            (Some(_), Some(settings)) => {
                self.choose_of_subset(context, attempt, (cluster, settings))?
            }
            _ => self.choose_of(Part::Whole, context, attempt, cluster)?,
        };
        self.hosts.get(chosen)
    }

    fn choose_of(
        &mut self,
        part: Part,
        context: &Context<'_>,
        attempt: u32,
        cluster: &Cluster,
    ) -> Option<usize> {
        let seen = self.seen.as_ref()?;
        let (group, balancer) = match part {
            Part::Whole => (seen.group(), &mut self.balancer),
            Part::Subset(number) => (seen.subsets()?.group(number), self.subsets.get_mut(number)?),
        };
        let field = Field {
            hosts: seen.hosts(),
            group,
            settings: &cluster.config.lb,
            panics: &cluster.stats.lb_healthy_panic,
        };
        balancer.choose(&field, context, attempt)
    }

    fn choose_of_subset(
        &mut self,
        context: &Context<'_>,
        attempt: u32,
        (cluster, settings): (&Cluster, &Subsets),
    ) -> Option<usize> {
        let stats = &cluster.stats;
        match self.seen.as_ref()?.subsets()?.find(context.metadata, settings) {
            Found::Selected(part) => {
                stats.lb_subsets_selected.inc();
                return self.choose_of(part, context, attempt, cluster);
            }
            Found::Instead(part) => return self.choose_of(part, context, attempt, cluster),
            Found::Fallback(part) => {
                if let Some(chosen) = self.choose_of(part, context, attempt, cluster) {
                    stats.lb_subsets_fallback.inc();
                    return Some(chosen);
                }
            }
            Found::Nothing => {}
        }
        if !settings.panic_mode_any {
            tracing::debug!(cluster = %cluster.name, wanted = ?context.metadata, "no subset");
            return None;
        }
        let chosen = self.choose_of(Part::Whole, context, attempt, cluster)?;
        stats.lb_subsets_fallback_panic.inc();
        Some(chosen)
    }

    /// Takes over a new host set. Hosts that stay keep their connections; those of hosts that went close once they
    /// have answered.
    fn follow(&mut self, cluster: &Arc<Cluster>, seen: Arc<HostSet>) {
        self.balancer = Balancer::default();
        self.subsets.clear();
        let subsets = seen.subsets().map_or(0, super::subsets::Subsets::numbers);
        self.subsets.resize_with(subsets, Balancer::default);
        let same = self.hosts.len() == seen.hosts().len()
            && self.hosts.iter().zip(seen.hosts()).all(|(old, new)| Arc::ptr_eq(&old.host, new));
        if same {
            self.hosts.iter().for_each(|host| host.drain_if_it_failed());
            self.seen = Some(seen);
            return;
        }
        let known = std::mem::take(&mut self.hosts);
        let mut known: HashMap<_, _> =
            known.into_iter().map(|host| (Arc::as_ptr(&host.host), host)).collect();
        let hosts = seen.hosts().iter();
        self.hosts = hosts
            .map(|host| match known.remove(&Arc::as_ptr(host)) {
                Some(known) => known,
                None => Rc::new(LocalHost::new(cluster, host)),
            })
            .collect();
        self.hosts.iter().for_each(|host| host.drain_if_it_failed());
        known.values().for_each(|gone| gone.retire());
        self.seen = Some(seen);
    }
}
