//! `envoy.config.accesslog.v3.AccessLog` and the loggers behind it.

use std::path::PathBuf;

use crate::config::access_log::{AccessLog, Sink};
use crate::config::diagnostic::Findings;
use crate::config::files;

use super::address;
use super::message::Message;

const FILE: &str = "envoy.extensions.access_loggers.file.v3.FileAccessLog";
const STDOUT: &str = "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog";
const STDERR: &str = "envoy.extensions.access_loggers.stream.v3.StderrAccessLog";

/// The access logs in the list under `field`.
pub(super) fn lower(parent: &Message<'_>, field: &str, findings: &mut Findings) -> Vec<AccessLog> {
    parent.messages(field).filter_map(|log| one(log, findings)).collect()
}

fn one(log: &Message<'_>, findings: &mut Findings) -> Option<AccessLog> {
    log.dismiss(&["name"]);
    let logger = super::extension(log, findings)?;
    let sink = match logger.schema.name {
        FILE => {
            let path = PathBuf::from(logger.nonempty("path")?);
            files::expect_folder(&path, logger.place("path"), findings);
            Sink::File(path)
        }
        STDOUT => Sink::Stdout,
        STDERR => Sink::Stderr,
        _ => {
            super::wrong_extension(log, logger, "an access log: file, stdout or stderr", findings);
            return None;
        }
    };
    Some(AccessLog { sink, format: format(logger) })
}

/// The format as text; Envoy's older spellings mean the same.
fn format(logger: &Message<'_>) -> Option<String> {
    let old = (logger.schema.name == FILE).then(|| logger.nonempty("format")).flatten();
    if let Some(old) = old {
        return Some(old.to_owned());
    }
    let format = logger.message("log_format")?;
    let text =
        format.text("text_format").or_else(|| address::inline_text(format, "text_format_source"));
    text.map(str::to_owned)
}
