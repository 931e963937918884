//! `cargo mesh certs`: certificates for a mesh that something else starts, such as docker-compose.

use std::{fs, path::PathBuf, process::ExitCode};

use super::screen;
use crate::{
    binaries::workspace,
    error::Error,
    launch::certificates::{Certificates, service},
    node::Role,
};

/// Where docker-compose.tls.yml looks for them.
const FOLDER: &str = "compose/certs";

/// Writes the files of each service into a folder of its own, under `folder`, wherever the command was typed.
pub(super) fn certs(folder: Option<PathBuf>) -> Result<ExitCode, Error> {
    let folder = folder.unwrap_or_else(|| workspace().join(FOLDER));
    let certificates = Certificates::new()?;
    for role in [Role::Gateway, Role::Sidecar] {
        let below = folder.join(service(role));
        let failed = |source| Error::File { path: below.clone(), source };
        fs::create_dir_all(&below).map_err(failed)?;
        for (name, text) in certificates.of(service(role))? {
            fs::write(below.join(name), text).map_err(failed)?;
        }
    }
    screen::print(format!("certificates of gateway and app are in {}", folder.display()));
    Ok(ExitCode::SUCCESS)
}
