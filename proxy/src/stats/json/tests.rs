//! Objects beside those that Envoy 1.40 wrote.

use super::json;
use crate::stats::{Buckets, Selection, Store, filter};

fn page(name: &str, buckets: Buckets) -> String {
    let store = Store::new();
    store.root().counter("b.count").add(3);
    store.root().gauge("a.level").set(7);
    store.root().text_readout("t.text").set("say \"hi\"");
    store.root().histogram("h.time").record(300_000);
    store.flush();
    store.root().histogram("h.time").record(12_000_000);
    let selection = Selection { filter: Some(filter(name).unwrap()), ..Selection::default() };
    json(&store, &selection, buckets)
}

#[test]
fn numbers_and_texts_are_a_list() {
    assert_eq!(
        page("^[abt]", Buckets::Summary),
        r#"{"stats":[{"name":"t.text","value":"say \"hi\""},{"name":"a.level","value":7},{"name":"b.count","value":3}]}"#
    );
    assert_eq!(page("nothing", Buckets::Summary), r#"{"stats":[]}"#);
}

#[test]
fn all_histograms_are_one_entry() {
    let summary = page("h", Buckets::Summary);
    let start = concat!(
        r#"{"stats":[{"histograms":{"supported_quantiles":[0,25,50,75,90,95,99,99.5,99.9,100],"#,
        r#""computed_quantiles":[{"name":"h.time","values":[{"cumulative":305000,"interval":305000},"#
    );
    assert!(summary.starts_with(start), "{summary}");
    assert!(summary.ends_with(r#"{"cumulative":305000,"interval":305000}]}]}}]}"#), "{summary}");

    let detailed = page("h", Buckets::Detailed);
    let start = concat!(
        r#"{"stats":[{"histograms":{"supported_percentiles":[0,25,50,75,90,95,99,99.5,99.9,100],"#,
        r#""details":[{"name":"h.time","totals":[{"lower_bound":3e+05,"width":10000,"count":1}],"#,
        r#""intervals":[{"lower_bound":3e+05,"width":10000,"count":1}],"percentiles":["#
    );
    assert!(detailed.starts_with(start), "{detailed}");

    let cumulative = page("h", Buckets::Cumulative);
    let start = concat!(
        r#"{"stats":[{"histograms":[{"name":"h.time","buckets":[{"upper_bound":0.5,"interval":0,"#,
        r#""cumulative":0},{"upper_bound":1,"interval":0,"cumulative":0},"#
    );
    assert!(cumulative.starts_with(start), "{cumulative}");
    let end = concat!(
        r#"{"upper_bound":3e+05,"interval":1,"cumulative":1},"#,
        r#"{"upper_bound":6e+05,"interval":1,"cumulative":1},"#,
        r#"{"upper_bound":1800000,"interval":1,"cumulative":1},"#,
        r#"{"upper_bound":3600000,"interval":1,"cumulative":1}]}]}]}"#
    );
    assert!(cumulative.ends_with(end), "{cumulative}");
    let disjoint = page("h", Buckets::Disjoint);
    assert!(
        disjoint.contains(r#"{"upper_bound":3e+05,"interval":1,"cumulative":1}"#),
        "{disjoint}"
    );
    assert!(
        disjoint.contains(r#"{"upper_bound":6e+05,"interval":0,"cumulative":0}"#),
        "{disjoint}"
    );
}

#[test]
fn an_empty_histogram_has_nulls() {
    let store = Store::new();
    store.root().histogram("h");
    let page = json(&store, &Selection::default(), Buckets::Summary);
    assert!(page.contains(r#"{"name":"h","values":[{"cumulative":null,"interval":null},"#));
}
