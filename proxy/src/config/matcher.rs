//! Conditions on texts: `envoy.type.matcher.v3`, and what of `envoy.config.route.v3` is used beside routes too.

mod header;
mod string;

pub use self::header::{HeaderCondition, HeaderField, HeaderMatcher};
pub use self::string::{StringMatcher, StringPattern};
