//! What becomes of each field of a file: `outrigger check --coverage`.

use std::collections::HashMap;

use super::diagnostic::{Findings, rule};
use super::schema::{Field, Support};
use super::source::{At, Node, Sources, Value};
use super::v3::{Message, Use};

/// One field of a file, and what became of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FieldUse {
    /// Line and column of its key, both from one.
    pub place: Option<(u32, u32)>,
    /// The way to it from the top of the file.
    pub path: String,
    /// What became of it.
    pub fate: Fate,
}

/// What becomes of a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// The proxy does what it says.
    Applied,
    /// It is accepted and changes nothing, for this reason.
    NoOp(&'static str),
    /// It is refused, or ignored with `--allow-unsupported`.
    Unsupported,
}

const NOTHING_THERE: &str = "nothing that it would influence exists here";
const SAYS_DEFAULT: &str = "it says what its absence says";
const ONLY_A_NAME: &str = "it has no effect in Envoy either";
const ONLY_VALUE: &str = "it asks for what is done anyway";

/// The fate of each field of a file, in the order of the text. Of objects and lists only what is in them is told, unless
/// the whole has one fate.
pub(super) fn of(
    root: &Node,
    message: &Message<'_>,
    findings: &Findings,
    sources: &Sources,
) -> Vec<FieldUse> {
    let mut fates: HashMap<At, Fate> = HashMap::new();
    message.tell_uses(&mut |at, field, used| {
        fates.insert(at, fate(field, used));
    });
    for refused in [rule::UNSUPPORTED, rule::UNKNOWN_FIELD] {
        fates.extend(findings.places_of(refused).into_iter().map(|at| (at, Fate::Unsupported)));
    }
    let mut uses = Vec::new();
    root.walk(&mut |path, key, node| {
        let told = fates.get(&key).or_else(|| fates.get(&node.at)).copied();
        // It says what is around it.
        let told = if path.ends_with("@type") { Some(Fate::Applied) } else { told };
        let inner = match &node.value {
            Value::Map(entries) => !entries.is_empty(),
            Value::List(items) => !items.is_empty(),
            _ => false,
        };
        let whole = matches!(told, Some(Fate::Unsupported | Fate::NoOp(_)));
        if !inner || whole {
            let fate = told.unwrap_or(Fate::NoOp(SAYS_DEFAULT));
            let place = sources.resolve(key).1.map(|mark| (mark.line, mark.column));
            uses.push(FieldUse { place, path: path.to_owned(), fate });
        }
        !whole
    });
    uses
}

fn fate(field: &Field, used: Use) -> Fate {
    match (field.support, used) {
        (Support::NoOp, _) => Fate::NoOp(NOTHING_THERE),
        (Support::Fixed(_), _) => Fate::NoOp(ONLY_VALUE),
        (Support::Refused, _) | (_, Use::Refused) => Fate::Unsupported,
        (Support::Applied, Use::Dismissed) => Fate::NoOp(ONLY_A_NAME),
        (Support::Applied, Use::None) => Fate::NoOp(SAYS_DEFAULT),
        (Support::Applied, Use::Applied) => Fate::Applied,
    }
}

// === impl Fate ===

impl Fate {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::NoOp(_) => "no-op",
            Self::Unsupported => "unsupported",
        }
    }

    /// Why it is what it is, where that is not plain.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::NoOp(reason) => Some(reason),
            Self::Applied | Self::Unsupported => None,
        }
    }
}
