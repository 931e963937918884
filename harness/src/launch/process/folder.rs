//! The folder of one mesh, for its files and logs, and what becomes of the folders of test runs that were killed.

use std::{
    path::{Path, PathBuf},
    process,
    sync::Once,
};

use crate::error::Error;

/// A folder that is removed when this is dropped. Its name tells which process it belongs to.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

const PREFIX: &str = "outrigger-mesh-";

// === impl Folder ===

impl Folder {
    /// Makes the folder of a mesh; the first time in a process, removes those whose processes are gone.
    pub(super) fn create(mesh: &str) -> Result<Self, Error> {
        static SWEPT: Once = Once::new();
        let all = std::env::temp_dir();
        SWEPT.call_once(|| sweep(&all));
        let path = all.join(format!("{PREFIX}{}-{mesh}", process::id()));
        std::fs::create_dir_all(&path)
            .map_err(|source| Error::File { path: path.clone(), source })?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind is swept by the next run.
        drop(std::fs::remove_dir_all(&self.path));
    }
}

fn sweep(all: &Path) {
    let Ok(entries) = std::fs::read_dir(all) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX))
            .and_then(|rest| rest.split('-').next());
        let Some(owner) = owner.and_then(|owner| owner.parse::<u32>().ok()) else { continue };
        if !Path::new("/proc").join(owner.to_string()).exists() {
            // Another run may be sweeping too.
            drop(std::fs::remove_dir_all(entry.path()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_folders_of_ended_processes_are_swept() {
        let all = tempfile::tempdir().unwrap();
        // Above the largest id that Linux gives.
        let ended = all.path().join(format!("{PREFIX}4194305-a"));
        let living = all.path().join(format!("{PREFIX}{}-b", process::id()));
        let strange = all.path().join("something-else");
        for folder in [&ended, &living, &strange] {
            std::fs::create_dir(folder).unwrap();
        }
        sweep(all.path());
        assert_eq!([ended.exists(), living.exists(), strange.exists()], [false, true, true]);
    }
}
