//! What `--format sarif` writes has the structure that SARIF 2.1.0 (OASIS) demands of the objects in it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use outrigger::config::bootstrap::Node;
use outrigger::config::{self, Manner};
use serde_json::{Value, json};

use super::fixtures;

/// The objects of SARIF that a log of ours has: which properties each may have, which it must, and what these may hold.
fn structure() -> Value {
    let closed = |required: &[&str], properties: Value| {
        json!({
            "type": "object",
            "required": required,
            "properties": properties,
            "additionalProperties": false,
        })
    };
    let list = |item: Value| json!({ "type": "array", "items": item });
    let text = || json!({ "type": "string" });
    let position = || json!({ "type": "integer", "minimum": 1 });
    let level = || json!({ "enum": ["none", "note", "warning", "error"] });
    let message = closed(&["text"], json!({ "text": text() }));
    let descriptor = closed(
        &["id"],
        json!({
            "id": text(),
            "shortDescription": message,
            "help": message,
            "defaultConfiguration": closed(&[], json!({ "level": level() })),
        }),
    );
    let driver =
        closed(&["name"], json!({ "name": text(), "version": text(), "rules": list(descriptor) }));
    let region = closed(
        &["startLine"],
        json!({
            "startLine": position(), "startColumn": position(), "endColumn": position(),
        }),
    );
    let artifact = json!({ "uri": { "type": "string", "pattern": "^[-A-Za-z0-9._~/:%]+$" } });
    let physical = closed(
        &["artifactLocation"],
        json!({ "artifactLocation": closed(&[], artifact), "region": region }),
    );
    let logical = closed(&[], json!({ "fullyQualifiedName": text() }));
    let location =
        closed(&[], json!({ "physicalLocation": physical, "logicalLocations": list(logical) }));
    let result = closed(
        &["message"],
        json!({
            "ruleId": text(), "level": level(), "message": message, "locations": list(location),
        }),
    );
    let run = closed(
        &["tool"],
        json!({
            "tool": closed(&["driver"], json!({ "driver": driver })),
            "columnKind": { "enum": ["utf16CodeUnits", "unicodeCodePoints"] },
            "results": list(result),
        }),
    );
    closed(
        &["version", "runs"],
        json!({ "$schema": text(), "version": { "const": "2.1.0" }, "runs": list(run) }),
    )
}

fn bad_files() -> Vec<PathBuf> {
    ["bad/v3", "bad/v1", "lint", "report", "unsupported/v3"]
        .iter()
        .flat_map(|f| fixtures(f))
        .collect()
}

fn log(path: &Path) -> Value {
    let manner = Manner { lints: Some(Vec::new()), ..Manner::default() };
    config::check(Some(path), None, &Node::default(), None, &manner).report.sarif()
}

#[test]
fn logs_have_the_structure_of_sarif() {
    let validator = jsonschema::validator_for(&structure()).expect("it is a schema");
    for path in bad_files() {
        let log = log(&path);
        let wrong: Vec<String> = validator
            .iter_errors(&log)
            .map(|error| format!("{}: {}: {error}", path.display(), error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn what_a_log_refers_to_is_in_it() {
    for path in bad_files() {
        let log = log(&path);
        let run = &log["runs"][0];
        let rules: Vec<&str> = run["tool"]["driver"]["rules"]
            .as_array()
            .expect("there are rules")
            .iter()
            .map(|rule| rule["id"].as_str().expect("a rule has an id"))
            .collect();
        assert_eq!(rules.iter().collect::<HashSet<_>>().len(), rules.len(), "two of one id");
        for result in run["results"].as_array().expect("there are results") {
            let rule = result["ruleId"].as_str().expect("a result has a rule");
            assert!(rules.contains(&rule), "{}: no rule {rule}", path.display());
            let region = &result["locations"][0]["physicalLocation"]["region"];
            let (start, end) = (&region["startColumn"], &region["endColumn"]);
            if let (Some(start), Some(end)) = (start.as_u64(), end.as_u64()) {
                assert!(start < end, "{}: {region}", path.display());
            }
        }
    }
}

#[test]
fn what_is_no_log_is_none() {
    let validator = jsonschema::validator_for(&structure()).expect("it is a schema");
    let path = fixtures("report").remove(0);
    let good = log(&path);
    assert!(validator.is_valid(&good));
    for pointer in ["/version", "/runs/0/tool/driver/name", "/runs/0/results/0/message/text"] {
        let mut bad = good.clone();
        let (parent, key) = pointer.rsplit_once('/').expect("it has a parent");
        let parent = bad.pointer_mut(parent).and_then(Value::as_object_mut);
        parent.expect("it is an object").remove(key).expect("it was there");
        assert!(!validator.is_valid(&bad), "without {pointer}");
    }
    let mut bad = good;
    bad["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] =
        0.into();
    assert!(!validator.is_valid(&bad));
}
