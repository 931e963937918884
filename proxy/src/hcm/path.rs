//! Brings a request's path into the form in which everybody looks at it, as the connection manager's fields say.

use bytes::Bytes;
use http::uri::{PathAndQuery, Uri};

use crate::config::hcm::{EscapedSlashes, Paths};
use crate::message::local_reply::LocalReply;
use crate::message::normalize;

use super::Hcm;

/// Changes the path as configured.
///
/// # Errors
/// The answer to a path that is refused, or to a client that is to ask for the new one. The URI has the new one all
/// the same, for the log, as Envoy's has.
pub(super) fn normalize(hcm: &Hcm, uri: &mut Uri) -> Result<(), LocalReply> {
    let paths = hcm.config.paths;
    if paths == Paths::default() {
        return Ok(());
    }
    let unescaped = match paths.escaped_slashes {
        EscapedSlashes::Keep => None,
        _ => normalize::unescape_slashes(text(uri)),
    };
    let slashes = unescaped.is_some();
    replace(hcm, uri, unescaped)?;
    if slashes && paths.escaped_slashes == EscapedSlashes::Reject {
        return Err(refuse(hcm));
    }
    if paths.normalize {
        let normal = normalize::normalize(text(uri)).map_err(|_invalid| refuse(hcm))?;
        replace(hcm, uri, normal)?;
    }
    if paths.merge_slashes {
        let merged = normalize::merge_slashes(text(uri));
        replace(hcm, uri, merged)?;
    }
    if slashes && paths.escaped_slashes == EscapedSlashes::Redirect {
        hcm.stats.downstream_rq_redirected_with_normalized_path.inc();
        return Err(LocalReply::normalized_path(text(uri)));
    }
    Ok(())
}

fn text(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", PathAndQuery::as_str)
}

fn replace(hcm: &Hcm, uri: &mut Uri, path: Option<String>) -> Result<(), LocalReply> {
    if let Some(path) = path {
        // Nothing comes of it but what a URI may have; were it otherwise, the path would be refused.
        let path = PathAndQuery::from_maybe_shared(Bytes::from(path));
        *uri = Uri::from(path.map_err(|_invalid| refuse(hcm))?);
    }
    Ok(())
}

fn refuse(hcm: &Hcm) -> LocalReply {
    hcm.stats.downstream_rq_failed_path_normalization.inc();
    LocalReply::path_normalization_failed()
}
