//! What happens when: the answers of `envoy/what-happens-when.md`, each seen on the real Envoy.

mod caches;
pub(crate) mod crash;
mod long_streams;
mod missing_module;
mod page;
mod refused;
mod retries;
mod site;

use std::time::Duration;

use anyhow::Result;
use serin_tests::patience;

/// Longer than anything here takes to come.
const LIMIT: Duration = Duration::from_secs(40);

/// Asks again and again until it holds.
async fn until(holds: impl AsyncFn() -> Result<bool>) -> Result<Duration> {
    patience::until(LIMIT, holds).await
}
