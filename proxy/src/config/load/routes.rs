//! A route table alone, as `router_check_tool` takes it, and files of tests for one.

use std::path::Path;

use crate::config::diagnostic::{Findings, Report};
use crate::config::route_tests::RouteTest;
use crate::config::schema::Schema;
use crate::config::source::{At, Entry, Node, Value};
use crate::config::v3;

use super::Load;

/// What the listener around a route table that stands alone is called.
const LISTENER: &str = "routes";

/// The key that only a route table has at its top.
const VIRTUAL_HOSTS: [&str; 2] = ["virtual_hosts", "virtualHosts"];

const HCM: &str = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";

/// Reads a file of tests: YAML if its name ends in `.yaml` or `.yml`, otherwise JSON.
///
/// # Errors
/// Everything that is wrong with the file, each finding with its place.
pub fn load_route_tests(path: &Path) -> Result<Vec<RouteTest>, Report> {
    let schema = Schema::of_route_tests();
    let mut load = Load::new(&schema, None);
    load.file(path)?;
    let Some(root) = load.roots.last() else { return Ok(Vec::new()) };
    let mut findings = Findings::default();
    let tests = match &root.value {
        // The first version of the format was a list.
        Value::List(_) => map(root.at, vec![("tests", root.clone())]),
        _ => root.clone(),
    };
    let message = v3::check(&tests, v3::ROUTE_TESTS, &schema, &mut findings);
    let mut lowered = Vec::new();
    if let Some(message) = &message {
        let said = findings.places();
        let mut later = Findings::default();
        v3::validate(message, &mut later);
        lowered = v3::lower_route_tests(message, &mut later);
        findings.extend_elsewhere(later, &said);
    }
    if findings.errors() == 0 {
        return Ok(lowered);
    }
    // A deprecated matcher is no mistake in a test.
    findings.drop_notes();
    let mut report = findings.report(&load.sources, &load.roots);
    // It was readable a moment ago, and only lines to be shown come from it.
    report.quote(&path.display().to_string(), &super::read(path).unwrap_or_default());
    Err(report)
}

/// Whether this is a route table and not a bootstrap.
pub(super) fn is_table(root: &Node) -> bool {
    VIRTUAL_HOSTS.iter().any(|key| root.get(key).is_some())
}

/// A bootstrap around a route table: one listener with Envoy's defaults. Which clusters there are is not known, so
/// that any will do.
pub(super) fn around(table: &Node) -> Node {
    let at = table.at;
    let text = |text: &str| Node::text(at, text);
    let list = |node| Node::new(at, Value::List(vec![node]));
    let mut table = table.clone();
    if let Value::Map(entries) = &mut table.value {
        let asks = |entry: &Entry| ["validate_clusters", "validateClusters"].contains(&&*entry.key);
        entries.retain(|entry| !asks(entry));
        entries.push(entry(at, "validate_clusters", Node::new(at, Value::Bool(false))));
    }
    let router = map(at, vec![("@type", text(ROUTER))]);
    let router = map(at, vec![("name", text("router")), ("typed_config", router)]);
    let hcm = map(
        at,
        vec![
            ("@type", text(HCM)),
            ("stat_prefix", text(LISTENER)),
            ("route_config", table),
            ("http_filters", list(router)),
        ],
    );
    let filter = map(at, vec![("name", text("hcm")), ("typed_config", hcm)]);
    let address = vec![("address", text("0.0.0.0")), ("port_value", Node::new(at, Value::Int(80)))];
    let listener = map(
        at,
        vec![
            ("name", text(LISTENER)),
            ("address", map(at, vec![("socket_address", map(at, address))])),
            ("filter_chains", list(map(at, vec![("filters", list(filter))]))),
        ],
    );
    map(at, vec![("static_resources", map(at, vec![("listeners", list(listener))]))])
}

fn map(at: At, entries: Vec<(&str, Node)>) -> Node {
    let entries = entries.into_iter().map(|(key, node)| entry(at, key, node));
    Node::new(at, Value::Map(entries.collect()))
}

fn entry(at: At, key: &str, node: Node) -> Entry {
    Entry { key: key.to_owned(), at, node, note: None }
}
