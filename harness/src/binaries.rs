//! Finds the programs that a mesh runs, and has cargo build those that are missing or stale.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use tokio::sync::OnceCell;

use crate::{
    cargo::{self, Tell},
    error::Error,
};

/// The programs of this workspace, built for this machine.
#[derive(Debug, Clone)]
pub struct Binaries {
    /// The proxy: `OUTRIGGER_BIN`, or built.
    pub outrigger: PathBuf,
    /// The web service: `DEMO_APP_BIN`, or built.
    pub demo_app: PathBuf,
    /// The harness's own binary, which ties child processes to their parent: `MESH_BIN`, or built.
    pub mesh: PathBuf,
}

/// Where cargo is to put what it builds, so that it is what the running program was built with.
#[derive(Debug, PartialEq, Eq)]
struct BuildPlace {
    target: PathBuf,
    triple: Option<String>,
    profile: String,
}

// === impl Binaries ===

impl Binaries {
    /// Finds all three, building them the first time this is asked in a process.
    ///
    /// # Errors
    /// [`Error::Step`] with the compiler's words if the build fails.
    pub async fn find() -> Result<&'static Self, Error> {
        Self::find_and_tell(&|_line| {}).await
    }

    /// The same, telling what cargo says meanwhile.
    ///
    /// # Errors
    /// [`Error::Step`] with the compiler's words if the build fails.
    pub async fn find_and_tell(tell: Tell<'_>) -> Result<&'static Self, Error> {
        static FOUND: OnceCell<Binaries> = OnceCell::const_new();
        FOUND.get_or_try_init(|| Self::find_anew(tell)).await
    }

    async fn find_anew(tell: Tell<'_>) -> Result<Self, Error> {
        let own = env::current_exe()
            .map_err(|error| Error::step("find this program's own file", error))?;
        let named = |variable: &str| {
            env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
        };
        let mesh = named("MESH_BIN").or_else(|| (own.file_stem()? == "mesh").then(|| own.clone()));
        let given = (named("OUTRIGGER_BIN"), named("DEMO_APP_BIN"), mesh);
        if let (Some(outrigger), Some(demo_app), Some(mesh)) = given {
            return Ok(Self { outrigger, demo_app, mesh });
        }
        let (outrigger, demo_app, mesh) = given;
        let mut command = cargo::build_command();
        command.args(["--package", "outrigger", "--package", "demo-app"]);
        if mesh.is_none() {
            command.args(["--package", "outrigger-harness"]);
        }
        if let Some(place) = BuildPlace::of(&own) {
            command.args(place.arguments());
        }
        let built = cargo::build(command, "build the workspace", tell).await?;
        let or_built =
            |given: Option<PathBuf>, name| given.map_or_else(|| built.executable(name), Ok);
        Ok(Self {
            outrigger: or_built(outrigger, "outrigger")?,
            demo_app: or_built(demo_app, "demo-app")?,
            mesh: or_built(mesh, "mesh")?,
        })
    }
}

/// The root of this workspace as it was when the harness was compiled.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the harness's folder stands in the workspace's")
}

/// Cargo's target folder, if the running program stands in one.
pub fn target_folder() -> Option<PathBuf> {
    Some(BuildPlace::of(&env::current_exe().ok()?)?.target)
}

// === impl BuildPlace ===

impl BuildPlace {
    /// Reads it off the path of a program that cargo built: `TARGET/[TRIPLE/]PROFILE/[deps/]NAME`. `None` for a program that
    /// was installed somewhere else; cargo's own defaults are as good as any then.
    fn of(own: &Path) -> Option<Self> {
        let mut folder = own.parent()?;
        if folder.file_name()? == "deps" {
            folder = folder.parent()?;
        }
        let profile = match folder.file_name()?.to_str()? {
            "debug" => "dev".to_owned(),
            other => other.to_owned(),
        };
        let above = folder.parent()?;
        // Cargo marks the target folder itself, and nothing below it, with this file.
        let is_target = |folder: &Path| folder.join("CACHEDIR.TAG").is_file();
        if is_target(above) {
            return Some(Self { target: above.to_owned(), triple: None, profile });
        }
        let triple = above.file_name()?.to_str()?.to_owned();
        let target = above.parent().filter(|folder| is_target(folder))?;
        Some(Self { target: target.to_owned(), triple: Some(triple), profile })
    }

    fn arguments(self) -> Vec<OsString> {
        let mut arguments = vec![
            "--target-dir".into(),
            self.target.into(),
            "--profile".into(),
            self.profile.into(),
        ];
        if let Some(triple) = self.triple {
            arguments.extend(["--target".into(), triple.into()]);
        }
        arguments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_binary_tells_where_it_was_built() {
        let target = tempfile::tempdir().unwrap();
        std::fs::write(target.path().join("CACHEDIR.TAG"), "").unwrap();
        let place = |path: &str| BuildPlace::of(&target.path().join(path));
        let expected = |triple: Option<&str>, profile: &str| {
            Some(BuildPlace {
                target: target.path().to_owned(),
                triple: triple.map(str::to_owned),
                profile: profile.to_owned(),
            })
        };
        assert_eq!(place("debug/deps/acceptance-1234"), expected(None, "dev"));
        assert_eq!(place("release/mesh"), expected(None, "release"));
        assert_eq!(
            place("x86_64-unknown-linux-musl/debug/mesh"),
            expected(Some("x86_64-unknown-linux-musl"), "dev")
        );
    }

    #[test]
    fn an_installed_binary_does_not() {
        assert_eq!(BuildPlace::of(Path::new("/usr/bin/mesh")), None);
    }
}
