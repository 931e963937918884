//! The messages of the services, as `proto/date_time.proto` and gRPC's own `health.proto` have them.

#![expect(missing_docs, reason = "the fields are told of in the proto files")]

use prost::{Enumeration, Message};

/// What [`NowReply`] is asked for with.
#[derive(Clone, PartialEq, Message)]
pub struct NowRequest {
    #[prost(int32, tag = "1")]
    pub status: i32,
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(uint32, tag = "3")]
    pub delay_ms: u32,
}

/// The time.
#[derive(Clone, PartialEq, Message)]
pub struct NowReply {
    #[prost(string, tag = "1")]
    pub datetime: String,
    #[prost(string, tag = "2")]
    pub service: String,
}

/// What many [`NowReply`] are asked for with.
#[derive(Clone, PartialEq, Message)]
pub struct WatchRequest {
    #[prost(uint32, tag = "1")]
    pub count: u32,
    #[prost(uint32, tag = "2")]
    pub interval_ms: u32,
    #[prost(int32, tag = "3")]
    pub status: i32,
    #[prost(string, tag = "4")]
    pub message: String,
}

/// One of many.
#[derive(Clone, PartialEq, Message)]
pub struct Note {
    #[prost(string, tag = "1")]
    pub text: String,
    #[prost(int32, tag = "2")]
    pub status: i32,
}

/// What many [`Note`]s were.
#[derive(Clone, PartialEq, Message)]
pub struct Collected {
    #[prost(uint32, tag = "1")]
    pub count: u32,
    #[prost(uint64, tag = "2")]
    pub bytes: u64,
}

/// `grpc.health.v1.HealthCheckRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    pub service: String,
}

/// `grpc.health.v1.HealthCheckResponse`.
#[derive(Clone, Copy, PartialEq, Message)]
pub struct HealthCheckResponse {
    #[prost(enumeration = "ServingStatus", tag = "1")]
    pub status: i32,
}

/// `grpc.health.v1.HealthCheckResponse.ServingStatus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Enumeration)]
#[repr(i32)]
pub enum ServingStatus {
    Unknown = 0,
    Serving = 1,
    NotServing = 2,
    ServiceUnknown = 3,
}
