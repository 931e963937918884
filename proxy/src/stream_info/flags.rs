//! Why a request was not answered in the ordinary way, in Envoy's short and long words.

/// A set of flags, in the order in which they were set, which is the order in which Envoy prints them.
///
/// Each takes five bits and is one more than its number; there is room for twelve, more than ever come together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Flags(u64);

/// How many bits one flag takes.
const BITS: u32 = 5;

/// One reason.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Flag {
    /// The local service failed its health check.
    FailedLocalHealthCheck,
    /// No healthy upstream host.
    NoHealthyUpstream,
    /// The route's timeout.
    UpstreamRequestTimeout,
    /// We reset the stream.
    LocalReset,
    /// The upstream reset the stream.
    UpstreamRemoteReset,
    /// No connection to the upstream could be made.
    UpstreamConnectionFailure,
    /// The upstream closed the connection.
    UpstreamConnectionTermination,
    /// A circuit breaker was open.
    UpstreamOverflow,
    /// No route.
    NoRouteFound,
    /// The fault filter made it late.
    DelayInjected,
    /// The fault filter answered it.
    FaultInjected,
    /// A rate limit refused it.
    RateLimited,
    /// A rate limit service gave no answer, and it was refused for that.
    RateLimitServiceError,
    /// The downstream closed the connection.
    DownstreamConnectionTermination,
    /// There were as many attempts as there may be.
    UpstreamRetryLimitExceeded,
    /// The stream was idle for too long.
    StreamIdleTimeout,
    /// A header for the router made no sense.
    InvalidEnvoyRequestHeaders,
    /// The downstream broke its protocol.
    DownstreamProtocolError,
    /// The upstream broke its protocol.
    UpstreamProtocolError,
    /// The stream lasted for too long.
    DurationTimeout,
    /// The route's cluster does not exist.
    NoClusterFound,
    /// Shed by the overload manager, or at the end of a drain.
    OverloadManager,
    /// The downstream reset the stream.
    DownstreamRemoteReset,
}

/// All flags with their short and long words, in printing order.
const WORDS: [(Flag, &str, &str); 23] = [
    (Flag::FailedLocalHealthCheck, "LH", "FailedLocalHealthCheck"),
    (Flag::NoHealthyUpstream, "UH", "NoHealthyUpstream"),
    (Flag::UpstreamRequestTimeout, "UT", "UpstreamRequestTimeout"),
    (Flag::LocalReset, "LR", "LocalReset"),
    (Flag::UpstreamRemoteReset, "UR", "UpstreamRemoteReset"),
    (Flag::UpstreamConnectionFailure, "UF", "UpstreamConnectionFailure"),
    (Flag::UpstreamConnectionTermination, "UC", "UpstreamConnectionTermination"),
    (Flag::UpstreamOverflow, "UO", "UpstreamOverflow"),
    (Flag::NoRouteFound, "NR", "NoRouteFound"),
    (Flag::DelayInjected, "DI", "DelayInjected"),
    (Flag::FaultInjected, "FI", "FaultInjected"),
    (Flag::RateLimited, "RL", "RateLimited"),
    (Flag::RateLimitServiceError, "RLSE", "RateLimitServiceError"),
    (Flag::DownstreamConnectionTermination, "DC", "DownstreamConnectionTermination"),
    (Flag::UpstreamRetryLimitExceeded, "URX", "UpstreamRetryLimitExceeded"),
    (Flag::StreamIdleTimeout, "SI", "StreamIdleTimeout"),
    (Flag::InvalidEnvoyRequestHeaders, "IH", "InvalidEnvoyRequestHeaders"),
    (Flag::DownstreamProtocolError, "DPE", "DownstreamProtocolError"),
    (Flag::UpstreamProtocolError, "UPE", "UpstreamProtocolError"),
    (Flag::DurationTimeout, "DT", "DurationTimeout"),
    (Flag::NoClusterFound, "NC", "NoClusterFound"),
    (Flag::OverloadManager, "OM", "OverloadManagerTerminated"),
    (Flag::DownstreamRemoteReset, "DR", "DownstreamRemoteReset"),
];

// === impl Flag ===

impl Flag {
    /// The flag with that short word.
    pub fn of(short: &str) -> Option<Self> {
        WORDS.into_iter().find(|(_, word, _)| *word == short).map(|(flag, ..)| flag)
    }
}

// === impl Flags ===

impl Flags {
    /// Adds a flag.
    pub fn set(&mut self, flag: Flag) {
        let count = self.iter().count() as u32;
        if !self.has(flag) && (count + 1) * BITS <= u64::BITS {
            self.0 |= (flag as u64 + 1) << (count * BITS);
        }
    }

    /// Whether a flag is in the set.
    pub fn has(self, flag: Flag) -> bool {
        self.iter().any(|one| one == flag as u8)
    }

    /// Their numbers.
    fn iter(self) -> impl Iterator<Item = u8> {
        let all = (0..u64::BITS / BITS).map(move |place| self.0 >> (place * BITS) & 0x1f);
        all.take_while(|one| *one != 0).map(|one| one as u8 - 1)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// `%RESPONSE_FLAGS%`: the short words with commas between them, or `-`.
    pub fn short(self) -> String {
        self.join(|(_, short, _)| short)
    }

    /// `%RESPONSE_FLAGS_LONG%`: the long words with commas between them, or `-`.
    pub fn long(self) -> String {
        self.join(|(_, _, long)| long)
    }

    fn join(self, word: impl Fn((Flag, &'static str, &'static str)) -> &'static str) -> String {
        if self.is_empty() {
            return String::from("-");
        }
        let entry = |number| WORDS.into_iter().find(|(flag, ..)| *flag as u8 == number);
        let words: Vec<_> = self.iter().filter_map(entry).map(word).collect();
        words.join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::{Flag, Flags};

    #[test]
    fn flags_are_joined_in_the_order_in_which_they_were_set() {
        let mut flags = Flags::default();
        assert_eq!(flags.short(), "-");
        flags.set(Flag::NoRouteFound);
        flags.set(Flag::UpstreamConnectionFailure);
        flags.set(Flag::NoRouteFound);
        assert_eq!(flags.short(), "NR,UF");
        assert_eq!(flags.long(), "NoRouteFound,UpstreamConnectionFailure");
    }

    #[test]
    fn every_flag_has_its_words_and_fits() {
        for (flag, short, _) in super::WORDS {
            let mut flags = Flags::default();
            flags.set(flag);
            assert!(flags.has(flag) && !flags.is_empty());
            assert_eq!(flags.short(), short);
        }
        let mut flags = Flags::default();
        for (flag, ..) in super::WORDS {
            flags.set(flag);
        }
        assert_eq!(flags.short().split(',').count(), 12);
    }
}
