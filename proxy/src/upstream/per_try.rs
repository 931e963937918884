//! How long one try may take: `per_try_timeout` and `per_try_idle_timeout`.

use std::future::Future;
use std::time::Duration;

use super::failure::Failure;
use super::upload::Whole;

/// The limits of one try, at least one of which is set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PerTry {
    /// `per_try_timeout`: to the head of the response.
    pub total: Option<Duration>,
    /// `per_try_idle_timeout`: the same, and then between any two pieces of the response.
    pub idle: Option<Duration>,
}

// === impl PerTry ===

impl PerTry {
    /// The limits, if there are any.
    pub fn new(total: Option<Duration>, idle: Option<Duration>) -> Option<Self> {
        (total.is_some() || idle.is_some()).then_some(Self { total, idle })
    }

    /// Waits for a response until the time is up, which begins when the request has come in whole.
    ///
    /// # Errors
    /// It is up.
    pub async fn watch<T>(
        &self,
        whole: &Whole,
        response: impl Future<Output = T>,
    ) -> Result<T, Failure> {
        let late = async {
            whole.done().await;
            match (self.total, self.idle) {
                (Some(total), None) => after(total, Failure::PerTryTimeout).await,
                (Some(total), Some(idle)) if total < idle => {
                    after(total, Failure::PerTryTimeout).await
                }
                (_, Some(idle)) => after(idle, Failure::PerTryIdleTimeout).await,
                (None, None) => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            response = response => Ok(response),
            failure = late => Err(failure),
        }
    }
}

async fn after(time: Duration, failure: Failure) -> Failure {
    tokio::time::sleep(time).await;
    failure
}
