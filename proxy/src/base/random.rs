//! The only door to randomness. Nothing secret may come from here.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Where the text of a UUID has its dashes.
const DASHES: [usize; 4] = [8, 13, 18, 23];

/// A number below `bound`, which must not be zero.
pub fn below(bound: usize) -> usize {
    fastrand::usize(..bound)
}

/// A number of 64 bits.
pub fn number() -> u64 {
    fastrand::u64(..)
}

/// A fresh UUID of version 4 (RFC 9562) in its text form.
pub fn uuid() -> String {
    uuid_text().into_iter().map(char::from).collect()
}

/// The 36 characters of a fresh UUID of version 4.
pub fn uuid_text() -> [u8; 36] {
    let mut bits = fastrand::u128(..);
    bits = bits & !(0xf << 76) | (0x4 << 76);
    bits = bits & !(0x3 << 62) | (0x2 << 62);
    // By hand, since every request gets one: the formatter takes many times as long.
    let mut text = [b'-'; 36];
    let mut place = 0;
    for byte in bits.to_be_bytes() {
        if DASHES.contains(&place) {
            place += 1;
        }
        text[place] = DIGITS[usize::from(byte >> 4)];
        text[place + 1] = DIGITS[usize::from(byte & 0xf)];
        place += 2;
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
