//! How a cluster's hosts are chosen: `lb_policy`, `load_balancing_policy`, `common_lb_config`.

use crate::config::diagnostic::Findings;
use crate::config::lb::{LeastRequest, LoadBalancing, Maglev, Policy, RingHash, SlowStart};
use crate::config::source::Quoted;

use super::endpoint;
use super::message::Message;

/// The oldest form: a policy's name, and beside it its settings.
const LEGACY: [(&str, &str); 4] = [
    ("ROUND_ROBIN", "round_robin_lb_config"),
    ("LEAST_REQUEST", "least_request_lb_config"),
    ("RING_HASH", "ring_hash_lb_config"),
    ("MAGLEV", "maglev_lb_config"),
];

/// The package of the extensions.
const EXTENSIONS: &str = "envoy.extensions.load_balancing_policies.";

/// Reads how hosts are chosen; none if something is wrong, which has been reported.
pub(super) fn lower(
    cluster: &Message<'_>,
    assignment: Option<&Message<'_>>,
    findings: &mut Findings,
) -> Option<LoadBalancing> {
    let priorities = assignment.map(endpoint::priorities).unwrap_or_default();
    let mut lb = LoadBalancing { priorities, ..LoadBalancing::default() };
    let common = cluster.message("common_lb_config");
    let names = super::cluster::has_names(cluster);
    let by_hostname = common.is_some_and(|common| common_config(common, names, &mut lb, findings));
    let name = cluster.enumeration("lb_policy").unwrap_or("ROUND_ROBIN");
    if cluster.has("load_balancing_policy") {
        if let Some(subsets) = cluster.message("lb_subset_config") {
            let message = "load_balancing_policy cannot be combined with lb_subset_config";
            findings.error(cluster.place("lb_subset_config"), message);
            subsets.dismiss_all();
            return None;
        }
        for (_, config) in LEGACY {
            dismiss_idle(cluster, config, "load_balancing_policy is there", findings);
        }
        if let Some(common) = common {
            // These are the extension's to say.
            for field in ["locality_weighted_lb_config", "zone_aware_lb_config"] {
                dismiss_idle(common, field, "load_balancing_policy is there", findings);
            }
        }
        (lb.locality_weighted, lb.fails_in_panic) = (false, false);
        return extension(cluster, lb, findings);
    }
    let mut config = None;
    for (policy, field) in LEGACY {
        if policy == name {
            config = cluster.message(field);
        } else {
            dismiss_idle(cluster, field, &format!("lb_policy is {name}"), findings);
        }
    }
    lb.policy = match name {
        "ROUND_ROBIN" => Policy::RoundRobin,
        "LEAST_REQUEST" => Policy::LeastRequest(least_request(config)),
        "RANDOM" => Policy::Random,
        "RING_HASH" => ring_hash(cluster, config, by_hostname, findings)?,
        "MAGLEV" => maglev(cluster, config, by_hostname, findings)?,
        "LOAD_BALANCING_POLICY_CONFIG" => {
            findings.error(cluster.at, "load_balancing_policy is missing");
            return None;
        }
        other => {
            findings
                .unsupported(cluster.place("lb_policy"), format!("{other} is not supported yet"));
            return None;
        }
    };
    lb.subsets = super::subsets::lower(cluster, findings)?;
    if matches!(name, "ROUND_ROBIN" | "LEAST_REQUEST") {
        lb.slow_start = config.and_then(|config| slow_start(config, findings));
    }
    Some(lb)
}

/// Says that a field has no effect. Envoy passes over it.
fn dismiss_idle(parent: &Message<'_>, field: &str, why: &str, findings: &mut Findings) {
    if let Some(idle) = parent.message(field) {
        findings.warn(parent.place(field), format!("no effect, since {why}"));
        idle.dismiss_all();
    }
}

