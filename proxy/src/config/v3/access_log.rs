//! `envoy.config.accesslog.v3.AccessLog` and the loggers behind it.

use std::path::PathBuf;

use crate::config::access_log::{AccessLog, Sink};
use crate::config::diagnostic::Findings;
use crate::config::files;
use crate::config::substitution_format::SubstitutionFormat;

use super::message::Message;
use super::{access_log_filter, substitution_format};

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
    let filter = match log.message("filter") {
        Some(filter) => Some(access_log_filter::lower(filter, findings)?),
        None => None,
    };
    Some(AccessLog { sink, format: format(logger, findings), filter })
}

/// The format of the lines; Envoy's older spellings mean the same.
fn format(logger: &Message<'_>, findings: &mut Findings) -> Option<SubstitutionFormat> {
    if logger.has("log_format") {
        return substitution_format::lower(logger, "log_format", findings);
    }
    if logger.schema.name != FILE {
        return None;
    }
    let source = if let Some(text) = logger.nonempty("format") {
        substitution_format::text(logger, "format", text, findings)
    } else {
        let old = ["json_format", "typed_json_format"].into_iter().find(|field| logger.has(field));
        substitution_format::json(logger, old?, false, findings)?
    };
    Some(SubstitutionFormat { source, content_type: None, omit_empty_values: false })
}
