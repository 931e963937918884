//! Files that a configuration names: whether they can be there. None is opened.

use std::path::Path;

use super::diagnostic::Findings;
use super::source::{At, Quoted};

/// Reports a file that is to be written and whose folder is not there.
pub(super) fn expect_folder(path: &Path, at: At, findings: &mut Findings) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let shown = folder.display().to_string();
        let message = format!("unable to open file, there is no folder {}", Quoted(&shown));
        findings.missing_file(at, message);
    }
}
