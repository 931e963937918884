//! Runs our proxy's binary to its end, for what it says and how it exits.

use std::{
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use outrigger_harness::{
    binaries::Binaries,
    eventually,
    node::{Config, ConfigVersion, Role},
};
use tempfile::TempDir;
use tokio::{process::Command, time::timeout};

/// What a run of the proxy came to.
#[derive(Debug)]
pub(crate) struct Run {
    /// Its exit code.
    pub(crate) code: Option<i32>,
    /// What it printed as its result.
    pub(crate) stdout: String,
    /// What it printed besides.
    pub(crate) stderr: String,
}

/// A folder with files for a proxy.
pub(crate) struct Files {
    folder: TempDir,
}

/// Runs the proxy with these arguments to its end.
pub(crate) async fn outrigger<A: AsRef<std::ffi::OsStr>>(arguments: &[A]) -> Run {
    let binary = &Binaries::find().await.unwrap().outrigger;
    let run = Command::new(binary).args(arguments).stdin(Stdio::null()).kill_on_drop(true).output();
    let Output { status, stdout, stderr } =
        timeout(eventually::patience(), run).await.expect("it ends").unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Run { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

/// The text of the tutorial's sidecar file, on free ports.
pub(crate) fn sidecar(version: ConfigVersion) -> String {
    let text = Config::of(Role::Sidecar, version).unwrap().text;
    match version {
        ConfigVersion::V1 => {
            text.replace("0.0.0.0:8001", "127.0.0.1:0").replace("0.0.0.0:80", "127.0.0.1:0")
        }
        ConfigVersion::V3 => text
            .replace("address: 0.0.0.0, port_value: 8001", "address: 127.0.0.1, port_value: 0")
            .replace("address: 0.0.0.0, port_value: 80", "address: 127.0.0.1, port_value: 0"),
    }
}

impl Run {
    /// Fails unless the proxy refused to start: exit code 1, a message on stderr with all of these, nothing on stdout.
    #[track_caller]
    pub(crate) fn expect_refusal(&self, file: &Path, parts: &[&str]) {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        for part in [&file.display().to_string()]
            .into_iter()
            .map(String::as_str)
            .chain(parts.iter().copied())
        {
            assert!(self.stderr.contains(part), "{part:?} is not in:\n{}", self.stderr);
        }
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
    }
}

impl Files {
    pub(crate) fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    /// Writes a file, and returns where it is.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Where a file of this name would be.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
