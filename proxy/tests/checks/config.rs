//! Configuration files as data: what the loader makes of them stands beside them.

mod check; // what `outrigger check` says beyond errors
mod convert; // what a file is in its other notation, or form
mod costly; // what refusing takes of the machine
mod envoy; // what the real Envoy says of the same files
mod files; // each file and what is expected of it
mod hostile; // files that nobody would write
mod json_schema; // the schema for editors
mod odd; // values that stand on the edge of what is one
mod sarif; // the form for code hosts is SARIF
mod schema; // the loader's schema is the one of Envoy's descriptors

use std::path::{Path, PathBuf};

use outrigger::config::bootstrap::Node;
use outrigger::config::{Loaded, Report, load};

/// The folder of the fixtures. Tests run in the package's folder, so that reports name files the same everywhere.
const FIXTURES: &str = "tests/fixtures/config";

/// The fixtures in a folder, in the order of their names.
fn fixtures(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(FIXTURES).join(folder);
    let entries = folder.read_dir().expect("the folder is there");
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.expect("it can be listed").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension != "expected"));
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

/// Loads a file as `outrigger -c` does without further options.
fn read(path: &Path) -> Result<Loaded, Report> {
    load(Some(path), None, &Node::default())
}

/// Loads a text as a file of that name, for what is not worth a fixture.
fn read_text(name: &str, text: impl AsRef<[u8]>) -> Result<Loaded, Report> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("the file can be written");
    read(&path)
}
