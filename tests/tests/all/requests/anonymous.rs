//! Requests without an identity.

use anyhow::{Result, ensure};
use serin_tests::site::Site;

use super::rollouts::{FULL, RANDOM, ROUTE};
use super::{MARK, marked, unmarked};

/// Requests drawn at random.
const DRAWN: u32 = 400;
/// The share at 50 % stays within 50 ± 12.5 % of 400 but once in two million runs (five sigma).
const FARTHEST: u32 = 50;

pub(crate) async fn stable(site: &Site) -> Result<()> {
    marked(&site.see(FULL, "/", &[("accept", b"text/html")]).await?, "stable")
}

pub(crate) async fn random(site: &Site) -> Result<()> {
    let mut canary = 0;
    for _ in 0..DRAWN {
        let shown = site.see(RANDOM, "/", &[]).await?;
        let served = shown.name.clone();
        marked(&shown, &served)?;
        canary += u32::from(served == "canary");
    }
    ensure!(canary.abs_diff(DRAWN / 2) <= FARTHEST, "{canary} of {DRAWN} on the canary at 50 %");
    Ok(())
}

pub(crate) async fn route(site: &Site) -> Result<()> {
    unmarked(&site.see(ROUTE, "/", &[]).await?)?;
    // With an identity the same rollout marks.
    let shown = site.see(ROUTE, "/", &[("x-user-id", b"u")]).await?;
    ensure!(shown.values(MARK) == ["canary"], "{shown:?}");
    Ok(())
}
