//! Lists of ports (`80,443,1024-2047`) as the regular expressions that v3 matches ports with, which it has as texts.

use crate::config::source::{Node, Quoted, Value};

use super::address;
use super::object::Context;

/// The expression that exactly the ports of the list match.
pub(super) fn pattern(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let Value::Text(text) = &node.value else { return None };
    let mut ranges = Vec::new();
    for part in text.split(',') {
        let Some(range) = range(part) else {
            let message = format!("invalid port number or range {}", Quoted(part));
            cx.findings.error(node.at, message);
            return None;
        };
        ranges.push(range);
    }
    let mut patterns = Vec::new();
    for (first, last) in merged(ranges) {
        numbers(first, last, &mut patterns);
    }
    Some(Node::text(node.at, patterns.join("|")))
}

fn range(part: &str) -> Option<(u16, u16)> {
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let range = (address::number(first)?, address::number(last)?);
    (range.0 <= range.1).then_some(range)
}

/// The ranges in order and apart, so that what becomes of them is not much more than they were.
fn merged(mut ranges: Vec<(u16, u16)>) -> Vec<(u16, u16)> {
    ranges.sort_unstable();
    ranges.dedup_by(|next, last| {
        let meet = u32::from(next.0) <= u32::from(last.1) + 1;
        if meet {
            last.1 = last.1.max(next.1);
        }
        meet
    });
    ranges
}

/// Patterns for the numbers from one to the other: for each number of digits apart.
fn numbers(first: u16, last: u16, patterns: &mut Vec<String>) {
    let ends = [9, 99, 999, 9999, u16::MAX];
    let mut from = first;
    for end in ends.into_iter().filter(|end| *end >= first) {
        let to = end.min(last);
        digits(&from.to_string(), &to.to_string(), String::new(), patterns);
        if to == last {
            return;
        }
        from = to + 1;
    }
}

/// Patterns for the numbers between two of as many digits, all after the same prefix.
fn digits(first: &str, last: &str, prefix: String, patterns: &mut Vec<String>) {
    let (Some(low), Some(high)) = (first.chars().next(), last.chars().next()) else {
        patterns.push(prefix);
        return;
    };
    let (first, last) = (&first[1..], &last[1..]);
    if low == high {
        return digits(first, last, format!("{prefix}{low}"), patterns);
    }
    let mut whole = (low, high);
    let shift = |digit: char, by: i8| char::from((digit as u8).wrapping_add_signed(by));
    if first.chars().any(|digit| digit != '0') {
        digits(first, &"9".repeat(first.len()), format!("{prefix}{low}"), patterns);
        whole.0 = shift(low, 1);
    }
    if last.chars().any(|digit| digit != '9') {
        digits(&"0".repeat(last.len()), last, format!("{prefix}{high}"), patterns);
        whole.1 = shift(high, -1);
    }
    if whole.0 <= whole.1 {
        let rest = "[0-9]".repeat(last.len());
        patterns.push(format!("{prefix}[{}-{}]{rest}", whole.0, whole.1));
    }
}

#[cfg(test)]
mod tests {
    use super::{merged, numbers};

    #[test]
    fn ranges_that_meet_become_one() {
        let ranges = vec![(80, 80), (443, 443), (70, 75), (76, 90), (1, 65535), (65535, 65535)];
        assert_eq!(merged(ranges[..4].to_vec()), [(70, 90), (443, 443)]);
        assert_eq!(merged(ranges), [(1, 65535)]);
    }

    #[test]
    fn a_pattern_matches_its_ports_and_no_others() {
        let ranges = [
            (0, 0),
            (80, 80),
            (0, 9),
            (7, 12),
            (1, 1024),
            (99, 100),
            (1000, 1999),
            (1234, 5678),
            (1024, 65535),
            (65530, 65535),
            (0, 65535),
        ];
        for (first, last) in ranges {
            let mut patterns = Vec::new();
            numbers(first, last, &mut patterns);
            let regex = regex::Regex::new(&format!("^(?:{})$", patterns.join("|"))).unwrap();
            for port in 0..=u16::MAX {
                let wanted = (first..=last).contains(&port);
                assert_eq!(regex.is_match(&port.to_string()), wanted, "{port} in {patterns:?}");
            }
        }
    }
}
