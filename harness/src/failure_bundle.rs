//! What every node of a mesh has to say when a test fails, in one folder.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::timeout;

use crate::{
    binaries,
    mesh::Mesh,
    node::{Node, Role},
};

/// The pages of the admin interface that are kept, and the files they go to.
const PAGES: [(&str, &str); 3] = [
    ("/stats?usedonly", "stats.txt"),
    ("/clusters", "clusters.txt"),
    ("/config_dump", "config_dump.json"),
];

/// A node that hangs may be why the test failed; the others are still asked.
const PATIENCE: Duration = Duration::from_secs(3);

/// Writes the bundle of a mesh, and returns its folder and the text of all that is in it.
pub async fn gather(mesh: &Mesh, test: &str) -> (PathBuf, String) {
    let folder = folder_of(test);
    let mut text = String::new();
    for node in mesh.nodes() {
        let mut parts =
            vec![("log.txt", mesh.logs(*node).await.unwrap_or_else(|error| error.report()))];
        if node.role != Role::App && mesh.addresses(*node).is_some() {
            for (page, file) in PAGES {
                parts.push((file, ask(mesh, *node, page).await));
            }
        }
        for (file, part) in parts {
            let _infallible = writeln!(text, "---- {node}: {file}\n{}", beginning(&part));
            keep(&folder.join(node.to_string()), file, &part);
        }
    }
    (folder, text)
}

/// As much as somebody scrolls through; the whole is in the folder. The real Envoy dumps thousands of lines.
fn beginning(part: &str) -> String {
    let lines: Vec<&str> = part.trim_end().lines().collect();
    match lines.get(SHOWN_LINES..) {
        None | Some([]) => lines.join("\n"),
        Some(rest) => {
            format!("{}\n... and {} lines more", lines[..SHOWN_LINES].join("\n"), rest.len())
        }
    }
}

const SHOWN_LINES: usize = 300;

async fn ask(mesh: &Mesh, node: Node, page: &str) -> String {
    match timeout(PATIENCE, mesh.admin(node).get(page)).await {
        Ok(Ok(reply)) => reply.text(),
        Ok(Err(error)) => error.report(),
        Err(_late) => format!("{page} did not answer within {PATIENCE:?}"),
    }
}

/// `mesh-failures/<test>` in cargo's target folder, where the next run of the same test overwrites it.
fn folder_of(test: &str) -> PathBuf {
    let target = binaries::target_folder().unwrap_or_else(|| binaries::workspace().join("target"));
    target.join("mesh-failures").join(test.replace("::", "."))
}

fn keep(folder: &Path, file: &str, text: &str) {
    // The text is printed as well; a full disk must not hide it.
    drop(std::fs::create_dir_all(folder).and_then(|()| std::fs::write(folder.join(file), text)));
}
