//! What the first message of a handshake says, read without beginning one.

/// The largest first message that is read, Envoy's.
pub const MOST_HELLO: usize = 64 * 1024;

/// How long a record may be (RFC 8446 §5.1, with what older versions may add).
const MOST_RECORD: usize = 16 * 1024 + 2048;

/// What a client says before all else.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Hello {
    /// The name that it asks for, in lower case.
    pub server_name: Option<String>,
    /// The protocols that it offers, the best one first.
    pub alpn: Vec<Vec<u8>>,
}

/// What the beginning of a connection is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Inspected {
    /// More is needed to tell.
    Partial,
    /// It is no TLS.
    Other,
    /// The first message is larger than [`MOST_HELLO`].
    TooLarge,
    /// It is TLS.
    Hello(Hello),
}

/// Reads the beginning of a connection.
pub fn inspect(bytes: &[u8]) -> Inspected {
    let mut message = Vec::new();
    let mut rest = bytes;
    loop {
        let Some((head, after)) = rest.split_first_chunk::<5>() else { return Inspected::Partial };
        let length = usize::from(u16::from_be_bytes([head[3], head[4]]));
        // A handshake's record, of any version that begins with 3.
        if head[0] != 22 || head[1] != 3 || length == 0 || length > MOST_RECORD {
            return Inspected::Other;
        }
        let whole = after.len() >= length;
        message.extend_from_slice(&after[..length.min(after.len())]);
        match message.first() {
            Some(1) | None => {}
            Some(_) => return Inspected::Other,
        }
        if let Some((&[_, a, b, c], body)) = message.split_first_chunk::<4>() {
            let wanted = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            if wanted > MOST_HELLO {
                return Inspected::TooLarge;
            }
            if body.len() >= wanted {
                return read(&body[..wanted]).map_or(Inspected::Other, Inspected::Hello);
            }
        }
        if !whole {
            return Inspected::Partial;
        }
        rest = &after[length..];
    }
}

/// Reads a whole message; none if it is wrong.
fn read(body: &[u8]) -> Option<Hello> {
    // The version and what is random.
    let mut rest = body.get(34..)?;
    let _session = take::<1>(&mut rest)?;
    let _suites = take::<2>(&mut rest)?;
    let _compression = take::<1>(&mut rest)?;
    let mut hello = Hello::default();
    if rest.is_empty() {
        return Some(hello);
    }
    let mut extensions = take::<2>(&mut rest)?;
    while !extensions.is_empty() {
        let kind = number::<2>(&mut extensions)?;
        let mut data = take::<2>(&mut extensions)?;
        match kind {
            0 => read_server_name(&mut data, &mut hello)?,
            16 => {
                let mut list = take::<2>(&mut data)?;
                while !list.is_empty() {
                    hello.alpn.push(take::<1>(&mut list)?.to_vec());
                }
            }
            _ => {}
        }
    }
    Some(hello)
}

/// The only kind of name there is (RFC 6066 §3).
fn read_server_name(data: &mut &[u8], hello: &mut Hello) -> Option<()> {
    let mut list = take::<2>(data)?;
    let kind = number::<1>(&mut list)?;
    let name = take::<2>(&mut list)?;
    if kind != 0 || name.is_empty() {
        return None;
    }
    hello.server_name = std::str::from_utf8(name).ok().map(str::to_ascii_lowercase);
    Some(())
}

/// A number of so many bytes.
fn number<const BYTES: usize>(rest: &mut &[u8]) -> Option<usize> {
    let (bytes, after) = rest.split_first_chunk::<BYTES>()?;
    *rest = after;
    Some(bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
}

/// What follows a length of so many bytes.
fn take<'b, const BYTES: usize>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = number::<BYTES>(rest)?;
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::{Hello, Inspected, inspect};

    /// A first message for `a.B`, with `h2`, in records of so many bytes.
    fn hello(record: usize) -> Vec<u8> {
        let name = [&[0, 0, 0, 8, 0, 6, 0, 0, 3][..], b"a.B"].concat();
        let alpn = [&[0, 16, 0, 5, 0, 3, 2][..], b"h2"].concat();
        let extensions = [name, alpn].concat();
        let mut body = vec![3; 34];
        body.extend([0, 0, 2, 19, 1, 1, 0]);
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
        let mut message = vec![1, 0, 0, u8::try_from(body.len()).unwrap()];
        message.extend(body);
        let head = |length: usize| [22, 3, 1, 0, u8::try_from(length).unwrap()];
        message.chunks(record).flat_map(|part| [&head(part.len()), part].concat()).collect()
    }

    #[test]
    fn a_hello_is_read_from_records_of_any_size() {
        let wanted = Hello { server_name: Some("a.b".into()), alpn: vec![b"h2".to_vec()] };
        for record in [1, 7, 255] {
            let bytes = hello(record);
            assert_eq!(inspect(&bytes), Inspected::Hello(wanted.clone()), "{record}");
            for length in 0..bytes.len() {
                assert_eq!(inspect(&bytes[..length]), Inspected::Partial, "{record} {length}");
            }
        }
    }

    #[test]
    fn what_is_no_hello_is_none() {
        assert_eq!(inspect(b"GET / HTTP/1.1\r\n"), Inspected::Other);
        assert_eq!(inspect(b"GET"), Inspected::Partial);
        assert_eq!(inspect(&[22, 3, 1, 0, 4, 2, 0, 0, 0]), Inspected::Other);
        assert_eq!(inspect(&[22, 3, 1, 0, 4, 1, 1, 0, 1]), Inspected::TooLarge);
        assert_eq!(inspect(&[22, 3, 1, 0, 5, 1, 0, 0, 1, 9]), Inspected::Other);
    }
}
