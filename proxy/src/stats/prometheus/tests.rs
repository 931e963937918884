//! Pages beside those that Envoy 1.40 wrote.

use super::{Options, prometheus};
use crate::stats::{Selection, Store, stats};

stats! {
    /// Stats with help, of a made-up subsystem.
    struct Described {
        /// Requests with a back\slash
        rq_total: Counter,
        /// Time
        /// to connect
        connect_ms: Histogram<Millis>,
        /// Connections
        cx_active: Gauge,
        /// Who
        identifier: TextReadout,
    }
}

#[test]
fn metrics_are_grouped_and_sorted_by_what_is_left_of_the_name() {
    let store = Store::new();
    let root = store.root();
    root.counter("cluster.b.upstream_rq_200").add(3);
    root.counter("cluster.a.upstream_rq_200").add(1);
    root.counter("cluster.a.upstream_rq_503").add(2);
    root.counter("cluster_manager.cluster_added").inc();
    root.gauge("cluster.a.upstream_cx_active").set(4);
    root.counter("http.in-gress.weird-name").inc();
    assert_eq!(
        prometheus(&store, &Selection::default(), Options::default()),
        concat!(
            "# TYPE envoy_cluster_upstream_rq counter\n",
            "envoy_cluster_upstream_rq{envoy_response_code=\"200\",envoy_cluster_name=\"a\"} 1\n",
            "envoy_cluster_upstream_rq{envoy_response_code=\"503\",envoy_cluster_name=\"a\"} 2\n",
            "envoy_cluster_upstream_rq{envoy_response_code=\"200\",envoy_cluster_name=\"b\"} 3\n",
            "# TYPE envoy_cluster_manager_cluster_added counter\n",
            "envoy_cluster_manager_cluster_added{} 1\n",
            "# TYPE envoy_http_weird_name counter\n",
            "envoy_http_weird_name{envoy_http_conn_manager_prefix=\"in-gress\"} 1\n",
            "# TYPE envoy_cluster_upstream_cx_active gauge\n",
            "envoy_cluster_upstream_cx_active{envoy_cluster_name=\"a\"} 4\n",
        )
    );
}

#[test]
fn histograms_have_buckets_sum_and_count() {
    let store = Store::new();
    let time = store.root().scope("cluster.a").histogram("time");
    for value in [0, 1, 3, 9, 10, 11, 99, 100, 105, 1234, 123_456, 300_000, 12_345_678] {
        time.record(value);
    }
    store.flush();
    let page = prometheus(&store, &Selection::default(), Options::default());
    let lines: Vec<_> = page.lines().collect();
    assert_eq!(lines.len(), 1 + 19 + 3);
    assert_eq!(lines[0], "# TYPE envoy_cluster_time histogram");
    assert_eq!(lines[1], "envoy_cluster_time_bucket{envoy_cluster_name=\"a\",le=\"0.5\"} 1");
    assert_eq!(lines[4], "envoy_cluster_time_bucket{envoy_cluster_name=\"a\",le=\"10\"} 5");
    assert_eq!(lines[19], "envoy_cluster_time_bucket{envoy_cluster_name=\"a\",le=\"3600000\"} 12");
    assert_eq!(lines[20], "envoy_cluster_time_bucket{envoy_cluster_name=\"a\",le=\"+Inf\"} 13");
    assert_eq!(
        lines[21],
        "envoy_cluster_time_sum{envoy_cluster_name=\"a\"} 12911310.155058324337005615234375"
    );
    assert_eq!(lines[22], "envoy_cluster_time_count{envoy_cluster_name=\"a\"} 13");

    let summaries = Options { summaries: true, ..Options::default() };
    let page = prometheus(&store, &Selection::default(), summaries);
    let lines: Vec<_> = page.lines().collect();
    assert_eq!(lines[0], "# TYPE envoy_cluster_time summary");
    assert_eq!(
        lines[2],
        "envoy_cluster_time{envoy_cluster_name=\"a\",quantile=\"0.25\"} \
         9.0500000000000007105427357601002"
    );
    assert_eq!(lines.len(), 1 + 10 + 2);
}

#[test]
fn texts_and_help_are_shown_on_request() {
    let store = Store::new();
    let described = Described::register(&store.root().scope("x"));
    described.identifier.set("a\"b\n");
    described.rq_total.inc();
    described.cx_active.inc();
    described.connect_ms.record(1);
    let plain = prometheus(&store, &Selection::default(), Options::default());
    assert!(!plain.contains("identifier") && !plain.contains("HELP"));
    let options = Options { text_readouts: true, help: true, summaries: false };
    let page = prometheus(&store, &Selection::default(), options);
    assert!(page.contains("# HELP envoy_x_rq_total Requests with a back\\\\slash\n"));
    assert!(page.contains("# HELP envoy_x_connect_ms Time to connect\n"));
    assert!(page.contains("envoy_x_identifier{text_value=\"a\\\"b\\n\"} 1\n"), "{page}");
    assert_eq!(Described::DEFINITIONS.len(), 4);
}
