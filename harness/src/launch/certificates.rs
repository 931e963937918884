//! The certificates of one mesh: an authority of its own, and for each proxy a certificate with the SPIFFE id of its
//! service, where the files under `compose/` look for them.

use crate::{
    authority::{Authority, Leaf},
    error::Error,
    node::{NodePlan, Program, Role},
};

/// Where a proxy's file finds them, in its container: `ca.pem`, `cert.pem` and `key.pem`.
pub const FOLDER: &str = "/etc/outrigger/tls";

/// The authority of a mesh. It is not written anywhere.
#[derive(Debug)]
pub struct Certificates(Authority);

/// A file's name, and what stands in it.
pub type File = (&'static str, String);

/// What a service is called in its certificate: the gateway is one, and all sidecars are the app's.
pub fn service(role: Role) -> &'static str {
    match role {
        Role::Gateway => "gateway",
        Role::Sidecar | Role::App => "app",
    }
}

// === impl Certificates ===

impl Certificates {
    /// The authority of a new mesh.
    ///
    /// # Errors
    /// [`Error::Step`] if there is none to be had.
    pub fn new() -> Result<Self, Error> {
        Authority::new("Mesh CA").map(Self)
    }

    /// The same, if a file of these nodes looks for certificates.
    pub(crate) fn wanted(nodes: &[NodePlan]) -> Result<Option<Self>, Error> {
        let wants = nodes.iter().any(|planned| match &planned.program {
            Program::Proxy(proxy) => proxy.config.text.contains(FOLDER),
            Program::App(_) => false,
        });
        wants.then(Self::new).transpose()
    }

    /// The files of a proxy of that service, with a new key.
    ///
    /// # Errors
    /// [`Error::Step`] if there is no such certificate.
    pub fn of(&self, service: &str) -> Result<[File; 3], Error> {
        let leaf = Leaf::new(service).dns(service).uri(&format!("spiffe://mesh/{service}"));
        let pair = self.0.issue(&leaf)?;
        let authority = self.0.pem().to_owned();
        Ok([("ca.pem", authority), ("cert.pem", pair.chain), ("key.pem", pair.key)])
    }
}
