//! How long a stream may take, where its route says so itself.

use std::time::Duration;

/// One limit of time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Limit {
    /// The connection manager's.
    #[default]
    Inherited,
    /// None.
    Off,
    /// This long.
    After(Duration),
}

/// The limits of one stream.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct StreamLimits {
    /// For how long nothing may move.
    pub idle: Limit,
    /// How long it may last, from its beginning.
    pub duration: Limit,
}

// === impl Limit ===

impl Limit {
    /// The limit in force, with what the connection manager says.
    pub fn or(self, inherited: Option<Duration>) -> Option<Duration> {
        match self {
            Self::Inherited => inherited,
            Self::Off => None,
            Self::After(limit) => Some(limit),
        }
    }
}
