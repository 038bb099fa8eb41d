//! Waiting for what comes by itself.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

/// Asks again and again until it holds, and says how long that took.
///
/// # Errors
/// Where it does not hold within `limit`, or cannot be asked.
pub async fn until(limit: Duration, holds: impl AsyncFn() -> Result<bool>) -> Result<Duration> {
    let start = Instant::now();
    while !holds().await? {
        ensure!(start.elapsed() <= limit, "not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(start.elapsed())
}
