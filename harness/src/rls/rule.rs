//! Limits that are counted: so many requests in so long, for each value of an entry.

use std::{
    collections::HashMap,
    str::FromStr,
    time::{Duration, Instant},
};

use super::message::{Code, DescriptorStatus, Entry, Limit, LimitRequest, LimitResponse, Seconds};

/// How many requests may have an entry in their descriptors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    key: String,
    /// None is any, each by itself.
    value: Option<String>,
    most: u32,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Second = 1,
    Minute = 2,
    Hour = 3,
    Day = 4,
}

/// What was asked since when, by rule and entry.
pub(super) type Counts = HashMap<(usize, Entry), (Instant, u32)>;

/// So many values are counted at most; the service is one for tests and demonstrations.
const MOST_COUNTS: usize = 10_000;

/// Counts a question, and answers it.
pub(super) fn answer(
    rules: &[Rule],
    request: &LimitRequest,
    counts: &mut Counts,
    now: Instant,
) -> LimitResponse {
    let statuses = request.descriptors.iter().map(|descriptor| {
        let entries = &descriptor.entries;
        let met = rules.iter().enumerate().find_map(|(number, rule)| {
            let entry = entries.iter().find(|entry| rule.is_for(entry))?;
            Some(rule.count((number, entry), counts, now))
        });
        met.unwrap_or_else(|| DescriptorStatus { code: Code::Ok.into(), ..Default::default() })
    });
    let statuses: Vec<_> = statuses.collect();
    let is_over = statuses.iter().any(|status| status.code() == Code::OverLimit);
    let code = if is_over { Code::OverLimit } else { Code::Ok };
    LimitResponse { overall_code: code.into(), statuses, ..LimitResponse::default() }
}

// === impl Rule ===

impl Rule {
    fn is_for(&self, entry: &Entry) -> bool {
        entry.key == self.key && self.value.as_ref().is_none_or(|value| *value == entry.value)
    }

    fn count(
        &self,
        (number, entry): (usize, &Entry),
        counts: &mut Counts,
        now: Instant,
    ) -> DescriptorStatus {
        let window = self.unit.window();
        if counts.len() >= MOST_COUNTS {
            counts.clear();
        }
        let count = counts.entry((number, entry.clone())).or_insert((now, 0));
        if now.duration_since(count.0) >= window {
            *count = (now, 0);
        }
        let (since, before) = *count;
        let is_over = before >= self.most;
        count.1 = before.saturating_add(1);
        let reset = window.saturating_sub(now.duration_since(since)).as_secs();
        DescriptorStatus {
            code: if is_over { Code::OverLimit } else { Code::Ok }.into(),
            current_limit: Some(Limit {
                requests_per_unit: self.most,
                unit: self.unit as i32,
                name: String::new(),
            }),
            limit_remaining: self.most.saturating_sub(before.saturating_add(1)),
            duration_until_reset: Some(Seconds { seconds: reset.try_into().unwrap_or(i64::MAX) }),
        }
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected KEY=VALUE:N/UNIT or KEY:N/UNIT, found {text:?}");
        let (entry, limit) = text.rsplit_once(':').ok_or_else(wrong)?;
        let (most, unit) = limit.split_once('/').ok_or_else(wrong)?;
        let (key, value) = match entry.split_once('=') {
            Some((key, value)) => (key, Some(value.to_owned())),
            None => (entry, None),
        };
        let unit = match unit {
            "second" => Unit::Second,
            "minute" => Unit::Minute,
            "hour" => Unit::Hour,
            "day" => Unit::Day,
            _ => return Err(wrong()),
        };
        let most = most.parse().map_err(|_error| wrong())?;
        Ok(Self { key: key.to_owned(), value, most, unit })
    }
}

// === impl Unit ===

impl Unit {
    fn window(self) -> Duration {
        Duration::from_secs(match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 60 * 60,
            Self::Day => 24 * 60 * 60,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Counts, Rule, answer};
    use crate::rls::{Code, Descriptor, Entry, LimitRequest};

    fn asked(value: &str) -> LimitRequest {
        let entry = Entry { key: "user".to_owned(), value: value.to_owned() };
        let descriptor = Descriptor { entries: vec![entry], hits_addend: None };
        LimitRequest { descriptors: vec![descriptor], ..LimitRequest::default() }
    }

    #[test]
    fn each_value_has_its_window() {
        let rules: Vec<Rule> =
            vec!["user=ann:1/minute".parse().unwrap(), "user:2/second".parse().unwrap()];
        let (mut counts, now) = (Counts::new(), Instant::now());
        let mut ask = |value, after| {
            let now = now + Duration::from_millis(after);
            answer(&rules, &asked(value), &mut counts, now).overall_code()
        };
        for (value, after, expected) in [
            ("ann", 0, Code::Ok),
            ("ann", 59_999, Code::OverLimit),
            ("ann", 60_000, Code::Ok),
            ("bob", 60_000, Code::Ok),
            ("bob", 60_001, Code::Ok),
            ("bob", 60_002, Code::OverLimit),
            ("cid", 60_002, Code::Ok),
            ("bob", 61_000, Code::Ok),
        ] {
            assert_eq!(ask(value, after), expected, "{value} {after}");
        }
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for text in ["user", "user:2", "user:2/year", "user:x/day", "2/day"] {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
    }
}
