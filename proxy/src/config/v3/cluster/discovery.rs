//! How a cluster learns its hosts: `type` or `cluster_type`, with what only that type knows.

mod dns;

use std::path::{Path, PathBuf};

use crate::config::cluster::{Discovery, Eds};
use crate::config::diagnostic::Findings;
use crate::config::files;
use crate::config::source::{At, Quoted};
use crate::config::v3::message::Message;

/// The one extension with a configuration of its own.
const DNS: &str = "envoy.extensions.clusters.dns.v3.DnsCluster";

/// Where a file of endpoints may be named.
const SOURCES: &str = "only files (path_config_source) are supported";

/// The extensions' names, and the type that says the same.
const EXTENSIONS: [(&str, &str); 4] = [
    ("envoy.cluster.static", "STATIC"),
    ("envoy.cluster.strict_dns", "STRICT_DNS"),
    ("envoy.cluster.logical_dns", "LOGICAL_DNS"),
    ("envoy.cluster.eds", "EDS"),
];

/// Reads how a cluster learns its hosts; none if something is wrong, which has been reported.
pub(super) fn lower(cluster: &Message<'_>, findings: &mut Findings) -> Option<Discovery> {
    let extension = cluster.message("cluster_type");
    // The older fields may stand in any cluster, and say nothing beside those of an extension, in Envoy as well.
    let typed = extension.and_then(|extension| extension.any("typed_config"));
    let settings = dns::lower(cluster, findings);
    let kind = match extension {
        Some(extension) if extension.has("typed_config") => {
            return custom(cluster, extension, typed?, findings);
        }
        Some(extension) => named(extension, findings)?,
        None => cluster.enumeration("type").unwrap_or("STATIC"),
    };
    if kind != "EDS"
        && let Some(config) = cluster.message("eds_cluster_config")
    {
        let message = "eds_cluster_config set in a non-EDS cluster";
        findings.error(cluster.place("eds_cluster_config"), message);
        config.dismiss_all();
    }
    match kind {
        "STATIC" => Some(Discovery::Static),
        "STRICT_DNS" => Some(Discovery::StrictDns(settings?)),
        "LOGICAL_DNS" => {
            expect_one_endpoint(cluster, findings).then_some(Discovery::LogicalDns(settings?))
        }
        "EDS" => eds(cluster, findings).map(Discovery::Eds),
        other => {
            let message = format!("{other} is not supported yet");
            findings.unsupported(cluster.place("type"), message);
            None
        }
    }
}

/// Whether the hosts have names.
pub(in crate::config::v3) fn has_names(cluster: &Message<'_>) -> bool {
    let Some(extension) = cluster.message("cluster_type") else {
        return matches!(cluster.enumeration("type"), Some("STRICT_DNS" | "LOGICAL_DNS"));
    };
    let name = extension.text("name").unwrap_or_default();
    extension.has("typed_config") || name.ends_with("_dns")
}

/// The type of an extension without a configuration, which is found by its name.
fn named(extension: &Message<'_>, findings: &mut Findings) -> Option<&'static str> {
    let name = extension.nonempty("name")?;
    let known = EXTENSIONS.iter().find(|(known, _)| *known == name);
    if known.is_none() {
        let message = format!("there is no cluster factory {}", Quoted(name));
        let names = EXTENSIONS.iter().map(|(known, _)| *known);
        findings.unsupported(extension.place("name"), message).did_you_mean(name, names);
    }
    known.map(|(_, kind)| *kind)
}

/// One with a configuration, which is found by its type.
fn custom(
    cluster: &Message<'_>,
    extension: &Message<'_>,
    typed: &Message<'_>,
    findings: &mut Findings,
) -> Option<Discovery> {
    extension.dismiss(&["name"]);
    if typed.schema.name != DNS {
        crate::config::v3::wrong_extension(extension, typed, DNS, findings);
        return None;
    }
    let settings = dns::lower(typed, findings);
    let single = typed.bool("all_addresses_in_single_endpoint").unwrap_or_default();
    match single {
        true if !expect_one_endpoint(cluster, findings) => None,
        true => settings.map(Discovery::LogicalDns),
        false => settings.map(Discovery::StrictDns),
    }
}

fn expect_one_endpoint(cluster: &Message<'_>, findings: &mut Findings) -> bool {
    let assignment = cluster.message("load_assignment");
    let groups: Vec<_> =
        assignment.iter().flat_map(|assignment| assignment.messages("endpoints")).collect();
    let one = matches!(groups.as_slice(), [group] if group.messages("lb_endpoints").count() == 1);
    if !one {
        let message =
            "LOGICAL_DNS clusters must have a single locality_lb_endpoint and a single lb_endpoint";
        findings.error(cluster.place("load_assignment"), message);
    }
    one
}

fn eds(cluster: &Message<'_>, findings: &mut Findings) -> Option<Eds> {
    // Envoy reads nothing of it in a cluster of this type.
    if let Some(assignment) = cluster.message("load_assignment") {
        findings.warn(cluster.place("load_assignment"), "no effect on a cluster of type EDS");
        assignment.dismiss_all();
    }
    let config = cluster.message("eds_cluster_config");
    let Some(source) = config.and_then(|config| config.message("eds_config")) else {
        if !config.is_some_and(|config| config.is_bad("eds_config")) {
            let message = "cannot create an EDS cluster without an EDS config";
            findings.error(cluster.place("type"), message);
        }
        return None;
    };
    let name = cluster.nonempty("name").unwrap_or_default();
    let service = config.and_then(|config| config.nonempty("service_name")).unwrap_or(name);
    let path = path(source, findings)?;
    Some(Eds { service: service.to_owned(), path })
}

/// The file of a `ConfigSource`.
pub(in crate::config::v3) fn path(
    source: &Message<'_>,
    findings: &mut Findings,
) -> Option<PathBuf> {
    let (at, path) = match source.message("path_config_source") {
        Some(file) => {
            if let Some(folder) = file.message("watched_directory") {
                // The file itself is looked at again and again, whatever way it is reached.
                let path = Path::new(folder.nonempty("path")?);
                files::expect_directory(path, folder.place("path"), findings);
            }
            (file.place("path"), file.nonempty("path")?)
        }
        None => match source.nonempty("path") {
            Some(path) => (source.place("path"), path),
            None => {
                // Another source has been refused by its name.
                if !source.has_any() || source.has("path") {
                    findings.error(source.at, SOURCES);
                }
                return None;
            }
        },
    };
    check(path, at, findings).then(|| PathBuf::from(path))
}

fn check(path: &str, at: At, findings: &mut Findings) -> bool {
    if !path.contains('/') {
        findings.error(at, format!("invalid file path {}", Quoted(path)));
        return false;
    }
    if let Err(why) = files::notation(Path::new(path)) {
        findings.error(at, why);
        return false;
    }
    files::expect_file(Path::new(path), at, findings);
    true
}
