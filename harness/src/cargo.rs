//! Runs `cargo build` and reads what it made, telling its progress meanwhile.

use std::{
    collections::HashMap,
    path::PathBuf,
    process::{ExitStatus, Stdio},
};

use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader},
    process::Command,
};

use crate::{binaries, error::Error};

/// Who is told each line that cargo writes for people.
pub type Tell<'a> = &'a (dyn Fn(&str) + Sync);

/// The part of cargo's messages that names an executable.
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

/// The executables of a build, by name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Built {
    action: &'static str,
    executables: HashMap<String, PathBuf>,
}

/// A `cargo build` in this workspace whose executables can be found.
pub(crate) fn build_command() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(["build", "--message-format=json-render-diagnostics", "--bins"])
        .current_dir(binaries::workspace())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs what [`build_command`] began.
///
/// # Errors
/// [`Error::Step`] of this `action`, with the compiler's words.
pub(crate) async fn build(
    mut command: Command,
    action: &'static str,
    tell: Tell<'_>,
) -> Result<Built, Error> {
    let failed = |why: String| Error::step(action, why);
    let mut child =
        command.spawn().map_err(|error| failed(format!("cargo does not run: {error}")))?;
    let stdout = child.stdout.take().expect("standard output is piped");
    let stderr = child.stderr.take().expect("standard error is piped");
    let (messages, words, status) = tokio::join!(read(stdout), relay(stderr, tell), child.wait());
    let status: ExitStatus = status.map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        return Err(failed(words));
    }
    Ok(Built { action, executables: executables(&messages) })
}

// === impl Built ===

impl Built {
    /// Where the executable of this name is.
    ///
    /// # Errors
    /// [`Error::Step`] if cargo made none of this name.
    pub(crate) fn executable(&self, name: &str) -> Result<PathBuf, Error> {
        let missing =
            || Error::step(self.action, format!("cargo named no executable called {name}"));
        self.executables.get(name).cloned().ok_or_else(missing)
    }
}

async fn read(mut stdout: impl AsyncRead + Unpin) -> String {
    let mut bytes = Vec::new();
    // A pipe that breaks is seen in what is missing from the messages.
    let _length = stdout.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Passes on every line, and keeps them all for the case that they turn out to say why the build failed.
async fn relay(stderr: impl AsyncRead + Unpin, tell: Tell<'_>) -> String {
    let mut words = String::new();
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        tell(&line);
        words.push_str(&line);
        words.push('\n');
    }
    words
}

fn executables(messages: &str) -> HashMap<String, PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter_map(|message| Some((message.target?.name, message.executable?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_read_from_cargos_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"outrigger"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"outrigger"},"executable":"/t/debug/outrigger"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#
        );
        let expected =
            HashMap::from([("outrigger".to_owned(), PathBuf::from("/t/debug/outrigger"))]);
        assert_eq!(executables(messages), expected);
    }
}
