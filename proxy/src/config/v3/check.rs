//! Reads a tree as a message: proto3's JSON, by the schema, to the letter where Envoy is to the letter.

mod danger;
mod former;

use std::time::Duration;

use crate::config::base64;
use crate::config::diagnostic::{Findings, rule};
use crate::config::schema::{
    Enum, Field, Kind, Message as Schematic, Scalar, Schema, Shape, Support,
};
use crate::config::source::{At, Entry, Node, Quoted, Value, whole};

use super::message::{Datum, Held, Item, Message, Set};

/// The key of an `Any` that says what it holds.
const TYPE: &str = "@type";

/// What v1 has as a URL.
const ADDRESS: &str = "envoy.config.core.v3.Address";

/// What switches a filter on and off for a part of a route table.
const FILTER_CONFIG: &str = "envoy.config.route.v3.FilterConfig";

/// What stands before the message's name there.
const TYPE_PREFIX: &str = "type.googleapis.com/";

/// The messages that hold another one as a `Struct`.
pub(in crate::config) const TYPED_STRUCTS: [&str; 2] =
    ["xds.type.v3.TypedStruct", "udpa.type.v1.TypedStruct"];

/// The longest duration Envoy takes: whole seconds whose fraction still fits into 64 bits of nanoseconds.
const LONGEST_SECONDS: u64 = 9_223_372_035;

/// Reads the tree as the message of that full name, reporting everything that is not one.
pub(in crate::config) fn check<'s>(
    node: &Node,
    name: &str,
    schema: &'s Schema,
    findings: &mut Findings,
) -> Option<Message<'s>> {
    let shape = schema.message(name)?;
    Checker { schema, findings, dispensable: false }.message(node, shape)
}

struct Checker<'a, 's> {
    schema: &'s Schema,
    findings: &'a mut Findings,
    /// Whether the message around can be passed over if it holds something that is not supported.
    dispensable: bool,
}

// === impl Checker ===

