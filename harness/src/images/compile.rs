//! Has cargo compile the two programs so that they need nothing but a kernel.

use std::{env, path::PathBuf};

use tokio::process::Command;

use super::{Progress, Step};
use crate::{binaries, cargo, error::Error};

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
    let tell = |line: &str| progress(&Step::Compiling(line.to_owned()));
    let built = cargo::build(command(), "compile the static binaries", &tell).await?;
    Ok(StaticBinaries {
        outrigger: built.executable("outrigger")?,
        demo_app: built.executable("demo-app")?,
    })
}

fn command() -> Command {
    let triple = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    // With --target, flags for the target do not reach build scripts and procedural macros, which cannot be static.
    let flags = format!("CARGO_TARGET_{}_RUSTFLAGS", triple.to_uppercase().replace('-', "_"));
    let mut command = cargo::build_command();
    command
        .args(["--release", "--package", "outrigger", "--package", "demo-app", "--target", &triple])
        .arg("--target-dir")
        .arg(target_folder())
        .env(flags, "-C target-feature=+crt-static")
        // Either of these would take the place of the flags above.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    command
}

/// Beside what this program was built from itself, so that it is found again and swept away with the rest.
fn target_folder() -> PathBuf {
    let target = binaries::target_folder().unwrap_or_else(|| binaries::workspace().join("target"));
    target.join("images")
}
