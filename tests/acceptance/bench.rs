//! What the test bench promises: nothing is left behind however a run ends, a failure is explained, and a skip says why.

use std::{
    net::{SocketAddr, TcpStream},
    panic::{self, AssertUnwindSafe},
    path::Path,
    process::{Output, Stdio},
};

use outrigger_harness::{
    binaries::{self, Binaries},
    eventually,
    node::Node,
    trial::{self, Mode},
};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// `cargo mesh` with a runtime folder of its own, so that it meets no other.
struct MeshCommand {
    folder: TempDir,
}

impl MeshCommand {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    async fn command(&self, arguments: &[&str]) -> Command {
        let binaries = Binaries::find().await.unwrap();
        let mut command = Command::new(&binaries.mesh);
        command
            .args(arguments)
            .env("XDG_RUNTIME_DIR", self.folder.path())
            .env("OUTRIGGER_BIN", &binaries.outrigger)
            .env("DEMO_APP_BIN", &binaries.demo_app)
            .env_remove("MESH_LAUNCH")
            .env_remove("MESH_PROXY")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    async fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let Output { status, stdout, stderr } =
            self.command(arguments).await.output().await.unwrap();
        (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }

    async fn spawn(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments).await;
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Waits until a mesh is up, and returns the addresses at which its nodes take requests.
    async fn addresses(&self) -> Vec<SocketAddr> {
        let read = async || {
            let files = std::fs::read_dir(self.folder.path()).unwrap().flatten();
            let state = files
                .map(|file| file.path())
                .find(|path| path.extension().is_some_and(|it| it == "json"));
            let text =
                state.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
            let state: Value = serde_json::from_str(&text).unwrap_or_default();
            let nodes = state["nodes"].as_array().cloned().unwrap_or_default();
            let address =
                |node: &Value| node["traffic"].as_str().and_then(|address| address.parse().ok());
            Ok(nodes.iter().filter_map(address).collect::<Vec<SocketAddr>>())
        };
        eventually::satisfies("the addresses of three nodes", read, |found| found.len() == 3)
            .await
            .unwrap()
    }
}

async fn assert_gone(addresses: &[SocketAddr]) {
    let alive = async || {
        Ok(addresses
            .iter()
            .filter(|address| TcpStream::connect(address).is_ok())
            .collect::<Vec<_>>())
    };
    eventually::satisfies("the end of every node", alive, Vec::is_empty).await.unwrap();
}

#[tokio::test]
async fn a_run_that_is_killed_leaves_nothing_running() {
    let mesh = MeshCommand::new();
    let mut run = mesh.spawn(&["up", "--launch", "process", "--ports", "0"]).await;
    let addresses = mesh.addresses().await;
    for address in &addresses {
        TcpStream::connect(address).unwrap();
    }
    run.kill().await.unwrap();
    assert_gone(&addresses).await;
    // And its state is known to be stale.
    let (code, stdout, _) = mesh.run(&["status"]).await;
    assert_eq!((code, stdout.as_str()), (Some(1), "No mesh is up. `cargo mesh up` starts one.\n"));
}

#[tokio::test]
async fn a_run_that_is_interrupted_ends_its_mesh_first() {
    let mesh = MeshCommand::new();
    let mut run = mesh.spawn(&["up", "--launch", "process", "--ports", "0"]).await;
    let addresses = mesh.addresses().await;
    let pid = run.id().unwrap().to_string();
    assert!(
        std::process::Command::new("kill").args(["-s", "INT", &pid]).status().unwrap().success()
    );
    assert_eq!(run.wait().await.unwrap().code(), Some(0));
    for address in addresses {
        TcpStream::connect(address).unwrap_err();
    }
    assert_eq!(std::fs::read_dir(mesh.folder.path()).unwrap().count(), 0, "no state is left");
}

#[tokio::test]
async fn a_detached_mesh_is_shown_and_ended_by_later_commands() {
    let mesh = MeshCommand::new();
    let (code, stdout, stderr) =
        mesh.run(&["up", "--launch", "process", "--ports", "0", "--detach"]).await;
    assert_eq!(code, Some(0), "{stderr}");
    for piece in [
        "─ gateway ─",
        "─ sidecar ─",
        "─ app ─",
        "> GET / HTTP/1.1\n",
        "< HTTP/1.1 200 OK\n",
        "The datetime is 2",
    ] {
        assert!(stdout.contains(piece), "{piece} is not in:\n{stdout}");
    }
    let addresses = mesh.addresses().await;
    let (code, stdout, _) = mesh.run(&["status"]).await;
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("gateway is ready") && stdout.contains("sidecar is ready"), "{stdout}");
    // There is one mesh at a time.
    let (code, _, stderr) = mesh.run(&["up", "--launch", "process", "--ports", "0"]).await;
    assert_eq!(code, Some(1));
    assert!(stderr.contains("cargo mesh down"), "{stderr}");

