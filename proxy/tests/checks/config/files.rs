//! Each fixture and what is expected of it; `UPDATE_EXPECT=1` writes the expectations anew.

use std::path::Path;
use std::time::Duration;

use outrigger::config::bootstrap::{Bootstrap, Node};
use outrigger::config::coverage::COVERAGE;
use outrigger::config::diagnostic::{Colours, Severity};
use outrigger::config::endpoint::HealthStatus;
use outrigger::config::{AssignmentError, Loaded, load, load_assignment};

use super::{fixtures, read};

#[test]
fn good_v3_files_become_what_is_expected() {
    accept("v3");
}

#[test]
fn good_v1_files_become_what_is_expected() {
    accept("v1");
}

#[test]
fn bad_v3_files_are_refused_as_expected() {
    refuse("bad/v3");
}

#[test]
fn bad_v1_files_are_refused_as_expected() {
    refuse("bad/v1");
}

#[test]
fn unsupported_fields_of_v3_are_refused_by_name() {
    refuse("unsupported/v3");
}

#[test]
fn unsupported_keys_of_v1_are_refused_by_name() {
    refuse("unsupported/v1");
}

#[test]
fn what_envoy_passes_over_is_refused_as_expected() {
    refuse("strict");
}

#[test]
fn every_supported_field_is_in_a_good_file() {
    let own = fixtures("endpoints").into_iter().chain(fixtures("secrets"));
    let paths = fixtures("v3").into_iter().chain(own);
    let texts = paths.map(|path| std::fs::read_to_string(path).unwrap());
    let texts: String = texts.collect();
    let mut unused = Vec::new();
    for covered in COVERAGE {
        let fixed = covered.fixed.iter().map(|(name, _)| name);
        for field in covered.applied.iter().chain(covered.no_op).chain(fixed) {
            if !texts.contains(&format!("{field}: ")) && !texts.contains(&format!("{field}:\n")) {
                unused.push(format!("{}.{field}", covered.message));
            }
        }
    }
    assert!(unused.is_empty(), "{}", unused.join("\n"));
}

#[test]
fn a_file_of_endpoints_says_all_of_them() {
    for path in fixtures("endpoints") {
        let discovered = load_assignment(&path, "app").unwrap();
        assert_eq!(discovered.version, "7", "{}", path.display());
        let assignment = discovered.assignment.unwrap();
        assert_eq!(assignment.stale_after, Some(Duration::from_secs(90)));
        assert_eq!(assignment.policy.overprovisioning, 120);
        let [first, second] = assignment.endpoints.as_slice() else { panic!("{assignment:?}") };
        assert_eq!(first.address.to_string(), "10.0.0.1:80");
        assert_eq!(first.traits.place.locality.zone, "a");
        assert_eq!((second.traits.weight, second.health), (3, HealthStatus::Draining));
    }
}

#[test]
fn a_file_of_endpoints_is_refused_with_all_that_is_wrong() {
    let whole = std::fs::read_to_string(Path::new(super::FIXTURES).join("endpoints/full.yaml"));
    let whole = whole.unwrap();
    let refused = |from: &str, to: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("endpoints.yaml");
        assert!(whole.contains(from), "{from}");
        std::fs::write(&path, whole.replacen(from, to, 1)).unwrap();
        load_assignment(&path, "app").unwrap_err()
    };
    let rejected = |from: &str, to: &str, message: &str| match refused(from, to) {
        AssignmentError::Rejected(report) => {
            assert!(report.to_string().contains(message), "{report}");
        }
        error @ AssignmentError::Unreadable(_) => panic!("{error}"),
    };
    rejected("cluster_name: app", "cluster_name: b", "Unexpected EDS cluster (expecting app): b");
    rejected("address: 10.0.0.1", "address: name", "expected an IP address");
    rejected("hostname: a", "additional_addresses: [{}]", "not supported yet");
    rejected("port_value: 80 ", "port_value: 65536 ", "65535");
    for (from, to) in [("resources:", "resources: ["), ("hostname: a", "host_name: a")] {
        assert!(matches!(refused(from, to), AssignmentError::Unreadable(_)), "{to}");
    }
    let gone = load_assignment(Path::new("nowhere.yaml"), "app");
    assert!(matches!(gone, Err(AssignmentError::Unreadable(_))));
}

#[test]
fn the_files_of_the_compose_setup_load_without_a_warning() {
    for node in ["gateway", "sidecar"] {
        for name in ["bootstrap.json", "bootstrap.v3.yaml"] {
            let loaded = compose(node, name);
            assert_eq!(loaded.warnings.to_string(), "", "{node} {name}");
        }
    }
}

#[test]
fn the_twins_of_the_compose_setup_mean_the_same() {
    for node in ["gateway", "sidecar"] {
        let v1 = compose(node, "bootstrap.json").bootstrap;
        let v3 = compose(node, "bootstrap.v3.yaml").bootstrap;
        assert_eq!(essence(v1), essence(v3), "{node}");
    }
}

#[test]
fn the_command_line_goes_before_the_node_of_the_file() {
    let identity = Node { cluster: "front-proxy".into(), ..Node::default() };
    let path = Path::new(super::FIXTURES).join("v3/full.yaml");
    let bootstrap = load(Some(&path), None, &identity).unwrap().bootstrap;
    let wanted =
        Node { id: "sidecar-1".into(), cluster: "front-proxy".into(), zone: "eu-1".into() };
    assert_eq!(bootstrap.node, wanted);
    assert_eq!(bootstrap.message()["node"]["cluster"], "front-proxy");
    assert_eq!(bootstrap.message()["node"]["locality"]["region"], "eu");
}

