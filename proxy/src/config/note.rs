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
    /// A hash ring's function.
    StandardHash,
    /// A redirect's path.
    QueryDropped,
    /// An upgrade that v1 had as a flag.
    Upgrade,
    /// The timeout of a route that upgrades.
    UpgradeWithoutTimeout,
    /// A regular expression.
    Regex,
    /// A share of the requests that the runtime can change.
    Percentage,
    /// A share of the requests that only the runtime sets.
    Mirror,
    /// A setting that is in a filter's own configuration.
    PerFilter,
    /// What other filters read of a route.
    Metadata,
    /// Virtual clusters.
    VirtualClusters,
    /// A matcher without a value.
    Present,
    /// A text with variables that are called otherwise now.
    Renamed,
    /// A time limit of the buffer filter.
    BufferTime,
    /// The router's own spans.
    ChildSpan,
    /// What v1 had once, at the top.
    Moved,
    /// The direction of a listener.
    Direction,
    /// Flags of the listener that are filters now.
    ListenerFilters,
    /// Tags by address.
    IpTags,
    /// Names in certificates.
    EitherName,
    /// How a listener chooses among TCP proxies.
    FirstRoute,
    /// The form of Zipkin's spans.
    Spans,
    /// Watchdogs.
    Watchdogs,
    /// Runtime's directories.
    Layers,
    /// A discovery service.
    ApiVersion,
    /// What a health check sends.
    OnePayload,
}

// === impl Note ===

impl Note {
    /// The remark in words, without a full stop, in one line.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::TimeoutOff => "switches the route timeout off",
            Self::Ipv4Alone => "v1 asked for IPv4 alone where v3 asks for both families",
            Self::PriorKnowledge => "HTTP/2 from the first byte, without asking",
            Self::StandardHash => {
                "std::hash of 2018 is MURMUR_HASH_2, while v3 itself prefers XX_HASH"
            }
            Self::QueryDropped => "v1 dropped the query where it replaced the path, v3 keeps it",
            Self::Upgrade => {
                "v1 took nothing but WebSocket on such a route, v3 takes other requests too"
            }
            Self::UpgradeWithoutTimeout => "v1 measured no time on a route that upgrades, v3 does",
            Self::Regex => "ECMAScript in v1, RE2 in v3; the whole text must match in both",
            Self::Percentage => "a part of a hundred, which the runtime's number replaces",
            Self::Mirror => "nothing, until the runtime says how many of ten thousand",
            Self::PerFilter => "v3 has it with the filter that it is for",
            Self::Metadata => "opaque_config, under the name that the router has now",
            Self::VirtualClusters => "v3 matches path and method as headers",
            Self::Present => "v1 took any value where none is given",
            Self::Renamed => "with the names that its variables have now",
            Self::BufferTime => "the time limit of the buffer filter, which v3 has here",
            Self::ChildSpan => "start_child_span of the router, which v3 has here",
            Self::Moved => "at the top in v1, in each place that uses it in v3",
            Self::Direction => "v1 said it in the tracing of the HTTP connection manager",
            Self::ListenerFilters => "flags of the listener in v1",
            Self::IpTags => "Envoy of early 2018 read this and tagged nothing",
            Self::EitherName => "v1 looked among DNS names and among URIs",
            Self::FirstRoute => {
                "the routes of the TCP proxy: the first that matches takes a connection"
            }
            Self::Spans => "Envoy sends no spans of Zipkin's first version any more",
            Self::Watchdogs => "v3 watches the main thread and the workers apart",
            Self::Layers => "a later layer goes before an earlier one",
            Self::ApiVersion => "the service must speak v3 of the API",
            Self::OnePayload => "all that v1 sent, in one piece",
        }
    }
}
