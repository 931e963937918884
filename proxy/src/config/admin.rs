//! The admin server: `envoy.config.bootstrap.v3.Admin`.

use super::access_log::AccessLog;
use super::address::SocketAddress;

/// Where the admin server listens, and its own access logs.
#[derive(Clone, Debug, PartialEq)]
pub struct Admin {
    /// `address`; a literal (port 0 is allowed).
    pub address: SocketAddress,
    /// `access_log`, or the older `access_log_path`.
    pub access_logs: Vec<AccessLog>,
}
