//! The files that the checks read.

use std::fs;
use std::path::{Path, PathBuf};

/// One file of Rust.
pub(crate) struct Source {
    /// Below the package's folder.
    pub(crate) path: PathBuf,
    /// All of it.
    pub(crate) text: String,
}

/// Every file of Rust in these folders of the package, and in theirs, in a fixed order.
pub(crate) fn sources(folders: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in folders {
        read(root, Path::new(folder), &mut found);
    }
    assert!(!found.is_empty(), "no sources in {folders:?}");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn read(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    // A member of the workspace need not have each of the folders.
    let Ok(entries) = fs::read_dir(root.join(folder)) else { return };
    for entry in entries {
        let path = folder.join(entry.expect("a readable folder").file_name());
        if root.join(&path).is_dir() {
            read(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(root.join(&path)).expect("a text");
            found.push(Source { path, text });
        }
    }
}
