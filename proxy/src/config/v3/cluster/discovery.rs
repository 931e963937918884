//! How a cluster learns its hosts: `type`, with what only that type knows.

use std::path::{Path, PathBuf};

use crate::config::cluster::{DEFAULT_DNS_REFRESH_RATE, Discovery, Dns, Eds, LookupFamily};
use crate::config::diagnostic::Findings;
use crate::config::files;
use crate::config::source::{At, Quoted};
use crate::config::v3::message::Message;

/// Where a file of endpoints may be named.
const SOURCES: &str = "only files (path_config_source) are supported";

/// Reads how a cluster learns its hosts; none if something is wrong, which has been reported.
pub(super) fn lower(cluster: &Message<'_>, findings: &mut Findings) -> Option<Discovery> {
    let kind = cluster.enumeration("type").unwrap_or("STATIC");
    if kind != "EDS"
        && let Some(config) = cluster.message("eds_cluster_config")
    {
        let message = "eds_cluster_config set in a non-EDS cluster";
        findings.error(cluster.place("eds_cluster_config"), message);
        config.dismiss_all();
    }
    // Other clusters may have them too, in Envoy as well.
    let dns = dns(cluster);
    match kind {
        "STATIC" => Some(Discovery::Static),
        "STRICT_DNS" => Some(Discovery::StrictDns(dns)),
        "EDS" => eds(cluster, findings).map(Discovery::Eds),
        other => {
            let message = format!("{other} is not supported yet, STATIC, STRICT_DNS and EDS are");
            findings.error(cluster.place("type"), message);
            None
        }
    }
}

fn dns(cluster: &Message<'_>) -> Dns {
    Dns {
        refresh_rate: cluster.duration("dns_refresh_rate").unwrap_or(DEFAULT_DNS_REFRESH_RATE),
        respect_ttl: cluster.bool("respect_dns_ttl").unwrap_or_default(),
        family: match cluster.enumeration("dns_lookup_family") {
            Some("V4_ONLY") => LookupFamily::V4Only,
            Some("V6_ONLY") => LookupFamily::V6Only,
            Some("V4_PREFERRED") => LookupFamily::V4Preferred,
            Some("ALL") => LookupFamily::All,
            _ => LookupFamily::Auto,
        },
    }
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
fn path(source: &Message<'_>, findings: &mut Findings) -> Option<PathBuf> {
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
