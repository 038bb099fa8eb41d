//! What a panel is told: how to judge, where the rollout stands, what was counted.

use core::time::Duration;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use crate::{Alpha, Dispersion, Interval, Margin, Rule, SetAside, Share, Worse};

/// How a release's ratio gates are judged. It is written beside each decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rules {
    /// The chance that an identical canary is ever rolled back, at most; one for the whole rollout.
    pub alpha: Alpha,
    /// How long after the rollout's start nothing is judged: caches are cold and pools are empty.
    #[serde(rename = "skipMs", serialize_with = "millis")]
    pub skip: Duration,
    /// How many cohorts are left out of the evidence that decides.
    pub set_aside: SetAside,
    /// The gates.
    pub gates: Vec<GateRules>,
}

/// How one ratio gate is judged.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GateRules {
    /// Its name, unique within the release.
    pub name: String,
    /// What it measures.
    pub measure: Measure,
    /// The ratio that is still fine.
    pub margin: Margin,
    /// Its part in the mean that decides; the weights of all gates sum to 1.
    pub weight: f64,
    /// By how much its events clump.
    pub phi: Dispersion,
}

/// What a ratio gate measures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Measure {
    /// Failed requests; more of them is worse.
    Errors {
        /// A rollback also needs evidence that the canary's own rate is above this.
        floor: Option<Share>,
        /// The stated objective: where both sides are above it, it isn't the canary.
        slo: Option<Share>,
    },
    /// Requests slower than a bound, one stream a bound; more of them is worse.
    Slow,
    /// Business events over opportunities; fewer of them is worse.
    Conversions {
        /// How long after its opportunity an event may come.
        #[serde(rename = "lagMs", serialize_with = "millis")]
        lag: Duration,
    },
}

/// A duration in whole milliseconds.
fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

impl Measure {
    /// Which direction is harm.
    #[must_use]
    pub const fn worse(&self) -> Worse {
        match self {
            Self::Errors { .. } | Self::Slow => Worse::Higher,
            Self::Conversions { .. } => Worse::Lower,
        }
    }
}

impl Rules {
    /// The ratio test that a gate's streams go through.
    #[must_use]
    pub fn test(&self, gate: &GateRules) -> Rule {
        let floor = match gate.measure {
            Measure::Errors { floor, .. } => floor,
            Measure::Slow | Measure::Conversions { .. } => None,
        };
        Rule { worse: gate.measure.worse(), margin: gate.margin, floor, set_aside: self.set_aside }
    }

    /// The gate of this name.
    #[must_use]
    pub fn gate(&self, name: &str) -> Option<&GateRules> {
        self.gates.iter().find(|gate| gate.name == name)
    }
}

/// Where the rollout stood while something was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Stage {
    /// Since when the present traffic has been in force, in milliseconds since 1970.
    pub traffic_since_ms: u64,
    /// Whether both sides serve, so that there is something to compare: not at 100 %.
    pub compared: bool,
}

/// What was counted from one scrape to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Counted {
    /// Its start, in milliseconds since 1970.
    pub from_ms: u64,
    /// Its end, in milliseconds since 1970.
    pub to_ms: u64,
    /// Each gate's counts, one interval a stream: one for errors and conversions, one a bound for
    /// latency. A gate that could not be read is absent.
    pub gates: BTreeMap<String, Vec<Interval>>,
}
