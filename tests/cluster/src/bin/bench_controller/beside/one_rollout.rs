//! What a rollout writes, by the API server's own account.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, bail};
use serde::Serialize;
use serin_cluster::audit::Call;
use serin_cluster::cluster::Cluster;
use serin_cluster::{flagger, operator};
use tokio::time::sleep;

use super::lane::Lane;

/// Requests a second.
const RATE: u32 = 50;
const LIMIT: Duration = Duration::from_mins(8);
const POLL: Duration = Duration::from_secs(1);

/// Writes by resource. Those of the lease are left out: they go on whatever is rolled out.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Writes {
    pub(crate) all: usize,
    by_resource: BTreeMap<String, usize>,
}

impl Writes {
    fn of(calls: &[Call], user: &str) -> Self {
        let mut writes = Self::default();
        let ours = calls.iter().filter(|call| call.user == user && call.is_write());
        for call in ours.filter(|call| call.resource != "leases") {
            writes.all += 1;
            *writes.by_resource.entry(call.resource.clone()).or_default() += 1;
        }
        writes
    }

    /// The resources with their numbers, the most first.
    pub(crate) fn list(&self) -> String {
        let mut all: Vec<_> = self.by_resource.iter().collect();
        all.sort_by_key(|(name, number)| (std::cmp::Reverse(**number), *name));
        let each = all.iter().map(|(name, number)| format!("{number} {name}"));
        each.collect::<Vec<_>>().join(", ")
    }
}

/// One rollout of each to its end, at the same time.
pub(crate) async fn writes(
    cluster: &Cluster,
    serin: &Lane<'_>,
    beside: &Lane<'_>,
) -> Result<(Writes, Writes)> {
    let before = cluster.calls()?.len();
    tokio::try_join!(through(serin), through(beside))?;
    let calls = cluster.calls()?;
    let calls = calls.get(before..).unwrap_or_default();
    Ok((Writes::of(calls, operator::ACCOUNT), Writes::of(calls, flagger::ACCOUNT)))
}

async fn through(lane: &Lane<'_>) -> Result<()> {
    let load = lane.load(RATE);
    let before = lane.phase().await?;
    lane.set_image("shop:1.1").await?;
    let (start, mut begun) = (std::time::Instant::now(), false);
    loop {
        let phase = lane.phase().await?;
        begun |= phase != before;
        match phase.as_str() {
            "Succeeded" if begun => break,
            "RolledBack" | "Failed" if begun => bail!("{} was rolled back", lane.name()),
            _ if start.elapsed() > LIMIT => bail!("{}: {phase} after {LIMIT:?}", lane.name()),
            _ => sleep(POLL).await,
        }
    }
    load.stop().await;
    Ok(())
}
