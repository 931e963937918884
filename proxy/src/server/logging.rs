//! Our own log: standard error, or a file.

use std::fs::OpenOptions;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::Mutex;

use tracing::level_filters::LevelFilter;

use super::options::{Level, Options};

/// A log that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the log file '{}': {source}", path.display())]
pub(super) struct Error {
    path: PathBuf,
    source: io::Error,
}

/// Begins to log.
pub(super) fn start(options: &Options) -> Result<(), Error> {
    let log =
        tracing_subscriber::fmt().with_max_level(filter(options.log_level)).with_target(false);
    match &options.log_path {
        None => log.with_ansi(io::stderr().is_terminal()).with_writer(io::stderr).init(),
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            let file = file.map_err(|source| Error { path: path.clone(), source })?;
            log.with_ansi(false).with_writer(Mutex::new(file)).init();
        }
    }
    Ok(())
}

fn filter(level: Level) -> LevelFilter {
    match level {
        Level::Trace => LevelFilter::TRACE,
        Level::Debug => LevelFilter::DEBUG,
        Level::Info => LevelFilter::INFO,
        Level::Warning => LevelFilter::WARN,
        Level::Error | Level::Critical => LevelFilter::ERROR,
        Level::Off => LevelFilter::OFF,
    }
}
