//! A bad version, from its first failing answer to its last request.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serin_assignment::Variant;
use serin_tests::clock::now_us;
use serin_tests::load::{Load, Outcome};
use tokio::time::sleep;

use super::lane::Lane;
use super::live;
use crate::spread::Spread;

/// Requests a second.
pub(crate) const RATE: u32 = 100;
/// How long a version is good: Serin's judge has a start that it leaves out, and a fault does not
/// wait for it.
pub(crate) const FINE: Duration = Duration::from_secs(8);
/// Longer than Flagger takes at its documented interval.
pub(crate) const LIMIT: Duration = Duration::from_mins(15);
/// The share of the canary's requests that fail.
const ERROR_RATE: f64 = 0.2;
/// How long after a weight is live requests are looked at.
const AFTERWARDS: Duration = Duration::from_secs(3);

/// One run, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rollback {
    fault_to_written: f64,
    written_to_live: f64,
    fault_to_last: f64,
}

/// All runs, in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Times {
    #[serde(rename = "faultToWrittenMs")]
    pub(crate) fault_to_written: Spread,
    #[serde(rename = "writtenToLiveMs")]
    pub(crate) written_to_live: Spread,
    #[serde(rename = "faultToLastRequestMs")]
    pub(crate) fault_to_last: Spread,
}

impl Times {
    pub(crate) fn of(runs: &[Rollback]) -> Self {
        let of = |what: fn(&Rollback) -> f64| Spread::of(runs.iter().map(what));
        Self {
            fault_to_written: of(|run| run.fault_to_written),
            written_to_live: of(|run| run.written_to_live),
            fault_to_last: of(|run| run.fault_to_last),
        }
    }

    /// The median.
    pub(crate) fn to_written(&self) -> f64 {
        self.fault_to_written.median
    }

    /// The median.
    pub(crate) fn to_last(&self) -> f64 {
        self.fault_to_last.median
    }
}

impl fmt::Display for Rollback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "weight 0 written {:.0} ms after the first failing answer, live {:.0} ms after that; \
             the canary's last request after {:.0} ms",
            self.fault_to_written, self.written_to_live, self.fault_to_last
        )
    }
}

/// Ships a version, lets it fail once it has been good for so long with users on it, and waits until
/// nobody reaches it.
pub(crate) async fn measure(
    lane: &Lane<'_>,
    load: &Load,
    image: &str,
    fine: Duration,
) -> Result<Rollback> {
    let routes = &lane.side().routes;
    let shipped_us = now_us();
    lane.set_image(image).await?;
    routes.until(lane.name(), shipped_us, true, LIMIT).await?;
    sleep(fine).await;
    let since_us = now_us();
    lane.fail_canary(ERROR_RATE).await?;
    let written = routes.until(lane.name(), since_us, false, LIMIT).await?;
    let live = live::until(lane.side().gateway.admin(), &lane.cluster(), false).await?;
    sleep(AFTERWARDS).await;
    let records = load.records();
    let since = || records.iter().filter(|record| record.received_us >= since_us);
    let failing = Outcome::Injected(Variant::Canary);
    let first = since().filter(|it| it.outcome == failing).map(|it| it.received_us).min();
    let first = first.context("the bad version never failed")?;
    let last = since().filter(|it| it.outcome.side() == Some(Variant::Canary));
    let last = last.map(|it| it.received_us).max().unwrap_or(first);
    lane.until_over().await?;
    Ok(Rollback {
        fault_to_written: ms(first, written),
        written_to_live: ms(written, live),
        fault_to_last: ms(first, last),
    })
}

/// Milliseconds between two times in microseconds.
pub(crate) fn ms(from_us: u64, to_us: u64) -> f64 {
    u32::try_from(to_us.saturating_sub(from_us)).map_or(f64::INFINITY, f64::from) / 1_000.0
}
