//! How names are resolved: the fields of a cluster, or the same ones of `envoy.extensions.clusters.dns.v3.DnsCluster`.

use std::net::SocketAddr;
use std::time::Duration;

use crate::config::cluster::{
    DEFAULT_DNS_REFRESH_RATE, Dns, DnsBackOff, DnsResolver, DnsServers, LookupFamily,
};
use crate::config::diagnostic::Findings;
use crate::config::v3::message::Message;
use crate::config::v3::{self, address};

/// A TTL of zero must not make us ask without a pause.
const LEAST_REFRESH_RATE: Duration = Duration::from_secs(1);

/// `max_interval` is so many times `base_interval` where the file does not say.
const DEFAULT_BACK_OFF: u32 = 10;

const CARES: &str = "envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig";
const SYSTEM: &str =
    "envoy.extensions.network.dns_resolver.getaddrinfo.v3.GetAddrInfoDnsResolverConfig";

/// Reads how names are resolved; none if something is wrong, which has been reported.
pub(super) fn lower(of: &Message<'_>, findings: &mut Findings) -> Option<Dns> {
    let has = |field: &str| of.schema.fields.iter().any(|known| known.name == field);
    let least = has("dns_min_refresh_rate").then(|| of.duration("dns_min_refresh_rate"));
    let resolver = resolver(of, has("dns_resolvers"), findings);
    let failure = match of.message("dns_failure_refresh_rate") {
        Some(rate) => Some(back_off(rate, findings)?),
        None => None,
    };
    Some(Dns {
        refresh_rate: of.duration("dns_refresh_rate").unwrap_or(DEFAULT_DNS_REFRESH_RATE),
        respect_ttl: of.bool("respect_dns_ttl").unwrap_or_default(),
        least: least.flatten().unwrap_or(LEAST_REFRESH_RATE),
        failure,
        jitter: of.duration("dns_jitter").unwrap_or_default(),
        family: match of.enumeration("dns_lookup_family") {
            Some("V4_ONLY") => LookupFamily::V4Only,
            Some("V6_ONLY") => LookupFamily::V6Only,
            Some("V4_PREFERRED") => LookupFamily::V4Preferred,
            Some("ALL") => LookupFamily::All,
            _ => LookupFamily::Auto,
        },
        resolver: resolver?,
    })
}

fn back_off(rate: &Message<'_>, findings: &mut Findings) -> Option<DnsBackOff> {
    let base = rate.duration("base_interval")?;
    let most = rate.duration("max_interval").unwrap_or(base * DEFAULT_BACK_OFF);
    if most < base {
        let message = "dns_failure_refresh_rate must have max_interval greater than or equal to the base_interval";
        findings.error(rate.place("max_interval"), message);
        return None;
    }
    Some(DnsBackOff { base, most })
}

/// The newest form goes before the older ones, which `older` says are there.
fn resolver(of: &Message<'_>, older: bool, findings: &mut Findings) -> Option<DnsResolver> {
    let tcp = older && of.bool("use_tcp_for_dns_lookups").unwrap_or_default();
    let plain = if older { servers(of, "dns_resolvers", findings) } else { Some(Vec::new()) };
    let resolution = older.then(|| of.message("dns_resolution_config")).flatten();
    let resolution = resolution.map(|config| cares(config, findings));
    if let Some(typed) = of.message("typed_dns_resolver_config") {
        typed.dismiss(&["name"]);
        let config = v3::extension(typed, findings)?;
        return match config.schema.name {
            CARES => {
                let servers = cares(config, findings)?;
                let timeout = config.u64("query_timeout_seconds").map(Duration::from_secs);
                let tries = config.u32("query_tries");
                Some(DnsResolver::Servers(DnsServers { timeout, tries, ..servers }))
            }
            SYSTEM => Some(DnsResolver::System),
            _ => {
                v3::wrong_extension(typed, config, CARES, findings);
                None
            }
        };
    }
    if let Some(resolution) = resolution {
        return resolution.map(DnsResolver::Servers);
    }
    Some(DnsResolver::Servers(DnsServers { servers: plain?, tcp, ..DnsServers::default() }))
}

/// The fields that `DnsResolutionConfig` and `CaresDnsResolverConfig` share.
fn cares(config: &Message<'_>, findings: &mut Findings) -> Option<DnsServers> {
    let options = config.message("dns_resolver_options");
    let option = |name| options.and_then(|options| options.bool(name)).unwrap_or_default();
    Some(DnsServers {
        servers: servers(config, "resolvers", findings)?,
        tcp: option("use_tcp_for_dns_lookups"),
        no_search: option("no_default_search_domain"),
        ..DnsServers::default()
    })
}

fn servers(of: &Message<'_>, field: &str, findings: &mut Findings) -> Option<Vec<SocketAddr>> {
    let each = of.messages(field).map(|server| address::literal_here(server, findings));
    each.collect::<Vec<_>>().into_iter().collect()
}
