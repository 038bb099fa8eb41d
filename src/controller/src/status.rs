//! What status shows of a release: the same object for people, programs and `serin status`.

pub mod kubernetes;

use core::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serin_assignment::{Salt, Weight};
use serin_judge::{Alpha, Dispersion, Margin, SetAside, Share, Worse};
use serin_rollout::{Alert, Pause, Phase, Reason, Verdict};

use crate::folded::Folded;
use crate::store::Given;

/// A release as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The release's namespace.
    pub namespace: String,
    /// The release's name.
    pub name: String,
    /// The version on trial.
    pub version: String,
    /// Where the rollout is; `None` until the stored state is known.
    pub phase: Option<Phase>,
    /// The present step, counted from 1.
    pub step: usize,
    /// How many steps the plan has.
    pub steps: usize,
    /// The canary's share.
    pub weight: Weight,
    /// Whether anybody may be sent to the canary, testers included.
    pub canary_serves: bool,
    /// The share of requests of which the canary gets copies, while nobody is on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Weight>,
    /// The revision of this traffic.
    pub revision: u64,
    /// When this revision came into the assignment document.
    pub published_at: Option<Timestamp>,
    /// What the hash uses to pick users.
    pub salt: Option<Salt>,
    /// The canary's share of the requests that the hash placed, 0.0 to 1.0, as counted since the
    /// step's clock started. Where users stick it wanders; it is shown, not acted on.
    pub observed_share: Option<f64>,
    /// The proxies that were asked for proof that the weight is live.
    pub proxies: Proxies,
    /// The step's time under observation; `None` until the weight is proved live.
    pub step_clock: Option<Clock>,
    /// Requests that the canary served since the step's clock started.
    pub canary_requests: Option<u64>,
    /// Why no rise happens for now.
    pub paused: Option<Pause>,
    /// Whether nothing is done until a person decides.
    pub frozen: bool,
    /// What kind of decision the last pass took; `None` before the first pass.
    pub reason: Option<Reason>,
    /// The same in one sentence with its numbers.
    pub message: String,
    /// The evidence of all ratio gates together; `None` before there is any.
    #[serde(default)]
    pub evidence: Option<Evidence>,
    /// The ratio that would have been seen at this step by now, with a chance of 90 %; `None` where
    /// none would.
    #[serde(default)]
    pub detectable: Option<f64>,
    /// The last readings of the gates.
    pub gates: Vec<Gate>,
    /// Alerts whose cause has not gone.
    pub alerts: Vec<RaisedAlert>,
    /// What else people should know: what does not work, and since which part.
    pub conditions: Vec<Condition>,
    /// The newest decisions, newest last.
    pub decisions: Vec<Decision>,
}

/// The proxies that were asked for proof that the weight is live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proxies {
    /// How many were seen.
    pub seen: usize,
    /// How many of them show an earlier revision.
    pub behind: usize,
    /// How many have sent everyone to stable by their tripwires; absent where none has a tripwire for
    /// this release, or nobody can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tripped: Option<usize>,
}

/// A step's time under observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Clock {
    /// When the weight was proved live.
    pub started_at: Timestamp,
    /// Time under observation since, in whole seconds.
    #[serde(with = "written_duration")]
    pub baked: Duration,
    /// Time under observation that the step needs.
    #[serde(with = "written_duration")]
    pub bake: Duration,
}

/// A gate's last reading.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// The gate's name.
    pub name: String,
    /// The outcome.
    pub verdict: Verdict,
    /// The numbers behind it.
    pub detail: String,
    /// When it was evaluated.
    pub at: Timestamp,
    /// The evidence, where the gate compares both sides.
    #[serde(default)]
    pub evidence: Option<GateEvidence>,
}

/// The evidence of all ratio gates together. Every logarithm is a natural one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// What decides: the weighted mean of the gates' evidence, each without its worst cohorts.
    pub log_e: f64,
    /// What it has to reach for a rollback.
    pub log_threshold: f64,
    /// How many scrapes have been judged or skipped.
    pub intervals: u64,
}

/// What one gate's counts come to. Every logarithm is a natural one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateEvidence {
    /// What it compares.
    pub measure: Measured,
    /// The test that its evidence is from.
    pub test: GateTest,
    /// The evidence on all counts.
    pub log_e: f64,
    /// The evidence without the worst cohorts.
    pub log_e_worst: f64,
    /// The cohorts whose absence costs most.
    pub set_aside: Vec<usize>,
    /// The evidence that the canary's own rate is above the floor; `None` without a floor.
    pub log_floor: Option<f64>,
    /// The gate's part in the mean that decides, 0 to 1.
    pub weight: f64,
    /// The most likely ratio canary/stable; `None` without events.
    pub ratio: Option<f64>,
    /// The lower end of its confidence sequence.
    pub ratio_low: f64,
    /// The upper end of its confidence sequence.
    pub ratio_high: f64,
    /// The ratio that would have been seen at this step by now, with a chance of 90 %.
    pub detectable: Option<f64>,
    /// The canary's counts since the rollout's start, as far as they are judged.
    pub canary: SideCounts,
    /// Stable's counts.
    pub stable: SideCounts,
}

