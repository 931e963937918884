//! `envoy.extensions.filters.network.http_connection_manager.v3.LocalReplyConfig`.

use crate::config::diagnostic::Findings;
use crate::config::headers::HeaderRules;
use crate::config::local_reply::{LocalReplies, ResponseMapper};
use crate::config::v3::message::Message;
use crate::config::v3::{access_log_filter, address, headers, substitution_format};

pub(super) fn lower(hcm: &Message<'_>, findings: &mut Findings) -> LocalReplies {
    let Some(config) = hcm.message("local_reply_config") else { return LocalReplies::default() };
    LocalReplies {
        mappers: config.messages("mappers").filter_map(|one| mapper(one, findings)).collect(),
        body_format: substitution_format::lower(config, "body_format", findings),
    }
}

fn mapper(mapper: &Message<'_>, findings: &mut Findings) -> Option<ResponseMapper> {
    let add = headers::to_add(mapper, "headers_to_add", findings);
    let body_format = substitution_format::lower(mapper, "body_format_override", findings);
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
