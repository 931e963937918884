//! v1, Envoy's JSON form of 2018: read strictly and rewritten as v3's, every value keeping the place it had in its file.
//!
//! Only what has a v3 form is rewritten; whether that is supported is then decided once, for both forms. A key that has
//! no v3 form here is refused by name.

mod access_log;
mod address;
mod bootstrap;
mod build;
mod cluster;
mod hcm;
mod listener;
mod object;
mod route;

pub(super) use self::bootstrap::{KEYS as BOOTSTRAP, convert};
