//! Has cargo compile the two programs so that they need nothing but a kernel.

use std::{
    env,
    path::PathBuf,
    process::{ExitStatus, Stdio},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader},
    process::Command,
};

use super::{Progress, Step};
use crate::{binaries, error::Error};

/// The programs as static release binaries.
#[derive(Debug)]
pub(super) struct StaticBinaries {
    pub(super) outrigger: PathBuf,
    pub(super) demo_app: PathBuf,
}

/// Compiles what is missing or stale; cargo decides what that is.
///
/// # Errors
/// [`Error::Step`] with the compiler's words.
pub(super) async fn static_binaries(progress: Progress<'_>) -> Result<StaticBinaries, Error> {
    let failed = |why: String| Error::step("compile the static binaries", why);
    let mut child =
        cargo().spawn().map_err(|error| failed(format!("cargo does not run: {error}")))?;
    let stdout = child.stdout.take().expect("standard output is piped");
    let stderr = child.stderr.take().expect("standard error is piped");
    let (messages, words, status) =
        tokio::join!(read(stdout), relay(BufReader::new(stderr), progress), child.wait());
    let status: ExitStatus = status.map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        return Err(failed(words));
    }
    let executables = binaries::executables(&messages);
    let executable = |name: &str| {
        let missing = || failed(format!("cargo named no executable called {name}"));
        executables.get(name).cloned().ok_or_else(missing)
    };
    Ok(StaticBinaries { outrigger: executable("outrigger")?, demo_app: executable("demo-app")? })
}

fn cargo() -> Command {
    let triple = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    // With --target, flags for the target do not reach build scripts and procedural macros, which cannot be static.
    let flags = format!("CARGO_TARGET_{}_RUSTFLAGS", triple.to_uppercase().replace('-', "_"));
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(["build", "--release", "--message-format=json-render-diagnostics", "--bins"])
        .args(["--package", "outrigger", "--package", "demo-app", "--target", &triple])
        .arg("--target-dir")
        .arg(target_folder())
        .current_dir(binaries::workspace())
        .env(flags, "-C target-feature=+crt-static")
        // Either of these would take the place of the flags above.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Beside what this program was built from itself, so that it is found again and swept away with the rest.
fn target_folder() -> PathBuf {
    let target = binaries::target_folder().unwrap_or_else(|| binaries::workspace().join("target"));
    target.join("images")
}

async fn read(mut stdout: impl AsyncRead + Unpin) -> String {
    let mut bytes = Vec::new();
    // A pipe that breaks is seen in what is missing from the messages.
    let _length = stdout.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Passes on every line, and keeps them all for the case that they turn out to say why the build failed.
async fn relay(stderr: BufReader<impl AsyncRead + Unpin>, progress: Progress<'_>) -> String {
    let mut words = String::new();
    let mut lines = stderr.lines();
    while let Ok(Some(line)) = lines.next_line().await {
        words.push_str(&line);
        words.push('\n');
        progress(&Step::Compiling(line));
    }
    words
}
