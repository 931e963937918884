//! `outrigger schema`: what a v3 file may hold, as JSON Schema for editors, from the same descriptions that the loader
//! checks files by.
//!
//! Draft 7, which yaml-language-server knows best. Only what is supported is in it. A field's own name is a property,
//! which editors offer; its lowerCamelCase name is a pattern, which they accept without offering it.

use serde_json::{Map, Value, json};

use super::schema::{Enum, Field, Kind, Message, Scalar, Schema, Shape, Support};
use super::v3;

/// Where a reference to an environment variable may stand for a value that is no text.
const VARIABLE: &str = r"\$\{[A-Za-z_]";

/// Protobuf's text of a duration, or what becomes one.
const DURATION: &str = r"^[0-9]+(\.[0-9]{1,9})?s$|\$\{[A-Za-z_]";

/// Which extensions have their place in which field, by the beginnings of their names.
const PLACES: &[(&str, &str)] = &[
    ("envoy.config.listener.v3.Filter.typed_config", "envoy.extensions.filters.network."),
    (
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter.typed_config",
        "envoy.extensions.filters.http.",
    ),
    ("envoy.config.accesslog.v3.AccessLog.typed_config", "envoy.extensions.access_loggers."),
    (
        "envoy.config.cluster.v3.Cluster.typed_extension_protocol_options",
        "envoy.extensions.upstreams.",
    ),
];

/// The beginning of the names of all messages that stand in an `Any`.
const EXTENSIONS: &str = "envoy.extensions.";

/// The one that is called otherwise.
const FILTER_CONFIG: &str = "envoy.config.route.v3.FilterConfig";

/// The JSON Schema of a bootstrap, as indented text.
pub fn json_schema() -> String {
    let schema = Schema::read();
    let mut names: Vec<&str> = schema.names().collect();
    names.sort_unstable();
    let messages = names.iter().filter_map(|name| schema.message(name));
    let writer = Writer { schema: &schema, names: &names };
    let mut definitions: Map<String, Value> =
        messages.map(|message| (message.name.to_owned(), writer.message(message))).collect();
    let beginnings = PLACES.iter().map(|(_, beginning)| *beginning).chain([EXTENSIONS]);
    definitions.extend(beginnings.map(|beginning| (any_name(beginning), writer.any(beginning))));
    let whole = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Envoy bootstrap, as far as Outrigger supports it",
        "allOf": [reference(v3::BOOTSTRAP)],
        "definitions": definitions,
    });
    format!("{whole:#}\n")
}

struct Writer<'s> {
    schema: &'s Schema,
    names: &'s [&'static str],
}

// === impl Writer ===

