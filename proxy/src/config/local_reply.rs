//! What becomes of replies of our own on their way to the client: `local_reply_config`.

use super::access_log::Filter;
use super::headers::HeaderRules;
use super::substitution_format::SubstitutionFormat;

/// `LocalReplyConfig`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LocalReplies {
    /// `mappers`; the first whose filter takes a reply changes it.
    pub mappers: Vec<ResponseMapper>,
    /// `body_format`; none leaves bodies as they are.
    pub body_format: Option<SubstitutionFormat>,
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
    pub body_format: Option<SubstitutionFormat>,
}
