//! What the real Envoy says of the same files. Without one (`ENVOY_BIN`, or `envoy` on `PATH`) there is nothing to
//! compare with, and each test says so in one line; with `MESH_REQUIRE=envoy` it fails.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::Duration;

use outrigger::base::clock;
use outrigger::config::bootstrap::Node;
use outrigger::config::load;
use serde_json::Value;

use super::{fixtures, read};

/// How long Envoy may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn envoy_accepts_the_good_files() {
    let Some(envoy) = envoy() else { return };
    for path in fixtures("v3") {
        assert_eq!(validate(&envoy, &path), Ok(()), "{}", path.display());
    }
}

#[test]
fn envoy_refuses_the_bad_files() {
    let Some(envoy) = envoy() else { return };
    for path in fixtures("bad/v3") {
        assert!(validate(&envoy, &path).is_err(), "{} is accepted by Envoy", path.display());
    }
}

#[test]
fn envoy_accepts_what_is_only_not_supported_or_too_lax_for_us() {
    let Some(envoy) = envoy() else { return };
    for path in fixtures("unsupported/v3").into_iter().chain(fixtures("strict")) {
        assert_eq!(validate(&envoy, &path), Ok(()), "{}", path.display());
    }
}

#[test]
fn envoy_dumps_the_same_bootstrap() {
    let Some(envoy) = envoy() else { return };
    // A TypedStruct is shown as the message that it holds, and by Envoy as it was written.
    for path in fixtures("v3").into_iter().filter(|path| !path.ends_with("typed_struct.yaml")) {
        let ours = read(&path).unwrap().bootstrap.message();
        let theirs = Running::start(&envoy, &path).map(|running| running.bootstrap());
        // A file without an admin server has no dump to compare.
        let Some(theirs) = theirs.map(without_its_own) else { continue };
        // As text, so that the order of the fields counts.
        let text = |value: Value| serde_json::to_string_pretty(&sorted(value, false)).unwrap();
        assert_eq!(text(ours), text(theirs), "{}", path.display());
    }
}

/// The same with what stands in a `Struct` sorted: protobuf's maps have no order, and Envoy's text of them none that lasts.
fn sorted(value: Value, in_struct: bool) -> Value {
    match value {
        Value::Object(fields) => {
            let each = |(name, value): (String, Value)| {
                let value = sorted(value, in_struct || name == "filter_metadata");
                (name, value)
            };
            let mut fields: Vec<_> = fields.into_iter().map(each).collect();
            if in_struct {
                fields.sort_by(|(one, _), (other, _)| one.cmp(other));
            }
            Value::Object(fields.into_iter().collect())
        }
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| sorted(item, in_struct)).collect())
        }
        plain => plain,
    }
}

#[test]
fn envoy_lays_a_text_over_a_file_in_the_same_way() {
    let Some(envoy) = envoy() else { return };
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("file.yaml");
    let file = "
        node: { id: a, cluster: c, locality: { zone: z } }
        admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
        stats_flush_interval: 1.5s
        static_resources: { clusters: [{ name: a, connect_timeout: 1s }] }";
    std::fs::write(&path, file).expect("the file can be written");
    for text in [
        "{ node: { id: \"\" } }",
        "{ node: { id: b, cluster: null } }",
        "{ node: { locality: {} } }",
        "{ node: { locality: { zone: \"\", region: r } } }",
        "{ stats_flush_interval: 0s }",
        "{ stats_flush_interval: 2s }",
        "{ stats_flush_interval: 0.25s }",
        "{ static_resources: { clusters: [{ name: b }] } }",
        "{ static_resources: { clusters: [] } }",
        "{ admin: { address: { socket_address: { address: \"::1\" } } } }",
        "{ admin: { profile_path: /nowhere } }",
    ] {
        let ours = load(Some(&path), Some(text), &Node::default());
        let refused = |report| panic!("{text}: {report}");
        let ours = ours.unwrap_or_else(refused).bootstrap.message();
        let running = Running::begin_with(&envoy, &path, &["--config-yaml", text]);
        let theirs = without_its_own(running.bootstrap());
        assert_eq!(ours, theirs, "{text}");
    }
}

