//! Files that nobody would write: each is refused with a place, in little time and space, and nothing panics.

use std::time::Duration;

use proptest::prelude::*;

use outrigger::base::clock;
use outrigger::config::bootstrap::Node;
use outrigger::config::load;

use super::read_text;

/// What the worst of them may take. The bound is ten times what a slow machine needs unoptimised; without the limits it
/// is passed by far.
const PATIENCE: Duration = Duration::from_secs(10);

/// Deep enough to end a recursive reader's stack.
const DEEP: usize = 100_000;

#[test]
fn deep_nesting_is_refused() {
    for (name, text) in [
        ("flow.yaml", "[".repeat(DEEP)),
        ("maps.yaml", "{a: ".repeat(DEEP)),
        ("closed.yaml", "[".repeat(DEEP) + &"]".repeat(DEEP)),
        ("sequences.yaml", "- ".repeat(DEEP)),
        ("keys.yaml", "? ".repeat(DEEP)),
        ("colons.yaml", ": ".repeat(DEEP)),
        ("lists.json", "[".repeat(DEEP) + &"]".repeat(DEEP)),
        ("objects.json", "{\"a\":".repeat(DEEP) + "1" + &"}".repeat(DEEP)),
    ] {
        let report = refused(name, text);
        let told = ["nested deeper", "recursion limit", "must be a scalar"];
        assert!(told.iter().any(|told| report.contains(told)), "{name}: {report}");
    }
}

#[test]
fn the_deepest_nesting_that_is_read_is_walked_through_as_well() {
    let report = refused("deep.json", "{\"a\":".repeat(100) + "1" + &"}".repeat(100));
    assert!(report.contains(":1:2: a: unknown field"), "{report}");
    let report = refused("deep.yaml", "{\"admin\":".repeat(100) + "1" + &"}".repeat(100));
    assert!(report.contains("admin: unknown field"), "{report}");
}

#[test]
fn alias_bombs_are_refused() {
    let mut text = String::from("a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for (name, before) in ('b'..='z').zip('a'..) {
        text.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 9].join(",")));
    }
    let report = refused("bomb.yaml", text);
    assert!(report.contains("anchors and aliases add up to too much"), "{report}");
    let report = refused("self.yaml", "a: &a [*a]\n");
    assert!(report.contains("self.yaml:1:8: not valid YAML: an alias within"), "{report}");
}

#[test]
fn large_files_are_refused() {
    const MIB: usize = 1024 * 1024;
    let report = refused("large.yaml", "#".repeat(100 * MIB));
    assert!(report.ends_with("large.yaml: larger than 16 MiB"), "{report}");
    let report = refused("list.yaml", format!("[{}1]", "1,\n".repeat(5 * MIB)));
    assert!(report.contains("characters") || report.contains("values"), "{report}");
    let report = refused("list.json", format!("[{}1]", "1,".repeat(5 * MIB)));
    assert!(report.contains("more than 400000 keys and values"), "{report}");
    let report = refused("scalar.yaml", format!("a: \"{}\"", "x".repeat(10 * MIB)));
    assert!(report.contains("characters"), "{report}");
    let report =
        refused("keys.yaml", (0..100_000).map(|i| format!("k{i}: 1\n")).collect::<String>());
    assert!(report.ends_with("and 99800 more"), "{report}");
}

#[test]
fn what_is_no_text_is_refused() {
    let report = refused("bytes.yaml", b"a: b\nc: \xff\xfe\n");
    assert!(report.ends_with("bytes.yaml: not UTF-8, from line 2 on"), "{report}");
    let report = refused("zero.yaml", "a: b\0c");
    assert!(report.contains("zero.yaml:1:5: not valid YAML: "), "{report}");
    let report = refused("number.json", "{ \"a\": 1e999 }");
    assert!(report.contains("number.json:1:8: not valid JSON: number out of range"), "{report}");
    let report = refused("nan.json", "{ \"a\": NaN }");
    assert!(report.contains("nan.json:1:8: not valid JSON: "), "{report}");
}

#[test]
fn text_in_other_forms_is_refused_or_read() {
    let utf16 =
        |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
    let report = refused("utf16.yaml", [&[0xff, 0xfe], utf16("admin: {}").as_slice()].concat());
    assert!(report.ends_with("utf16.yaml: not UTF-8, from line 1 on"), "{report}");
    // Without a mark it is ASCII with a NUL after each character.
    let report = refused("plain.yaml", utf16("admin: {}"));
    assert!(report.contains("plain.yaml:1:2: not valid YAML: "), "{report}");
    let report = refused("zero.json", "{ \"a\": \"b\0c\" }");
    assert!(report.contains("zero.json:1:9: not valid JSON: "), "{report}");
    let report = refused("tab.yaml", "static_resources:\n\tclusters: []\n");
    assert!(report.contains("tab.yaml:2:2: not valid YAML: tabs"), "{report}");
    for (name, end) in [("lf.yaml", "\n"), ("crlf.yaml", "\r\n"), ("cr.yaml", "\r")] {
        let text = ["static_resources:", "  clusters:", "  - nam: a", ""].join(end);
        let report = refused(name, text);
        assert!(report.contains(":3:5: static_resources.clusters[0].nam: unknown"), "{report}");
    }
}

#[test]
fn what_is_given_twice_is_refused() {
    let report = refused("twice.json", "{ \"admin\": {}, \"admin\": {} }");
    assert!(
        report.contains("twice.json:1:16: not valid JSON: key \"admin\" is given twice"),
        "{report}"
    );
    let report = refused("twice.yaml", "admin: {}\n\"admin\": {}\n");
    assert!(
        report.contains("twice.yaml:2:1: not valid YAML: key \"admin\" is given twice"),
        "{report}"
    );
}

