//! `envoy.config.cluster.v3.Cluster.LbSubsetConfig`.

use crate::config::diagnostic::Findings;
use crate::config::lb::{Fallback, Selector, Subsets};
use crate::config::metadata_match::MetadataMatch;

use super::message::Message;

/// Reads a cluster's subsets. The inner none is that there are none.
#[expect(clippy::option_option, reason = "something wrong, nothing, or something")]
pub(super) fn lower(
    cluster: &Message<'_>,
    findings: &mut Findings,
) -> Option<Option<Box<Subsets>>> {
    let Some(config) = cluster.message("lb_subset_config") else { return Some(None) };
    let fallback = match config.enumeration("fallback_policy") {
        Some("ANY_ENDPOINT") => Fallback::Any,
        Some("DEFAULT_SUBSET") => Fallback::Default,
        _ => Fallback::Nobody,
    };
    let default_subset = MetadataMatch::new(config.json("default_subset").as_ref());
    let panic_mode_any = config.bool("panic_mode_any").unwrap_or_default();
    let selectors: Vec<_> =
        config.messages("subset_selectors").map(|one| selector(one, findings)).collect();
    let selectors = selectors.into_iter().collect::<Option<Vec<_>>>()?;
    // Without selectors Envoy makes no subsets, whatever else is said.
    let subsets = Subsets { fallback, default_subset, selectors, panic_mode_any };
    Some((!subsets.selectors.is_empty()).then(|| Box::new(subsets)))
}

fn selector(config: &Message<'_>, findings: &mut Findings) -> Option<Selector> {
    let sorted = |field| {
        let mut keys: Vec<_> = config.texts(field).map(|(_, key)| key.to_owned()).collect();
        keys.sort();
        keys.dedup();
        keys
    };
    let keys = sorted("keys");
    let fewer = sorted("fallback_keys_subset");
    let wrong = match config.enumeration("fallback_policy") {
        Some("NO_FALLBACK") => return Some(Selector { keys, fallback: Some(Fallback::Nobody) }),
        Some("ANY_ENDPOINT") => return Some(Selector { keys, fallback: Some(Fallback::Any) }),
        Some("DEFAULT_SUBSET") => {
            return Some(Selector { keys, fallback: Some(Fallback::Default) });
        }
        Some("KEYS_SUBSET") if fewer.is_empty() => "fallback_keys_subset is missing",
        Some("KEYS_SUBSET") if !fewer.iter().all(|key| keys.contains(key)) => {
            "expected some of keys in fallback_keys_subset"
        }
        Some("KEYS_SUBSET") if fewer.len() == keys.len() => {
            "expected fewer than all keys in fallback_keys_subset"
        }
        Some("KEYS_SUBSET") => {
            return Some(Selector { keys, fallback: Some(Fallback::Keys(fewer)) });
        }
        _ => return Some(Selector { keys, fallback: None }),
    };
    findings.error(config.place("fallback_keys_subset"), wrong);
    None
}
