//! Cuts the loader's schema out of Envoy's descriptors and compares it with the committed one.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use outrigger::config::coverage::{self, COVERAGE};
use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    ReflectMessage as _, Value,
};

/// Rules that the loader knows how to apply; a new one must be taught to it before the field can be supported.
const RULES: &[&str] = &[
    "const",
    "defined_only",
    "gt",
    "gte",
    "in",
    "items.defined_only",
    "items.gte",
    "items.in",
    "items.lte",
    "items.max_bytes",
    "items.min_len",
    "items.strict",
    "items.well_known_regex",
    "keys.string.min_len",
    "lt",
    "lte",
    "max_bytes",
    "max_items",
    "max_len",
    "min_items",
    "max_bytes",
    "min_len",
    "not_in",
    "pattern",
    "required",
    "strict",
    "well_known_regex",
];

/// The patterns among them that it knows.
const PATTERNS: &[&str] = &["\"^[^?#]+[^?#/]$\""];

#[test]
fn schema_is_cut_from_envoys_descriptors() {
    let Some(descriptors) = descriptors() else { return };
    let bytes = std::fs::read(&descriptors).expect("the descriptor set can be read");
    let pool = DescriptorPool::decode(bytes.as_slice()).expect("the descriptor set is valid");
    let wanted = generate(&pool);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/schema.txt");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, &wanted).expect("the schema can be written");
    }
    let have = std::fs::read_to_string(&path).expect("the schema can be read");
    let difference = have.lines().zip(wanted.lines()).find(|(have, wanted)| have != wanted);
    let stale = "schema.txt is stale: run this test with UPDATE_EXPECT=1";
    assert_eq!(difference, None, "{stale}");
    assert_eq!(have.len(), wanted.len(), "{stale}");
}

/// The descriptor set inside the sources of `envoy-types`, which cargo downloads like any dependency.
fn descriptors() -> Option<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--all-features"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let packages = metadata["packages"].as_array();
    let package = packages.into_iter().flatten().find(|package| package["name"] == "envoy-types");
    let Some(manifest) = package.and_then(|package| package["manifest_path"].as_str()) else {
        let why = String::from_utf8_lossy(&output.stderr);
        let why = why.trim();
        let _ = std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("skipped: the sources of envoy-types are not at hand: {why}\n"),
        );
        return None;
    };
    Some(Path::new(manifest).with_file_name("src/generated/types.bin"))
}

fn generate(pool: &DescriptorPool) -> String {
    let mut text = String::from(
        "# Generated from the descriptors in envoy-types by tests/checks/config/schema.rs.\n",
    );
    let mut enums = BTreeSet::new();
    for covered in COVERAGE {
        let message = pool.get_message_by_name(covered.message);
        let message = message.unwrap_or_else(|| panic!("no message {}", covered.message));
        assert_fields_exist(&message, covered);
        write_message(&mut text, &message, &mut enums);
    }
    for name in enums {
        let descriptor = pool.get_enum_by_name(&name).expect("a field has this type");
        write_enum(&mut text, &descriptor);
    }
    text
}

fn assert_fields_exist(message: &MessageDescriptor, covered: &coverage::Covered) {
    let fixed = covered.fixed.iter().map(|(name, _)| name);
    for name in covered.applied.iter().chain(covered.no_op).chain(fixed) {
        let known = message.get_field_by_name(name).is_some();
        assert!(known, "{} has no field {name}", covered.message);
    }
}

fn write_message(text: &mut String, message: &MessageDescriptor, enums: &mut BTreeSet<String>) {
    writeln!(text, "message {}", message.full_name()).expect("a string takes anything");
    for oneof in message.oneofs() {
        if extension(&oneof.options(), "validate.required")
            .is_some_and(|on| on == Value::Bool(true))
        {
            writeln!(text, "oneof {}", oneof.name()).expect("a string takes anything");
        }
    }
    for field in message.fields() {
        let read = coverage::of(message.full_name()).is_some_and(|of| of.reads(field.name()));
        write!(text, "field {} {}", field.name(), kind(&field, read, enums))
            .expect("a string takes anything");
        if let Some(oneof) = field.containing_oneof()
            && !oneof.is_synthetic()
        {
            write!(text, " oneof={}", oneof.name()).expect("a string takes anything");
        }
        if field.field_descriptor_proto().options.as_ref().is_some_and(|o| o.deprecated()) {
            text.push_str(" deprecated");
        }
        if extension(&field.options(), "udpa.annotations.sensitive") == Some(Value::Bool(true)) {
            text.push_str(" sensitive");
        }
        if read {
            write_rules(text, &field);
        }
        text.push('\n');
    }
}

