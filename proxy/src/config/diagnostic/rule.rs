//! The kinds of findings, apart from lints, which are listed in [`lint`](crate::config::lint).

/// A kind of finding.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Its name, in kebab case.
    pub name: &'static str,
    /// What it says, in one sentence.
    pub summary: &'static str,
}

pub(in crate::config) const FILE: &str = "file";
pub(super) const UNREADABLE: &str = "unreadable";
pub(in crate::config) const SYNTAX: &str = "syntax";
pub(in crate::config) const UNKNOWN_FIELD: &str = "unknown-field";
pub(super) const INVALID: &str = "invalid";
pub(in crate::config) const UNSUPPORTED: &str = "unsupported";
pub(super) const MISSING_FILE: &str = "missing-file";
pub(in crate::config) const DEPRECATED: &str = "deprecated";
pub(super) const NO_EFFECT: &str = "no-effect";

/// Every kind.
pub const RULES: &[Rule] = &[
    rule(UNREADABLE, "The file cannot be read."),
    rule(FILE, "Something is wrong with the file as a whole."),
    rule(SYNTAX, "The text is not valid JSON or YAML."),
    rule(UNKNOWN_FIELD, "The message or object has no field of this name."),
    rule(INVALID, "The value, or what is missing, is not what Envoy's schema and rules demand."),
    rule(UNSUPPORTED, "Envoy knows this, and this proxy does not support it yet."),
    rule(MISSING_FILE, "A file that the configuration names is not there."),
    rule(DEPRECATED, "Envoy still accepts the field and will not for ever."),
    rule(NO_EFFECT, "This is accepted and has less effect than it seems to have."),
];

const fn rule(name: &'static str, summary: &'static str) -> Rule {
    Rule { name, summary }
}