/// A bootstrap without what Envoy adds to the node: its version and extensions.
fn without_its_own(mut bootstrap: Value) -> Value {
    if let Some(node) = bootstrap["node"].as_object_mut() {
        for key in ["user_agent_name", "user_agent_build_version", "extensions"] {
            node.shift_remove(key);
        }
    }
    if bootstrap["node"].as_object().is_some_and(serde_json::Map::is_empty)
        && let Some(fields) = bootstrap.as_object_mut()
    {
        fields.shift_remove("node");
    }
    bootstrap
}

/// Whether it has been said that there is none.
static SAID: Once = Once::new();

/// The real Envoy, if there is one.
pub(super) fn envoy() -> Option<PathBuf> {
    let named = std::env::var_os("ENVOY_BIN").map(PathBuf::from);
    let found = named.or_else(|| {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|folder| folder.join("envoy")).find(|file| file.is_file())
    });
    if found.is_none() {
        let required = std::env::var("MESH_REQUIRE").unwrap_or_default();
        assert!(!required.split(',').any(|what| what.trim() == "envoy"), "Envoy is required");
        SAID.call_once(|| {
            // Past the test runner's capture, which would hide it.
            let _ = writeln!(
                std::io::stderr(),
                "skipped: comparing files with Envoy, for there is none (ENVOY_BIN, or envoy on PATH)"
            );
        });
    }
    found
}

fn command(envoy: &Path, file: &Path) -> Command {
    let mut command = Command::new(envoy);
    command.arg("-c").arg(file).args([
        "--use-dynamic-base-id",
        "--concurrency",
        "1",
        "-l",
        "error",
    ]);
    command
}

pub(super) fn validate(envoy: &Path, file: &Path) -> Result<(), String> {
    let mut command = command(envoy, file);
    let output = command.args(["--mode", "validate"]).output().expect("Envoy runs");
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// An Envoy that ends with the test.
pub(super) struct Running {
    child: Child,
    admin: String,
}

// === impl Running ===

impl Running {
    /// Starts it and waits for the address of its admin server; none if the file has no admin server.
    fn start(envoy: &Path, file: &Path) -> Option<Self> {
        read(file).expect("the file is good").bootstrap.admin?;
        Some(Self::begin(envoy, file))
    }

    /// Starts it with a file that has an admin server, and waits for its address.
    pub(super) fn begin(envoy: &Path, file: &Path) -> Self {
        Self::begin_with(envoy, file, &[])
    }

    /// The same with further arguments.
    fn begin_with(envoy: &Path, file: &Path, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let address = folder.path().join("admin");
        let mut command = command(envoy, file);
        command.arg("--admin-address-path").arg(&address).args(arguments);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut running = Self { child: child.expect("Envoy runs"), admin: String::new() };
        let begun = clock::now();
        while running.admin.is_empty() {
            assert!(begun.elapsed() < PATIENCE, "Envoy did not start");
            let ended = running.child.try_wait().expect("the child can be asked");
            assert_eq!(ended, None, "Envoy did not start with {}", file.display());
            running.admin = std::fs::read_to_string(&address).unwrap_or_default();
            std::thread::yield_now();
        }
        running
    }

    /// The bootstrap in its `/config_dump`.
    pub(super) fn bootstrap(&self) -> Value {
        let mut stream = TcpStream::connect(&self.admin).expect("the admin server listens");
        let head = "GET /config_dump HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("the request can be written");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the answer can be read");
        let body = unchunked(&answer);
        let dump: Value = serde_json::from_slice(&body).expect("the dump is JSON");
        let configs = dump["configs"].as_array().expect("the dump has parts");
        let part = configs.iter().find(|part| part["bootstrap"].is_object());
        part.expect("the bootstrap is dumped")["bootstrap"].clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The body of an answer in chunks.
fn unchunked(answer: &[u8]) -> Vec<u8> {
    let line = |bytes: &[u8], end: &[u8]| {
        bytes.windows(end.len()).position(|window| window == end).expect("the answer is whole")
    };
    let mut rest = &answer[line(answer, b"\r\n\r\n") + 4..];
    let mut body = Vec::new();
    loop {
        let end = line(rest, b"\r\n");
        let size = std::str::from_utf8(&rest[..end]).expect("a size is text");
        let size = usize::from_str_radix(size, 16).expect("a size is hexadecimal");
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
}
