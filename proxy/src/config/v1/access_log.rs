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
    let format = log.convert("format", |format| {
        let source = Build::at(format.at).set("inline_string", format.clone()).finish();
        Some(Build::at(format.at).set("text_format_source", source).finish())
    });
    Some(file(log.at, log.copy("path"), format))
}

/// v3's access log to a file.
pub(super) fn file(at: At, path: Option<Node>, format: Option<Node>) -> Node {
    let logger = Build::any(at, FILE).maybe("path", path).maybe("log_format", format).finish();
    let built = Build::at(at).text("name", at, "envoy.access_loggers.file");
    built.set("typed_config", logger).finish()
}
