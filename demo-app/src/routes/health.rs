//! `/healthz`: the process serves. The failure mode does not touch it, so a container stays up while `/` fails.

/// Answers that the service is there.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}