#[test]
fn a_text_is_merged_over_a_file() {
    let path = Path::new(super::FIXTURES).join("v3/full.yaml");
    let text = "
        node: { id: other }
        admin: { address: { socket_address: { address: 127.0.0.2, port_value: 7 } } }
        static_resources: { clusters: [{ name: added }] }";
    let bootstrap = load(Some(&path), Some(text), &Node::default()).unwrap().bootstrap;
    assert_eq!(bootstrap.node.id, "other");
    assert_eq!(bootstrap.node.cluster, "app");
    let admin = bootstrap.admin.unwrap();
    assert_eq!(admin.address.to_string(), "127.0.0.2:7");
    assert_eq!(admin.access_logs.len(), 1);
    let names: Vec<&str> = bootstrap.clusters.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["app", "names", "added"]);
    assert_eq!(bootstrap.listeners.len(), 1);
}

#[test]
fn a_text_alone_is_enough_and_its_mistakes_have_its_name() {
    let bootstrap = load(None, Some("admin: {}"), &Node::default()).unwrap().bootstrap;
    assert_eq!(bootstrap.path, None);
    let report = load(None, Some("admin: { adress: {} }"), &Node::default()).unwrap_err();
    let wanted = "--config-yaml:1:10: admin.adress: unknown field, Admin has no \"adress\"\n  \
                  hint: did you mean \"address\"?";
    assert_eq!(report.to_string(), wanted);
}

#[test]
fn a_merged_mistake_is_told_apart_by_its_source() {
    let path = Path::new(super::FIXTURES).join("v3/minimal.yaml");
    let text = "static_resources: { clusters: [{ name: app }] }";
    let report = load(Some(&path), Some(text), &Node::default()).unwrap_err();
    let wanted = "--config-yaml:1:40: static_resources.clusters[0](app).name: \
                  there is another cluster of the name \"app\"";
    assert_eq!(report.to_string(), wanted);
}

#[test]
fn a_file_that_is_not_there_is_said_so() {
    let report = read(Path::new("no/such/file.yaml")).unwrap_err().to_string();
    assert!(report.starts_with("no/such/file.yaml: unable to read file: "), "{report}");
    let report = read(Path::new(super::FIXTURES)).unwrap_err().to_string();
    assert!(report.contains("unable to read file: "), "{report}");
}

fn compose(node: &str, name: &str) -> Loaded {
    read(&Path::new("../compose").join(node).join(name)).expect("the file is good")
}

/// What the twins have in common: everything but made-up names, the source, and the admin server's access log, which
/// v1 demands.
fn essence(mut bootstrap: Bootstrap) -> String {
    for listener in &mut bootstrap.listeners {
        listener.name.clear();
    }
    let admin = bootstrap.admin.map(|admin| admin.address);
    format!("{:#?}\n{:#?}\n{admin:?}", bootstrap.listeners, bootstrap.clusters)
}

fn accept(folder: &str) {
    check(folder, |path| {
        let loaded = read(path).unwrap_or_else(|report| panic!("{} \n{report}", path.display()));
        assert!(!loaded.warnings.has_errors());
        let mut bootstrap = loaded.bootstrap;
        let dump = bootstrap.message();
        bootstrap.dump.clear();
        for listener in &mut bootstrap.listeners {
            // Four dashes and no other names in the fixtures have them.
            if listener.name.matches('-').count() == 4 {
                listener.name = "a made-up UUID".into();
            }
        }
        let dump = serde_json::to_string_pretty(&dump).expect("it is JSON");
        format!("{}\n{bootstrap:#?}\n{dump}\n", loaded.warnings)
    });
}

fn refuse(folder: &str) {
    check(folder, |path| {
        let Err(report) = read(path) else { panic!("{} was accepted", path.display()) };
        for finding in &report.findings {
            // What is said of the whole file is only that it cannot be read.
            let placed = finding.place.is_some() || report.findings.len() == 1;
            assert!(placed || finding.severity == Severity::Warning, "{finding}");
        }
        report.text(Colours::Off)
    });
}

/// Compares what is made of each file in the folder with the expectation beside it.
pub(super) fn check(folder: &str, make: fn(&Path) -> String) {
    let mut wrong = Vec::new();
    for path in fixtures(folder) {
        let have = make(&path);
        let mut beside = path.clone().into_os_string();
        beside.push(".expected");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&beside, &have).expect("it can be written");
        }
        let want = std::fs::read_to_string(&beside).unwrap_or_default();
        if let Some(line) = first_difference(&want, &have) {
            wrong.push(format!("{}: {line}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}\n(UPDATE_EXPECT=1 accepts all of it)", wrong.join("\n"));
}

fn first_difference(want: &str, have: &str) -> Option<String> {
    let (mut want, mut have) = (want.lines(), have.lines());
    for number in 1.. {
        match (want.next(), have.next()) {
            (None, None) => return None,
            (want, have) if want == have => {}
            (want, have) => return Some(format!("line {number}: want {want:?}, have {have:?}")),
        }
    }
    None
}
