//! Finds a cookie among those that a client sends.

use http::HeaderMap;
use http::header::COOKIE;

/// The value of the first cookie of that name, without the quotes that may stand around it.
pub fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h [u8]> {
    let lines = headers.get_all(COOKIE).iter();
    let mut pieces = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    pieces.find_map(|piece| {
        let piece = piece.trim_ascii();
        let at = piece.iter().position(|byte| *byte == b'=')?;
        let (key, value) = (&piece[..at], &piece[at + 1..]);
        let bare = match value {
            [b'"', inner @ .., b'"'] => inner,
            plain => plain,
        };
        (key == name.as_bytes()).then_some(bare)
    })
}

#[cfg(test)]
mod tests {
    use super::value;
    use http::header::{COOKIE, HeaderMap};

    #[test]
    fn the_first_of_a_name_is_found_wherever_it_stands() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "a=1; b=\"two\";c; d=x=y".parse().unwrap());
        headers.append(COOKIE, "e=; a=2; q=\"".parse().unwrap());
        for (name, found) in [
            ("a", Some("1")),
            ("b", Some("two")),
            ("c", None),
            ("d", Some("x=y")),
            ("e", Some("")),
            ("q", Some("\"")),
            ("", None),
        ] {
            assert_eq!(value(&headers, name), found.map(str::as_bytes), "{name}");
        }
    }
}
