//! `outrigger routes` as data: `fixtures/routes/NAME.expected` is what a command says and its exit code; `UPDATE_EXPECT=1`
//! writes it anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn a_route_that_forwards_is_explained() {
    says(
        "explain_api",
        &["explain", "shop.yaml", "--url", "http://a.shop.example/api/items?page=2"],
    );
}

#[test]
fn a_direct_response_is_explained() {
    says("explain_health", &["explain", "shop.yaml", "--url", "http://shop.example/healthz"]);
}

#[test]
fn a_redirect_is_explained() {
    says("explain_moved", &["explain", "shop.yaml", "--url", "https://shop.example/old?q=1"]);
}

#[test]
fn chance_is_explained() {
    let url = ["--url", "http://shop.example/split", "--random-value", "95"];
    let arguments = [&["explain", "shop.yaml"], url.as_slice()].concat();
    says("explain_split", &arguments);
}

#[test]
fn a_cluster_that_is_not_there_is_explained() {
    let arguments =
        ["explain", "shop.yaml", "--url", "http://shop.example/named", "-H", "x-cluster: gone"];
    says("explain_named", &arguments);
}

#[test]
fn a_host_that_nobody_has_is_explained() {
    says("explain_nobody", &["explain", "shop.yaml", "--url", "http://other.example/"]);
}

#[test]
fn a_path_that_nobody_has_is_explained() {
    says("explain_nowhere", &["explain", "shop.yaml", "--url", "http://shop.example/", "--all"]);
}

#[test]
fn tls_that_is_required_is_explained() {
    says("explain_secure", &["explain", "shop.yaml", "--url", "http://secure.example/a"]);
}

#[test]
fn what_the_connection_manager_changes_is_explained() {
    let url = ["--url", "http://a.example:8080/x/..//c", "--client", "10.1.2.3"];
    let arguments = [&["explain", "edge.yaml"], url.as_slice()].concat();
    says("explain_edge", &arguments);
}

#[test]
fn what_is_refused_before_a_route_is_looked_for_is_explained() {
    says("explain_refused", &["explain", "edge.yaml", "--url", "http://a.example/%00/../../x"]);
}

#[test]
fn of_many_routes_those_that_came_close_are_explained() {
    let request = ["--url", "http://many.example/last?q=a", "-H", "x: A1", "-H", "num: 9"];
    says("explain_many", &[&["explain", "shop.yaml"], request.as_slice()].concat());
    says("explain_all", &[&["explain", "shop.yaml", "--all"], request.as_slice()].concat());
}

#[test]
fn a_bad_route_table_is_refused_at_its_lines() {
    says("explain_wrong", &["explain", "wrong.yaml", "--url", "http://a/"]);
}

#[test]
fn colours_are_only_for_who_wants_them() {
    let url = ["--url", "http://shop.example/api/", "--color", "always"];
    let (_, text) = run(&[&["explain", "shop.yaml"], url.as_slice()].concat());
    assert!(text.contains("\u{1b}[32myes\u{1b}[0m"), "{text}");
    let (_, text) = run(&["explain", "shop.yaml", "--url", "http://shop.example/api/"]);
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn an_explanation_for_programs() {
    let url = ["--url", "http://shop.example/api/items", "--format", "json"];
    let arguments = [&["explain", "shop.yaml"], url.as_slice()].concat();
    says("explain_json", &arguments);
}

#[test]
fn a_listener_that_is_not_there_is_told() {
    let arguments = ["explain", "edge.yaml", "--url", "http://a/", "--listener", "other"];
    says("explain_listener", &arguments);
}

#[test]
fn a_url_without_a_host_is_told() {
    says("explain_no_host", &["explain", "shop.yaml", "--url", "/a"]);
}

#[test]
fn tests_are_run() {
    says("test", &["test", "shop.yaml", "shop.tests.yaml"]);
}

#[test]
fn tests_are_listed() {
    let arguments =
        ["test", "shop.yaml", "old.json", "--details", "--covall", "--fail-under", "20"];
    says("test_details", &arguments);
}

#[test]
fn names_of_routes_without_a_test_are_listed() {
    let flags = ["--only-show-failures", "--details", "--detailed-coverage", "-f", "10"];
    let arguments = [&["test", "shop.yaml", "old.json"], flags.as_slice()].concat();
    says("test_names", &arguments);
}

#[test]
fn results_for_programs() {
    says("test_json", &["test", "shop.yaml", "old.json", "--format", "json"]);
}

#[test]
fn a_bad_file_of_tests_is_refused_at_its_lines() {
    says("test_bad", &["test", "shop.yaml", "bad.yaml"]);
}

#[test]
fn a_file_of_tests_is_no_route_table() {
    says("test_swapped", &["test", "shop.tests.yaml", "shop.yaml"]);
}

#[test]
fn a_wrong_command_line_is_told_by_its_exit_code() {
    for arguments in [&["explain"][..], &["test", "shop.yaml"], &["test", "a", "b", "-f", "101"]] {
        assert_eq!(run(arguments).0, Some(2), "{arguments:?}");
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/routes")
}

/// The exit code, and both outputs.
fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let program = env!("CARGO_BIN_EXE_outrigger");
    let mut command = Command::new(program);
    let output =
        command.arg("routes").args(arguments).current_dir(folder()).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

fn says(name: &str, arguments: &[&str]) {
    let (code, text) = run(arguments);
    let code = code.map_or_else(|| String::from("none"), |code| code.to_string());
    let found = format!("$ outrigger routes {}\n{text}exit code {code}\n", arguments.join(" "));
    let path = folder().join(name).with_extension("expected");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &found).expect("it can be written");
    }
    assert_eq!(found, fs::read_to_string(&path).unwrap_or_default());
}