impl Writer<'_> {
    fn message(&self, message: &Message) -> Value {
        let fields = || message.fields.iter().filter(|field| field.support != Support::Refused);
        let mut properties = Map::new();
        if message.name.starts_with(EXTENSIONS) || message.name == FILTER_CONFIG {
            properties.insert("@type".to_owned(), json!({ "type": "string" }));
        }
        let mut patterns = Map::new();
        for field in fields() {
            properties.insert(field.name.to_owned(), self.field(message, field));
            if field.json_name != field.name {
                let same = reference(&format!("{}/properties/{}", message.name, field.name));
                patterns.insert(format!("^{}$", field.json_name), same);
            }
        }
        let mut whole = json!({
            "title": message.name,
            "type": "object",
            "additionalProperties": false,
            "properties": properties,
        });
        if !patterns.is_empty() {
            whole["patternProperties"] = Value::Object(patterns);
        }
        let mut conditions: Vec<Value> =
            fields().filter(|field| field.is_required()).map(given).collect();
        conditions.extend(oneofs(message));
        if !conditions.is_empty() {
            whole["allOf"] = Value::Array(conditions);
        }
        whole
    }

    fn field(&self, message: &Message, field: &Field) -> Value {
        let mut value = match field.support {
            Support::Fixed(only) => {
                json!({ "const": serde_json::from_str::<Value>(only).unwrap_or_default() })
            }
            _ => self.value(message, field),
        };
        value = match field.shape {
            Shape::Plain | Shape::Optional => value,
            Shape::List => {
                let mut list = json!({ "type": "array", "items": value });
                for (rule, keyword) in [("min_items", "minItems"), ("max_items", "maxItems")] {
                    if let Some(bound) = field.number(rule) {
                        list[keyword] = json!(bound);
                    }
                }
                list
            }
            Shape::Map => json!({ "type": "object", "additionalProperties": value }),
        };
        let mut remarks = Vec::new();
        if field.support == Support::NoOp {
            remarks.push("Accepted, and without effect here.");
        }
        if field.deprecated {
            remarks.push("Deprecated in Envoy.");
        }
        if remarks.is_empty() {
            return value;
        }
        // What stands beside a reference is not looked at.
        let mut remarked = json!({ "description": remarks.join(" "), "allOf": [value] });
        if field.deprecated {
            remarked["deprecationMessage"] = json!("deprecated in Envoy");
        }
        remarked
    }

    /// One value of the field.
    fn value(&self, message: &Message, field: &Field) -> Value {
        match field.kind {
            Kind::Unread => json!({}),
            Kind::Bool | Kind::Wrapped(Scalar::Bool) => or_variable(&json!({ "type": "boolean" })),
            Kind::I32 => integer(field, i32::MIN.into(), i32::MAX.into()),
            Kind::I64 => integer(field, i64::MIN, i64::MAX),
            Kind::U32 | Kind::Wrapped(Scalar::U32) => integer(field, 0, u32::MAX.into()),
            Kind::U64 | Kind::Wrapped(Scalar::U64) => integer(field, 0, i64::MAX),
            Kind::Double | Kind::Wrapped(Scalar::Double) => {
                json!({ "type": ["number", "string"] })
            }
            Kind::Text | Kind::Wrapped(Scalar::Text) => text(field),
            Kind::Bytes => json!({ "type": "string" }),
            Kind::Duration => json!({ "type": "string", "pattern": DURATION }),
            Kind::Any => {
                // What stands in a matcher is not all Envoy's.
                if message.name.starts_with("xds.") {
                    return json!({ "type": "object", "required": ["@type"] });
                }
                let full = format!("{}.{}", message.name, field.name);
                let place = PLACES.iter().find(|(field, _)| *field == full);
                let any = reference(&any_name(place.map_or(EXTENSIONS, |(_, one)| one)));
                match message.name {
                    // Nothing in it enables a filter.
                    FILTER_CONFIG => json!({ "anyOf": [{ "maxProperties": 0 }, any] }),
                    _ => any,
                }
            }
            Kind::Enum(name) => self.schema.enumeration(name).map_or(json!({}), enumeration),
            Kind::Message(name) => reference(name),
        }
    }

    /// An `Any` with one of the messages whose names begin so.
    fn any(&self, beginning: &str) -> Value {
        let fits = |name: &str| {
            name.starts_with(beginning) || (beginning == EXTENSIONS && name == FILTER_CONFIG)
        };
        let fitting: Vec<&str> = self.names.iter().copied().filter(|name| fits(name)).collect();
        // Messages within messages are none that an `Any` holds.
        let fitting = fitting.into_iter().filter(|name| {
            let mut short = name.rsplit('.').skip(1);
            short.next().is_some_and(|above| above.starts_with('v'))
        });
        let fitting: Vec<&str> = fitting.collect();
        let url = |name: &&str| format!("type.googleapis.com/{name}");
        // What a `TypedStruct` holds is left to `check`.
        let structs = v3::TYPED_STRUCTS.map(|name| url(&name));
        let urls: Vec<String> = fitting.iter().map(url).chain(structs.clone()).collect();
        let cases = fitting.iter().map(|name| {
            json!({
                "if": { "properties": { "@type": { "const": url(name) } }, "required": ["@type"] },
                "then": reference(name),
            })
        });
        let typed_struct = json!({
            "if": { "properties": { "@type": { "enum": structs } }, "required": ["@type"] },
            "then": {
                "properties": {
                    "@type": {}, "type_url": { "type": "string" }, "typeUrl": { "type": "string" },
                    "value": { "type": ["object", "null"] },
                },
                "additionalProperties": false,
            },
        });
        let cases = cases.chain([typed_struct]);
        json!({
            "type": "object",
            "required": ["@type"],
            "properties": { "@type": { "enum": urls } },
            "allOf": cases.collect::<Vec<Value>>(),
        })
    }
}