    let (code, _, stderr) = mesh.run(&["down"]).await;
    assert_eq!(code, Some(0), "{stderr}");
    assert_gone(&addresses).await;
    let (code, stdout, _) = mesh.run(&["down"]).await;
    assert_eq!((code, stdout.as_str()), (Some(0), "No mesh is up.\n"));
}

#[tokio::test]
async fn ports_that_make_no_sense_are_refused() {
    let (code, _, stderr) = MeshCommand::new().run(&["up", "--ports", "8000:8000"]).await;
    assert_eq!(code, Some(2));
    assert!(stderr.contains("two different ports"), "{stderr}");
}

#[test]
fn a_failed_test_shows_what_every_node_said_and_leaves_no_node() {
    let mut addresses = Vec::new();
    let failing = AssertUnwindSafe(|| {
        trial::run(Mode::V1Process, crate::modes::tutorial, async |mesh| {
            addresses.extend(mesh.nodes().iter().filter_map(|node| mesh.addresses(*node)?.traffic));
            assert_eq!(mesh.nodes(), [Node::APP, Node::SIDECAR], "this test fails on purpose");
        });
    });
    if let Some(why) = Mode::V1Process.switched_off().unwrap() {
        return trial::say_skipped(&why);
    }
    panic::catch_unwind(failing).unwrap_err();
    assert_eq!(addresses.len(), 3);
    for address in addresses {
        TcpStream::connect(address).unwrap_err();
    }
    let target = binaries::target_folder().unwrap();
    let test = "bench.a_failed_test_shows_what_every_node_said_and_leaves_no_node";
    let folder = target.join("mesh-failures").join(test);
    let text = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
    assert!(text("app/log.txt").contains("listening on"));
    for proxy in ["gateway", "sidecar"] {
        assert!(!text(&format!("{proxy}/log.txt")).is_empty());
        assert!(text(&format!("{proxy}/stats.txt")).contains("server.live: 1"));
        assert!(text(&format!("{proxy}/clusters.txt")).contains("::max_connections::"));
        assert!(text(&format!("{proxy}/config_dump.json")).contains("\"configs\""));
    }
}

/// Runs one of the tests of this binary on a machine that has no Envoy.
async fn run_without_envoy(require: &str) -> (bool, String) {
    let own = std::env::current_exe().unwrap();
    let output = Command::new(own)
        .args(["--exact", "topology::a_client_may_speak_http2_too::envoy"])
        .env_remove("ENVOY_BIN")
        .env_remove("MESH_LAUNCH")
        .env_remove("MESH_PROXY")
        .env("PATH", Path::new("/nowhere"))
        .env("OUTRIGGER_BIN", "/nowhere")
        .env("DEMO_APP_BIN", "/nowhere")
        .env("MESH_BIN", "/nowhere")
        .env("MESH_REQUIRE", require)
        .output()
        .await
        .unwrap();
    (output.status.success(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[tokio::test]
async fn a_test_that_lacks_something_says_so_in_one_line() {
    let (passed, text) = run_without_envoy("").await;
    assert!(passed, "{text}");
    let line = "skipped topology::a_client_may_speak_http2_too::envoy: envoy is not available: ENVOY_BIN is not set and \
                there is no envoy on PATH\n";
    assert!(text.contains(line), "{text}");
}

#[tokio::test]
async fn what_is_required_may_not_be_lacking() {
    let (passed, text) = run_without_envoy("docker,envoy").await;
    assert!(!passed, "{text}");
    assert!(text.contains("envoy is not available"), "{text}");
    let (passed, text) = run_without_envoy("docker,envy").await;
    assert!(!passed, "{text}");
    assert!(text.contains("MESH_REQUIRE=docker,envy is not one of"), "{text}");
}
