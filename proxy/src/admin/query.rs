//! The parameters of a request: what stands behind its question mark.

use regex::Regex;

use super::page::Page;
use crate::stats::filter;

/// Names with their values, decoded, in the order they came.
#[derive(Debug, Default)]
pub(super) struct Query(Vec<(String, String)>);

// === impl Query ===

impl Query {
    /// Reads a query. As in Envoy, a plus sign is no blank.
    pub(super) fn parse(query: Option<&str>) -> Self {
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    /// Whether a parameter is there, with whatever value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// The first value of a parameter; an empty one is none.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        (!value.is_empty()).then_some(value)
    }

    /// A regular expression; none if the parameter is not there.
    ///
    /// # Errors
    /// The page that says what is wrong with it.
    pub(super) fn regex(&self, name: &str) -> Result<Option<Regex>, Page> {
        let Some(expression) = self.get(name) else { return Ok(None) };
        let read = filter(expression);
        read.map(Some).map_err(|error| Page::bad_request(format!("Invalid re2 regex: {error}")))
    }
}

/// Decodes `%41`; what is no such thing stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = (*first == b'%').then(|| after.first_chunk::<2>()).flatten();
        match hex.and_then(hex_byte) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn hex_byte([high, low]: &[u8; 2]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(*high)? * 16 + digit(*low)?)
}

#[cfg(test)]
mod tests {
    use super::Query;

    #[test]
    fn a_query_is_taken_apart_and_decoded() {
        let query = Query::parse(Some("usedonly&filter=a%2Eb+c%zz%4&format=&filter=other&%61=1"));
        assert!(query.has("usedonly") && query.has("format") && !query.has("x"));
        assert_eq!(query.get("filter"), Some("a.b+c%zz%4"));
        assert_eq!((query.get("format"), query.get("a")), (None, Some("1")));
        assert!(!Query::parse(None).has(""));
    }
}
