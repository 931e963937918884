//! The JSON Schema for editors: the committed one is the command's, the samples name it and keep to it, bad files do not.

use std::path::{Path, PathBuf};

use outrigger::config::{Form, convert, json_schema};
use serde_json::Value;

use super::fixtures;

/// Where it is, from the package's folder.
const COMMITTED: &str = "bootstrap.schema.json";

#[test]
fn the_committed_schema_is_what_the_command_prints() {
    let wanted = json_schema();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(COMMITTED, &wanted).expect("the schema can be written");
    }
    let have = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(have == wanted, "{COMMITTED} is stale: run this test with UPDATE_EXPECT=1");
}

#[test]
fn samples_name_the_schema_and_keep_to_it() {
    let schema = validator();
    let mut wrong = Vec::new();
    for path in samples() {
        let text = std::fs::read_to_string(&path).expect("the file can be read");
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let named =
                text.lines().find_map(|line| line.strip_prefix("# yaml-language-server: $schema="));
            let meant = named.map(|named| path.with_file_name(named).canonicalize());
            let same = matches!(meant, Some(Ok(meant)) if meant == Path::new(COMMITTED).canonicalize().unwrap());
            if !same {
                wrong.push(format!(
                    "{}: expected a first line that names the schema, found {named:?}",
                    path.display()
                ));
            }
        }
        wrong.extend(complaints(&schema, &path));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_of_a_wrong_structure_break_it() {
    let schema = validator();
    for name in [
        "any_bare_type.yaml",
        "any_unknown_type.yaml",
        "any_without_type.yaml",
        "enum.yaml",
        "missing.yaml",
        "oneof.yaml",
        "range.yaml",
        "unknown_field.yaml",
        "v1_top.yaml",
        "v2_fields.yaml",
        "wrong_extension.yaml",
        "wrong_type.yaml",
    ] {
        let path = Path::new(super::FIXTURES).join("bad/v3").join(name);
        assert!(!complaints(&schema, &path).is_empty(), "{name} keeps to the schema");
    }
    for name in ["elsewhere.yaml", "fields.yaml", "top.yaml"] {
        let path = Path::new(super::FIXTURES).join("unsupported/v3").join(name);
        let broken = !complaints(&schema, &path).is_empty();
        // What is supported in one place and not in another is beyond a schema.
        assert_eq!(broken, name != "elsewhere.yaml", "{name}");
    }
}

#[test]
fn both_names_of_a_field_are_known_and_references_to_variables_may_stand_for_values() {
    let schema = validator();
    let valid = |text: &str| schema.is_valid(&serde_json::from_str(text).expect("it is JSON"));
    let address = |field: &str, port: &str| {
        format!(
            r#"{{"admin": {{"address": {{"{field}": {{"address": "::1", "portValue": {port}}}}}}}}}"#
        )
    };
    assert!(valid(&address("socketAddress", "1")));
    assert!(valid(&address("socket_address", "\"1\"")));
    assert!(valid(&address("socket_address", "\"${PORT:-1}\"")));
    assert!(!valid(&address("socket_address", "65536")));
    assert!(!valid(&address("socket_address", "\"one\"")));
    assert!(!valid(&address("socket_adress", "1")));
    assert!(!valid(r#"{"admin": {"address": {}}}"#), "one of a required oneof is missing");
}

/// The files that people start from, and the good ones among the fixtures.
fn samples() -> Vec<PathBuf> {
    let compose = ["gateway", "sidecar"]
        .map(|node| Path::new("../compose").join(node).join("bootstrap.v3.yaml"));
    let mut files = fixtures("v3");
    // What only Envoy's own reader forgives is no example to follow; nor are fields that are not supported, asking for
    // nothing.
    files.retain(|path| !path.ends_with("forgiven.yaml") && !path.ends_with("camel.json"));
    files.extend(compose);
    files
}

fn validator() -> jsonschema::Validator {
    let text = std::fs::read_to_string(COMMITTED).expect("the schema can be read");
    let schema: Value = serde_json::from_str(&text).expect("the schema is JSON");
    jsonschema::validator_for(&schema).expect("the schema is one")
}

fn complaints(schema: &jsonschema::Validator, path: &Path) -> Vec<String> {
    let json = convert(path, Some(Form::Json), None).expect("the file can be read");
    let value: Value = serde_json::from_str(&json.text).expect("it is JSON");
    let complaint = |error: jsonschema::ValidationError<'_>| {
        format!("{}: {}: {error}", path.display(), error.instance_path())
    };
    schema.iter_errors(&value).map(complaint).collect()
}
