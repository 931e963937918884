//! Logs of what happened to hosts: a JSON message a line, as Envoy writes them.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::base::clock;

/// A file that events are logged in. Writing never blocks.
#[derive(Clone)]
pub struct EventLog(Arc<Write>);

/// Takes a line.
type Write = dyn Fn(&[u8]) + Send + Sync;

// === impl EventLog ===

impl EventLog {
    /// A log whose lines `write` takes.
    pub fn new(write: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(write))
    }

    /// Logs an event.
    pub(super) fn log(&self, event: &impl Serialize) {
        match serde_json::to_vec(event) {
            Ok(mut line) => {
                line.push(b'\n');
                (self.0)(&line);
            }
            Err(error) => tracing::warn!(%error, "an event cannot be written as JSON"),
        }
    }
}

impl fmt::Debug for EventLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventLog")
    }
}

/// Now, as protobuf's JSON has it.
pub(super) fn timestamp() -> String {
    form(clock::wall())
}

/// No fraction where there is none, else milliseconds, which is all that Envoy has.
fn form(moment: SystemTime) -> String {
    let moment = DateTime::<Utc>::from(moment);
    let whole = moment.timestamp_subsec_millis() == 0;
    let digits = if whole { SecondsFormat::Secs } else { SecondsFormat::Millis };
    moment.to_rfc3339_opts(digits, true)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::form;

    #[test]
    fn a_whole_second_has_no_fraction() {
        let at = |millis| form(UNIX_EPOCH + Duration::from_millis(millis));
        assert_eq!(at(1_700_000_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(at(1_700_000_000_050), "2023-11-14T22:13:20.050Z");
    }
}
