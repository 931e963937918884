//! `envoy.config.core.v3.DataSource`: bytes that stand in the file, or somewhere that it names.

use std::io::{self, Read};
use std::{env, fs};

use bytes::Bytes;

use crate::config::diagnostic::Findings;
use crate::config::source::Quoted;

use super::message::Message;

/// The bytes of the source under `field`, of which there may be so many; none if it is not set, or wrong.
///
/// A file is read now and never again, as Envoy does without a `watched_directory`.
pub(super) fn bytes(
    parent: &Message<'_>,
    field: &str,
    most: usize,
    findings: &mut Findings,
) -> Option<Bytes> {
    let source = parent.message(field)?;
    if let Some(name) = source.text("filename") {
        return file(source, name, most, findings);
    }
    let bytes = match (source.text("inline_string"), source.text("environment_variable")) {
        (Some(text), _) => Bytes::from(text.to_owned()),
        (_, Some(name)) => match env::var(name) {
            Ok(value) => Bytes::from(value),
            Err(_) => {
                let message = format!("environment variable {} does not exist", Quoted(name));
                findings.error(source.place("environment_variable"), message);
                return None;
            }
        },
        (None, None) => Bytes::from(source.bytes("inline_bytes")?),
    };
    let length = bytes.len() as u64;
    if length > most as u64 {
        findings.error(parent.place(field), too_long("", most, length));
        return None;
    }
    Some(bytes)
}

/// What a source holds, and the file that it comes from; empty if it is none.
pub(super) struct Content {
    pub(super) bytes: Bytes,
    pub(super) path: String,
}

/// The same; a file that is not there may be forgiven, and is none too.
pub(super) fn file_or_bytes(
    parent: &Message<'_>,
    field: &str,
    most: usize,
    findings: &mut Findings,
) -> Option<Content> {
    let source = parent.message(field)?;
    if let Some(name) = source.text("filename")
        && let Err(error) = fs::metadata(name)
    {
        let message = format!("cannot read {}: {error}", Quoted(name));
        findings.missing_file(source.place("filename"), message);
        return None;
    }
    let path = source.text("filename").unwrap_or_default().to_owned();
    Some(Content { bytes: bytes(parent, field, most, findings)?, path })
}

fn file(source: &Message<'_>, name: &str, most: usize, findings: &mut Findings) -> Option<Bytes> {
    let mut bytes = Vec::new();
    // One byte more than there may be tells that there are too many, however many there are.
    let limit = most as u64 + 1;
    let read = fs::metadata(name).and_then(|metadata| {
        // Opening a pipe would wait until somebody writes into it.
        if !metadata.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        let (file, length) = (fs::File::open(name)?, metadata.len());
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(length.max(bytes.len() as u64))
    });
    let message = match read {
        Ok(length) if length <= most as u64 => return Some(Bytes::from(bytes)),
        Ok(length) => too_long(&format!("{} to have ", Quoted(name)), most, length),
        Err(error) => format!("cannot read {}: {error}", Quoted(name)),
    };
    findings.error(source.place("filename"), message);
    None
}

fn too_long(what: &str, most: usize, length: u64) -> String {
    format!("expected {what}at most {most} bytes, found {length}")
}
