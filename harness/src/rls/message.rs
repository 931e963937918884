//! The messages of the service, as far as tests want to say and see them.

/// `RateLimitRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LimitRequest {
    /// `domain`.
    #[prost(string, tag = "1")]
    pub domain: String,
    /// `descriptors`.
    #[prost(message, repeated, tag = "2")]
    pub descriptors: Vec<Descriptor>,
    /// `hits_addend`.
    #[prost(uint32, tag = "3")]
    pub hits_addend: u32,
}

/// `RateLimitDescriptor`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Descriptor {
    /// `entries`.
    #[prost(message, repeated, tag = "1")]
    pub entries: Vec<Entry>,
    /// `hits_addend`.
    #[prost(message, optional, tag = "3")]
    pub hits_addend: Option<u64>,
}

/// An entry of a descriptor.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Entry {
    /// `key`.
    #[prost(string, tag = "1")]
    pub key: String,
    /// `value`.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// `RateLimitResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LimitResponse {
    /// `overall_code`.
    #[prost(enumeration = "Code", tag = "1")]
    pub overall_code: i32,
    /// `statuses`.
    #[prost(message, repeated, tag = "2")]
    pub statuses: Vec<DescriptorStatus>,
    /// `response_headers_to_add`.
    #[prost(message, repeated, tag = "3")]
    pub response_headers_to_add: Vec<Header>,
    /// `request_headers_to_add`.
    #[prost(message, repeated, tag = "4")]
    pub request_headers_to_add: Vec<Header>,
    /// `raw_body`.
    #[prost(bytes = "bytes", tag = "5")]
    pub raw_body: bytes::Bytes,
}

/// `RateLimitResponse.Code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
pub enum Code {
    /// `UNKNOWN`.
    Unknown = 0,
    /// `OK`.
    Ok = 1,
    /// `OVER_LIMIT`.
    OverLimit = 2,
}

/// `DescriptorStatus`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DescriptorStatus {
    /// `code`.
    #[prost(enumeration = "Code", tag = "1")]
    pub code: i32,
    /// `current_limit`.
    #[prost(message, optional, tag = "2")]
    pub current_limit: Option<Limit>,
    /// `limit_remaining`.
    #[prost(uint32, tag = "3")]
    pub limit_remaining: u32,
    /// `duration_until_reset`.
    #[prost(message, optional, tag = "4")]
    pub duration_until_reset: Option<Seconds>,
}

/// `RateLimitResponse.RateLimit`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Limit {
    /// `requests_per_unit`.
    #[prost(uint32, tag = "1")]
    pub requests_per_unit: u32,
    /// `unit`: 1 second, 2 minute, 3 hour, 4 day, 5 month, 6 year, 7 week.
    #[prost(int32, tag = "2")]
    pub unit: i32,
    /// `name`.
    #[prost(string, tag = "3")]
    pub name: String,
}

/// Whole seconds of a `Duration`.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Seconds {
    /// `seconds`.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
}

/// `HeaderValue`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Header {
    /// `key`.
    #[prost(string, tag = "1")]
    pub key: String,
    /// `value`.
    #[prost(string, tag = "2")]
    pub value: String,
    /// `raw_value`.
    #[prost(bytes = "bytes", tag = "3")]
    pub raw_value: bytes::Bytes,
}

// === impl Descriptor ===

impl std::fmt::Display for Descriptor {
    /// `key=value,key=value`, and `*N` for N hits.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let entries = self.entries.iter().map(|one| format!("{}={}", one.key, one.value));
        f.write_str(&entries.collect::<Vec<_>>().join(","))?;
        match self.hits_addend {
            Some(hits) => write!(f, "*{hits}"),
            None => Ok(()),
        }
    }
}
