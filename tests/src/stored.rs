//! Reads what the controller stores as it changes, by hand and not by the controller's own types.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serin_assignment::Weight;

/// A store takes the disk about a millisecond; the state between two of them is to be seen.
const POLL: Duration = Duration::from_micros(200);

/// What the tests read of a stored record.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stored {
    /// Rises with every store.
    pub serial: u64,
    /// Where the rollout is.
    pub state: State,
    /// The traffic that is in the assignment document.
    pub live: Option<Live>,
    /// The log, newest last.
    pub decisions: Vec<Logged>,
}

/// Where the rollout is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The version on trial.
    pub version: String,
    /// The phase.
    pub phase: String,
    /// The traffic to be in force.
    pub traffic: Traffic,
    /// The step's clock.
    pub clock: Option<Clock>,
}

/// The traffic to be in force.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// The canary's share.
    pub weight: Weight,
    /// Whether anybody may be sent to the canary.
    pub canary_serves: bool,
    /// The share of requests that are mirrored to it.
    pub mirror: Option<Weight>,
    /// Its revision.
    pub revision: u64,
}

/// The step's clock.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Clock {
    /// When the weight was proved live, in milliseconds since 1970.
    pub started_ms: u64,
}

/// The traffic that is in the assignment document.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Live {
    /// Its revision.
    pub revision: u64,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Logged {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What was decided.
    pub decision: Decision,
}

/// What was decided.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Decision {
    /// What kind of decision.
    pub reason: String,
}

impl State {
    /// Whether the last step is over and was well.
    fn has_held(&self) -> bool {
        matches!(self.phase.as_str(), "Promoting" | "Succeeded")
    }
}

impl Stored {
    /// Whether the traffic is decided and not yet known to be published.
    #[must_use]
    pub fn is_intent(&self) -> bool {
        self.live.as_ref().is_none_or(|live| live.revision != self.state.traffic.revision)
    }

    /// What makes it a step of its own: all but numbers that rise with time or with each start.
    #[must_use]
    pub fn step(&self) -> String {
        let State { version, phase, traffic, clock, .. } = &self.state;
        let live = self.live.as_ref().map(|live| live.revision);
        let reason = self.decisions.last().map(|last| &last.decision.reason);
        format!("{version} {phase} {traffic:?} {clock:?} live {live:?} {reason:?}")
    }
}

/// Bake time is told by the monotonic clock and stamps by the wall's, which is read a moment later;
/// on a busy machine somebody else may run in between.
const BETWEEN_CLOCKS: Duration = Duration::from_millis(100);

/// Checks that between the proof that a weight was live and the decision for the next one lay the
/// step's time. Says how many steps were seen to end well.
///
/// # Errors
/// Where a step was shorter.
pub fn every_step_baked(stored: &[Stored], bake: Duration) -> Result<u32> {
    let mut rises = 0;
    for (before, after) in stored.iter().zip(stored.iter().skip(1)) {
        let weight = before.state.traffic.weight;
        let ended = after.state.traffic.weight > weight || after.state.has_held();
        if weight.is_zero() || !ended || before.state.has_held() {
            continue;
        }
        rises += 1;
        let started = before.state.clock.as_ref().with_context(|| format!("{weight}: no clock"))?;
        // A success changes no traffic, so that its decision's own stamp says when.
        let ended = after.decisions.last().context("no decision")?.at_ms;
        let baked = Duration::from_millis(ended.saturating_sub(started.started_ms));
        ensure!(
            baked + BETWEEN_CLOCKS >= bake,
            "{weight} was under observation for {baked:?} only"
        );
    }
    Ok(rises)
}

/// Checks that every store has a higher number, and every change of the traffic a higher revision.
///
/// # Errors
/// Where one has not.
pub fn rises_strictly(stored: &[&Stored]) -> Result<()> {
    for (before, after) in stored.iter().zip(stored.iter().skip(1)) {
        ensure!(after.serial > before.serial, "{before:?} then {after:?}");
        let (old, new) = (&before.state.traffic, &after.state.traffic);
        ensure!(old == new || new.revision > old.revision, "{old:?} then {new:?}");
    }
    Ok(())
}

/// Follows the file from version to version.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    /// Every version that was seen, oldest first.
    pub versions: Vec<Stored>,
    newest: Vec<u8>,
    steps: BTreeSet<String>,
}

impl Follower {
    /// Of the file at `path`, which need not be there yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, versions: Vec::new(), newest: Vec::new(), steps: BTreeSet::new() }
    }

    /// The version that was seen last.
    #[must_use]
    pub fn last(&self) -> Option<&Stored> {
        self.versions.last()
    }

    /// Waits, for `limit` at the most, until a step is stored that has not been seen before.
    ///
    /// # Errors
    /// Where the file holds something else than a state: it is replaced as a whole, so that nobody
    /// may ever see half of one.
    pub async fn new_step(mut self, limit: Duration) -> Result<(Self, bool)> {
        tokio::task::spawn_blocking(move || {
            let start = Instant::now();
            while start.elapsed() < limit {
                if self.look()? {
                    return Ok((self, true));
                }
                thread::sleep(POLL);
            }
            Ok((self, false))
        })
        .await?
    }

    fn look(&mut self) -> Result<bool> {
        let Ok(bytes) = fs::read(&self.path) else { return Ok(false) };
        if bytes == self.newest {
            return Ok(false);
        }
        let stored: Stored = serde_json::from_slice(&bytes)
            .with_context(|| format!("state: {}", String::from_utf8_lossy(&bytes)))?;
        let new = self.steps.insert(stored.step());
        self.versions.push(stored);
        self.newest = bytes;
        Ok(new)
    }
}
