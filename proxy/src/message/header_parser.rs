//! Adds headers to a message and removes others, as one level of the configuration says.

use std::sync::Arc;

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::config::headers::{AppendAction, HeaderRules, HeaderValueOption};
use crate::formatter::{Format, Names, Notes};
use crate::stream_info::StreamInfo;

use super::{Request, Response, headers};

/// What is done to the headers of a message, ready to be done.
#[derive(Debug)]
pub struct HeaderParser {
    remove: Vec<HeaderName>,
    add: Vec<Rule>,
    /// What the values print of heads.
    names: Names,
}

/// A header to add.
#[derive(Debug)]
struct Rule {
    name: HeaderName,
    value: Value,
    append_action: AppendAction,
    keep_empty_value: bool,
}

#[derive(Debug)]
enum Value {
    /// Without operators.
    Fixed(HeaderValue),
    Format(Format),
}

// === impl HeaderParser ===

impl HeaderParser {
    /// None if there is nothing to do. The loader has checked names and formats; what is wrong all the same is left out.
    pub fn new(rules: &HeaderRules) -> Option<Arc<Self>> {
        let mut names = Names::default();
        let parser = Self::with_names(rules, &mut names)?;
        Some(Arc::new(Self { names, ..parser }))
    }

    /// The same, for one whose user takes the notes, along `names`.
    pub fn with_names(rules: &HeaderRules, names: &mut Names) -> Option<Self> {
        let remove = rules.remove.iter().filter_map(|name| name.parse().ok()).collect();
        let add = rules.add.iter().filter_map(|option| Rule::new(option, names)).collect();
        let parser = Self { remove, add, names: Names::default() };
        (!parser.remove.is_empty() || !parser.add.is_empty()).then_some(parser)
    }

    /// Changes a request's headers.
    pub fn change_request(&self, request: &mut Request, info: &StreamInfo) {
        self.remove(request.headers_mut());
        let mut notes = Notes::default();
        self.note_request(request, &mut notes);
        self.add(request.headers_mut(), info, &notes);
    }

    /// Notes what the values print of a request's head, for a response to come.
    pub fn note_request(&self, request: &Request, notes: &mut Notes) {
        self.names.note(notes, request.method(), request.uri(), request.headers());
    }

    /// Changes a response's headers; `notes` are of its request.
    pub fn change_response(&self, response: &mut Response, info: &StreamInfo, notes: &mut Notes) {
        notes.note_status(response.status());
        let headers = response.headers_mut();
        self.remove(headers);
        self.names.note_response(notes, headers);
        self.add(headers, info, notes);
    }

    /// Changes headers of which notes have been taken.
    pub fn change(&self, headers: &mut HeaderMap, info: &StreamInfo, notes: &Notes) {
        self.remove(headers);
        self.add(headers, info, notes);
    }

    fn remove(&self, headers: &mut HeaderMap) {
        let gone = |name: &HeaderName| self.remove.contains(name);
        if !self.remove.is_empty() && headers.keys().any(gone) {
            headers::retain(headers, |name| !gone(name));
        }
    }

    /// All values are those of the message as it was: none sees what another rule of this level does.
    fn add(&self, headers: &mut HeaderMap, info: &StreamInfo, notes: &Notes) {
        if let [rule] = self.add.as_slice() {
            if let Some(value) = rule.evaluate(headers, info, notes) {
                rule.apply(headers, value);
            }
            return;
        }
        let evaluated = self.add.iter().map(|rule| (rule, rule.evaluate(headers, info, notes)));
        let evaluated: Vec<_> = evaluated.collect();
        let (overwriting, appending): (Vec<_>, Vec<_>) =
            evaluated.into_iter().partition(|(rule, _)| rule.overwrites());
        for (rule, value) in overwriting.into_iter().chain(appending) {
            if let Some(value) = value {
                rule.apply(headers, value);
            }
        }
    }
}

// === impl Rule ===

impl Rule {
    fn new(option: &HeaderValueOption, names: &mut Names) -> Option<Self> {
        let value = if option.value.contains('%') {
            Value::Format(Format::for_header(&option.value, names).ok()?)
        } else {
            Value::Fixed(HeaderValue::from_str(&option.value).ok()?)
        };
        Some(Self {
            name: option.name.parse().ok()?,
            value,
            append_action: option.append_action,
            keep_empty_value: option.keep_empty_value,
        })
    }

    /// The value, if it is to be added to these headers.
    fn evaluate(
        &self,
        headers: &HeaderMap,
        info: &StreamInfo,
        notes: &Notes,
    ) -> Option<HeaderValue> {
        let wanted = match self.append_action {
            AppendAction::AppendIfExistsOrAdd | AppendAction::OverwriteIfExistsOrAdd => true,
            AppendAction::AddIfAbsent => !headers.contains_key(&self.name),
            AppendAction::OverwriteIfExists => headers.contains_key(&self.name),
        };
        if !wanted {
            return None;
        }
        let value = match &self.value {
            Value::Fixed(value) => value.clone(),
            Value::Format(format) => {
                let mut text = Vec::new();
                format.write(&mut text, info, notes);
                HeaderValue::from_maybe_shared(bytes::Bytes::from(text)).ok()?
            }
        };
        (self.keep_empty_value || !value.is_empty()).then_some(value)
    }

    fn overwrites(&self) -> bool {
        matches!(
            self.append_action,
            AppendAction::OverwriteIfExistsOrAdd | AppendAction::OverwriteIfExists
        )
    }

    fn apply(&self, headers: &mut HeaderMap, value: HeaderValue) {
        if self.overwrites() {
            headers.insert(self.name.clone(), value);
        } else {
            headers.append(self.name.clone(), value);
        }
    }
}

#[cfg(test)]
mod tests;
