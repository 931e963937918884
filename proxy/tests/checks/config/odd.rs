//! Odd values, one to a file: what the real Envoy takes is taken, what it refuses is refused.

use super::envoy::{envoy, validate};
use super::read;

const WHOLE: &[&str] = &[
    "1",
    "\"1\"",
    "1.0",
    "\"1.0\"",
    "\"1e3\"",
    "1e3",
    "\" 1\"",
    "\"1 \"",
    "\"+1\"",
    "+1",
    "0x10",
    "010",
    "\"010\"",
    "\"\"",
    "\"-0\"",
    "-0",
    "4294967295",
    "4294967296",
    "\"4294967296\"",
    "1.5",
    "\"1.5\"",
    "true",
    "\"1_000\"",
    "[1]",
    "[]",
    ".inf",
    "\"Infinity\"",
    "\"NaN\"",
    "null",
    "~",
    "\"1e400\"",
    "1e-1",
    "\"4294967295.0\"",
    "\"0.1e1\"",
    "\"1.\"",
    "\".1e1\"",
    "\"0o7\"",
    "\"0b1\"",
];

const BOOLEAN: &[&str] = &[
    "true",
    "\"true\"",
    "\"TRUE\"",
    "\"tRue\"",
    "t",
    "1",
    "\"1\"",
    "0",
    "on",
    "\"on\"",
    "yes",
    "\"Yes\"",
    "y",
    "\"\"",
    "\"off\"",
    "null",
    "1.0",
    "[true]",
    "\" true\"",
    "\"true \"",
];

const WORD: &[&str] = &[
    "ROUND_ROBIN",
    "round_robin",
    "Round_Robin",
    "0",
    "\"0\"",
    "0.0",
    "\"0.0\"",
    "99",
    "\"99\"",
    "\"\"",
    "\"ROUND_ROBIN \"",
    "true",
    "null",
    "[ROUND_ROBIN]",
    "ROUND_ROBIN1",
    "-1",
    "\"1e0\"",
    "4294967296",
];

const DURATION: &[&str] = &[
    "1s",
    "\"1.5s\"",
    "01s",
    "1.s",
    ".5s",
    "+1s",
    "-1s",
    "1.0000000001s",
    "1.000000000s",
    "1S",
    "\"1 s\"",
    "1ms",
    "\"\"",
    "1",
    "9223372035s",
    "9223372036s",
    "9223372037s",
    "315576000000s",
    "315576000001s",
    "1e3s",
    "null",
    "{}",
    "0s",
    "-0s",
    "0.s",
    "0.000000001s",
    "0.0000000001s",
    "\"1s \"",
    "\" 1s\"",
    "[1s]",
    "00000000000000000001s",
];

const TEXT: &[&str] = &[
    "1",
    "\"1\"",
    "1.5",
    "true",
    "null",
    "[a]",
    "[]",
    "{}",
    "2001-01-01",
    "0x10",
    "~",
    "1e3",
    "4294967296",
    ".5",
    "a",
    "\"\\0a\"",
    ".inf",
    "-",
    "\"é\"",
    "1_000",
    "12:30:45",
    "0o17",
    "! 1",
    "+1",
    "-1",
];

const MESSAGE: &[&str] = &[
    "{}",
    "null",
    "[]",
    "\"\"",
    "{ id: a, Id: b }",
    "{ iD: a }",
    "{ id: null }",
    "{ ID: a }",
    "{ \"@type\": a }",
    "{ <<: { id: a } }",
    "{ 1: b }",
    "{ node: {} }",
];

const ANY: &[&str] = &[
    "{ \"@type\": type.googleapis.com/LOG }",
    "{ \"@type\": LOG }",
    "{ \"@type\": /LOG }",
    "{ \"@type\": a/b/LOG }",
    "{ \"@type\": a/LOG }",
    "{ \"@type\": \"\" }",
    "{ \"@type\": null }",
    "{ \"@type\": [a/LOG] }",
    "{ \"@type\": a/LOG, value: {} }",
    "{ \"@type\": a/LOG, \"@Type\": b }",
    "[]",
    "a/LOG",
];

/// What Envoy takes and we do not: a wrapper or a duration written as the message that it is, which nobody does.
const STRICTER: &[&str] = &["connect_timeout: {}"];

#[test]
fn whole_numbers() {
    compare(
        "static_resources: { clusters: [{ name: a, per_connection_buffer_limit_bytes: VALUE }] }",
        WHOLE,
    );
}

#[test]
fn ports() {
    compare(
        "admin: { address: { socket_address: { address: 127.0.0.1, port_value: VALUE } } }",
        &["0", "65536", "-1", "\"0\"", "0.0", "null"],
    );
}

#[test]
fn booleans() {
    compare("static_resources: { clusters: [{ name: a, respect_dns_ttl: VALUE }] }", BOOLEAN);
}

#[test]
fn words_of_enums() {
    compare("static_resources: { clusters: [{ name: a, lb_policy: VALUE }] }", WORD);
}

#[test]
fn durations() {
    compare("static_resources: { clusters: [{ name: a, connect_timeout: VALUE }] }", DURATION);
}

#[test]
fn texts() {
    compare("static_resources: { clusters: [{ name: VALUE }] }", TEXT);
}

#[test]
fn messages() {
    compare("node: VALUE", MESSAGE);
}

#[test]
fn extensions() {
    compare(
        "admin: { access_log: [{ name: a, typed_config: VALUE }], \
         address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }",
        ANY,
    );
}

/// Puts each value in its place, and asks both.
fn compare(file: &str, values: &[&str]) {
    let Some(envoy) = envoy() else { return };
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("file.yaml");
    let mut wrong = Vec::new();
    for value in values {
        let value =
            value.replace("LOG", "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog");
        let text = file.replace("VALUE", &value);
        std::fs::write(&path, &text).expect("the file can be written");
        let (ours, theirs) = (read(&path), validate(&envoy, &path));
        let stricter = STRICTER.iter().any(|stricter| text.contains(stricter));
        if ours.is_ok() != theirs.is_ok() && !(stricter && theirs.is_ok()) {
            let ours = ours.err().map(|report| report.to_string());
            wrong.push(format!("{text}\n  ours: {ours:?}\n  Envoy's: {theirs:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
