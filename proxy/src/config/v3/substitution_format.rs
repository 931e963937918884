//! `envoy.config.core.v3.SubstitutionFormatString`, which makes lines of logs and bodies of replies.

use crate::config::diagnostic::Findings;
use crate::config::source::Quoted;
use crate::config::substitution_format::{FormatSource, SubstitutionFormat};
use crate::formatter::{Format, JsonFormat, Names};

use super::data_source;
use super::message::Message;

/// How long a format that is read from somewhere may be: room for every operator there is, and no more.
const MOST_FORMAT: usize = 64 << 10;

/// The format under `field`, which is checked here, so that a mistake in it has a place.
pub(super) fn lower(
    parent: &Message<'_>,
    field: &str,
    findings: &mut Findings,
) -> Option<SubstitutionFormat> {
    let format = parent.message(field)?;
    // Keys are in the order of the alphabet anyway, as they are in Envoy, where this is deprecated.
    format.dismiss(&["json_format_options"]);
    let omit_empty_values = format.bool("omit_empty_values").unwrap_or_default();
    let content_type = format.nonempty("content_type").map(str::to_owned);
    let source = if format.has("text_format") {
        text(format, "text_format", format.text("text_format")?, findings)
    } else if format.has("text_format_source") {
        let bytes = data_source::bytes(format, "text_format_source", MOST_FORMAT, findings)?;
        let Ok(content) = std::str::from_utf8(&bytes) else {
            let message =
                format!("expected UTF-8, found {}", Quoted(&String::from_utf8_lossy(&bytes)));
            findings.error(format.place("text_format_source"), message);
            return None;
        };
        text(format, "text_format_source", content, findings)
    } else {
        json(format, "json_format", omit_empty_values, findings)?
    };
    Some(SubstitutionFormat { source, content_type, omit_empty_values })
}

/// The text under `field`.
pub(super) fn text(
    parent: &Message<'_>,
    field: &str,
    text: &str,
    findings: &mut Findings,
) -> FormatSource {
    if let Err(error) = Format::check(text) {
        findings.error(parent.place(field), error.to_string());
    }
    FormatSource::Text(text.to_owned())
}

/// The object under `field`.
pub(super) fn json(
    parent: &Message<'_>,
    field: &str,
    omit_empty_values: bool,
    findings: &mut Findings,
) -> Option<FormatSource> {
    let json = parent.json(field)?;
    if let Err(error) = JsonFormat::parse(&json, omit_empty_values, &mut Names::default()) {
        findings.error(parent.place(field), error.to_string());
    }
    Some(FormatSource::Json(json))
}
