//! One name is one stat, and lists have all of them in order.

use super::Store;
use crate::stats::{Kind, stats};

stats! {
    struct Declared {
        /// A count
        count: Counter,
        /// A level
        level: Gauge,
        /// A time
        time: Histogram<Millis>,
        /// A text
        word: TextReadout,
    }
}

#[test]
fn a_name_is_one_stat_whoever_asks_for_it_first() {
    let store = Store::new();
    let scope = store.root().scope("a.b");
    let before = scope.counter("count");
    before.inc();
    scope.gauge("level").set(3);
    scope.text_readout("word").set("early");
    scope.histogram("time").record(1);
    let declared = Declared::register(&scope);
    declared.count.inc();
    scope.counter("count").inc();
    Declared::register(&scope).count.inc();
    before.inc();
    store.flush();
    assert_eq!(declared.count.value(), 5);
    assert_eq!(declared.level.value(), 3);
    assert_eq!(declared.word.value().as_str(), "early");
    assert_eq!(declared.time.cumulative().count(), 1);
    let names: Vec<_> = store.counters().into_iter().map(|counter| counter.name).collect();
    assert_eq!(names.iter().map(|name| &**name).collect::<Vec<_>>(), ["a.b.count"]);
    assert_eq!((store.gauges().len(), store.histograms().len()), (1, 1));
    assert_eq!(store.text_readouts().len(), 1);
}

#[test]
fn names_of_all_sources_are_listed_in_order_with_their_help() {
    let store = Store::new();
    let root = store.root();
    Declared::register(&root.scope("z"));
    Declared::register(&root.scope("a"));
    root.counter("m");
    let counters = store.counters();
    let listed: Vec<_> = counters.iter().map(|one| (&*one.name, one.help)).collect();
    assert_eq!(listed, [("a.count", "A count"), ("m", ""), ("z.count", "A count")]);
    assert_eq!(Declared::DEFINITIONS[2].kind, Kind::Histogram);
}

#[test]
fn two_scopes_of_the_same_field_count_apart() {
    let store = Store::new();
    let (one, other) = (store.root().scope("one"), store.root().scope("other"));
    let (one, other) = (Declared::register(&one), Declared::register(&other));
    one.count.add(7);
    assert_eq!((one.count.value(), other.count.value(), other.level.value()), (7, 0, 0));
}