/// Reads `common_lb_config`; says whether hosts are hashed by their names. `names` says that they have any.
fn common_config(
    common: &Message<'_>,
    names: bool,
    lb: &mut LoadBalancing,
    findings: &mut Findings,
) -> bool {
    if let Some(threshold) = percent(common, "healthy_panic_threshold", findings) {
        // From 0 to 100.
        lb.panic_threshold = threshold.round() as u32;
    }
    lb.locality_weighted = common.message("locality_weighted_lb_config").is_some();
    if let Some(zone_aware) = common.message("zone_aware_lb_config") {
        lb.fails_in_panic = zone_aware.bool("fail_traffic_on_panic").unwrap_or_default();
    }
    let Some(hashing) = common.message("consistent_hashing_lb_config") else { return false };
    let by_hostname = hashing.bool("use_hostname_for_hashing").unwrap_or_default();
    if by_hostname && !names {
        let message = "only a cluster of type STRICT_DNS can hash its hosts by their names";
        findings.error(hashing.place("use_hostname_for_hashing"), message);
    }
    by_hostname
}

/// Reads `load_balancing_policy`. Envoy takes the first that it knows.
fn extension(
    cluster: &Message<'_>,
    mut lb: LoadBalancing,
    findings: &mut Findings,
) -> Option<LoadBalancing> {
    let policies = cluster.message("load_balancing_policy")?;
    let mut chosen = None;
    for policy in policies.messages("policies") {
        let Some(config) = policy.message("typed_extension_config") else { continue };
        config.dismiss(&["name"]);
        let Some(config) = config.any("typed_config") else { continue };
        if chosen.is_some() {
            findings.warn(policy.at, "no effect after a policy that is known");
            config.dismiss_all();
            continue;
        }
        let name = config.schema.name;
        let Some(policy) = name.strip_prefix(EXTENSIONS) else {
            let message = format!("{} is no load balancing policy", Quoted(name));
            findings.error(config.at, message);
            config.dismiss_all();
            return None;
        };
        let hashing = config_message(config, "consistent_hashing_lb_config", policy);
        let by_hostname = hashing.and_then(|it| it.bool("use_hostname_for_hashing"));
        let by_hostname = by_hostname.unwrap_or_default();
        chosen = Some(match policy {
            "round_robin.v3.RoundRobin" => Policy::RoundRobin,
            "least_request.v3.LeastRequest" => {
                let method = config.enumeration("selection_method");
                let scans =
                    config.bool("enable_full_scan") == Some(true) || method == Some("FULL_SCAN");
                let plain = least_request(Some(config));
                Policy::LeastRequest(LeastRequest { full_scan: scans, ..plain })
            }
            "random.v3.Random" => Policy::Random,
            "ring_hash.v3.RingHash" => ring_hash(cluster, Some(config), by_hostname, findings)?,
            "maglev.v3.Maglev" => maglev(cluster, Some(config), by_hostname, findings)?,
            other => {
                findings.error(config.at, format!("{} is not supported yet", Quoted(other)));
                return None;
            }
        });
        locality(config, policy, &mut lb);
        if matches!(policy, "round_robin.v3.RoundRobin" | "least_request.v3.LeastRequest") {
            lb.slow_start = slow_start(config, findings);
        }
    }
    if chosen.is_none() {
        findings.error(cluster.place("load_balancing_policy"), "expected a policy");
    }
    Some(LoadBalancing { policy: chosen?, ..lb })
}

/// A field that only the policies by hash have.
fn config_message<'m, 's>(
    config: &'m Message<'s>,
    field: &str,
    policy: &str,
) -> Option<&'m Message<'s>> {
    matches!(policy, "ring_hash.v3.RingHash" | "maglev.v3.Maglev")
        .then(|| config.message(field))
        .flatten()
}

