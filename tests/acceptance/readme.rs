//! The README says what is so: its places exist, its command is what CI runs, its transcript is what a client sees.

use std::path::{Path, PathBuf};

use outrigger_harness::mesh::Mesh;

const README: &str = include_str!("../../README.md");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn every_place_that_the_readme_names_is_there() {
    let ticked = README.split('`').skip(1).step_by(2);
    let linked = README.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let folders = ["proxy/", "compose/", "harness/", "tests/"];
    let places: Vec<&str> = ticked
        .chain(linked)
        .filter(|text| folders.iter().any(|top| text.starts_with(top)))
        .collect();
    assert!(places.len() > 10, "{places:?}");
    for place in places {
        assert!(root().join(place).exists(), "README.md names {place}");
    }
}

#[test]
fn ci_runs_the_command_of_the_readme() {
    let command = README
        .split("## Prove it")
        .nth(1)
        .and_then(|rest| rest.split("```").nth(1))
        .expect("a command stands first under 'Prove it'")
        .trim();
    let ci = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    assert!(ci.contains(command), "{command}");
}

each_mesh_of_ours!(the_transcript_of_the_readme_is_what_a_client_sees);
async fn the_transcript_of_the_readme_is_what_a_client_sees(mesh: &Mesh) {
    let shown: Vec<&str> = README.lines().filter_map(|line| line.strip_prefix("< ")).collect();
    let mut connection = mesh.connect().await;
    connection.send("GET / HTTP/1.1\r\nHost: localhost:8000\r\nAccept: */*\r\n\r\n").await.unwrap();
    let reply = connection.reply().await.unwrap();
    let mut seen = vec![reply.status_line.clone()];
    seen.extend(reply.headers.iter().map(|(name, value)| format!("{name}: {value}")));
    assert_eq!(shown.len(), seen.len(), "{seen:?}");
    for (shown, seen) in shown.iter().zip(&seen) {
        let changes = ["date: ", "x-envoy-upstream-service-time: "];
        match changes.iter().find(|name| shown.starts_with(*name)) {
            Some(name) => assert!(seen.starts_with(name), "{seen} where the README says {shown}"),
            None => assert_eq!(shown, seen),
        }
    }
}
