//! Reaches the container engine of this machine.

use std::env;

use bollard::Docker;
use testcontainers::core::client::docker_client_instance;

use crate::{error::Error, settings::Need};

/// A client of the engine that `DOCKER_HOST` names, or of the one at Docker's usual socket.
///
/// It sends requests without a version in their path, so the engine speaks the newest version of its API that it knows:
/// nothing needs to be negotiated, and the fields used here are as old as API 1.41 (Docker 20.10). It belongs to the runtime
/// it was made in.
///
/// # Errors
/// [`Error::Unavailable`] says in one line why no engine can be used: none answers, it stands on another machine (its
/// published ports would not be ours), or it does not run programs of this machine's kind.
pub async fn connect() -> Result<Docker, Error> {
    if let Some(host) = env::var("DOCKER_HOST").ok().filter(|host| !is_local(host)) {
        return Err(unavailable(&format!("DOCKER_HOST={host} is not a socket of this machine")));
    }
    let docker = docker_client_instance().await.map_err(|error| unavailable(&error.to_string()))?;
    let version = docker
        .version()
        .await
        .map_err(|error| unavailable(&format!("no engine answers: {}", innermost(&error))))?;
    let kind = (version.os.unwrap_or_default(), version.arch.unwrap_or_default());
    let wanted = ("linux".to_owned(), architecture().to_owned());
    if kind != wanted {
        return Err(unavailable(&format!(
            "the engine runs {}/{} programs, and these would be {}/{}",
            kind.0, kind.1, wanted.0, wanted.1
        )));
    }
    Ok(docker)
}

fn is_local(host: &str) -> bool {
    host.is_empty() || host.starts_with("unix://")
}

/// This machine's architecture by the name that engines give it.
fn architecture() -> &'static str {
    match env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn unavailable(why: &str) -> Error {
    Error::Unavailable { what: Need::Docker.name(), why: why.replace('\n', " ") }
}

/// The last of an error's sources, which says what the system said.
fn innermost(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn only_sockets_of_this_machine_are_local() {
        assert!(is_local("unix:///var/run/docker.sock"));
        assert!(is_local(""));
        assert!(!is_local("tcp://10.0.0.7:2375"));
        assert!(!is_local("ssh://build-machine"));
    }
}
