//! The only door to randomness. Nothing secret may come from here.

const DIGITS: [char; 16] =
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];

/// A number below `bound`, which must not be zero.
pub fn below(bound: usize) -> usize {
    fastrand::usize(..bound)
}

/// A number of 64 bits.
pub fn number() -> u64 {
    fastrand::u64(..)
}

/// A fresh UUID of version 4 (RFC 9562) in its 36-character text form.
pub fn uuid() -> String {
    let mut bits = fastrand::u128(..);
    bits = bits & !(0xf << 76) | (0x4 << 76);
    bits = bits & !(0x3 << 62) | (0x2 << 62);
    let mut text = String::with_capacity(36);
    // By hand, since every request gets one: the formatter takes five times as long.
    for (place, byte) in bits.to_be_bytes().into_iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 0xf)]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::uuid;

    #[test]
    fn a_uuid_has_its_version_and_variant_where_rfc_9562_puts_them() {
        for _ in 0..100 {
            let text = uuid();
            assert_eq!(text.len(), 36);
            assert_eq!(&text[14..15], "4");
            assert!(matches!(&text[19..20], "8" | "9" | "a" | "b"), "{text}");
            for dash in [8, 13, 18, 23] {
                assert_eq!(&text[dash..=dash], "-");
            }
        }
    }
}
