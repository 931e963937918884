//! What becomes of v1 files, whether the proxy can do it yet or not, and what the real Envoy says of it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use tempfile::TempDir;

use crate::config::bootstrap::{Bootstrap, Node as Identity};
use crate::config::{Converted, Report, convert, load};

/// Where the files are.
const FIXTURES: &str = "tests/fixtures/config/convert";

/// Keys whose value was never looked at, most of which are none.
const IGNORED: &[&str] = &["allow_connect", "extra", "anything", "alow_absolute_url"];

#[test]
fn good_files_become_what_is_expected() {
    compare("v1", |path| {
        let Converted { text, warnings } = convert(path, None, None).unwrap();
        if warnings.findings.is_empty() { text } else { format!("{warnings}\n\n{text}") }
    });
}

#[test]
fn bad_files_are_refused_as_expected() {
    compare("bad", |path| match convert(path, None, None) {
        Ok(_) => panic!("{} has become something", path.display()),
        Err(report) => format!("{report}\n"),
    });
}

/// Where the proxy can do what a file says, it does the same for what has become of it.
#[test]
fn what_becomes_of_a_file_means_the_same() {
    let mut compared = 0;
    for path in fixtures("v1") {
        let Ok(old) = load(Some(&path), None, &Identity::default()) else { continue };
        let new = load(Some(&rewritten(&path).1), None, &Identity::default());
        let new = new.unwrap_or_else(|report| panic!("{}:\n{report}", path.display()));
        assert_eq!(essence(old.bootstrap), essence(new.bootstrap), "{}", path.display());
        compared += 1;
    }
    assert!(compared > 10, "only {compared} files load");
}

#[test]
fn envoy_takes_what_becomes_of_good_files() {
    let Some(envoy) = std::env::var_os("ENVOY_BIN") else { return };
    let mut wrong = Vec::new();
    for path in fixtures("v1") {
        let (_folder, file) = rewritten(&path);
        let mut command = Command::new(&envoy);
        command.arg("-c").arg(&file).args(["--use-dynamic-base-id", "--mode", "validate"]);
        command.args(["--service-cluster", "c", "--service-node", "n", "-l", "warning"]);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        // In place of this one there is a kind of cluster that older Envoys do not know.
        let deprecated = |line: &str| line.contains("Deprecated") && !line.contains("dns_refresh");
        if !output.status.success() || said.lines().any(deprecated) {
            wrong.push(format!("{}:\n{said}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every key of every good file, once for each place in the form.
#[test]
fn no_value_of_a_wrong_type_is_taken() {
    each_place(|whole, pointer, shape| {
        let words: Vec<&str> = shape.split('/').collect();
        // The type of an HTTP filter.
        let ignored = matches!(words.as_slice(), [.., "config", "filters", _, "type"]);
        // What is no object at the top has no form at all.
        if pointer.is_empty() || ignored || words.iter().any(|word| IGNORED.contains(word)) {
            return None;
        }
        let value = whole.pointer_mut(pointer)?;
        *value = match value {
            Value::String(_) | Value::Bool(_) => json!(7),
            Value::Number(_) => json!("seven"),
            Value::Array(_) => json!({}),
            Value::Object(_) => json!([]),
            Value::Null => return None,
        };
        Some(Wanted::Error)
    });
}

#[test]
fn no_unknown_key_passes_unsaid() {
    each_place(|whole, pointer, shape| {
        // Everything below a key that is not known, and the one object of free keys.
        if ["anything", "opaque_config"].iter().any(|key| shape.ends_with(key)) {
            return None;
        }
        let object = whole.pointer_mut(pointer)?.as_object_mut()?;
        object.insert("no_such_key".to_owned(), json!(1));
        Some(Wanted::Finding)
    });
}

/// What is to be said about a change.
enum Wanted {
    Error,
    Finding,
}

/// Makes a change in each place of the good files, and looks whether it is reported in that very place.
fn each_place(change: impl Fn(&mut Value, &str, &str) -> Option<Wanted>) {
    let mut seen = HashSet::new();
    let mut unsaid = Vec::new();
    for path in fixtures("v1").into_iter().filter(|path| path.extension() == Some("json".as_ref()))
    {
        let whole: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let mut places = Vec::new();
        collect(&whole, String::new(), String::new(), &mut places);
        for (pointer, shape) in places {
            if !seen.insert(shape.clone()) {
                continue;
            }
            let mut changed = whole.clone();
            let Some(wanted) = change(&mut changed, &pointer, &shape) else { continue };
            let report = report(&changed);
            let wanted = match wanted {
                Wanted::Error => report.has_errors(),
                Wanted::Finding => {
                    report.findings.iter().any(|finding| finding.path.ends_with("no_such_key"))
                }
            };
            if !wanted {
                unsaid.push(format!("{}: {pointer}", path.display()));
            }
        }
    }
    assert!(seen.len() > 300, "only {} places", seen.len());
    assert!(unsaid.is_empty(), "{}", unsaid.join("\n"));
}

/// The places in a file, each with what it is in the form: the filters by their names, other lists as one.
fn collect(value: &Value, pointer: String, shape: String, places: &mut Vec<(String, String)>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let pointer = format!("{pointer}/{key}");
                collect(value, pointer, format!("{shape}/{key}"), places);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let kind =
                    ["config", "op", "actions", "send"].iter().find(|k| item.get(k).is_some());
                let name = item.get("name").or_else(|| item.get("type")).and_then(Value::as_str);
                let name = name.filter(|_| kind.is_some()).unwrap_or("*");
                let pointer = format!("{pointer}/{index}");
                collect(item, pointer, format!("{shape}/{name}"), places);
            }
        }
        _ => {}
    }
    places.push((pointer, shape));
}

fn fixtures(folder: &str) -> Vec<PathBuf> {
    let entries = Path::new(FIXTURES).join(folder).read_dir().unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension != "expected"));
    files.sort();
    files
}

