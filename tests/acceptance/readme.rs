//! The README says what is so: its places exist, its command is what CI runs, its transcript is what a client sees.

use std::path::{Path, PathBuf};

use outrigger_harness::mesh::Mesh;
use outrigger_harness::node::ConfigVersion;

use crate::once::{Files, outrigger, sidecar};

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

#[tokio::test]
async fn a_bad_file_is_told_to_be_what_the_readme_says() {
    let section = README.split("## Check a file").nth(1).expect("there is such a section");
    let block = |kind: &str| {
        let begun = section.split(&format!("```{kind}\n")).nth(1).expect("it has such a block");
        begun.split("```").next().unwrap().to_owned()
    };
    let files = Files::new();
    let file = files.write("sidecar.yaml", block("yaml"));
    let run = outrigger(&["check", file.to_str().unwrap()]).await;
    let said = run.stdout.replace(file.to_str().unwrap(), "sidecar.yaml");
    assert_eq!(run.code, Some(1), "{run:?}");
    assert_eq!(said, block("text"));
}

#[tokio::test]
async fn a_route_table_answers_what_the_readme_says() {
    let section = README.split("## Ask a route table").nth(1).expect("there is such a section");
    let section = section.split("\n## ").next().unwrap();
    let commands = section.split("```\noutrigger ").skip(1);
    let answers = section.split("```text\n").skip(1);
    let mut asked = 0;
    for (command, answer) in commands.zip(answers) {
        let command = command.split("\n```").next().unwrap();
        let of_root = |word: &str| match word.starts_with("compose/") {
            true => root().join(word).display().to_string(),
            false => word.to_owned(),
        };
        let arguments: Vec<String> = command.split(' ').map(of_root).collect();
        let run = outrigger(&arguments).await;
        assert_eq!(run.stdout, answer.split("```").next().unwrap(), "{command}: {run:?}");
        assert_eq!(run.code, Some(0), "{command}");
        asked += 1;
    }
    assert_eq!(asked, 2);
}

#[tokio::test]
async fn the_exit_code_tells_what_check_found() {
    let files = Files::new();
    let good = files.write("good.yaml", sidecar(ConfigVersion::V3));
    let bad = files.write("bad.yaml", "admin: 7\n");
    let trap = files
        .write("trap.yaml", sidecar(ConfigVersion::V3).replace("timeout: 0s", "timeout: 600s"));
    let (good, bad, trap) = (good.to_str().unwrap(), bad.to_str().unwrap(), trap.to_str().unwrap());
    let nowhere = files.path("nowhere.yaml");
    let nowhere = nowhere.to_str().unwrap();
    for (arguments, code) in [
        (vec!["check", good], 0),
        (vec!["check", trap], 0),
        (vec!["check", trap, "--deny-warnings"], 1),
        (vec!["check", trap, "--deny-warnings", "--allow", "stream-idle-timeout"], 0),
        (vec!["check", good, bad], 1),
        (vec!["check", bad, "--format", "sarif"], 1),
        (vec!["check", nowhere], 2),
        (vec!["check", bad, nowhere], 2),
        (vec!["check"], 2),
        (vec!["check", good, "--allow", "no-such-lint"], 2),
        (vec!["check", "--lints"], 0),
    ] {
        let run = outrigger(&arguments).await;
        assert_eq!(run.code, Some(code), "{arguments:?}: {run:?}");
    }
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
