//! Validated, version-neutral configuration: plain data, every default already applied.
//!
//! A file in either of Envoy's forms becomes v3 messages, and only v3 messages become these types, so that
//! the rest of the proxy knows one language. Nothing here does I/O but the loader, and a look at named files.

pub mod access_log;
pub mod address;
pub mod admin;
pub mod bootstrap;
pub mod cluster;
pub mod coverage;
pub mod diagnostic;
pub mod endpoint;
pub mod hcm;
pub mod headers;
pub mod health_check;
pub mod http_filter;
pub mod http_protocol;
pub mod lb;
pub mod lint;
pub mod listener;
pub mod load;
pub mod local_reply;
pub mod matcher;
pub mod metadata_match;
pub mod mirror;
pub mod outlier;
pub mod overload;
pub mod rate_limit;
pub mod regex;
pub mod route;
pub mod route_tests;
pub mod substitution_format;
pub mod tcp_proxy;
pub mod tls;
pub mod usage;

mod base64;
mod convert;
mod expand;
mod files;
mod json_schema;
mod note;
mod schema;
mod source;
mod v1;
mod v3;
mod write;

pub use self::bootstrap::Bootstrap;
pub use self::convert::{Converted, Form, convert};
pub use self::diagnostic::Report;
pub use self::expand::Variables;
pub use self::json_schema::json_schema;
pub use self::load::{
    AssignmentError, Checked, Loaded, Manner, check, check_then, load, load_assignment,
    load_expanded, load_route_tests, load_secret,
};
