//! Our HTTP vocabulary: one `Request`, one `Response`, one `Body` for the whole proxy.

pub mod body;
pub mod cookie;
pub mod date;
pub mod forwarded;
pub mod grpc;
pub mod header_parser;
pub mod headers;
pub mod hop_by_hop;
pub mod local_reply;
pub mod mirror;
pub mod mutation;
pub mod normalize;
pub mod substitution_format;
pub mod upgrade;

pub use self::body::Body;

/// A request on its way.
pub type Request = http::Request<Body>;

/// A response on its way.
pub type Response = http::Response<Body>;
