//! What a panel answers.

use core::fmt;

use serde::Serialize;

use crate::Counts;

/// What the counts so far come to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Findings {
    /// The evidence that decides, as a natural logarithm: the weighted mean of the gates' evidence,
    /// each with its worst cohorts set aside and capped where its floor is not met.
    pub log_e: f64,
    /// How many intervals have been absorbed since the rollout's start, by the gate that has most.
    pub intervals: u64,
    /// Whether the canary is to be rolled back. Once so, it stays so.
    pub rollback: bool,
    /// One finding a gate, in the order of the rules.
    pub gates: Vec<Finding>,
}

/// What one gate's counts come to. The fields that no stream can speak for alone are those of the
/// stream with the most evidence.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The gate's name.
    pub gate: String,
    /// Its part in the mean, 0 to 1.
    pub weight: f64,
    /// How many intervals its test has absorbed, skipped ones included: fewer than another gate's
    /// where this one could not be read for a while, or began anew under other rules.
    pub intervals: u64,
    /// The end of the last interval that was absorbed, in milliseconds since 1970; `None` before
    /// the first one.
    pub cut_ms: Option<u64>,
    /// The gate's evidence on all counts, as a natural logarithm.
    pub log_e: f64,
    /// The same without the worst cohorts.
    pub log_e_worst: f64,
    /// The same as it enters the mean: at most 0 where the floor is not met.
    pub log_e_decisive: f64,
    /// The cohorts whose absence costs most; empty where the gate has none.
    pub set_aside: Vec<usize>,
    /// Whether its counts come by cohort.
    pub cohorts: bool,
    /// The evidence that the canary's own rate is above the floor; `None` without a floor.
    pub log_floor: Option<f64>,
    /// What was judged since the rollout's start.
    pub counts: Counts,
    /// What was counted at the present traffic, judged or not.
    pub step_counts: Counts,
    /// The most likely ratio canary/stable; `None` without events.
    pub ratio: Option<f64>,
    /// The lower end of the ratio's confidence sequence.
    pub ratio_low: f64,
    /// The upper end of the ratio's confidence sequence.
    pub ratio_high: f64,
    /// The ratio nearest to 1 that would have been seen at this step by now, with a chance of 90 %;
    /// `None` where no ratio would.
    pub detectable: Option<f64>,
    /// Each stream by itself.
    pub streams: Vec<StreamFinding>,
    /// What follows.
    pub outcome: Outcome,
}

/// What one stream's counts come to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StreamFinding {
    /// The evidence on all counts, as a natural logarithm.
    pub log_e: f64,
    /// The same without the worst cohorts.
    pub log_e_worst: f64,
    /// The cohorts whose absence costs most.
    pub set_aside: Vec<usize>,
    /// What was judged since the rollout's start.
    pub counts: Counts,
    /// What was counted at the present traffic, judged or not.
    pub step_counts: Counts,
    /// The most likely ratio canary/stable; `None` without events.
    pub ratio: Option<f64>,
    /// The lower end of the ratio's confidence sequence.
    pub ratio_low: f64,
    /// The upper end of the ratio's confidence sequence.
    pub ratio_high: f64,
}

/// What follows from a gate's counts.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind", content = "why")]
pub enum Outcome {
    /// The canary does harm: back to stable.
    Rollback(Why),
    /// It speaks against a rise.
    Hold(Why),
    /// Nothing speaks against a rise.
    Pass,
    /// Too little to tell.
    NoData(Why),
    /// There is no other side to compare with, and nothing suspicious on this one.
    NoComparison,
}

/// Why.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Why {
    /// The evidence of the gates together reached what alpha asks for, this gate's above all.
    Evidence,
    /// Gross harm within the time that is not judged otherwise.
    GrossHarm {
        /// The guard's evidence, as a natural logarithm.
        log_e: f64,
    },
    /// The evidence is not enough for a rollback and too much for a rise.
    Suspicion,
    /// Both sides are above the stated objective, so it isn't the canary.
    SloBroken {
        /// The canary's recent share of events.
        canary: f64,
        /// Stable's recent share of events.
        stable: f64,
        /// The objective.
        slo: f64,
    },
    /// What is counted now is not judged.
    Skipped {
        /// Until when, in milliseconds since 1970.
        until_ms: u64,
    },
    /// At 100 %: the canary's rate is above what stable's was when there was one.
    AboveStable {
        /// The evidence, as a natural logarithm.
        log_e: f64,
        /// The rate that it is above.
        rate: f64,
        /// The canary's counts at 100 %.
        counts: Counts,
    },
    /// Nothing was counted at all yet.
    NotRead,
    /// The canary has had no request at this traffic.
    NoCanaryRequests,
    /// Stable has had no request at this traffic.
    NoStableRequests,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rollback(_) => "rollback",
            Self::Hold(_) => "hold",
            Self::Pass => "pass",
            Self::NoData(_) => "no data",
            Self::NoComparison => "no comparison",
        })
    }
}
