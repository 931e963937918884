//! `docker-compose up`, with the files that people use.

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

fn the_tutorials_request_is_answered(bootstrap: &'static str) {
    let Some(program) = program() else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        images::build(&|_step| {}).await.unwrap();
        let project = Project::new(program, bootstrap);
        project.run(&["up", "-d", "--no-build"]);
        let gateway = project.run(&["port", "front-envoy", "80"]);
        let url = format!("http://{}/", gateway.trim());
        // The gateway may not listen yet when compose has started it.
        let reply = eventually::becomes_true("an answer through the mesh", async || {
            Ok(match reqwest::get(&url).await {
                Ok(reply) if reply.status() == 200 => Ok(reply),
                Ok(reply) => Err(reply.status().to_string()),
                Err(error) => Err(error.to_string()),
            })
        });
        let reply = reply.await.unwrap_or_else(|error| panic!("{error}\n{project}"));
        assert_eq!(reply.headers()["server"], "envoy", "{project}");
        let body = reply.text().await.unwrap();
        assert!(body.starts_with("The datetime is ") && body.len() == 42, "{body}\n{project}");
        let admin = project.run(&["port", "front-envoy", "8001"]);
        let stats = format!("http://{}/stats?filter=upstream_cx_http2_total", admin.trim());
        let stats = reqwest::get(stats).await.unwrap().text().await.unwrap();
        let connections = stats.trim().rsplit(' ').next().and_then(|value| value.parse().ok());
        assert!(connections > Some(0), "the gateway does not speak HTTP/2: {stats}\n{project}");
    });
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
    bootstrap: &'static str,
}

impl Project {
    fn new(program: &'static [&'static str], bootstrap: &'static str) -> Self {
        let version = bootstrap.replace(|c: char| !c.is_ascii_alphanumeric(), "");
        Self {
            program,
            name: format!("outrigger-test-{}-{version}", std::process::id()),
            bootstrap,
        }
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
            .args(["-p", &self.name])
            .args(arguments)
            .current_dir(folder)
            .env("BOOTSTRAP", self.bootstrap)
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
