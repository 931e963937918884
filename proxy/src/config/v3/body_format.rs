//! `envoy.config.core.v3.SubstitutionFormatString`, where it makes the body of a reply.

use crate::config::diagnostic::Findings;
use crate::config::local_reply::{BodyFormat, FormatSource};
use crate::formatter::{Format, JsonFormat, Names};

use super::address;
use super::message::Message;

/// The format under `field`, which is checked here, so that a mistake in it has a place.
pub(super) fn lower(
    parent: &Message<'_>,
    field: &str,
    findings: &mut Findings,
) -> Option<BodyFormat> {
    let format = parent.message(field)?;
    let omit_empty_values = format.bool("omit_empty_values").unwrap_or_default();
    let content_type = format.nonempty("content_type").map(str::to_owned);
    let text = format.text("text_format").map(|text| ("text_format", text));
    let text = text.or_else(|| {
        let text = address::inline_text(format, "text_format_source")?;
        Some(("text_format_source", text))
    });
    let source = if let Some((field, text)) = text {
        if let Err(error) = Format::check(text) {
            findings.error(format.place(field), error.to_string());
        }
        FormatSource::Text(text.to_owned())
    } else {
        let json = format.json("json_format")?;
        if let Err(error) = JsonFormat::parse(&json, omit_empty_values, &mut Names::default()) {
            findings.error(format.place("json_format"), error.to_string());
        }
        FormatSource::Json(json)
    };
    Some(BodyFormat { source, content_type, omit_empty_values })
}
