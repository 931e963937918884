//! Traps that hurt people: what is valid, and does not do what it seems to do.
//!
//! A lint reads the tree and not the checked messages, so that it also sees fields that are not supported yet.

mod cluster;
mod listener;
mod retry;
mod route;
mod silence;
mod view;

use super::diagnostic::Findings;
use super::source::{At, Node, Sources};

use self::view::View;

pub(super) use self::silence::Silence;

/// One trap.
#[derive(Clone, Copy, Debug)]
pub struct Lint {
    /// Its name, in kebab case.
    pub name: &'static str,
    /// The trap, in one sentence.
    pub trap: &'static str,
    /// What to do, in one sentence.
    pub remedy: &'static str,
}

/// All of them, in the order of their names.
pub const LINTS: &[Lint] = &[
    ADMIN_PUBLIC,
    BREAKER_REPEATED,
    BREAKERS_UNDER_RETRIES,
    CLUSTER_UNUSED,
    EDGE_HEADERS_TIMEOUT,
    EDGE_PATH_FORMS,
    EDGE_UNDERSCORES,
    EJECTION_LIMIT,
    GRPC_ROUTE_TIMEOUT,
    HEALTH_CHECK_NO_TRAFFIC,
    IDLE_TIMEOUT_OFF,
    IDLE_TIMEOUT_UPSTREAM,
    LISTENER_OVERLAP,
    MIRROR_HOST,
    PANIC_FEW_HOSTS,
    PER_TRY_TIMEOUT,
    RETRY_WITHOUT_PER_TRY,
    ROUTE_UNREACHABLE,
    STREAM_IDLE_TIMEOUT,
    TLS_UNVERIFIED,
    TLS_WITHOUT_NAME,
    UPGRADE_IDLE,
    XFF_TRUST,
];

