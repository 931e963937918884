//! Stats of gRPC calls, by cluster and method: `cluster.<name>.grpc.<service>.<method>.<stat>`.
//!
//! They are made when something first counts in them, as in Envoy. Which there are is a table that is read without a
//! lock and swapped when a method is called for the first time.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use http::HeaderMap;

use crate::config::http_filter::CountedMethods;
use crate::message::grpc::{self, GRPC_STATUS};
use crate::stats::{Counter, Histogram, Scope};
use crate::upstream::Cluster;

/// How many methods have stats of their own, over all clusters: a client can call any name it likes, and what is beyond
/// counts without one. Envoy has no limit, and warns of it.
const MOST_METHODS: usize = 1024;

/// The stats of one filter's calls.
#[derive(Debug)]
pub(super) struct Calls {
    clusters: HashMap<Arc<str>, OfCluster>,
    methods: CountedMethods,
}

/// Those of one cluster.
#[derive(Debug)]
struct OfCluster {
    /// `cluster.<name>.grpc.`
    scope: Scope,
    /// Of calls without stats of their own.
    others: Arc<CallStats>,
    /// By path.
    named: ArcSwap<HashMap<Box<str>, Arc<CallStats>>>,
}

/// The stats of calls of one name.
#[derive(Debug)]
pub(super) struct CallStats {
    scope: Scope,
    success: OnceLock<Counter>,
    failure: OnceLock<Counter>,
    total: OnceLock<Counter>,
    statuses: [OnceLock<Counter>; STATUSES.len()],
    request_messages: OnceLock<Counter>,
    response_messages: OnceLock<Counter>,
    upstream_time: OnceLock<Histogram>,
}

/// The statuses there are.
const STATUSES: [&str; 17] =
    ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"];

// === impl Calls ===

impl Calls {
    /// Stats of calls to `clusters`; `protocol` is how their names begin: `grpc`.
    pub(super) fn new(
        (root, clusters): (&Scope, &[Arc<Cluster>]),
        protocol: &str,
        methods: CountedMethods,
    ) -> Self {
        let clusters = clusters.iter().map(|cluster| {
            let name = cluster.config.alt_stat_name.as_deref().unwrap_or(&cluster.name);
            let scope = root.scope("cluster").scope(name).scope(protocol);
            let others = Arc::new(CallStats::new(scope.clone()));
            (cluster.name.clone(), OfCluster { scope, others, named: ArcSwap::default() })
        });
        Self { clusters: clusters.collect(), methods }
    }

    /// The stats for a request with this path to that cluster; none if it is no path of a method.
    pub(super) fn of(&self, cluster: &str, path: &str) -> Option<Arc<CallStats>> {
        let cluster = self.clusters.get(cluster)?;
        let (service, method) = grpc::method(path)?;
        let has_own = match &self.methods {
            CountedMethods::None => false,
            CountedMethods::Listed(paths) => paths.iter().any(|listed| {
                grpc::method(listed).is_some_and(|listed| listed == (service, method))
            }),
            CountedMethods::All { .. } => true,
        };
        if !has_own {
            return Some(cluster.others.clone());
        }
        if let Some(stats) = cluster.named.load().get(path) {
            return Some(stats.clone());
        }
        if self.clusters.values().map(OfCluster::named).sum::<usize>() >= MOST_METHODS {
            tracing::debug!(path, "as many methods as there may be have stats of their own");
            return Some(cluster.others.clone());
        }
        let replaces = self.methods == CountedMethods::All { replace_dots: true };
        let service = if replaces { service.replace('.', "_") } else { service.to_owned() };
        let scope = cluster.scope.scope(&service).scope(method);
        let stats = Arc::new(CallStats::new(scope));
        cluster.named.rcu(|named| {
            let mut named = HashMap::clone(named);
            named.entry(path.into()).or_insert_with(|| stats.clone());
            named
        });
        Some(stats)
    }
}

// === impl OfCluster ===

impl OfCluster {
    fn named(&self) -> usize {
        self.named.load().len()
    }
}

// === impl CallStats ===

impl CallStats {
    fn new(scope: Scope) -> Self {
        Self {
            scope,
            success: OnceLock::new(),
            failure: OnceLock::new(),
            total: OnceLock::new(),
            statuses: Default::default(),
            request_messages: OnceLock::new(),
            response_messages: OnceLock::new(),
            upstream_time: OnceLock::new(),
        }
    }

    fn counter<'a>(&self, counter: &'a OnceLock<Counter>, name: &str) -> &'a Counter {
        counter.get_or_init(|| self.scope.counter(name))
    }

    /// Counts the status of a call, if these headers have one: those of a response's head, or after it. A status that is
    /// none of gRPC counts as a failure, without a stat of its own.
    pub(super) fn charge(&self, headers: &HeaderMap) {
        let Some(status) = headers.get(GRPC_STATUS) else { return };
        let known = STATUSES.iter().position(|known| known.as_bytes() == status.as_bytes());
        if let Some(known) = known {
            self.counter(&self.statuses[known], STATUSES[known]).inc();
        }
        match known {
            Some(0) => self.counter(&self.success, "success").inc(),
            _ => self.counter(&self.failure, "failure").inc(),
        }
        self.counter(&self.total, "total").inc();
    }

    /// So many messages have come.
    pub(super) fn charge_requests(&self, messages: u64) {
        if messages > 0 {
            self.counter(&self.request_messages, "request_message_count").add(messages);
        }
    }

    /// So many messages have come back.
    pub(super) fn charge_responses(&self, messages: u64) {
        if messages > 0 {
            self.counter(&self.response_messages, "response_message_count").add(messages);
        }
    }

    /// Upstream has taken so many milliseconds.
    pub(super) fn charge_time(&self, millis: u64) {
        let histogram = self.upstream_time.get_or_init(|| self.scope.histogram("upstream_rq_time"));
        histogram.record(millis);
    }
}
