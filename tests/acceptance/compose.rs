//! `docker-compose up`, with the files that people use.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::process::{Command, Output};

use outrigger_harness::error::Error;
use outrigger_harness::settings::{Launch, Need};
use outrigger_harness::{engine, eventually, images, trial};

#[test]
fn docker_compose_brings_the_mesh_up_with_v1_files() {
    the_tutorials_request_is_answered("bootstrap.json");
}

#[test]
fn docker_compose_brings_the_mesh_up_with_v3_files() {
    the_tutorials_request_is_answered("bootstrap.v3.yaml");
}

#[test]
fn docker_compose_brings_a_features_mesh_up_with_two_apps() {
    let extra = ["-f", "docker-compose.features.yml"];
    up("feature", &extra, &[("FEATURE", "service-discovery")], async |project| {
        let gateway = project.url("80");
        let mut seen = BTreeSet::new();
        for _ in 0..8 {
            let described = answer(&format!("{gateway}/echo"), project).await;
            let described: serde_json::Value = serde_json::from_str(&described).unwrap();
            seen.insert(described["service"].as_str().unwrap().to_owned());
        }
        assert_eq!(seen, BTreeSet::from(["app".to_owned(), "app-1".to_owned()]), "{project}");
    });
}

#[test]
fn docker_compose_brings_one_proxy_for_two_services_of_a_host_up() {
    up("perhost", &["-f", "docker-compose.per-host.yml"], &[], async |project| {
        let gateway = project.url("80");
        for (path, service) in [("first", "app"), ("second", "app-1")] {
            let described = answer(&format!("{gateway}/{path}/echo"), project).await;
            let described: serde_json::Value = serde_json::from_str(&described).unwrap();
            assert_eq!(described["service"], service, "{project}");
        }
    });
}

fn the_tutorials_request_is_answered(bootstrap: &'static str) {
    let name = bootstrap.replace(|c: char| !c.is_ascii_alphanumeric(), "");
    up(&name, &[], &[("BOOTSTRAP", bootstrap)], async |project| {
        let reply = reply(&format!("{}/", project.url("80")), project).await;
        assert_eq!(reply.headers()["server"], "envoy", "{project}");
        let body = reply.text().await.unwrap();
        assert!(body.starts_with("The datetime is ") && body.len() == 42, "{body}\n{project}");
        let stats = format!("{}/stats?filter=upstream_cx_http2_total", project.url("8001"));
        let stats = reqwest::get(stats).await.unwrap().text().await.unwrap();
        let connections = stats.trim().rsplit(' ').next().and_then(|value| value.parse().ok());
        assert!(connections > Some(0), "the gateway does not speak HTTP/2: {stats}\n{project}");
    });
}

/// Brings a mesh up, with more files and variables than the tutorial's, and runs a test's body on it.
fn up(
    name: &str,
    files: &[&'static str],
    variables: &[(&'static str, &'static str)],
    body: impl AsyncFnOnce(&Project),
) {
    let Some(program) = program() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        images::build(&|_step| {}).await.unwrap();
        let name = format!("outrigger-test-{}-{name}", std::process::id());
        let (files, variables) = (files.to_vec(), variables.to_vec());
        let project = Project { program, name, files, variables };
        project.run(&["up", "-d", "--no-build"]);
        body(&project).await;
    });
}

/// The body of a 200, once there is one.
async fn answer(url: &str, project: &Project) -> String {
    reply(url, project).await.text().await.unwrap()
}

/// A 200, once there is one: the gateway may not listen yet when compose has started it.
async fn reply(url: &str, project: &Project) -> reqwest::Response {
    let reply = eventually::becomes_true("an answer through the mesh", async || {
        Ok(match reqwest::get(url).await {
            Ok(reply) if reply.status() == 200 => Ok(reply),
            Ok(reply) => Err(reply.status().to_string()),
            Err(error) => Err(error.to_string()),
        })
    });
    reply.await.unwrap_or_else(|error| panic!("{error}\n{project}"))
}

/// Which program is compose here; none if this test is not for this run, which has been said.
fn program() -> Option<&'static [&'static str]> {
    if Launch::from_env().unwrap() == Launch::Process {
        trial::say_skipped("MESH_LAUNCH names the other launcher");
        return None;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let unavailable = match runtime.block_on(engine::connect()) {
        Ok(_) => {
            let candidates: [&'static [&'static str]; 2] =
                [&["docker-compose"], &["docker", "compose"]];
            let works = |words: &&'static [&'static str]| {
                let run = Command::new(words[0]).args(&words[1..]).arg("version").output();
                run.is_ok_and(|output| output.status.success())
            };
            match candidates.into_iter().find(works) {
                Some(program) => return Some(program),
                None => String::from("neither docker-compose nor docker compose is there"),
            }
        }
        Err(error @ Error::Unavailable { .. }) => error.to_string(),
        Err(error) => panic!("{error:?}"),
    };
    assert!(!Need::Docker.is_required().unwrap(), "{unavailable}");
    trial::say_skipped(&unavailable);
    None
}

/// One mesh of compose's, under a name of its own; dropping it takes it down.
struct Project {
    program: &'static [&'static str],
    name: String,
    /// What says which files stand on top of the tutorial's.
    files: Vec<&'static str>,
    variables: Vec<(&'static str, &'static str)>,
}

impl Project {
    /// Where the gateway's port is published.
    fn url(&self, port: &str) -> String {
        format!("http://{}", self.run(&["port", "front-envoy", port]).trim())
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {stdout}{stderr}\n{self}");
        stdout
    }

    fn output(&self, arguments: &[&str]) -> Output {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compose");
        Command::new(self.program[0])
            .args(&self.program[1..])
            .args(["-p", &self.name, "-f", "docker-compose.yml"])
            .args(&self.files)
            .args(arguments)
            .current_dir(folder)
            .envs(self.variables.iter().copied())
            // Any port that is free.
            .env("GATEWAY_PORT", "0")
            .env("ADMIN_PORT", "0")
            .output()
            .unwrap()
    }
}

impl fmt::Display for Project {
    /// What its containers have said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.output(&["logs", "--no-color"]).stdout))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        self.output(&["down", "--volumes", "--timeout", "5"]);
    }
}
