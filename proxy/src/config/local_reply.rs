//! What becomes of replies of our own on their way to the client: `local_reply_config`.

use super::access_log::Filter;
use super::headers::HeaderRules;

/// `LocalReplyConfig`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LocalReplies {
    /// `mappers`; the first whose filter takes a reply changes it.
    pub mappers: Vec<ResponseMapper>,
    /// `body_format`; none leaves bodies as they are.
    pub body_format: Option<BodyFormat>,
}

/// `ResponseMapper`.
#[derive(Clone, Debug, PartialEq)]
pub struct ResponseMapper {
    /// `filter`.
    pub filter: Filter,
    /// `status_code`, 200 to 599.
    pub status: Option<u16>,
    /// `body`: no format, but the text itself.
    pub body: Option<String>,
    /// `headers_to_add`.
    pub headers: HeaderRules,
    /// `body_format_override`.
    pub body_format: Option<BodyFormat>,
}

/// `envoy.config.core.v3.SubstitutionFormatString`. The loader has checked its formats.
#[derive(Clone, Debug, PartialEq)]
pub struct BodyFormat {
    /// `text_format`, `text_format_source` or `json_format`.
    pub source: FormatSource,
    /// `content_type`; by default that of the source.
    pub content_type: Option<String>,
    /// `omit_empty_values`.
    pub omit_empty_values: bool,
}

/// What a format is written in.
#[derive(Clone, Debug, PartialEq)]
pub enum FormatSource {
    /// A text with operators.
    Text(String),
    /// An object whose texts have operators.
    Json(serde_json::Value),
}
