//! The choices a person makes by environment variables: which launcher, which data plane, what must not be missing.

use std::{env, path::PathBuf};

use crate::error::Error;

/// What `MESH_LAUNCH` says: how nodes are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Launch {
    /// As containers where an engine answers, as processes otherwise.
    Auto,
    /// As child processes.
    Process,
    /// As containers.
    Container,
}

/// What `MESH_PROXY` says: whose proxy carries the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataPlane {
    /// Ours.
    Outrigger,
    /// The real Envoy, for comparison; as processes and with v3 files only.
    Envoy,
}

/// What `MESH_REQUIRE` can name: something whose absence is then a failure and not a reason to skip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A container engine.
    Docker,
    /// The real Envoy.
    Envoy,
}

// === impl Launch ===

impl Launch {
    /// What `MESH_LAUNCH` says; `auto` where it says nothing.
    ///
    /// # Errors
    /// [`Error::Setting`] if it says something else than `auto`, `process` or `container`.
    pub fn from_env() -> Result<Self, Error> {
        const VARIABLE: &str = "MESH_LAUNCH";
        match env::var(VARIABLE).unwrap_or_default().as_str() {
            "" | "auto" => Ok(Self::Auto),
            "process" => Ok(Self::Process),
            "container" => Ok(Self::Container),
            other => Err(unknown(VARIABLE, other, "auto, process, container")),
        }
    }
}

// === impl DataPlane ===

impl DataPlane {
    /// What `MESH_PROXY` says; ours where it says nothing.
    ///
    /// # Errors
    /// [`Error::Setting`] if it says something else than `outrigger` or `envoy`.
    pub fn from_env() -> Result<Self, Error> {
        const VARIABLE: &str = "MESH_PROXY";
        match env::var(VARIABLE).unwrap_or_default().as_str() {
            "" | "outrigger" => Ok(Self::Outrigger),
            "envoy" => Ok(Self::Envoy),
            other => Err(unknown(VARIABLE, other, "outrigger, envoy")),
        }
    }
}

// === impl Need ===

impl Need {
    /// Its name in `MESH_REQUIRE`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Envoy => "envoy",
        }
    }

    /// Whether `MESH_REQUIRE`, a list with commas, names it.
    ///
    /// # Errors
    /// [`Error::Setting`] if the list holds a word that is not the name of a need.
    pub fn is_required(self) -> Result<bool, Error> {
        const VARIABLE: &str = "MESH_REQUIRE";
        let list = env::var(VARIABLE).unwrap_or_default();
        let words: Vec<&str> =
            list.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
        match words.iter().find(|word| ![Self::Docker.name(), Self::Envoy.name()].contains(word)) {
            Some(_) => Err(unknown(VARIABLE, &list, "docker, envoy, docker,envoy")),
            None => Ok(words.contains(&self.name())),
        }
    }
}

/// Where the real Envoy is: `ENVOY_BIN`, or an `envoy` on `PATH`.
///
/// # Errors
/// [`Error::Unavailable`] says where it was looked for.
pub fn envoy_binary() -> Result<PathBuf, Error> {
    let missing = |why: String| Error::Unavailable { what: Need::Envoy.name(), why };
    if let Some(named) = env::var_os("ENVOY_BIN").filter(|value| !value.is_empty()) {
        let named = PathBuf::from(named);
        return if named.is_file() {
            Ok(named)
        } else {
            Err(missing(format!("ENVOY_BIN={} is not a file", named.display())))
        };
    }
    env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join("envoy"))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| missing("ENVOY_BIN is not set and there is no envoy on PATH".to_owned()))
}

fn unknown(variable: &'static str, value: &str, expected: &'static str) -> Error {
    Error::Setting { variable, value: value.to_owned(), expected }
}
