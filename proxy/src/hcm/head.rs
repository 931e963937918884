//! What the HTTP/1 codec drops of a request's head without a word, and what must be known all the same.

/// Looks at the bytes of request heads on their way to the codec.
///
/// Only what stands at the beginning of a read, with no request under way, is taken for a head: a pipelined one that
/// came along with its predecessor is not looked at. The codec makes of it what is safe to pass on.
#[derive(Debug, Default)]
pub struct Scan {
    /// The part of a head that has come, if it did not come in one piece. The codec bounds a head, and with it this.
    partial: Vec<u8>,
    facts: Facts,
}

/// What a head had.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Facts {
    /// A fragment in its request line, which the codec's URI does not keep.
    pub fragment: bool,
    /// `content-length`, which the codec drops beside `transfer-encoding`.
    pub length: bool,
}

// === impl Scan ===

impl Scan {
    /// More bytes came while no request was under way.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.partial.is_empty()
            && let Some(facts) = Facts::of(bytes)
        {
            self.facts = facts;
            return;
        }
        self.partial.extend_from_slice(bytes);
        if let Some(facts) = Facts::of(&self.partial) {
            self.facts = facts;
            self.partial = Vec::new();
        }
    }

    /// What the head of the request that has just begun had; once.
    pub fn take(&mut self) -> Facts {
        self.partial = Vec::new();
        std::mem::take(&mut self.facts)
    }
}

// === impl Facts ===

impl Facts {
    /// What this head has; none if it is not whole.
    pub fn of(head: &[u8]) -> Option<Self> {
        let mut facts = Self::default();
        let mut from = 0;
        // Blank lines before a request are tolerated (RFC 9112 §2.2), so the first line is the first that is not.
        let mut first = true;
        for end in memchr::memchr_iter(b'\n', head) {
            let line = &head[from..end];
            from = end + 1;
            match line {
                [] | [b'\r'] if first => {}
                [] | [b'\r'] => return Some(facts),
                line if first => {
                    first = false;
                    facts.fragment = memchr::memchr(b'#', line).is_some();
                }
                [b'c' | b'C', ..] => {
                    let name = b"content-length";
                    facts.length |= line
                        .get(..name.len())
                        .is_some_and(|start| start.eq_ignore_ascii_case(name));
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::{Facts, Scan};

    fn facts(pieces: &[&str]) -> Facts {
        let mut scan = Scan::default();
        for piece in pieces {
            scan.feed(piece.as_bytes());
        }
        scan.take()
    }

    #[test]
    fn a_fragment_is_seen_in_the_request_line_only() {
        assert!(facts(&["GET /#a HTTP/1.1\r\nhost: a\r\n\r\n"]).fragment);
        assert!(facts(&["\r\nGET /#a HTTP/1.1\r\nhost: a\r\n\r\n"]).fragment);
        assert!(!facts(&["GET / HTTP/1.1\r\nhost: a\r\nx: #\r\n\r\n#"]).fragment);
    }

    #[test]
    fn a_length_is_seen_however_it_is_written_and_cut() {
        let head = "POST / HTTP/1.1\r\nhost: a\r\nConTent-LENGTH: 5\r\n\r\n";
        assert!(facts(&[head]).length);
        for at in 1..head.len() {
            assert!(facts(&[&head[..at], &head[at..]]).length, "cut at {at}");
        }
        assert!(!facts(&["POST / HTTP/1.1\r\nhost: a\r\n\r\ncontent-length: 5\r\n"]).length);
    }

    #[test]
    fn what_one_request_had_the_next_has_not() {
        let mut scan = Scan::default();
        scan.feed(b"GET /#a HTTP/1.1\r\n\r\n");
        assert!(scan.take().fragment);
        scan.feed(b"GET / HTTP/1.1\r\n\r\n");
        assert!(!scan.take().fragment);
    }
}