impl<'s> Checker<'_, 's> {
    fn message(&mut self, node: &Node, shape: &'s Schematic) -> Option<Message<'s>> {
        let Value::Map(entries) = &node.value else {
            let message = format!("expected an object, found {node}");
            let finding = self.findings.error(node.at, message);
            if let (Value::Text(text), ADDRESS) = (&node.value, shape.name)
                && text.starts_with("tcp://")
            {
                finding.hint("v3 has { socket_address: { address: …, port_value: … } }");
            }
            return None;
        };
        Some(self.fields(node.at, entries, None, shape))
    }

    /// The fields of a message; `passed` is a key that says something else.
    fn fields(
        &mut self,
        at: At,
        entries: &[Entry],
        passed: Option<&str>,
        shape: &'s Schematic,
    ) -> Message<'s> {
        let mut message = Message::new(shape, at);
        let around = std::mem::replace(&mut self.dispensable, danger::is_dispensable(shape.name));
        for entry in entries.iter().filter(|entry| passed != Some(entry.key.as_str())) {
            let Some(field) = shape.field(&entry.key) else {
                self.unknown(entry, entries, shape, &mut message);
                continue;
            };
            if matches!(entry.node.value, Value::Null) {
                continue;
            }
            if let Some(why) = conflict(&message, field) {
                self.findings.error(entry.at, why);
                continue;
            }
            if field.support == Support::Refused {
                message.sets.extend(self.refuse(entry, shape, field));
                continue;
            }
            let held = match says_enabled(shape, field, &entry.node) {
                true => {
                    let datum = Datum::Unread(Box::new(entry.node.clone()));
                    Held::One(Item { at: entry.node.at, datum })
                }
                false => self.held(&entry.node, field),
            };
            let set = Set::new(field, entry.at, held);
            self.warn(&set);
            message.sets.push(set);
        }
        self.dispensable = around;
        // Most messages have fewer fields than a list begins with room for.
        message.sets.shrink_to_fit();
        message
    }

    /// Reports a key that is no field. What it probably should have been counts as set, so that it is not missed too.
    fn unknown(
        &mut self,
        entry: &Entry,
        entries: &[Entry],
        shape: &'s Schematic,
        message: &mut Message<'s>,
    ) {
        let short = shape.name.rsplit('.').next().unwrap_or(shape.name);
        let unknown = format!("unknown field, {short} has no {}", Quoted(&entry.key));
        let finding = self.findings.error(entry.at, unknown).rule(rule::UNKNOWN_FIELD);
        let meant = match former::today(shape.name, &entry.key) {
            Some(today) => {
                finding.hint(today);
                former::field(today)
            }
            None => finding.did_you_mean(&entry.key, shape.fields.iter().map(|field| field.name)),
        };
        let field = meant.and_then(|meant| shape.field(meant));
        let field = field.filter(|field| field.support == Support::Applied);
        let given = |field: &Field| entries.iter().any(|entry| field.has_name(&entry.key));
        let field = field.filter(|field| !given(field) && conflict(message, field).is_none());
        if let Some(field) = field {
            let bad = Held::One(Item { at: entry.node.at, datum: Datum::Bad });
            message.sets.push(Set::new(field, entry.at, bad));
        }
    }

    /// Refuses a field that is not supported, unless it asks for nothing. What was refused counts as set, so that it is
    /// not missed too; what is ignored does not, for a part that is nothing without it cannot be ignored.
    fn refuse(&mut self, entry: &Entry, shape: &Schematic, field: &'s Field) -> Option<Set<'s>> {
        let bad = || Held::One(Item { at: entry.node.at, datum: Datum::Bad });
        // The conversion from v1 has reported it.
        if !matches!(entry.node.value, Value::Wrong) {
            // What is wrong with the value does not matter.
            let mut unread = Findings::default();
            let mut checker =
                Checker { schema: self.schema, findings: &mut unread, dispensable: false };
            let held = checker.held(&entry.node, field);
            if Set::new(field, entry.at, held).is_default() {
                return None;
            }
            let danger = danger::of(shape.name, field.name);
            self.findings.unsupported(entry.at, "not supported yet").danger(danger);
            if self.findings.lenience().unsupported {
                return None;
            }
        }
        Some(Set::new(field, entry.at, bad()))
    }

    fn warn(&mut self, set: &Set<'s>) {
        if set.field.deprecated {
            self.findings.warn(set.key, "deprecated in Envoy").rule(rule::DEPRECATED);
        }
        if let (Support::Fixed(only), Some(value)) = (set.field.support, set.text())
            && value != only
        {
            let message = format!("{value} is not supported yet, only {only} is");
            self.findings.unsupported(set.key, message);
        }
    }

    fn held(&mut self, node: &Node, field: &'s Field) -> Held<'s> {
        if matches!(node.value, Value::Wrong) {
            return Held::One(Item { at: node.at, datum: Datum::Bad });
        }
        match (field.shape, &node.value) {
            (Shape::List, Value::List(nodes)) => {
                // Envoy's reader passes over null here too.
                let given = nodes.iter().filter(|node| !matches!(node.value, Value::Null));
                let items = given.map_while(|node| {
                    (!self.findings.are_enough()).then(|| self.item(node, field))
                });
                Held::List(items.collect())
            }
            // Envoy's reader takes a single value for a list of one.
            (Shape::List, _) => Held::List(vec![self.item(node, field)]),
            (Shape::Map, Value::Map(entries)) => Held::Map(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), self.item(&entry.node, field)))
                    .collect(),
            ),
            (Shape::Map, _) => {
                let datum = self.wrong(node, "an object").unwrap_or(Datum::Bad);
                Held::One(Item { at: node.at, datum })
            }
            (Shape::Plain | Shape::Optional, _) => Held::One(self.item(node, field)),
        }
    }

    fn item(&mut self, node: &Node, field: &'s Field) -> Item<'s> {
        Item { at: node.at, datum: self.datum(node, field).unwrap_or(Datum::Bad) }
    }

    fn datum(&mut self, node: &Node, field: &'s Field) -> Option<Datum<'s>> {
        match field.kind {
            _ if matches!(node.value, Value::Wrong) => None,
            Kind::Unread => Some(Datum::Unread(Box::new(node.clone()))),
            // What is not supported is not looked into either; its zero is recognised all the same.
            Kind::Any | Kind::Duration if field.support == Support::Refused => {
                Some(Datum::Unread(Box::new(node.clone())))
            }
            Kind::Bool | Kind::Wrapped(Scalar::Bool) => self.bool(node),
            Kind::I32 => self.integer(node, i32::MIN.into(), i32::MAX.into()).map(Datum::Int),
            Kind::I64 => self.integer(node, i64::MIN, i64::MAX).map(Datum::Int),
            Kind::U32 | Kind::Wrapped(Scalar::U32) => self.unsigned(node, u32::MAX.into()),
            Kind::U64 | Kind::Wrapped(Scalar::U64) => self.unsigned(node, i64::MAX),
            Kind::Double | Kind::Wrapped(Scalar::Double) => self.double(node),
            Kind::Text | Kind::Wrapped(Scalar::Text) => self.text(node).map(Datum::Text),
            Kind::Bytes => self.bytes(node),
            Kind::Duration => self.duration(node),
            Kind::Any => self.any(node),
            Kind::Enum(name) => {
                let known = self.schema.enumeration(name)?;
                self.enumeration(node, known)
            }
            Kind::Message(name) => {
                let shape = self.schema.message(name)?;
                self.message(node, shape).map(|message| Datum::Message(Box::new(message)))
            }
        }
    }

    fn bool(&mut self, node: &Node) -> Option<Datum<'s>> {
        match &node.value {
            Value::Bool(value) => Some(Datum::Bool(*value)),
            // Envoy's reader takes a boolean in quotes, by the words of `absl::SimpleAtob`.
            Value::Text(text) | Value::Loose(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "t" | "yes" | "y" | "1" => Some(Datum::Bool(true)),
                "false" | "f" | "no" | "n" | "0" => Some(Datum::Bool(false)),
                _ => self.wrong(node, "true or false"),
            },
            _ => self.wrong(node, "true or false"),
        }
    }

    fn unsigned(&mut self, node: &Node, max: i64) -> Option<Datum<'s>> {
        self.integer(node, 0, max).map(|value| Datum::Uint(value.unsigned_abs()))
    }

    fn integer(&mut self, node: &Node, min: i64, max: i64) -> Option<i64> {
        let value = match &node.value {
            Value::Int(_) | Value::Float(_) => node.whole(),
            // Proto3's JSON writes 64-bit integers as strings, and takes them back for all widths.
            Value::Text(text) | Value::Loose(text) => {
                text.parse().ok().or_else(|| whole(text.parse().ok()?))
            }
            _ => None,
        };
        let Some(value) = value else {
            return self.wrong(node, "an integer");
        };
        if (min..=max).contains(&value) {
            return Some(value);
        }
        let wanted = match (min, max) {
            (0, i64::MAX) => "an integer of 0 or more".to_owned(),
            _ => format!("an integer from {min} to {max}"),
        };
        self.wrong(node, &wanted)
    }

    fn double(&mut self, node: &Node) -> Option<Datum<'s>> {
        let value = match &node.value {
            #[expect(clippy::cast_precision_loss, reason = "protobuf reads it as a double too")]
            Value::Int(value) => Some(*value as f64),
            Value::Float(value) => Some(*value),
            Value::Text(text) | Value::Loose(text) => text.parse().ok(),
            _ => None,
        };
        match value {
            Some(value) => Some(Datum::Double(value)),
            None => self.wrong(node, "a number"),
        }
    }

    fn text(&mut self, node: &Node) -> Option<String> {
        match &node.value {
            Value::Text(text) | Value::Loose(text) => Some(text.clone()),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                self.findings
                    .error(node.at, format!("expected a string, found {node}"))
                    .hint("put it in quotes");
                None
            }
            Value::Null | Value::List(_) | Value::Map(_) | Value::Wrong => {
                self.wrong(node, "a string")
            }
        }
    }

    fn bytes(&mut self, node: &Node) -> Option<Datum<'s>> {
        let text = self.text(node)?;
        if base64::decode(&text).is_none() {
            return self.wrong(node, "bytes in base64");
        }
        Some(Datum::Bytes(text))
    }

    fn duration(&mut self, node: &Node) -> Option<Datum<'s>> {
        match &node.value {
            Value::Text(text) | Value::Loose(text) => match parse_duration(text) {
                Some(duration) => Some(Datum::Duration(duration)),
                None => self.wrong(node, "a duration of zero or more seconds, as \"0.25s\""),
            },
            Value::Int(number) if *number >= 0 => {
                self.findings
                    .error(node.at, format!("expected a duration, found {number}"))
                    .hint(format!("seconds are written \"{number}s\""));
                None
            }
            _ => self.wrong(node, "a duration, as \"0.25s\""),
        }
    }

    fn enumeration(&mut self, node: &Node, known: &Enum) -> Option<Datum<'s>> {
        let found = match &node.value {
            Value::Text(text) | Value::Loose(text) => {
                let number = text.parse::<i32>().ok();
                // Envoy's reader forgives case.
                let meant = |name: &str| name.eq_ignore_ascii_case(text);
                known.values.iter().find(|(value, name)| meant(name) || Some(*value) == number)
            }
            Value::Int(number) => {
                known.values.iter().find(|(value, _)| i64::from(*value) == *number)
            }
            _ => return self.wrong(node, "the name of an enum value"),
        };
        if let Some((number, name)) = found {
            return Some(Datum::Enum(*number, name));
        }
        let names: Vec<&str> = known.values.iter().map(|(_, name)| *name).collect();
        let message = format!("expected one of {}, found {node}", names.join(", "));
        let finding = self.findings.error(node.at, message);
        if let Value::Text(text) = &node.value {
            finding.did_you_mean(text, names);
        }
        None
    }

    fn any(&mut self, node: &Node) -> Option<Datum<'s>> {
        let Value::Map(entries) = &node.value else {
            return self.wrong(node, "an object with \"@type\"");
        };
        let Some(kind) = entries.iter().find(|entry| entry.key == TYPE) else {
            self.findings.error(node.at, "expected \"@type\", which says what this is").hint(
                format!("\"@type\" is {TYPE_PREFIX} and the full name of a message of the v3 API"),
            );
            return None;
        };
        let Value::Text(url) = &kind.node.value else {
            return self.wrong(&kind.node, "a string");
        };
        if let Some((_, name)) = url.rsplit_once('/')
            && TYPED_STRUCTS.contains(&name)
        {
            return self.typed_struct(node, entries);
        }
        self.of_type((&kind.node, url), node.at, entries, Some(TYPE))
    }

    /// A message as a `Struct` beside its type, for those who do not have the message; Envoy takes it for an `Any` of that
    /// message, but not in another one.
    fn typed_struct(&mut self, node: &Node, entries: &[Entry]) -> Option<Datum<'s>> {
        let mut url = None;
        let mut value = None;
        for entry in entries {
            match entry.key.as_str() {
                TYPE => {}
                "type_url" | "typeUrl" => url = Some(&entry.node),
                "value" => value = Some(&entry.node),
                other => {
                    let message = format!("unknown field, TypedStruct has no {}", Quoted(other));
                    let finding = self.findings.error(entry.at, message).rule(rule::UNKNOWN_FIELD);
                    finding.did_you_mean(other, ["type_url", "value"]);
                }
            }
        }
        let Some(kind) = url else {
            self.findings.error(node.at, "type_url is missing");
            return None;
        };
        let Value::Text(url) = &kind.value else { return self.wrong(kind, "a string") };
        // Here, nothing need stand before the name.
        let url = if url.contains('/') { url.clone() } else { format!("{TYPE_PREFIX}{url}") };
        match value.map(|value| (value.at, &value.value)) {
            None | Some((_, Value::Null)) => self.of_type((kind, &url), node.at, &[], None),
            Some((at, Value::Map(fields))) => self.of_type((kind, &url), at, fields, None),
            Some(_) => value.and_then(|value| self.wrong(value, "an object")),
        }
    }

    /// The message of a type, which stands in `kind`, with these fields but the one that is `passed`.
    fn of_type(
        &mut self,
        (kind, url): (&Node, &str),
        at: At,
        entries: &[Entry],
        passed: Option<&str>,
    ) -> Option<Datum<'s>> {
        // Any host may stand before the last slash, in protobuf and in Envoy, and something must.
        let parts = url.rsplit_once('/').filter(|(host, _)| !host.is_empty());
        let name = parts.map_or("", |(_, name)| name);
        if let Some(shape) = self.schema.message(name) {
            let message = self.fields(at, entries, passed, shape);
            return Some(Datum::Any { url: url.into(), message: Box::new(message) });
        }
        let message = if name.is_empty() {
            format!("expected {TYPE_PREFIX} and a message's name, found {}", Quoted(url))
        } else {
            format!("{} is not supported yet, or is no message of Envoy's", Quoted(name))
        };
        let finding = match self.dispensable && name.starts_with("envoy.") {
            true => self.findings.unsupported(kind.at, message),
            false => self.findings.error(kind.at, message),
        };
        let known: Vec<&str> = self.schema.names().collect();
        // A type of v2, or an extension's name, ends as today's type does.
        let last = |name: &str| name.rsplit(['.', '/']).next().unwrap_or(name).to_ascii_lowercase();
        let wanted = last(url);
        let alike = known.iter().find(|known| last(known) == wanted);
        if finding.did_you_mean(name, known.iter().copied()).is_none()
            && let Some(alike) = alike
        {
            finding.hint(format!("did you mean \"{TYPE_PREFIX}{alike}\"?"));
        }
        finding.danger(self.dispensable.then_some(danger::PASSED_OVER));
        None
    }

    fn wrong<T>(&mut self, node: &Node, wanted: &str) -> Option<T> {
        self.findings.error(node.at, format!("expected {wanted}, found {node}"));
        None
    }
}

/// Whether it is the one `Any` that means something when it is empty: a filter is enabled without a configuration.
fn says_enabled(shape: &Schematic, field: &Field, node: &Node) -> bool {
    shape.name == FILTER_CONFIG
        && field.name == "config"
        && matches!(&node.value, Value::Map(entries) if entries.is_empty())
}

/// Why a field cannot be set beside those that already are.
fn conflict(message: &Message<'_>, field: &Field) -> Option<String> {
    if message.has(field.name) {
        return Some("given twice, under both of its names".to_owned());
    }
    let oneof = field.oneof?;
    let other = message.sets.iter().find(|set| set.field.oneof == Some(oneof))?;
    Some(format!("only one of {} and {} can be set", other.field.name, field.name))
}

/// Protobuf's text of a duration: seconds with up to nine decimals and an `s`. Envoy takes no negative ones.
pub(in crate::config) fn parse_duration(text: &str) -> Option<Duration> {
    let number = text.strip_suffix('s')?;
    let (seconds, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(seconds) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let seconds = seconds.parse().ok().filter(|seconds| *seconds <= LONGEST_SECONDS)?;
    Some(Duration::new(seconds, format!("{fraction:0<9}").parse().ok()?))
}
