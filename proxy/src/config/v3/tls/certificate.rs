//! `TlsCertificate`: a chain with its key.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::diagnostic::Findings;
use crate::config::tls::{MOST_PEM, Pair, PairError};
use crate::config::v3::data_source;
use crate::config::v3::message::Message;

/// Reads a chain and its key; none if one of them is wrong or not there, which has been reported.
pub(super) fn lower(
    certificate: &Message<'_>,
    secret: &str,
    findings: &mut Findings,
) -> Option<Arc<Pair>> {
    if let Some(folder) = certificate.message("watched_directory") {
        // The files themselves are looked at again and again.
        folder.dismiss(&["path"]);
        if secret.is_empty() {
            let message = "no effect on a certificate that is no secret from a file of its own";
            findings.warn(certificate.place("watched_directory"), message);
        }
    }
    for (field, what) in [("certificate_chain", "certificate chain"), ("private_key", "key")] {
        if !certificate.has(field) {
            findings.error(certificate.at, format!("{field} is missing: there is no {what}"));
        }
    }
    // Both are looked at, so that all that is wrong is reported.
    let chain = data_source::file_or_bytes(certificate, "certificate_chain", MOST_PEM, findings);
    let key = data_source::file_or_bytes(certificate, "private_key", MOST_PEM, findings);
    let (chain, key) = (chain?, key?);
    match Pair::read(&chain.bytes, &key.bytes, &chain.path) {
        Ok(pair) => {
            let files = [&chain.path, &key.path].into_iter().filter(|path| !path.is_empty());
            let files = files.map(PathBuf::from).collect();
            Some(Arc::new(Pair { files, secret: secret.to_owned(), ..pair }))
        }
        Err(error) => {
            let field = match error {
                PairError::Chain(_) | PairError::NoCertificate | PairError::Certificate(_) => {
                    "certificate_chain"
                }
                PairError::Key(_) | PairError::Kind | PairError::Mismatch => "private_key",
            };
            findings.error(certificate.place(field), error.to_string());
            None
        }
    }
}
