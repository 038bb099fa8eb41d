//! What a release may say and is still unlikely to mean.

use core::fmt;
use core::time::Duration;

use serde::Serialize;
use serin_assignment::Weight;
use serin_document::duration::format as in_words;
use serin_rollout::{Approval, OnSuccess};

use super::{FieldPath, Release};
use crate::gates::{Gate, Kind};

/// A doubt about a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Where the field stands.
    pub field: FieldPath,
    /// The doubt.
    pub message: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// The fewest scrapes of a window that tell a trend from a scrape's luck.
const SCRAPES_PER_WINDOW: u32 = 4;

impl Release {
    /// What should be looked at before this release is run.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let spec = FieldPath::default().field("spec");
        let mut warnings = Vec::new();
        let sides =
            [("stable", &self.traffic.stable_cluster), ("canary", &self.traffic.canary_cluster)];
        for (side, cluster) in sides {
            if cluster.contains('.') {
                warnings.push(Warning {
                    field: spec.field("traffic").field(side).field("cluster"),
                    message: format!(
                        "Envoy cuts {cluster} at the first '.' in its metrics, so gates would find \
                         nothing, unless its stats_tags have a regex for such names"
                    ),
                });
            }
        }
        if self.gates.is_empty() {
            warnings.push(Warning {
                field: spec.field("gates"),
                message: "no gate: only a canary without endpoints would be rolled back".to_owned(),
            });
        }
        for (index, gate) in self.gates.iter().enumerate() {
            self.doubt_gate(gate, &spec.field("gates").index(index), &mut warnings);
        }
        self.doubt_steps(&spec.field("steps"), &mut warnings);
        let last = self.plan.steps.last().weight;
        if last < Weight::FULL {
            let end = match self.plan.on_success {
                OnSuccess::Keep => format!("the release ends with {last} on the canary"),
                OnSuccess::Promote => format!("stable is replaced after {last} were tried"),
            };
            warnings.push(Warning {
                field: spec.field("steps").index(self.plan.steps.len().saturating_sub(1)),
                message: format!("the last step is not 100%: {end}"),
            });
        }
        warnings
    }

    fn doubt_gate(&self, gate: &Gate, at: &FieldPath, warnings: &mut Vec<Warning>) {
        let mut warn = |field: FieldPath, message: String| {
            warnings.push(Warning { field, message });
        };
        let scrape = self.prometheus.scrape_interval;
        if let Some(window) = gate.window()
            && window < scrape * SCRAPES_PER_WINDOW
        {
            let (window, scrape) = (in_words(window), in_words(scrape));
            let message =
                format!("a window of {window} holds fewer than four scrapes of {scrape} each");
            warn(at.field("window"), message);
        }
        let Kind::Threshold(threshold) = &gate.kind else { return };
        if !threshold.query.names_side() {
            let message = "the query names no side ({{variant}} or {{cluster}}), so what stable does \
                           rolls the canary back too";
            warn(at.field("query"), message.to_owned());
        }
        if !threshold.query.names_window() {
            let message = "the query has no {{window}}, so it may see what was before this rollout";
            warn(at.field("query"), message.to_owned());
        }
        if threshold.samples.is_none() {
            let message = "without `samples` a value counts however few requests it rests on";
            warn(at.clone(), message.to_owned());
        }
        if threshold.limits.max_ratio.is_some() && threshold.limits.max.is_none() {
            let message = "without `max` this never fails while stable's value is 0, nor at 100%";
            warn(at.field("maxRatio"), message.to_owned());
        }
    }

    fn doubt_steps(&self, at: &FieldPath, warnings: &mut Vec<Warning>) {
        let longest = self.gates.iter().filter_map(Gate::window).max().unwrap_or(Duration::ZERO);
        for (index, step) in self.plan.steps.iter().enumerate() {
            let at = at.index(index);
            let told_nothing = step.length.longest().is_zero()
                && step.min_requests == 0
                && step.approval == Approval::Automatic;
            if told_nothing {
                let message =
                    "neither time, nor requests, nor approval: nothing can be told from it";
                warnings.push(Warning { field: at, message: message.to_owned() });
            } else if step.length.longest() < longest {
                let (bake, window) = (in_words(step.length.longest()), in_words(longest));
                let message = format!(
                    "{bake} is shorter than a gate's window of {window}, which reaches back into \
                     the step before"
                );
                warnings.push(Warning { field: at.field("bake"), message });
            }
        }
    }
}