/// How a gate's counts are judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateTest {
    /// The ratio canary/stable that is still fine.
    pub margin: Margin,
    /// Which way the canary would be worse.
    pub worse: Worse,
    /// The highest probability of a rollback by chance, of all gates together.
    pub alpha: Alpha,
    /// The rate that the canary's own must be above for a rollback; `None` without a floor.
    pub floor: Option<Share>,
    /// How strongly events clump.
    pub phi: Dispersion,
    /// How many of the worst cohorts the evidence must do without.
    pub set_aside: SetAside,
}

/// What a ratio gate compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Measured {
    /// The share of requests that fail.
    ErrorRate,
    /// The share of requests that are slow.
    Latency,
    /// The share of opportunities that are taken.
    Conversion,
}

/// What was counted on a side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SideCounts {
    /// Requests, or opportunities.
    pub requests: f64,
    /// Errors, slow requests or conversions among them.
    pub events: f64,
}

/// An alert whose cause has not gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RaisedAlert {
    /// What people must know of.
    pub name: Alert,
    /// Since when.
    pub since: Timestamp,
}

/// Something that does not work as the release asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Which kind, for programs.
    pub kind: ConditionKind,
    /// What and why, for people.
    pub message: String,
}

/// Which kind of condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ConditionKind {
    /// The weight in force is being asked for, since no state was stored.
    StateUnknown,
    /// The state could not be written; nothing rises meanwhile.
    StateNotStored,
    /// The router does not have the weights yet; nothing rises meanwhile.
    RouteNotWritten,
    /// The module's own parser does not accept the release, which is not in the document.
    LeftOut,
    /// Proxies have too many metric names and keep some of the release's counts to themselves.
    EvidenceCapped,
    /// The release asks for a tripwire, and some proxies have a module without.
    NoTripwire,
    /// The release file was changed into something that cannot be used; the one before goes on.
    ReleaseFileRefused,
    /// The release can be run, but its owner should know something about it.
    Warning,
}

/// One line of the decision log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// What kind of decision.
    pub reason: Reason,
    /// One sentence with its numbers.
    pub message: String,
    /// The step after it, counted from 1.
    pub step: usize,
    /// The canary's share after it.
    pub weight: Weight,
    /// What a person asked for at the same time; it need not be what was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Given>,
    /// All that it follows from: the state before it, the observation, the time, what the evidence
    /// said.
    #[serde(default)]
    pub inputs: Option<Folded>,
}

impl Status {
    /// `namespace/name`.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// The same without what its decisions follow from.
    #[must_use]
    pub fn without_inputs(&self) -> Self {
        let mut short = self.clone();
        for decision in &mut short.decisions {
            decision.inputs = None;
        }
        short
    }
}

/// A time stamp from milliseconds since 1970; the last one that can be told where it is beyond.
#[must_use]
pub fn timestamp(ms: u64) -> Timestamp {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .unwrap_or(Timestamp::MAX)
}

mod written_duration {
    //! Durations as the release file writes them: `1h30m`.

    use core::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&serin_document::duration::format(*value))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        serin_document::duration::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
pub(crate) fn example() -> Status {
    serde_json::from_str(
        r#"{
        "namespace": "demo", "name": "shop", "version": "v2", "phase": "Progressing",
        "step": 2, "steps": 5, "weight": "25%", "canaryServes": true, "revision": 12,
        "publishedAt": "2026-11-23T19:00:00.123Z", "salt": "demo/shop/1", "observedShare": 0.2483,
        "proxies": {"seen": 2, "behind": 0, "tripped": 0},
        "stepClock": {"startedAt": "2026-11-23T19:00:01Z", "baked": "42s", "bake": "10m"},
        "canaryRequests": 312, "paused": null, "frozen": false, "reason": "Baking",
        "message": "holding 25%", "alerts": [], "conditions": [],
        "evidence": {"logE": 0.25, "logThreshold": 4.5, "intervals": 42}, "detectable": 3.1,
        "gates": [{"name": "errors", "verdict": "pass", "detail": "canary 0.1 % of 1,234 requests",
                   "at": "2026-11-23T19:00:40Z", "evidence": {
                       "measure": "errorRate",
                       "test": {"margin": 1.1, "worse": "higher", "alpha": 0.01, "floor": 0.001,
                                "phi": 1.0, "setAside": "one"},
                       "logE": 0.5, "logEWorst": 0.25, "setAside": [7], "logFloor": -1.5,
                       "weight": 1.0, "ratio": 1.5, "ratioLow": 0.5, "ratioHigh": 4.5,
                       "detectable": 3.1, "canary": {"requests": 1234.0, "events": 1.0},
                       "stable": {"requests": 3702.0, "events": 2.0}}}],
        "decisions": [{"at": "2026-11-23T19:00:00.123Z", "reason": "Advanced",
                       "message": "rising from 5% to 25%", "step": 2, "weight": "25%",
                       "inputs": {"state": {"step": 0}, "now": {"wallMs": 1795460400123},
                                  "observation": {"gates": []}, "findings": null}}]
    }"#,
    )
    .unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_comes_back_as_it_was_sent() {
        let json = serde_json::to_string(&example()).unwrap();
        assert_eq!(serde_json::from_str::<Status>(&json).unwrap(), example());
        assert!(json.contains(r#""baked":"42s","bake":"10m""#), "{json}");
    }

    #[test]
    fn any_number_of_milliseconds_is_some_time() {
        assert_eq!(timestamp(1_795_445_683_700).to_string(), "2026-11-23T14:54:43.7Z");
        assert_eq!(timestamp(u64::MAX), Timestamp::MAX);
    }
}