fn write_enum(text: &mut String, descriptor: &EnumDescriptor) {
    writeln!(text, "enum {}", descriptor.full_name()).expect("a string takes anything");
    for value in descriptor.values() {
        writeln!(text, "value {} {}", value.number(), value.name())
            .expect("a string takes anything");
    }
}

/// The type as the loader's schema spells it.
fn kind(field: &FieldDescriptor, read: bool, enums: &mut BTreeSet<String>) -> String {
    if field.is_map() {
        let entry = field.kind();
        let entry = entry.as_message().expect("a map's entries are messages").clone();
        let value = entry.map_entry_value_field();
        return format!("map:{}", value_kind(&value, read, enums));
    }
    let plain = value_kind(field, read, enums);
    if field.is_list() {
        format!("list:{plain}")
    } else if field.supports_presence() {
        format!("optional:{plain}")
    } else {
        plain
    }
}

fn value_kind(field: &FieldDescriptor, read: bool, enums: &mut BTreeSet<String>) -> String {
    match field.kind() {
        Kind::Enum(descriptor) => {
            enums.insert(descriptor.full_name().to_owned());
            format!("enum:{}", descriptor.full_name())
        }
        Kind::Message(message) => {
            let name = message.full_name();
            match name.strip_prefix("google.protobuf.") {
                Some(known @ ("Any" | "Duration")) => known.to_owned(),
                Some(known)
                    if known.ends_with("Value") && known != "ListValue" && known != "Value" =>
                {
                    known.to_owned()
                }
                _ if read && coverage::of(name).is_some() => format!("message:{name}"),
                _ => "-".to_owned(),
            }
        }
        scalar => format!("{scalar:?}"),
    }
}

fn write_rules(text: &mut String, field: &FieldDescriptor) {
    let Some(Value::Message(rules)) = extension(&field.options(), "validate.rules") else { return };
    let mut flat = Vec::new();
    for (level, value) in rules.fields() {
        // The first level only says the type; a message's own rules stand for themselves.
        let Value::Message(value) = value else { panic!("{} is no message", level.full_name()) };
        flatten(value, "", &mut flat);
    }
    for (name, value) in flat {
        assert!(RULES.contains(&name.as_str()), "rule {name} of {}", field.full_name());
        let known = name != "pattern" || PATTERNS.contains(&value.as_str());
        assert!(known, "pattern {value} of {}", field.full_name());
        text.push(' ');
        text.push_str(&name);
        if !value.is_empty() {
            write!(text, "={value}").expect("a string takes anything");
        }
    }
}

fn flatten(rules: &DynamicMessage, prefix: &str, flat: &mut Vec<(String, String)>) {
    for (field, value) in rules.fields() {
        let name = format!("{prefix}{}", field.name());
        match value {
            Value::Message(duration)
                if duration.descriptor().full_name() == "google.protobuf.Duration" =>
            {
                flat.push((name, nanoseconds(duration)));
            }
            // `items { string { min_len: 1 } }`: the type in between adds nothing.
            Value::Message(nested) if field.name() == "items" => {
                for (_, typed) in nested.fields() {
                    let Value::Message(typed) = typed else { panic!("{name} is no message") };
                    flatten(typed, "items.", flat);
                }
            }
            Value::Message(nested) => flatten(nested, &format!("{name}."), flat),
            Value::Bool(true) => flat.push((name, String::new())),
            Value::Bool(false) => flat.push((name, "false".to_owned())),
            Value::EnumNumber(number) => flat.push((name, number.to_string())),
            Value::List(list) => {
                let list: Vec<String> = list.iter().map(ToString::to_string).collect();
                flat.push((name, list.join(",")));
            }
            other => flat.push((name, other.to_string())),
        }
    }
}

fn nanoseconds(duration: &DynamicMessage) -> String {
    let part = |name: &str| match duration.get_field_by_name(name).as_deref() {
        Some(Value::I64(seconds)) => i128::from(*seconds),
        Some(Value::I32(nanos)) => i128::from(*nanos),
        other => panic!("{name} of a duration is {other:?}"),
    };
    (part("seconds") * 1_000_000_000 + part("nanos")).to_string()
}

/// The value of an option that another file adds to descriptors.
fn extension(options: &DynamicMessage, name: &str) -> Option<Value> {
    let pool = options.descriptor().parent_pool().clone();
    let found = options.extensions().find(|(field, _)| field.full_name() == name);
    drop(pool);
    found.map(|(_, value)| value.clone())
}