#[test]
fn deep_and_unknown_contents_of_any_are_refused() {
    const PREFIX: &str = "type.googleapis.com/envoy.extensions.filters.network";
    let hcm = format!("{PREFIX}.http_connection_manager.v3.HttpConnectionManager");
    let mut any = String::from("{}");
    for _ in 0..20 {
        any =
            format!(r#"{{"@type":"{hcm}","http_filters":[{{"name":"a","typed_config":{any}}}]}}"#);
    }
    let unknown = |kind: &str| format!(r#"{{"@type":{kind}}}"#);
    let long = format!("{:?}", "x".repeat(1_000_000));
    for (any, told) in [
        (any, "typed_config: expected \"@type\", which says what this is"),
        (unknown("\"type.googleapis.com/a.B\""), "\"a.B\" is not supported yet, or is no message"),
        (unknown("5"), "typed_config.@type: expected a string, found 5"),
        (unknown(&long), "typed_config.@type: expected type.googleapis.com/ and a message's name"),
    ] {
        let filter = format!(r#"{{"name":"a","typed_config":{any}}}"#);
        let listener = format!(r#"{{"name":"a","filter_chains":[{{"filters":[{filter}]}}]}}"#);
        let report =
            refused("any.json", format!(r#"{{"static_resources":{{"listeners":[{listener}]}}}}"#));
        assert!(report.contains(told), "{report}");
    }
}

#[test]
fn numbers_that_are_none_are_refused() {
    for text in [".nan", ".inf", "-.inf", "1e30", "99999999999999999999", "-1", "2.5"] {
        let yaml = format!(
            "static_resources: {{ clusters: [{{ name: a, circuit_breakers: {{ thresholds: [{{ max_requests: {text} }}] }} }}] }}"
        );
        let report = load(None, Some(&yaml), &Node::default()).unwrap_err().to_string();
        assert!(report.contains("max_requests: expected an integer"), "{text}: {report}");
    }
    for text in ["9223372037s", "1e3s", "infs", "nans", "-0s", "s", "1.0000000001s", "'1 s'"] {
        let yaml =
            format!("static_resources: {{ clusters: [{{ name: a, connect_timeout: {text} }}] }}");
        let report = load(None, Some(&yaml), &Node::default()).unwrap_err().to_string();
        assert!(report.contains("connect_timeout: expected a duration"), "{text}: {report}");
    }
}

fn refused(name: &str, text: impl AsRef<[u8]>) -> String {
    let begun = clock::now();
    let Err(report) = read_text(name, text) else { panic!("{name} was accepted") };
    let report = report.to_string();
    assert!(begun.elapsed() < PATIENCE, "{name} took {:?}", begun.elapsed());
    report
}

/// Words that lead into the depth of the loader.
const WORDS: &[&str] = &[
    "static_resources",
    "clusters",
    "listeners",
    "admin",
    "name",
    "address",
    "socket_address",
    "port_value",
    "filter_chains",
    "filters",
    "typed_config",
    "@type",
    "route_config",
    "match",
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
    "virtual_hosts",
    "domains",
    "routes",
    "prefix",
    "route",
    "cluster",
    "timeout",
    "http_filters",
    "load_assignment",
    "endpoints",
    "lb_endpoints",
    "endpoint",
    "connect_timeout",
    "0.25s",
    "type",
    "cluster_manager",
    "hosts",
    "url",
    "tcp://127.0.0.1:80",
    "config",
    "http_connection_manager",
    "connect_timeout_ms",
    "lb_type",
    "access_log",
    "access_log_path",
    "stat_prefix",
    "*",
    "",
    "é",
];

/// A JSON document, of those words.
fn document() -> impl Strategy<Value = String> {
    let word = proptest::sample::select(WORDS);
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        (-10.0..10.0).prop_map(|value: f64| value.to_string()),
        word.clone().prop_map(|word| format!("{word:?}")),
    ];
    leaf.prop_recursive(8, 64, 6, move |inner| {
        let entry = (word.clone(), inner.clone());
        prop_oneof![
            proptest::collection::vec(inner, 0..4)
                .prop_map(|items| format!("[{}]", items.join(","))),
            proptest::collection::vec(entry, 0..6).prop_map(|entries| {
                let entries: Vec<String> =
                    entries.iter().map(|(key, value)| format!("{key:?}:{value}")).collect();
                format!("{{{}}}", entries.join(","))
            }),
        ]
    })
}

/// A good file with a few of its bytes changed.
fn damaged(good: &'static str) -> impl Strategy<Value = String> {
    let change = (any::<proptest::sample::Index>(), any::<u8>());
    proptest::collection::vec(change, 1..8).prop_map(move |changes| {
        let mut bytes = good.as_bytes().to_vec();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

const GOOD_YAML: &str = include_str!("../../fixtures/config/v3/full.yaml");
const GOOD_JSON: &str = include_str!("../../fixtures/config/v1/full.json");

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = load(None, Some(&text), &Node::default());
    }

    #[test]
    fn no_document_panics(text in document()) {
        let _ = load(None, Some(&text), &Node::default());
        let _ = read_text("document.json", &text);
    }

    #[test]
    fn no_damage_panics(yaml in damaged(GOOD_YAML), json in damaged(GOOD_JSON)) {
        let _ = load(None, Some(&yaml), &Node::default());
        let _ = read_text("damaged.json", &json);
    }
}
