//! Whether an answer has what it should have in it.

use memchr::memmem;

/// Whether the parts stand in the bytes one after the other, with whatever between them.
pub(super) fn contains(bytes: &[u8], parts: &[Vec<u8>]) -> bool {
    let mut rest = bytes;
    for part in parts {
        let Some(at) = memmem::find(rest, part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

#[cfg(test)]
mod tests {
    use super::contains;

    #[test]
    fn parts_must_come_in_their_order_and_may_not_share_bytes() {
        let has = |parts: &[&str]| {
            let parts: Vec<_> = parts.iter().map(|part| part.as_bytes().to_vec()).collect();
            contains(b"+PONG pong", &parts)
        };
        assert!(has(&[]) && has(&["PONG"]) && has(&["PO", "NG", "pong"]));
        assert!(!has(&["pong", "PONG"]) && !has(&["PON", "NG"]) && !has(&["x"]));
    }
}
