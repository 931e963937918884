//! A text or an object with operators, which makes lines of logs and bodies of replies.

/// `envoy.config.core.v3.SubstitutionFormatString`. The loader has checked its formats.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SubstitutionFormat {
    /// `text_format`, `text_format_source` or `json_format`.
    pub source: FormatSource,
    /// `content_type`; by default that of the source. Lines of a log have none.
    pub content_type: Option<String>,
    /// `omit_empty_values`.
    pub omit_empty_values: bool,
}

/// What a format is written in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FormatSource {
    /// A text with operators.
    Text(String),
    /// An object whose texts have operators.
    Json(serde_json::Value),
}
