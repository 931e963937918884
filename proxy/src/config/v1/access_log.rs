//! `access_log[]` of connection managers, and the admin server's path.

use crate::config::source::{At, Node};

use super::build::Build;
use super::object::{Context, Key, Kind, optional, refused, required};

const KEYS: &[Key] =
    &[required("path", Kind::Text), optional("format", Kind::Text), refused("filter")];

const FILE: &str = "envoy.extensions.access_loggers.file.v3.FileAccessLog";

/// One access log as v3's.
pub(super) fn convert(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let log = cx.closed(node, KEYS)?;
    let path = log.get("path")?;
    Some(file(log.at, path, log.get("format")))
}

/// v3's access log to a file.
pub(super) fn file(at: At, path: &Node, format: Option<&Node>) -> Node {
    let mut logger = Build::any(at, FILE).copy("path", Some(path));
    if let Some(format) = format {
        let source = Build::at(format.at).copy("inline_string", Some(format)).finish();
        let substitution = Build::at(format.at).set("text_format_source", source).finish();
        logger = logger.set("log_format", substitution);
    }
    Build::at(at)
        .text("name", at, "envoy.access_loggers.file")
        .set("typed_config", logger.finish())
        .finish()
}
