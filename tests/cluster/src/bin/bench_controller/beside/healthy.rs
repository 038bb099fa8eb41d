//! Versions as good as the one before, with errors on both sides.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use futures_util::future::try_join_all;
use serde::Serialize;
use tokio::time::sleep;

use super::lane::Lane;
use crate::say;

/// Requests a second of each service.
const RATE: u32 = 20;
/// A rollout of some 100 s, with looks that fail in between.
const LIMIT: Duration = Duration::from_mins(10);
const POLL: Duration = Duration::from_secs(1);

/// How they ended.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ended {
    pub(crate) rollouts: usize,
    pub(crate) rolled_back: usize,
    /// The longest of them.
    pub(crate) seconds: u64,
}

/// Rolls a version out in each lane at the same time, with 1 % of errors on either side.
pub(crate) async fn run(lanes: &[Lane<'_>], version: &str, name: &str) -> Result<Ended> {
    let start = Instant::now();
    let ends = lanes.iter().zip(1_u32..).map(|(lane, number)| async move {
        let load = lane.load(RATE);
        // Before it starts the former end is shown.
        let before = lane.phase().await?;
        lane.set_image(&format!("shop:{version}-noise1-seed{number}")).await?;
        lane.add_noise_to_stable(number + 1_000).await?;
        let rolled_back = end(lane, &before).await?;
        load.stop().await;
        anyhow::Ok(rolled_back)
    });
    let ends = try_join_all(ends).await?;
    let ended = Ended {
        rollouts: ends.len(),
        rolled_back: ends.iter().filter(|rolled_back| **rolled_back).count(),
        seconds: start.elapsed().as_secs(),
    };
    say(&format!(
        "{name}: {} of {} healthy rollouts were rolled back, in {} s",
        ended.rolled_back, ended.rollouts, ended.seconds
    ));
    Ok(ended)
}

/// Waits for the end and says whether it was a rollback.
async fn end(lane: &Lane<'_>, before: &str) -> Result<bool> {
    let start = Instant::now();
    let mut begun = false;
    loop {
        sleep(POLL).await;
        let phase = lane.phase().await?;
        begun |= phase != before;
        match phase.as_str() {
            "Succeeded" if begun => return Ok(false),
            "RolledBack" | "Failed" if begun => return Ok(true),
            _ if start.elapsed() > LIMIT => {
                bail!("{}: {phase} after {LIMIT:?}", lane.name());
            }
            _ => {}
        }
    }
}
