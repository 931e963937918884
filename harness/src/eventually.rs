//! Waits for a condition, with one patience for all waits.

use std::{fmt, sync::LazyLock, time::Duration};

use tokio::time::Instant;

use crate::error::Error;

/// How long a wait may take before it is a failure: `MESH_PATIENCE_MS`, or 20 seconds, which a slow machine with every
/// test running at once stays well under.
pub fn patience() -> Duration {
    static PATIENCE: LazyLock<Duration> = LazyLock::new(|| {
        std::env::var("MESH_PATIENCE_MS")
            .ok()
            .and_then(|value| value.parse().ok())
            .map_or(DEFAULT_PATIENCE, Duration::from_millis)
    });
    *PATIENCE
}

/// How often a condition is looked at again. Short, since a look costs one request on loopback.
pub const INTERVAL: Duration = Duration::from_millis(20);

const DEFAULT_PATIENCE: Duration = Duration::from_secs(20);

/// Looks again and again, until `look` has found what is awaited (`Ok(Ok(found))`), cannot look any more (`Err`), or patience
/// ends; then what it last saw instead (`Ok(Err(seen))`) is in the error.
///
/// # Errors
/// Those of `look`, and [`Error::Patience`].
pub async fn becomes_true<T, S: fmt::Display>(
    what: &str,
    mut look: impl AsyncFnMut() -> Result<Result<T, S>, Error>,
) -> Result<T, Error> {
    let deadline = Instant::now() + patience();
    loop {
        let seen = match look().await? {
            Ok(found) => return Ok(found),
            Err(seen) => seen,
        };
        if Instant::now() >= deadline {
            return Err(Error::Patience {
                what: what.to_owned(),
                patience: patience(),
                last: Some(seen.to_string()),
            });
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Waits until a read of a value satisfies a predicate, and returns that value.
///
/// # Errors
/// [`Error::Patience`], with the last value.
pub async fn satisfies<T: fmt::Debug>(
    what: &str,
    mut read: impl AsyncFnMut() -> Result<T, Error>,
    is_awaited: impl Fn(&T) -> bool,
) -> Result<T, Error> {
    becomes_true(what, async || {
        let value = read().await?;
        Ok(if is_awaited(&value) { Ok(value) } else { Err(format!("{value:?}")) })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_was_seen_last_is_in_the_error() {
        let error =
            satisfies("the impossible", async || Ok(7), |value| *value == 8).await.unwrap_err();
        let expected =
            format!("the impossible did not happen within {:?}; last seen: 7", patience());
        assert_eq!(error.to_string(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn looking_ends_as_soon_as_it_is_found() {
        let mut looks = 0;
        let found = satisfies(
            "the third look",
            async || {
                looks += 1;
                Ok(looks)
            },
            |looks| *looks == 3,
        );
        assert_eq!(found.await.unwrap(), 3);
    }
}
