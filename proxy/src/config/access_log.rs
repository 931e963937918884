//! One line per request, and where it goes: `envoy.extensions.access_loggers.*`.

use std::path::PathBuf;

/// One access log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessLog {
    /// Where the lines go.
    pub sink: Sink,
    /// `log_format.text_format_source.inline_string`; none is Envoy's default format.
    pub format: Option<String>,
}

/// Where the lines go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Sink {
    /// `envoy.access_loggers.file`; `/dev/stdout` and `/dev/stderr` are ordinary files here, as in Envoy.
    File(PathBuf),
    /// `envoy.access_loggers.stdout`.
    Stdout,
    /// `envoy.access_loggers.stderr`.
    Stderr,
}
