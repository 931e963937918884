//! Changes to headers: `*_headers_to_add` and `*_headers_to_remove`, wherever they stand.

/// What is done to the headers of the requests and responses of one level of a route table.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HeaderMutations {
    /// `request_headers_to_add`, `request_headers_to_remove`.
    pub request: HeaderRules,
    /// `response_headers_to_add`, `response_headers_to_remove`.
    pub response: HeaderRules,
}

/// What is done to the headers of one message.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct HeaderRules {
    /// Names, of which every line goes; before anything is added.
    pub remove: Vec<String>,
    /// What is added.
    pub add: Vec<HeaderValueOption>,
}

/// `envoy.config.core.v3.HeaderValueOption`. The loader has checked the name and the value's format.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeaderValueOption {
    /// `header.key`.
    pub name: String,
    /// `header.value` or `header.raw_value`: a format.
    pub value: String,
    /// `append_action`, or the older `append`.
    pub append_action: AppendAction,
    /// `keep_empty_value`: a value that comes out empty is added too.
    pub keep_empty_value: bool,
}

/// `append_action`: what becomes of lines of that name which are there already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AppendAction {
    /// They stay, and there is one more.
    AppendIfExistsOrAdd,
    /// They stay, and nothing is added.
    AddIfAbsent,
    /// They go.
    OverwriteIfExistsOrAdd,
    /// They go; without any, nothing is added.
    OverwriteIfExists,
}
