//! Bytes as proto3's JSON writes them: base64, of either alphabet, padded or not.

/// The bytes; none if the text is not base64.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let whole = digits.len() % 4;
    if whole == 1 || (padding > 0 && !text.len().is_multiple_of(4)) || padding > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.as_bytes().chunks(4) {
        let mut bits = 0;
        for digit in group {
            bits = bits << 6 | value(*digit)?;
        }
        bits <<= 6 * (4 - group.len());
        let [_, one, two, three] = bits.to_be_bytes();
        bytes.extend_from_slice(&[one, two, three][..group.len() - 1]);
    }
    Some(bytes)
}

fn value(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn padded_or_not_it_is_read() {
        for (text, bytes) in [
            ("", Some(b"".as_slice())),
            ("c29tZSBieXRlcw==", Some(b"some bytes")),
            ("c29tZSBieXRlcw", Some(b"some bytes")),
            ("_-8=", Some(b"\xff\xef")),
            ("/+8=", Some(b"\xff\xef")),
            ("AAAA", Some(b"\0\0\0")),
            ("A", None),
            ("AA=", None),
            ("AA===", None),
            ("====", None),
            ("A A=", None),
            ("é", None),
        ] {
            assert_eq!(decode(text).as_deref(), bytes, "{text}");
        }
    }
}
