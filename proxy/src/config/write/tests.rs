//! What is written reads back as the same tree.

use proptest::prelude::*;

use super::{json, yaml};
use crate::config::source::{Entry, Node, Notation, Sources, Value};

/// Texts that one reader or another takes for something else, and such that are hard to write.
const TEXTS: &[&str] = &[
    "",
    " ",
    "~",
    "null",
    "Null",
    "NULL",
    "true",
    "True",
    "no",
    "Off",
    "y",
    "N",
    "on",
    "1",
    "-1",
    "0x1f",
    "010",
    "0o17",
    "1_000",
    "1:30",
    "1.5",
    ".5",
    "5.",
    "1e3",
    "-.inf",
    ".nan",
    "+12",
    "2001-01-01",
    "2001-12-14t21:59:43.10-05:00",
    "=",
    "<<",
    "-",
    "- a",
    "?",
    "? a",
    ":",
    "a:",
    "a: b",
    "a:b",
    "#",
    "a #b",
    "a#b",
    "!tag",
    "&a",
    "*a",
    "*",
    "%a",
    "@a",
    "`a",
    "|",
    ">",
    "{",
    "{}",
    "[]",
    "[a",
    "a, b",
    "'a'",
    "\"a\"",
    "it's",
    "a\nb",
    "a\nb\n",
    "a\nb\n\n",
    "\na",
    " a\nb",
    "a\n\nb",
    "a\n b\n  c",
    "a\n \nb",
    "a\tb",
    "a\t\nb",
    "a\r\nb",
    "a\u{85}b",
    "a\u{2028}b\nc",
    "\u{feff}a",
    "\u{0}",
    "\u{7f}",
    "\\",
    "\\n",
    "é",
    "日本\n語",
    "🦀",
    "\u{10ffff}",
    "...",
    "---",
    "---\nb",
    "a ",
    " a",
    "5s",
    "0.25s",
    "127.0.0.1",
    "http://a/b?c",
    "${VAR}",
    "$$",
    "%REQ(:path)%\n",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::sample::select(TEXTS).prop_map(str::to_owned),
        2 => "\\PC*",
        1 => proptest::collection::vec(any::<char>(), 0..20).prop_map(String::from_iter),
        1 => "[ab: #\n-]{0,30}",
        1 => "[a ]{490,1200}",
    ]
}

/// A tree such as JSON's reader makes.
fn tree() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(|value| Value::Int(value.into())),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_filter("JSON has no others", |f| f.is_finite()).prop_map(Value::Float),
        text().prop_map(Value::Text),
        text().prop_map(Value::Text),
    ];
    leaf.prop_map(node).prop_recursive(6, 48, 5, |inner| {
        let entries = proptest::collection::vec((text(), inner.clone()), 0..5);
        prop_oneof![
            proptest::collection::vec(inner, 0..5).prop_map(|items| node(Value::List(items))),
            entries.prop_map(|entries| node(map(entries))),
        ]
    })
}

fn node(value: Value) -> Node {
    Node::new(Sources::default().open("nowhere"), value)
}

fn map(entries: Vec<(String, Node)>) -> Value {
    let mut map: Vec<Entry> = Vec::new();
    for (key, node) in entries {
        if map.iter().all(|entry| entry.key != key) {
            map.push(Entry { key, at: node.at, node, note: None });
        }
    }
    Value::Map(map)
}

/// The tree in a text in which places do not show.
fn shape(node: &Node, notation: Notation) -> String {
    match &node.value {
        // YAML's reader has large numbers and those with a fraction as texts, as Envoy has.
        Value::Float(value) if notation == Notation::Yaml => {
            format!("Loose({:?})", format!("{value:?}"))
        }
        Value::Int(value) if notation == Notation::Yaml && i32::try_from(*value).is_err() => {
            format!("Loose({:?})", value.to_string())
        }
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| shape(item, notation)).collect();
            format!("[{}]", items.join(","))
        }
        Value::Map(entries) => {
            let entry = |entry: &Entry| format!("{:?}:{}", entry.key, shape(&entry.node, notation));
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("{{{}}}", entries.join(","))
        }
        scalar => format!("{scalar:?}"),
    }
}

fn read(text: &str, notation: Notation) -> String {
    let mut sources = Sources::default();
    sources.open("text");
    match sources.parse(text, notation) {
        Ok(root) => shape(&root, notation),
        Err(error) => panic!("{error:?} in\n{text}"),
    }
}

/// A remark above everything, which must change nothing.
fn remark(entry: &Entry, _: Option<&Entry>) -> Option<String> {
    Some(format!("v1: {entry:?}").replace(char::is_control, " "))
}

#[test]
fn odd_texts_read_back_everywhere() {
    for text in TEXTS {
        let value = || node(Value::Text((*text).to_owned()));
        let all = node(map(vec![
            ((*text).to_owned(), value()),
            ("a list".to_owned(), node(Value::List(vec![value(), value()]))),
            ("last".to_owned(), value()),
        ]));
        for root in [all, value()] {
            let written = yaml(&root, &|_, _| None);
            let wanted = shape(&root, Notation::Yaml);
            assert_eq!(read(&written, Notation::Yaml), wanted, "{text:?} became\n{written}");
            assert_eq!(read(&json(&root), Notation::Json), shape(&root, Notation::Json));
        }
    }
}

#[test]
fn yaml_is_written_as_people_write_it() {
    let text = r#"{"a": {"empty": {}, "none": [], "list": [{"b": 1, "c": "x"}, ["*", "0.25s", "yes"], "one\ntwo\n"]}, "@type": null}"#;
    let mut sources = Sources::default();
    sources.open("text");
    let root = sources.parse(text, Notation::Json).unwrap();
    let wanted = "\
a:
  empty: {}
  none: []
  list:
    - b: 1
      c: x
    - - \"*\"
      - 0.25s
      - \"yes\"
    - |
      one
      two
\"@type\": null
";
    assert_eq!(yaml(&root, &|_, _| None), wanted);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn yaml_reads_back(root in tree()) {
        let wanted = shape(&root, Notation::Yaml);
        let written = yaml(&root, &|_, _| None);
        prop_assert_eq!(&read(&written, Notation::Yaml), &wanted, "{}", written);
        let written = yaml(&root, &remark);
        prop_assert_eq!(&read(&written, Notation::Yaml), &wanted, "{}", written);
    }

    #[test]
    fn json_reads_back(root in tree()) {
        let wanted = shape(&root, Notation::Json);
        prop_assert_eq!(read(&json(&root), Notation::Json), wanted);
    }
}
