//! What the gateway counts, as text and for Prometheus, by whose own tool the page is read.

use std::{
    io::{ErrorKind, Write},
    process::{Command, Stdio},
};

use outrigger_harness::{
    admin::Admin, eventually::becomes_true, mesh::Mesh, node::Node, settings::DataPlane,
};
use serde_json::Value;

/// What `promtool check metrics` exits with if it can read the page and has something to say of the names in it. Envoy's
/// names are not Prometheus' own style.
const READ: [i32; 2] = [0, 3];

each_feature_mesh!(requests_are_counted_where_they_go, "metrics");
async fn requests_are_counted_where_they_go(mesh: &Mesh) {
    let client = mesh.client();
    for _ in 0..5 {
        client.get("/").await.unwrap().expect_status(200);
    }
    client.get("/delay/10000").await.unwrap().expect_status(504);
    let admin = mesh.admin(Node::GATEWAY);
    admin.counter("cluster.app.upstream_rq_200").becomes(5).await;
    admin.counter("cluster.slow_answers.upstream_rq_timeout").becomes(1).await;
    admin.counter("cluster.slow_answers.upstream_rq_504").becomes(1).await;
    admin.counter("listener.front.downstream_cx_total").reaches(1).await;
    admin.gauge("cluster.app.circuit_breakers.default.remaining_rq").becomes(1024).await;
    for sample in [
        r#"envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="app"} 5"#,
        r#"envoy_cluster_upstream_rq_timeout{envoy_cluster_name="slow_answers"} 1"#,
        r#"envoy_cluster_circuit_breakers_default_remaining_rq{envoy_cluster_name="app"} 1024"#,
        // Histograms show what they had when they were last flushed.
        r#"envoy_cluster_upstream_rq_time_count{envoy_cluster_name="app"} 5"#,
        r#"envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="app",le="+Inf"} 5"#,
    ] {
        shows(&admin, sample).await;
    }
}

each_feature_mesh!(prometheus_can_read_the_page, "metrics");
async fn prometheus_can_read_the_page(mesh: &Mesh) {
    mesh.client().get("/").await.unwrap().expect_status(200);
    let admin = mesh.admin(Node::GATEWAY);
    admin.counter("cluster.app.upstream_rq_200").becomes(1).await;
    let page = admin.get("/stats/prometheus?usedonly&help").await.unwrap().text();
    let Some((code, said)) = promtool(&page) else { return };
    assert!(READ.contains(&code), "{said}");
    if mesh.data_plane() == DataPlane::Outrigger {
        assert!(page.contains("# HELP envoy_cluster_upstream_rq_total Requests ever sent\n"));
    }
}

#[test]
fn the_dashboard_asks_for_metrics_that_there_are() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../compose/features/metrics");
    let text = std::fs::read_to_string(format!("{folder}/grafana.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let targets = dashboard["panels"].as_array().unwrap().iter();
    let targets = targets.flat_map(|panel| panel["targets"].as_array().unwrap());
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../proxy/src/upstream/stats.rs");
    let source = std::fs::read_to_string(source).unwrap();
    let mut found = 0;
    for target in targets {
        let words =
            target["expr"].as_str().unwrap().split(|c: char| !c.is_alphanumeric() && c != '_');
        for name in words.filter_map(|word| word.strip_prefix("envoy_cluster_")) {
            let name = name.strip_suffix("_bucket").unwrap_or(name);
            // Classes of codes are counted as they come, and a label is no metric.
            if !["upstream_rq_xx", "name"].contains(&name) {
                assert!(source.contains(&format!("        {name}: ")), "{name}");
                found += 1;
            }
        }
    }
    assert!(found >= 8, "{found}");
}

/// Waits until the page for Prometheus has that line.
async fn shows(admin: &Admin, sample: &str) {
    let what = format!("a line {sample}");
    let line = becomes_true(&what, async || {
        let page = admin.get("/stats/prometheus").await?.text();
        Ok(if page.lines().any(|line| line == sample) { Ok(()) } else { Err(page) })
    });
    line.await.unwrap();
}

/// What Prometheus' tool makes of a page: its exit code, and what it said. None if there is no such tool.
fn promtool(page: &str) -> Option<(i32, String)> {
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut tool = match started {
        Ok(tool) => tool,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            eprintln!("skipped: promtool (Debian's package prometheus) is not on PATH");
            return None;
        }
        Err(error) => panic!("promtool: {error}"),
    };
    tool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = tool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Some((output.status.code().unwrap(), said))
}
