//! `envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig`.

use crate::config::diagnostic::Findings;
use crate::config::headers::HeaderRules;
use crate::config::local_reply::{BodyFormat, FormatSource, LocalReplies, ResponseMapper};
use crate::config::v3::message::Message;
use crate::config::v3::{access_log_filter, address, headers};
use crate::formatter::{Format, JsonFormat, Names};

pub(super) fn lower(hcm: &Message<'_>, findings: &mut Findings) -> LocalReplies {
    let Some(config) = hcm.message("local_reply_config") else { return LocalReplies::default() };
    LocalReplies {
        mappers: config.messages("mappers").filter_map(|one| mapper(one, findings)).collect(),
        body_format: body_format(config, "body_format", findings),
    }
}

fn mapper(mapper: &Message<'_>, findings: &mut Findings) -> Option<ResponseMapper> {
    let add = headers::to_add(mapper, "headers_to_add", findings);
    let body_format = body_format(mapper, "body_format_override", findings);
    let filter =
        mapper.message("filter").and_then(|filter| access_log_filter::lower(filter, findings));
    Some(ResponseMapper {
        status: mapper.u32("status_code").and_then(|status| u16::try_from(status).ok()),
        body: address::inline_text(mapper, "body").map(str::to_owned),
        headers: HeaderRules { add, ..HeaderRules::default() },
        body_format,
        filter: filter?,
    })
}

fn body_format(parent: &Message<'_>, field: &str, findings: &mut Findings) -> Option<BodyFormat> {
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
