//! Trees as text: what is written here reads back as the same tree, here and in Envoy.

mod json;
mod yaml;

#[cfg(test)]
mod tests;

pub(super) use self::json::{Tree, json};
pub(super) use self::yaml::yaml;
