//! What has been sent, and what the proxy says of it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serin_assignment::{Salt, Weight, assign};
use serin_tests::envoy::Admin;

/// Counts go to Envoy once a second; a busy machine makes it longer, never this long.
const LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(50);

/// Counts by the values of some labels.
pub(crate) type Counts = BTreeMap<Vec<String>, u64>;

/// The responses of one rollout that should have been counted, by variant, cohort and class.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    rollout: String,
    pub(crate) counts: Counts,
}

impl Sent {
    pub(crate) fn new(rollout: &str) -> Self {
        Self { rollout: rollout.to_owned(), counts: Counts::new() }
    }

    /// Notes a request of this user, at this weight, that ended so. The rollout's salt is its name.
    pub(crate) fn add(&mut self, user: &str, weight: &str, class: &str) -> Result<()> {
        let (salt, weight): (Salt, Weight) = (self.rollout.parse()?, weight.parse()?);
        let placed = assign(&salt, user.as_bytes());
        let labels = [placed.variant(weight).as_str(), &placed.cohort.to_string(), class];
        *self.counts.entry(labels.map(str::to_owned).into()).or_default() += 1;
        Ok(())
    }

    /// Waits until as many responses are counted, and compares them one by one.
    pub(crate) async fn is_counted(&self, admin: Admin) -> Result<()> {
        let labels = ["variant", "cohort", "class"];
        reached(admin, "serin_responses", &self.rollout, &labels, &self.counts).await
    }
}

/// Waits until a metric of a rollout has counted as much as it should, and compares by these labels.
pub(crate) async fn reached(
    admin: Admin,
    metric: &str,
    rollout: &str,
    labels: &[&str],
    expected: &Counts,
) -> Result<()> {
    let due: u64 = expected.values().sum();
    let wait = async {
        loop {
            let found = counted(admin, metric, rollout, labels).await?;
            if found.values().sum::<u64>() >= due {
                return Ok::<_, anyhow::Error>(found);
            }
            tokio::time::sleep(POLL).await;
        }
    };
    let found = match tokio::time::timeout(LIMIT, wait).await {
        Ok(found) => found?,
        Err(_) => counted(admin, metric, rollout, labels).await?,
    };
    let differ: Vec<_> = expected
        .keys()
        .chain(found.keys())
        .filter(|key| expected.get(*key) != found.get(*key))
        .map(|key| (key, expected.get(key), found.get(key)))
        .collect();
    ensure!(differ.is_empty(), "{metric} of {rollout}: (labels, sent, counted): {differ:?}");
    Ok(())
}

/// What a metric of a rollout has counted, by the values of these labels.
pub(crate) async fn counted(
    admin: Admin,
    metric: &str,
    rollout: &str,
    labels: &[&str],
) -> Result<Counts> {
    let mut counts = Counts::new();
    for sample in admin.stats(metric).await? {
        if sample.name == metric && sample.label("rollout") == rollout {
            let key = labels.iter().map(|label| sample.label(label).to_owned()).collect();
            let whole = format!("{:.0}", sample.value).parse::<u64>().context("a count")?;
            *counts.entry(key).or_default() += whole;
        }
    }
    Ok(counts)
}
