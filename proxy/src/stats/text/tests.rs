//! Lines beside those that Envoy 1.40 wrote.

use super::text;
use crate::stats::{Buckets, Kind, Selection, Store, filter};

fn store() -> Store {
    let store = Store::new();
    let cluster = store.root().scope("cluster.a:b");
    cluster.counter("upstream_rq_total").add(8);
    cluster.counter("upstream_rq_retry");
    drop(cluster.gauge("upstream_rq_active").hold());
    cluster.gauge("version");
    let sizes = cluster.histogram("size");
    for value in [1000, 1000, 1000, 1000, 1000, 50, 50, 50] {
        sizes.record(value);
    }
    cluster.histogram("length_ms");
    store.root().text_readout("control_plane.identifier").set("one");
    store.flush();
    store
}

#[test]
fn texts_come_first_then_numbers_then_histograms() {
    let page = text(&store(), &Selection::default(), Buckets::Summary);
    let names: Vec<_> = page.lines().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(
        names,
        [
            "control_plane.identifier",
            "cluster.a_b.upstream_rq_active",
            "cluster.a_b.upstream_rq_retry",
            "cluster.a_b.upstream_rq_total",
            "cluster.a_b.version",
            "cluster.a_b.length_ms",
            "cluster.a_b.size",
        ]
    );
    assert!(page.starts_with("control_plane.identifier: \"one\"\n"));
    assert!(page.contains("upstream_rq_total: 8\n"));
    assert!(page.contains("cluster.a_b.length_ms: No recorded values\n"));
}

#[test]
fn only_what_is_asked_for_is_shown() {
    let used = Selection { used_only: true, ..Selection::default() };
    let page = text(&store(), &used, Buckets::Summary);
    assert!(page.contains("upstream_rq_active: 0\n"), "a gauge that was ever set is used");
    assert!(!page.contains("retry") && !page.contains("version") && !page.contains("length"));
    let filtered =
        Selection { filter: Some(filter("^cluster.*_rq_t").unwrap()), ..Selection::default() };
    assert_eq!(text(&store(), &filtered, Buckets::Summary), "cluster.a_b.upstream_rq_total: 8\n");
    let gauges = Selection { kind: Some(Kind::Gauge), ..Selection::default() };
    assert_eq!(
        text(&store(), &gauges, Buckets::Summary),
        "cluster.a_b.upstream_rq_active: 0\ncluster.a_b.version: 0\n"
    );
}

#[test]
fn histograms_are_shown_in_four_ways() {
    let store = store();
    let only = Selection { filter: Some(filter("size").unwrap()), ..Selection::default() };
    let shown = |buckets| text(&store, &only, buckets);
    let high = "1083.3333333333333";
    let summary = format!(
        "P0(50.25,50.25) P25(50.5,50.5) P50(1016.6666666666666,1016.6666666666666) \
         P75(1050,1050) P90({high},{high}) P95({high},{high}) P99({high},{high}) \
         P99.5({high},{high}) P99.9({high},{high}) P100({high},{high})"
    );
    assert_eq!(shown(Buckets::Summary), format!("cluster.a_b.size: {summary}\n"));
    assert_eq!(
        shown(Buckets::Detailed),
        format!(
            "cluster.a_b.size:\n  totals=50,1:3, 1000,100:5\n  intervals=50,1:3, 1000,100:5\n  \
             summary={summary}\n"
        )
    );
    assert!(shown(Buckets::Cumulative).starts_with("cluster.a_b.size: B0.5(0,0) B1(0,0)"));
    assert!(shown(Buckets::Cumulative).contains(" B50(3,3) B100(3,3) B250(3,3)"));
    assert!(shown(Buckets::Cumulative).ends_with(" B1.8e+06(8,8) B3.6e+06(8,8)\n"));
    assert!(shown(Buckets::Disjoint).contains(" B25(0,0) B50(3,3) B100(0,0)"));
    assert!(shown(Buckets::Disjoint).contains(" B1000(5,5) B2500(0,0)"));
    store.flush();
    assert!(shown(Buckets::Summary).starts_with("cluster.a_b.size: P0(nan,50.25) "));
}
