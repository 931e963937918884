//! Files that a configuration names: whether they can be there. None is opened.

use std::path::Path;

use super::diagnostic::Findings;
use super::source::{At, Notation, Quoted};

/// How a file is written, by its name.
///
/// # Errors
/// It is in a form that is not read.
pub(super) fn notation(path: &Path) -> Result<Notation, &'static str> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "yaml" | "yml" => Ok(Notation::Yaml),
        "pb" | "pb_text" | "pb-text" => {
            Err("protobuf's own forms are not read: write the same as YAML or JSON")
        }
        _ => Ok(Notation::Json),
    }
}

/// Reports a file that is to be read again and again and is not there.
pub(super) fn expect_file(path: &Path, at: At, findings: &mut Findings) {
    if !path.exists() {
        let shown = path.display();
        let message =
            format!("paths must refer to an existing path in the system: '{shown}' does not exist");
        findings.missing_file(at, message);
    }
}

/// Reports a folder that is to be watched and is not there.
pub(super) fn expect_directory(path: &Path, at: At, findings: &mut Findings) {
    if !path.is_dir() {
        let shown = path.display().to_string();
        let message =
            format!("unable to add filesystem watch, there is no folder {}", Quoted(&shown));
        findings.missing_file(at, message);
    }
}

/// Reports a file that is to be written and whose folder is not there.
pub(super) fn expect_folder(path: &Path, at: At, findings: &mut Findings) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let shown = folder.display().to_string();
        let message = format!("unable to open file, there is no folder {}", Quoted(&shown));
        findings.missing_file(at, message);
    }
}
