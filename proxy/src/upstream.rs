//! Clusters: named sets of hosts, and how to reach one.
//!
//! What all workers share (hosts, limits, stats) is in [`Cluster`]; what each worker has of its own (balancer state,
//! pools) is in [`Local`], so that a request takes no lock on its way.

pub mod attempt;
pub mod client;
pub mod cluster;
pub mod connect;
pub mod discovery;
pub mod events;
pub mod failure;
pub mod grpc;
pub mod health;
pub mod health_check;
pub mod host;
pub mod host_set;
pub mod lb;
pub mod limits;
pub mod local;
pub mod manager;
pub mod outlier;
pub mod per_try;
pub mod pool;
mod report;
pub mod stats;
pub mod subsets;
pub mod tcp;
mod tunnel;
pub mod upload;

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

pub use self::cluster::Cluster;
pub use self::host::Host;
pub use self::local::Local;
pub use self::manager::Manager;

/// The clusters of one worker, by name.
pub type Locals = HashMap<Arc<str>, Rc<Local>>;
