//! `envoy.config.overload.v3.OverloadManager`.

use std::path::PathBuf;

use crate::config::diagnostic::Findings;
use crate::config::overload::{
    Action, ActionKind, DEFAULT_REFRESH_INTERVAL, Monitor, OverloadManager, Trigger, TriggerKind,
};
use crate::config::source::Quoted;

use super::message::Message;

const FIXED_HEAP: &str = "envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig";
const INJECTED: &str =
    "envoy.extensions.resource_monitors.injected_resource.v3.InjectedResourceConfig";
const CONNECTIONS: &str =
    "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig";

/// Lowers the overload manager of a bootstrap, if it has one.
pub(super) fn lower(bootstrap: &Message<'_>, findings: &mut Findings) -> Option<OverloadManager> {
    let manager = bootstrap.message("overload_manager")?;
    let mut lowered = OverloadManager {
        refresh_interval: manager.duration("refresh_interval").unwrap_or(DEFAULT_REFRESH_INTERVAL),
        monitors: Vec::new(),
        most_connections: None,
        actions: Vec::new(),
    };
    for message in manager.messages("resource_monitors") {
        monitor(message, &mut lowered, findings);
    }
    for message in manager.messages("actions") {
        let Some(action) = action(message, &lowered, findings) else { continue };
        if lowered.actions.iter().any(|other| other.kind == action.kind) {
            let message_of = format!("there is another action {}", Quoted(action.kind.name()));
            findings.error(message.place("name"), message_of);
        }
        lowered.actions.push(action);
    }
    Some(lowered)
}

fn monitor(message: &Message<'_>, lowered: &mut OverloadManager, findings: &mut Findings) {
    // Envoy finds it by its type; stats and triggers have the name that the type stands for.
    let Some(extension) = super::extension(message, findings) else {
        return message.dismiss(&["name"]);
    };
    let name = message.text("name").unwrap_or_default();
    let is_again = match extension.schema.name {
        CONNECTIONS => {
            let most = extension.i64("max_active_downstream_connections").unwrap_or_default();
            lowered.most_connections.replace(u64::try_from(most).unwrap_or_default()).is_some()
        }
        FIXED_HEAP => {
            let most = extension.u64("max_heap_size_bytes").unwrap_or_default();
            if most == 0 {
                let said = "a share of nothing cannot be told";
                findings.error(extension.place("max_heap_size_bytes"), said);
            }
            add(Monitor::FixedHeap(most), lowered)
        }
        INJECTED => {
            let path = extension.text("filename").unwrap_or_default();
            add(Monitor::Injected(PathBuf::from(path)), lowered)
        }
        _ => return super::wrong_extension(message, extension, "a resource monitor", findings),
    };
    let expected = match extension.schema.name {
        CONNECTIONS => "envoy.resource_monitors.global_downstream_max_connections",
        FIXED_HEAP => "envoy.resource_monitors.fixed_heap",
        _ => "envoy.resource_monitors.injected_resource",
    };
    if name != expected {
        let said = format!("the monitor of this type is named {}", Quoted(expected));
        findings.error(message.place("name"), said);
    }
    if is_again {
        findings.error(message.at, format!("there is another {}", Quoted(expected)));
    }
}

/// Says whether there was one of this kind.
fn add(monitor: Monitor, lowered: &mut OverloadManager) -> bool {
    let is_again = lowered.monitors.iter().any(|other| other.name() == monitor.name());
    lowered.monitors.push(monitor);
    is_again
}

fn action(
    message: &Message<'_>,
    manager: &OverloadManager,
    findings: &mut Findings,
) -> Option<Action> {
    let name = message.text("name").unwrap_or_default();
    let triggers: Vec<_> = message
        .messages("triggers")
        .filter_map(|message| trigger(message, manager, findings))
        .collect();
    for (index, trigger) in triggers.iter().enumerate() {
        if triggers[..index].iter().any(|other| other.monitor == trigger.monitor) {
            findings.error(message.place("triggers"), "there is another trigger of this monitor");
        }
    }
    let Some(kind) = ActionKind::ALL.into_iter().find(|kind| kind.name() == name) else {
        let said = format!("the action {} is not supported yet", Quoted(name));
        let known = ActionKind::ALL.map(ActionKind::name);
        findings.unsupported(message.place("name"), said).did_you_mean(name, known);
        return None;
    };
    Some(Action { kind, triggers })
}

fn trigger(
    message: &Message<'_>,
    manager: &OverloadManager,
    findings: &mut Findings,
) -> Option<Trigger> {
    let name = message.text("name").unwrap_or_default();
    let kind = if let Some(scaled) = message.message("scaled") {
        let from = scaled.f64("scaling_threshold").unwrap_or_default();
        let to = scaled.f64("saturation_threshold").unwrap_or_default();
        if from >= to {
            let said = "scaling_threshold must be less than saturation_threshold";
            findings.error(scaled.at, said);
        }
        TriggerKind::Scaled(from, to)
    } else {
        let threshold = message.message("threshold");
        let value = threshold.and_then(|threshold| threshold.f64("value"));
        TriggerKind::Threshold(value.unwrap_or_default())
    };
    let Some(monitor) = manager.monitors.iter().position(|monitor| monitor.name() == name) else {
        let said =
            format!("there is no monitor {} that is looked at again and again", Quoted(name));
        findings.error(message.place("name"), said);
        return None;
    };
    Some(Trigger { monitor, kind })
}
