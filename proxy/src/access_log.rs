//! One line per request, in the user's words, into a file that never holds a worker up.

mod file;
mod filter;
mod stats;

use std::io;
use std::path::{Path, PathBuf};

use http::{HeaderMap, request, response};

use self::file::File;
use crate::config::access_log::{AccessLog, Sink};
use crate::formatter::{self, FormatError, Names, Notes};
use crate::message::substitution_format::SubstitutionFormat;
use crate::stream_info::StreamInfo;

pub use self::file::Files;
pub use self::filter::{Conditions, Filter};

/// The access logs of one connection manager.
///
/// What their formats print of the heads is noted while the heads pass by, since a line is written when the
/// stream ends and the heads are long gone.
#[derive(Debug, Default)]
pub struct AccessLogs {
    logs: Vec<Log>,
    names: Names,
    conditions: Conditions,
}

/// One of them.
#[derive(Debug)]
struct Log {
    filter: Option<Filter>,
    format: SubstitutionFormat,
    file: File,
}

/// A file that takes lines of others' making, such as events. Each is written as access logs are.
///
/// # Errors
/// The file cannot be opened.
pub fn lines(path: &Path, files: &Files) -> Result<impl Fn(&[u8]) + Send + Sync + use<>, Error> {
    let file = files.open(path);
    let file = file.map_err(|source| Error::Open { path: path.to_owned(), source })?;
    Ok(move |line: &[u8]| file.write(|into| into.extend_from_slice(line)))
}

/// Why an access log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The format says something that is not understood.
    #[error("log format: {0}")]
    Format(#[from] FormatError),
    /// The file cannot be written.
    #[error("cannot open the access log {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

// === impl AccessLogs ===

impl AccessLogs {
    /// Reads the formats and opens the files.
    ///
    /// # Errors
    /// A format that Envoy would refuse or that prints what we do not know, and a file that cannot be opened.
    pub fn build(configs: &[AccessLog], files: &Files) -> Result<Self, Error> {
        let mut built = Self::default();
        for config in configs {
            let format = match &config.format {
                Some(format) => SubstitutionFormat::new(format, &mut built.names)?,
                None => SubstitutionFormat::of_text(formatter::DEFAULT, &mut built.names)?,
            };
            let filter = config.filter.as_ref();
            let (names, conditions) = (&mut built.names, &mut built.conditions);
            let filter = filter.map(|filter| Filter::new(filter, names, conditions));
            let (file, path) = match &config.sink {
                Sink::File(path) => (files.open(path), path.as_path()),
                Sink::Stdout => (files.stdout(), Path::new("/dev/stdout")),
                Sink::Stderr => (files.stderr(), Path::new("/dev/stderr")),
            };
            let file = file.map_err(|source| Error::Open { path: path.to_owned(), source })?;
            built.logs.push(Log { filter, format, file });
        }
        Ok(built)
    }

    /// Whether nothing is logged: then notes need not be taken.
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty()
    }

    /// Notes what the formats print of a request's head, as it is then.
    pub fn note_request(&self, notes: &mut Notes, head: &request::Parts) {
        self.names.note_request(notes, head);
        self.conditions.note(notes, head);
    }

    /// Notes what the formats print of a response's head, as it is then.
    pub fn note_response(&self, notes: &mut Notes, head: &response::Parts) {
        self.names.note_response(notes, &head.headers);
    }

    /// Notes what the formats print of a response's trailers.
    pub fn note_trailers(&self, notes: &mut Notes, trailers: &HeaderMap) {
        self.names.note_trailers(notes, trailers);
    }

    /// Writes a line into each log that is about the stream.
    pub fn write(&self, info: &StreamInfo, notes: &Notes) {
        for Log { filter, format, file } in &self.logs {
            if filter.as_ref().is_none_or(|filter| filter.takes(info, notes)) {
                file.write(|line| format.write(line, info, notes));
            }
        }
    }
}
