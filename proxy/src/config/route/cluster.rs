//! How a route finds its cluster: `RouteAction.cluster_specifier`, `WeightedCluster`.

use http::HeaderValue;

use crate::config::headers::HeaderMutations;
use crate::config::http_filter::PerFilter;
use crate::config::matcher::HeaderField;
use crate::config::metadata_match::MetadataMatch;

/// Where to forward.
#[derive(Clone, Debug)]
pub enum ClusterSpecifier {
    /// `cluster` or `cluster_header`.
    One(ClusterName),
    /// `weighted_clusters`.
    Weighted(WeightedClusters),
}

/// Which cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ClusterName {
    /// `cluster`, or a weighted cluster's `name`.
    Fixed(String),
    /// `cluster_header`: the one that the request names.
    Header(HeaderField),
}

/// `WeightedCluster`.
#[derive(Clone, Debug)]
pub struct WeightedClusters {
    /// `clusters`, in file order.
    pub clusters: Vec<ClusterWeight>,
    /// The sum of their weights, which is not zero.
    pub total: u32,
    /// `header_name`: where a request may bring the random number along.
    pub random_header: Option<HeaderField>,
}

/// `WeightedCluster.ClusterWeight`.
#[derive(Clone, Debug)]
pub struct ClusterWeight {
    /// `name` or `cluster_header`.
    pub cluster: ClusterName,
    /// `weight`.
    pub weight: u32,
    /// `host_rewrite_literal`: what upstream gets as host, unless the route says otherwise.
    pub host_rewrite: Option<HeaderValue>,
    /// What is done to the headers of its requests.
    pub headers: HeaderMutations,
    /// `typed_per_filter_config`.
    pub filters: Vec<PerFilter>,
    /// `metadata_match`, over the route's.
    pub metadata_match: Option<Box<MetadataMatch>>,
}
