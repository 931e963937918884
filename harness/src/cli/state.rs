//! The file that tells other `cargo mesh` commands about the mesh that is up. Who holds the mesh holds a lock on the file, so
//! that a file left behind by a killed process is known as such.

use std::{
    env,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    net::SocketAddr,
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What is told about a mesh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    /// The process that holds it, and ends it on SIGTERM.
    pub(super) pid: u32,
    /// One line: how it was started, with which files.
    pub(super) summary: String,
    /// Its nodes, from the front to the back.
    pub(super) nodes: Vec<NodeState>,
}

/// What is told about a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NodeState {
    /// `gateway`, `sidecar` or `app`, with a number for further ones.
    pub(super) name: String,
    /// How requests come to it, for a person.
    pub(super) way: String,
    /// Where it takes requests, if that is reachable from here.
    pub(super) traffic: Option<SocketAddr>,
    /// Its admin interface, if it has one.
    pub(super) admin: Option<SocketAddr>,
}

/// The lock on the file. Dropping it removes the file.
#[derive(Debug)]
pub(super) struct Held {
    file: File,
    path: PathBuf,
}

/// What the file says.
#[derive(Debug)]
pub(super) enum Found {
    /// No mesh is up.
    Nothing,
    /// A mesh is being started, or ended: its file says nothing yet.
    Starting,
    /// A mesh is up.
    Up(State),
}

// === impl Held ===

impl Held {
    /// Takes the lock.
    ///
    /// # Errors
    /// [`Error::Step`] if somebody else has it, [`Error::File`] if the file cannot be opened.
    pub(super) fn take() -> Result<Self, Error> {
        let path = path();
        let failed = |source| Error::File { path: path.clone(), source };
        let file = open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let why =
                    "another one is up: see `cargo mesh status`, end it with `cargo mesh down`";
                return Err(Error::step("start a mesh", why));
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).map_err(failed)?;
        Ok(Self { file, path })
    }

    /// Tells about the mesh.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be written.
    pub(super) fn tell(&mut self, state: &State) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(state)
            .map_err(|error| Error::step("describe the mesh", error))?;
        self.file
            .write_all(text.as_bytes())
            .map_err(|source| Error::File { path: self.path.clone(), source })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Emptied before the lock goes, for one who has it open already.
        drop(self.file.set_len(0));
        drop(fs::remove_file(&self.path));
    }
}

/// Looks what is up.
///
/// # Errors
/// [`Error::File`] if the file cannot be read.
pub(super) fn find() -> Result<Found, Error> {
    let path = path();
    let failed = |source| Error::File { path: path.clone(), source };
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(failed(error)),
    };
    match file.try_lock_shared() {
        // Nobody holds it: a process was killed, and its nodes with it.
        Ok(()) => return Ok(Found::Nothing),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).map_err(failed)?;
    Ok(serde_json::from_str(&text).map_or(Found::Starting, Found::Up))
}

fn open(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)
}

/// One file for each user, in the folder for such things where there is one.
fn path() -> PathBuf {
    let folder = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| folder.is_dir());
    let user = rustix::process::getuid().as_raw();
    folder.unwrap_or_else(env::temp_dir).join(format!("outrigger-{user}.mesh.json"))
}

/// Where the process that holds a detached mesh writes what goes wrong.
pub(super) fn log_path() -> PathBuf {
    path().with_extension("log")
}
