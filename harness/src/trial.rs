//! Runs the body of a test against a mesh: brings it up or says why the test is skipped, shows what the nodes say when the
//! body fails, and leaves nothing behind.

use std::{
    io::Write,
    panic::{self, AssertUnwindSafe},
    thread,
};

use futures_util::FutureExt;

use crate::{
    error::Error,
    eventually, failure_bundle,
    mesh::Mesh,
    node::ConfigVersion,
    settings::{DataPlane, Launch, Need},
    topology::Topology,
};

/// One way to run a mesh; every behaviour is tested in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Our proxy with v1 files, as processes.
    V1Process,
    /// Our proxy with v3 files, as processes.
    V3Process,
    /// Our proxy with v1 files, in containers.
    V1Container,
    /// Our proxy with v3 files, in containers.
    V3Container,
    /// The real Envoy with v3 files, as processes.
    Envoy,
}

/// A test body may await several conditions in a row.
const BODY_PATIENCE_FACTOR: u32 = 6;

// === impl Mode ===

impl Mode {
    /// Which form of the files it takes.
    pub fn version(self) -> ConfigVersion {
        match self {
            Self::V1Process | Self::V1Container => ConfigVersion::V1,
            Self::V3Process | Self::V3Container | Self::Envoy => ConfigVersion::V3,
        }
    }

    /// Which launcher it takes.
    pub fn launch(self) -> Launch {
        match self {
            Self::V1Process | Self::V3Process | Self::Envoy => Launch::Process,
            Self::V1Container | Self::V3Container => Launch::Container,
        }
    }

    /// Whose proxy it runs.
    pub fn data_plane(self) -> DataPlane {
        match self {
            Self::V1Process | Self::V3Process | Self::V1Container | Self::V3Container => {
                DataPlane::Outrigger
            }
            Self::Envoy => DataPlane::Envoy,
        }
    }

    /// Why a person has switched this mode off by `MESH_LAUNCH` or `MESH_PROXY`, if so.
    ///
    /// # Errors
    /// [`Error::Setting`] if one of them means nothing.
    pub fn switched_off(self) -> Result<Option<String>, Error> {
        if std::env::var_os("MESH_PROXY").is_some() && DataPlane::from_env()? != self.data_plane() {
            return Ok(Some("MESH_PROXY names the other proxy".to_owned()));
        }
        let chosen = Launch::from_env()?;
        if chosen != Launch::Auto && chosen != self.launch() {
            return Ok(Some("MESH_LAUNCH names the other launcher".to_owned()));
        }
        Ok(None)
    }
}

/// Brings a topology up in one mode and runs a test body on it.
///
/// # Panics
/// If the mesh does not come up, the body panics or takes too long, or something that `MESH_REQUIRE` names is missing.
pub fn run(
    mode: Mode,
    topology: impl FnOnce(ConfigVersion) -> Topology,
    body: impl AsyncFnOnce(&Mesh),
) {
    run_with(mode, async || (), |version, ()| topology(version), async |mesh, ()| body(mesh).await);
}

/// The same with something that is to be there before the mesh, such as an origin, and lives as long as the test.
///
/// # Panics
/// As [`run`].
pub fn run_with<O>(
    mode: Mode,
    origin: impl AsyncFnOnce() -> O,
    topology: impl FnOnce(ConfigVersion, &O) -> Topology,
    body: impl AsyncFnOnce(&Mesh, &O),
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime can be made");
    let outcome = runtime.block_on(async {
        if let Some(why) = mode.switched_off()? {
            return Ok(Some(why));
        }
        let origin = origin().await;
        let topology =
            topology(mode.version(), &origin).launch(mode.launch()).data_plane(mode.data_plane());
        match topology.up().await {
            Ok(mesh) => observe(mesh, async |mesh| body(mesh, &origin).await).await.map(|()| None),
            Err(missing @ Error::Unavailable { .. }) if !is_required(&missing)? => {
                Ok(Some(missing.to_string()))
            }
            Err(error) => Err(error),
        }
    });
    match outcome {
        Ok(None) => {}
        Ok(Some(why)) => say_skipped(&why),
        Err(error) => panic!("{}", error.report()),
    }
}

async fn observe(mesh: Mesh, body: impl AsyncFnOnce(&Mesh)) -> Result<(), Error> {
    let patience = BODY_PATIENCE_FACTOR * eventually::patience();
    let bounded = tokio::time::timeout(patience, body(&mesh));
    let outcome = AssertUnwindSafe(bounded).catch_unwind().await;
    if let Ok(Ok(())) = outcome {
        return mesh.tear_down().await;
    }
    let (folder, text) = failure_bundle::gather(&mesh, &test_name()).await;
    // Straight to the terminal would mix the nodes of tests that run at once; this is shown with the failed test.
    eprintln!("{text}---- all of this is in {}", folder.display());
    drop(mesh);
    match outcome {
        Err(panic) => panic::resume_unwind(panic),
        Ok(_late) => panic!("the test did not end within {patience:?}"),
    }
}

fn is_required(missing: &Error) -> Result<bool, Error> {
    let Error::Unavailable { what, .. } = missing else { return Ok(false) };
    for need in [Need::Docker, Need::Envoy] {
        if need.name() == *what && need.is_required()? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One line, written past the test runner's capture, which would swallow it for a test that passes.
pub fn say_skipped(why: &str) {
    let line = format!("skipped {}: {why}\n", test_name());
    // Without a terminal or file to write to, nobody would read it.
    drop(std::io::stderr().write_all(line.as_bytes()));
}

/// The name of the running test, which the test runner gives to its thread.
fn test_name() -> String {
    thread::current().name().unwrap_or("a test").to_owned()
}
