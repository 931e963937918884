//! `envoy.type.matcher.v3`, and `envoy.config.route.v3.HeaderMatcher`.

use crate::config::diagnostic::Findings;
use crate::config::matcher::{
    HeaderCondition, HeaderField, HeaderMatcher, StringMatcher, StringPattern,
};
use crate::config::regex::{Fault, Regex, Substitution};
use crate::config::route::{Fraction, RegexRewrite};

use super::message::Message;

/// The conditions on headers under `field`.
pub(super) fn headers(
    parent: &Message<'_>,
    field: &str,
    findings: &mut Findings,
) -> Option<Vec<HeaderMatcher>> {
    // All of them are looked at, so that all that is wrong is reported.
    let all: Vec<_> = parent.messages(field).map(|matcher| header(matcher, findings)).collect();
    all.into_iter().collect()
}

/// One such condition.
pub(super) fn header(matcher: &Message<'_>, findings: &mut Findings) -> Option<HeaderMatcher> {
    let flag = |name| matcher.bool(name).unwrap_or_default();
    let (invert, missing_is_empty) = (flag("invert_match"), flag("treat_missing_header_as_empty"));
    let field = matcher.text("name").map(HeaderField::new);
    let condition = header_condition(matcher, findings)?;
    Some(HeaderMatcher { field: field?, condition, invert, missing_is_empty })
}

fn header_condition(matcher: &Message<'_>, findings: &mut Findings) -> Option<HeaderCondition> {
    if let Some(exact) = matcher.text("exact_match") {
        return Some(match exact {
            "" => HeaderCondition::Any,
            exact => text(StringPattern::Exact(exact.into())),
        });
    }
    if let Some(range) = matcher.message("range_match") {
        let bound = |name| range.i64(name).unwrap_or_default();
        return Some(HeaderCondition::Range(bound("start"), bound("end")));
    }
    if let Some(present) = matcher.bool("present_match") {
        return Some(HeaderCondition::Present(present));
    }
    if matcher.has("safe_regex_match") {
        let regex = regex(matcher, "safe_regex_match", findings)?;
        return Some(text(StringPattern::Regex(regex)));
    }
    if matcher.has("string_match") {
        return string(matcher, "string_match", findings).map(HeaderCondition::Text);
    }
    let part = |name| matcher.text(name).map(Box::<str>::from);
    let pattern = part("prefix_match")
        .map(StringPattern::Prefix)
        .or_else(|| part("suffix_match").map(StringPattern::Suffix))
        .or_else(|| part("contains_match").map(StringPattern::Contains));
    Some(pattern.map_or(HeaderCondition::Present(true), text))
}

fn text(pattern: StringPattern) -> HeaderCondition {
    HeaderCondition::Text(StringMatcher::new(pattern, false))
}

/// The `StringMatcher` under `field`.
pub(super) fn string(
    parent: &Message<'_>,
    field: &str,
    findings: &mut Findings,
) -> Option<StringMatcher> {
    let matcher = parent.message(field)?;
    let ignore_case = matcher.bool("ignore_case").unwrap_or_default();
    let part = |name| matcher.text(name).map(Box::<str>::from);
    let pattern = part("exact")
        .map(StringPattern::Exact)
        .or_else(|| part("prefix").map(StringPattern::Prefix))
        .or_else(|| part("suffix").map(StringPattern::Suffix))
        .or_else(|| part("contains").map(StringPattern::Contains));
    let pattern = match pattern {
        Some(pattern) => pattern,
        None => StringPattern::Regex(regex(matcher, "safe_regex", findings)?),
    };
    Some(StringMatcher::new(pattern, ignore_case))
}

/// The `RegexMatcher` under `field`, which a text matches as a whole.
pub(super) fn regex(parent: &Message<'_>, field: &str, findings: &mut Findings) -> Option<Regex> {
    let matcher = parent.message(field)?;
    let compiled = Regex::whole(matcher.nonempty("regex")?);
    compiled.map_err(|why| bad_regex(matcher, &why, findings)).ok()
}

/// The `RegexMatchAndSubstitute` under `field`.
pub(super) fn rewrite(
    parent: &Message<'_>,
    field: &str,
    findings: &mut Findings,
) -> Option<RegexRewrite> {
    let rewrite = parent.message(field)?;
    let substitution = rewrite.text("substitution").unwrap_or_default();
    let matcher = rewrite.message("pattern")?;
    let compiled = Regex::anywhere(matcher.nonempty("regex")?);
    let pattern = compiled.map_err(|why| bad_regex(matcher, &why, findings)).ok()?;
    let substitution = Substitution::parse(substitution, pattern.groups());
    if let Some(fault) = substitution.fault() {
        let (message, hint) = match fault {
            Fault::NoSuchGroup => {
                ("the pattern has no such group", "Envoy takes this, and rewrites nothing")
            }
            Fault::BadEscape => (
                "expected a digit or a backslash after a backslash",
                "Envoy takes this, and lets the substitution end there",
            ),
        };
        findings.warn(rewrite.place("substitution"), message).hint(hint);
    }
    Some(RegexRewrite { pattern, substitution })
}

fn bad_regex(matcher: &Message<'_>, why: &impl ToString, findings: &mut Findings) {
    let message = format!("expected a regular expression: {}", why.to_string());
    findings.error(matcher.place("regex"), message).hint("the syntax is RE2's");
}

/// The `FractionalPercent` under `percentage`; absent is none.
pub(super) fn percentage(parent: &Message<'_>) -> Fraction {
    percent(parent, "percentage")
}

/// The `FractionalPercent` under `field`; absent is none.
pub(super) fn percent(parent: &Message<'_>, field: &str) -> Fraction {
    parent.message(field).map_or(Fraction { numerator: 0, denominator: 100 }, fraction)
}

/// The `RuntimeFractionalPercent` under `field`. There is no runtime that could say otherwise.
pub(super) fn runtime_fraction(parent: &Message<'_>, field: &str) -> Option<Fraction> {
    parent.message(field)?.message("default_value").map(fraction)
}

fn fraction(percent: &Message<'_>) -> Fraction {
    let denominator = match percent.enumeration("denominator") {
        Some("TEN_THOUSAND") => 10_000,
        Some("MILLION") => 1_000_000,
        _ => 100,
    };
    Fraction { numerator: percent.u32("numerator").unwrap_or_default(), denominator }
}