/// What holds of the fields of which one may be set, or must be.
fn oneofs(message: &Message) -> Vec<Value> {
    let supported = |field: &&Field| field.support != Support::Refused;
    let mut names: Vec<&str> =
        message.fields.iter().filter(supported).filter_map(|field| field.oneof).collect();
    names.dedup();
    let mut conditions = Vec::new();
    for name in names {
        let fields = message.fields.iter().filter(|field| field.oneof == Some(name));
        let mut cases: Vec<Value> = fields.filter(supported).map(given).collect();
        let required = message.required_oneofs.contains(&name);
        match (required, cases.len()) {
            (false, 1) => {}
            (true, 1) => conditions.append(&mut cases),
            (true, _) => conditions.push(json!({ "oneOf": cases })),
            (false, _) => {
                let none = json!({ "not": { "anyOf": cases.clone() } });
                cases.push(none);
                conditions.push(json!({ "oneOf": cases }));
            }
        }
    }
    conditions
}

/// That a field is there, under either of its names.
fn given(field: &Field) -> Value {
    if field.json_name == field.name {
        return json!({ "required": [field.name] });
    }
    json!({ "anyOf": [{ "required": [field.name] }, { "required": [field.json_name] }] })
}

fn integer(field: &Field, min: i64, max: i64) -> Value {
    let least = [field.number("gte"), field.number("gt").map(|bound| bound.saturating_add(1))];
    let most = [field.number("lte"), field.number("lt").map(|bound| bound.saturating_sub(1))];
    let min = least.into_iter().flatten().fold(min, i64::max);
    let max = most.into_iter().flatten().fold(max, i64::min);
    json!({
        "anyOf": [
            { "type": "integer", "minimum": min, "maximum": max },
            { "type": "string", "pattern": format!("^-?[0-9]+$|{VARIABLE}") },
        ],
    })
}

fn text(field: &Field) -> Value {
    if let Some((_, allowed)) = field.rules.iter().find(|(rule, _)| *rule == "in") {
        let allowed: Vec<&str> = allowed.split(',').map(|word| word.trim_matches('"')).collect();
        return json!({ "enum": allowed });
    }
    let bound = field.number("min_len").or_else(|| field.number("items.min_len"));
    match bound {
        Some(bound) => json!({ "type": "string", "minLength": bound }),
        None => json!({ "type": "string" }),
    }
}

fn enumeration(values: &Enum) -> Value {
    let names: Vec<&str> = values.values.iter().map(|(_, name)| *name).collect();
    let numbers = || values.values.iter().map(|(number, _)| *number);
    json!({
        "anyOf": [
            { "enum": names },
            { "type": "integer", "minimum": numbers().min(), "maximum": numbers().max() },
            { "type": "string", "pattern": VARIABLE },
        ],
    })
}

fn or_variable(value: &Value) -> Value {
    json!({ "anyOf": [value, { "type": "string", "pattern": VARIABLE }] })
}

fn any_name(beginning: &str) -> String {
    format!("Any of {beginning}*")
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/definitions/{}", name.replace(' ', "%20").replace('*', "%2A")) })
}

// === impl Field ===

impl Field {
    /// The number that a rule gives, if the field has the rule.
    fn number(&self, rule: &str) -> Option<i64> {
        self.rules.iter().find(|(name, _)| *name == rule)?.1.parse().ok()
    }
}
