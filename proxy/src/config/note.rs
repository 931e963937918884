//! What there is to say about a field that the conversion from v1 wrote, beyond the v1 value that it was made from.

/// A remark, which `outrigger convert` puts above the field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Note {
    /// A route's timeout of zero.
    TimeoutOff,
    /// A DNS cluster's address family that the file does not name.
    Ipv4Alone,
    /// A protocol that is chosen by the presence of options.
    PriorKnowledge,
}

// === impl Note ===

impl Note {
    /// The remark in words, without a full stop, in one line.
    #[expect(dead_code, reason = "its first reader is the converter's writer")]
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::TimeoutOff => "zero switches the route timeout off",
            Self::Ipv4Alone => "v1 asked for IPv4 alone where v3 asks for both families",
            Self::PriorKnowledge => "HTTP/2 from the first byte, without asking",
        }
    }
}