const ADMIN_PUBLIC: Lint = Lint {
    name: "admin-public",
    trap: "The admin server asks nobody who they are, and whoever reaches it can read everything and end the proxy.",
    remedy: "Bind it to a loopback address, or let only the right ones reach its port.",
};
const BREAKER_REPEATED: Lint = Lint {
    name: "breaker-repeated",
    trap: "Of several thresholds for one priority only the first counts.",
    remedy: "Put all limits of a priority into one entry.",
};
const BREAKERS_UNDER_RETRIES: Lint = Lint {
    name: "breakers-under-retries",
    trap: "Where a cluster says nothing, three retries may run at one time, and in an outage all others are dropped.",
    remedy: "Set max_retries or a retry_budget in the cluster's circuit_breakers.",
};
const CLUSTER_UNUSED: Lint = Lint {
    name: "cluster-unused",
    trap: "No route and nothing else in the file names the cluster, which still resolves names and takes memory.",
    remedy: "Remove it, or look for the misspelt name where it was meant to be used.",
};
const EDGE_HEADERS_TIMEOUT: Lint = Lint {
    name: "edge-headers-timeout",
    trap: "Without request_headers_timeout a client may send its header one byte a minute and keep the connection.",
    remedy: "Set request_headers_timeout on listeners that strangers reach, 10s for example.",
};
const EDGE_PATH_FORMS: Lint = Lint {
    name: "edge-path-forms",
    trap: "Without normalize_path, /a/../b is matched as it is written, while the host behind may take it for /b.",
    remedy: "Set normalize_path: true, and merge_slashes: true, on listeners that strangers reach.",
};
const EDGE_UNDERSCORES: Lint = Lint {
    name: "edge-underscores",
    trap: "Many servers take a header with an underscore for the one with a dash, which the proxy has checked apart.",
    remedy: "Set headers_with_underscores_action: REJECT_REQUEST on listeners that strangers reach.",
};
const EJECTION_LIMIT: Lint = Lint {
    name: "ejection-limit",
    trap: "max_ejection_percent is 10 where the file says nothing, so of a few hosts only one is ever ejected.",
    remedy: "Set max_ejection_percent to the share of hosts that may be missing, 50 for example.",
};
const GRPC_ROUTE_TIMEOUT: Lint = Lint {
    name: "grpc-route-timeout",
    trap: "The route's timeout, 15 s where the file says nothing, ends gRPC streams that live longer.",
    remedy: "Set timeout: 0s on the route, and bound streams by max_stream_duration.",
};
const HEALTH_CHECK_NO_TRAFFIC: Lint = Lint {
    name: "health-check-no-traffic",
    trap: "A cluster without traffic is checked only once a minute, so after a start a bad host is found late.",
    remedy: "Set no_traffic_interval to the interval that is wanted.",
};
const IDLE_TIMEOUT_OFF: Lint = Lint {
    name: "idle-timeout-off",
    trap: "With an idle_timeout of 0s, connections of clients that went away without a word are kept for ever.",
    remedy: "Set a long time instead of none; an hour is what holds where the file says nothing.",
};
const IDLE_TIMEOUT_UPSTREAM: Lint = Lint {
    name: "idle-timeout-upstream",
    trap: "Most servers close connections that are idle for a minute or less, and a request sent just then fails with 503 UC.",
    remedy: "Set idle_timeout in common_http_protocol_options below the server's, 50s for example, or retry on reset.",
};
const LISTENER_OVERLAP: Lint = Lint {
    name: "listener-overlap",
    trap: "One listener has the port on all addresses, so another on one address cannot be bound or takes its connections.",
    remedy: "Give each its own port.",
};
const MIRROR_HOST: Lint = Lint {
    name: "mirror-host",
    trap: "A mirrored request has -shadow at the end of its host, and virtual hosts by name do not find it.",
    remedy: "Set disable_shadow_host_suffix_append: true, or give the mirror a domain of that name.",
};
const PANIC_FEW_HOSTS: Lint = Lint {
    name: "panic-few-hosts",
    trap: "Under the panic threshold, 50 % where the file says nothing, unhealthy hosts get requests again, and with fewer than three hosts that is soon.",
    remedy: "Set common_lb_config.healthy_panic_threshold to 0, or have more hosts.",
};
const PER_TRY_TIMEOUT: Lint = Lint {
    name: "per-try-timeout",
    trap: "A try that may take as long as the whole request leaves no time for another.",
    remedy: "Set per_try_timeout to the route's timeout divided by the number of tries, or raise the route's.",
};
const RETRY_WITHOUT_PER_TRY: Lint = Lint {
    name: "retry-without-per-try",
    trap: "Without per_try_timeout one slow try takes the whole timeout of the route, and no retry comes.",
    remedy: "Set per_try_timeout in the retry_policy.",
};
const ROUTE_UNREACHABLE: Lint = Lint {
    name: "route-unreachable",
    trap: "The first route that matches wins, and an earlier one matches whatever this one would.",
    remedy: "Put the more specific route first.",
};
const STREAM_IDLE_TIMEOUT: Lint = Lint {
    name: "stream-idle-timeout",
    trap: "A request on which nothing moves is ended by stream_idle_timeout, 5 minutes where the file says nothing, before the route's longer timeout.",
    remedy: "Set the route's idle_timeout as well.",
};
const TLS_WITHOUT_NAME: Lint = Lint {
    name: "tls-without-name",
    trap: "Without sni the host is not told which name is wanted, and many then present the wrong certificate.",
    remedy: "Set sni in the UpstreamTlsContext.",
};
const TLS_UNVERIFIED: Lint = Lint {
    name: "tls-unverified",
    trap: "Without a validation context any certificate is accepted, so that anyone between may read along.",
    remedy: "Set common_tls_context.validation_context with trusted_ca and match_typed_subject_alt_names.",
};
const UPGRADE_IDLE: Lint = Lint {
    name: "upgrade-idle",
    trap: "An upgraded connection such as a WebSocket is ended when nothing passes for stream_idle_timeout, 5 minutes where the file says nothing.",
    remedy: "Set idle_timeout on routes that upgrade, 0s for none, or let the service ping.",
};
const XFF_TRUST: Lint = Lint {
    name: "xff-trust",
    trap: "Without use_remote_address the client's own x-forwarded-for is believed, so xff_num_trusted_hops counts what strangers wrote.",
    remedy: "Set use_remote_address: true where clients connect directly.",
};

/// Looks for traps in a v3 tree. `written` is the tree as it stands in the file, which may have the v1 form.
pub(super) fn lint(
    root: &Node,
    written: &Node,
    silence: &Silence<'_>,
    sources: &Sources,
    findings: &mut Findings,
) {
    let mut traps = Traps { found: Vec::new() };
    let bootstrap = View::of(root);
    cluster::lint(bootstrap, &mut traps);
    listener::lint(bootstrap, &mut traps);
    traps.found.retain(|(lint, ..)| !silence.by_option(lint.name));
    let places: Vec<(&str, At)> =
        traps.found.iter().map(|(lint, at, _)| (lint.name, *at)).collect();
    let silenced = silence.by_comments(written, &places, sources);
    for (index, (lint, at, message)) in traps.found.into_iter().enumerate() {
        if !silenced.contains(&index) {
            let finding = findings.warn(at, message).rule(lint.name);
            finding.hint(format!("{} {}", lint.trap, lint.remedy));
        }
    }
}

/// What the lints found.
struct Traps {
    found: Vec<(Lint, At, String)>,
}

// === impl Traps ===

impl Traps {
    fn add(&mut self, lint: Lint, at: At, message: impl Into<String>) {
        self.found.push((lint, at, message.into()));
    }
}