fn locality(config: &Message<'_>, policy: &str, lb: &mut LoadBalancing) {
    let weighted = "locality_weighted_lb_config";
    if matches!(policy, "ring_hash.v3.RingHash" | "maglev.v3.Maglev") {
        lb.locality_weighted = config.message(weighted).is_some();
    } else if let Some(locality) = config.message("locality_lb_config") {
        lb.locality_weighted = locality.message(weighted).is_some();
        let zone_aware = locality.message("zone_aware_lb_config");
        let fails = zone_aware.and_then(|zone_aware| zone_aware.bool("fail_traffic_on_panic"));
        lb.fails_in_panic = fails.unwrap_or_default();
    }
}

fn least_request(config: Option<&Message<'_>>) -> LeastRequest {
    let default = LeastRequest::default();
    let Some(config) = config else { return default };
    let bias = config.message("active_request_bias").and_then(|bias| bias.double("default_value"));
    LeastRequest {
        choices: config.u32("choice_count").unwrap_or(default.choices),
        // Envoy takes the default in place of what makes no sense.
        bias: bias.filter(|bias| *bias >= 0.0).unwrap_or(default.bias),
        full_scan: false,
    }
}

fn ring_hash(
    cluster: &Message<'_>,
    config: Option<&Message<'_>>,
    by_hostname: bool,
    findings: &mut Findings,
) -> Option<Policy> {
    let default = RingHash::default();
    let Some(config) = config else {
        return Some(Policy::RingHash(RingHash { by_hostname, ..default }));
    };
    let ring = RingHash {
        minimum_size: config.u64("minimum_ring_size").unwrap_or(default.minimum_size),
        maximum_size: config.u64("maximum_ring_size").unwrap_or(default.maximum_size),
        murmur: config.enumeration("hash_function") == Some("MURMUR_HASH_2"),
        by_hostname,
    };
    let RingHash { minimum_size, maximum_size, .. } = ring;
    if minimum_size > maximum_size {
        let at = if config.has("minimum_ring_size") { config } else { cluster };
        let message = format!(
            "ring hash: minimum_ring_size ({minimum_size}) > maximum_ring_size ({maximum_size})"
        );
        findings.error(at.place("minimum_ring_size"), message);
        return None;
    }
    Some(Policy::RingHash(ring))
}

fn maglev(
    cluster: &Message<'_>,
    config: Option<&Message<'_>>,
    by_hostname: bool,
    findings: &mut Findings,
) -> Option<Policy> {
    let size = config.and_then(|config| config.u64("table_size"));
    let table_size = size.unwrap_or_else(|| Maglev::default().table_size);
    if !is_prime(table_size) {
        let at = config.unwrap_or(cluster).place("table_size");
        findings.error(at, "The table size of maglev must be prime number");
        return None;
    }
    Some(Policy::Maglev(Maglev { table_size, by_hostname }))
}

/// The largest size that the rules let through is five millions, so trial division will do.
fn is_prime(number: u64) -> bool {
    number >= 2
        && (2..).take_while(|part| part * part <= number).all(|part| !number.is_multiple_of(part))
}

fn slow_start(config: &Message<'_>, findings: &mut Findings) -> Option<SlowStart> {
    let config = config.message("slow_start_config")?;
    let aggression = config.message("aggression").and_then(|it| it.double("default_value"));
    let least = percent(config, "min_weight_percent", findings).unwrap_or(10.0) / 100.0;
    let window = config.duration("slow_start_window").unwrap_or_default();
    let aggression = aggression.filter(|aggression| *aggression > 0.0).unwrap_or(1.0);
    (!window.is_zero()).then_some(SlowStart { window, aggression, least })
}

/// `envoy.type.v3.Percent`.
fn percent(parent: &Message<'_>, field: &str, findings: &mut Findings) -> Option<f64> {
    let value = parent.message(field)?.double("value").unwrap_or_default();
    if !(0.0..=100.0).contains(&value) {
        findings.error(parent.place(field), format!("expected 0 to 100, found {value}"));
        return None;
    }
    Some(value)
}
