//! The environment as settings; every mistake in it is reported at once.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use thiserror::Error;

/// Environment variable: the IP address to bind, or `localhost`.
pub const HOST: &str = "SERVICE_API_HOST";
/// Environment variable: the port to bind; 0 lets the system choose one.
pub const PORT: &str = "SERVICE_API_PORT";
/// Environment variable: the instance's name.
pub const NAME: &str = "SERVICE_NAME";

/// The tutorial's own default: reachable from beside the service only, which is where its sidecar is.
pub const DEFAULT_HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// The tutorial's own default.
pub const DEFAULT_PORT: u16 = 8080;
/// The tutorial's own default.
pub const DEFAULT_NAME: &str = "app";

/// What the service is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen.
    pub address: SocketAddr,
    /// The instance's name.
    pub name: String,
}

/// A variable with an impossible value.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Mistake {
    /// [`HOST`] is no address.
    #[error("{HOST}: {given:?} is not an IP address (nor localhost)")]
    Host {
        /// The value found.
        given: String,
    },
    /// [`PORT`] is no port.
    #[error("{PORT}: {given:?} is not a port number between 0 and 65535")]
    Port {
        /// The value found.
        given: String,
    },
    /// [`NAME`] is empty or not UTF-8.
    #[error("{NAME}: {given:?} is not a name")]
    Name {
        /// The value found, as far as it is text.
        given: String,
    },
}

// === impl Settings ===

impl Settings {
    /// Reads the settings through `variable`, which is the environment outside tests.
    ///
    /// # Errors
    ///
    /// All mistakes, in the order host, port, name.
    pub fn read(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self, Vec<Mistake>> {
        let text = |key| variable(key).map(|value| value.to_string_lossy().into_owned());
        let host = text(HOST).map_or(Ok(DEFAULT_HOST), host);
        let port = text(PORT).map_or(Ok(DEFAULT_PORT), port);
        let name = text(NAME).map_or_else(|| Ok(DEFAULT_NAME.to_owned()), name);
        match (host, port, name) {
            (Ok(host), Ok(port), Ok(name)) => {
                Ok(Self { address: SocketAddr::new(host, port), name })
            }
            (host, port, name) => {
                Err([host.err(), port.err(), name.err()].into_iter().flatten().collect())
            }
        }
    }
}

fn host(given: String) -> Result<IpAddr, Mistake> {
    if given == "localhost" {
        return Ok(DEFAULT_HOST);
    }
    given.parse().map_err(|_not_an_address| Mistake::Host { given })
}

fn port(given: String) -> Result<u16, Mistake> {
    given.parse().map_err(|_not_a_port| Mistake::Port { given })
}

fn name(given: String) -> Result<String, Mistake> {
    if given.trim().is_empty() || given.contains(char::REPLACEMENT_CHARACTER) {
        return Err(Mistake::Name { given });
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::{Mistake, Settings};

    fn read(variables: &[(&str, &str)]) -> Result<Settings, Vec<Mistake>> {
        Settings::read(|key| {
            variables.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).into())
        })
    }

    #[test]
    fn an_empty_environment_gives_the_tutorials_defaults() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.address.to_string(), "127.0.0.1:8080");
        assert_eq!(settings.name, "app");
    }

    #[test]
    fn every_variable_is_heard() {
        let settings = read(&[
            ("SERVICE_API_HOST", "0.0.0.0"),
            ("SERVICE_API_PORT", "0"),
            ("SERVICE_NAME", "app-2"),
        ])
        .unwrap();
        assert_eq!(settings.address.to_string(), "0.0.0.0:0");
        assert_eq!(settings.name, "app-2");
    }

    #[test]
    fn localhost_and_ipv6_are_addresses() {
        let local = read(&[("SERVICE_API_HOST", "localhost")]).unwrap();
        assert_eq!(local.address.to_string(), "127.0.0.1:8080");
        let six = read(&[("SERVICE_API_HOST", "::1")]).unwrap();
        assert_eq!(six.address.to_string(), "[::1]:8080");
    }

    #[test]
    fn all_mistakes_are_told_each_in_one_line() {
        let mistakes = read(&[
            ("SERVICE_API_HOST", "nowhere"),
            ("SERVICE_API_PORT", "65536"),
            ("SERVICE_NAME", " "),
        ])
        .unwrap_err();
        let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "SERVICE_API_HOST: \"nowhere\" is not an IP address (nor localhost)",
                "SERVICE_API_PORT: \"65536\" is not a port number between 0 and 65535",
                "SERVICE_NAME: \" \" is not a name",
            ]
        );
    }
}