/// Compares what is made of each file with the expectation beside it.
fn compare(folder: &str, make: fn(&Path) -> String) {
    let mut wrong = Vec::new();
    for path in fixtures(folder) {
        let have = make(&path);
        let beside = format!("{}.expected", path.display());
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&beside, &have).unwrap();
        }
        if std::fs::read_to_string(&beside).unwrap_or_default() != have {
            wrong.push(beside);
        }
    }
    assert!(wrong.is_empty(), "{}\n(UPDATE_EXPECT=1 accepts all of it)", wrong.join("\n"));
}

/// What becomes of a file, as a file in a folder that is gone with the first of the two.
fn rewritten(path: &Path) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("v3.yaml");
    std::fs::write(&file, convert(path, None, None).unwrap().text).unwrap();
    (folder, file)
}

/// What is said of a file of this content.
fn report(content: &Value) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("v1.json");
    std::fs::write(&file, content.to_string()).unwrap();
    convert(&file, None, None).map_or_else(|report| report, |converted| converted.warnings)
}

/// What both forms say: everything but made-up names and where it came from.
fn essence(mut bootstrap: Bootstrap) -> String {
    for listener in &mut bootstrap.listeners {
        listener.name.clear();
    }
    format!("{:#?}\n{:#?}\n{:#?}", bootstrap.listeners, bootstrap.clusters, bootstrap.admin)
}

/// What is repeated for each route of a TCP proxy must not grow with the square of the file.
#[test]
fn many_routes_beside_much_else_are_refused() {
    let routes = vec![json!({ "cluster": "app", "destination_ports": "1" }); 1000];
    let file = |logs: usize, filters: usize| {
        let logs = vec![json!({ "path": "/dev/null" }); logs];
        let proxy = json!({
            "name": "tcp_proxy",
            "config": {
                "stat_prefix": "x", "route_config": { "routes": routes }, "access_log": logs,
            },
        });
        let mut all = vec![json!({ "name": "echo", "config": {} }); filters];
        all.push(proxy);
        json!({
            "listeners": [{ "address": "tcp://127.0.0.1:0", "filters": all }],
            "admin": { "access_log_path": "/dev/null", "address": "tcp://127.0.0.1:0" },
            "cluster_manager": { "clusters": [] },
        })
    };
    for (logs, filters, wanted) in [(1, 1, false), (1000, 1, true), (1, 1000, true)] {
        let report = report(&file(logs, filters));
        assert_eq!(report.to_string().contains("too many routes"), wanted, "{logs} {filters}");
    }
}
