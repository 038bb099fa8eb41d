//! Doubts about steps.

use core::time::Duration;

use serin_document::duration::format as in_words;
use serin_rollout::{Approval, Length, Step};

use super::Warning;
use crate::gates::{Gate, Measure};
use crate::release::{FieldPath, Release};

/// After a step's start the conversions of so many times their lag are not judged.
const LAGS_SKIPPED: u32 = 3;

impl Release {
    pub(super) fn doubt_steps(&self, at: &FieldPath, warnings: &mut Vec<Warning>) {
        let mut since_start = Duration::ZERO;
        for (index, step) in self.plan.steps.iter().enumerate() {
            let at = at.index(index);
            since_start = since_start.saturating_add(step.length.longest());
            let told_nothing = step.length.longest().is_zero()
                && step.min_requests == 0
                && step.approval == Approval::Automatic;
            if told_nothing {
                let message =
                    "neither time, nor requests, nor approval: nothing can be told from it";
                warnings.push(Warning { field: at, message: message.to_owned() });
                continue;
            }
            let doubts = [self.too_short(step), self.not_judged(since_start), self.lags(step)];
            for message in doubts.into_iter().flatten() {
                let field = match step.length {
                    Length::Bake(_) => at.field("bake"),
                    Length::Detect { .. } => at.field("atMost"),
                };
                warnings.push(Warning { field, message });
            }
        }
    }

    fn too_short(&self, step: &Step) -> Option<String> {
        let window = self.gates.iter().filter_map(Gate::window).max()?;
        let time = step.length.longest();
        (time < window).then(|| {
            let (time, window) = (in_words(time), in_words(window));
            format!(
                "{time} is shorter than a gate's window of {window}, which reaches back into the \
                 step before"
            )
        })
    }

    /// `since_start`: from the rollout's start to the step's end, at least.
    fn not_judged(&self, since_start: Duration) -> Option<String> {
        let skip = self.evidence.skip;
        let compares = self.gates.iter().any(|gate| gate.ratio().is_some());
        (compares && since_start <= skip).then(|| {
            let skip = in_words(skip);
            format!("may be over before the first {skip}, of which nothing is judged, have passed")
        })
    }

    fn lags(&self, step: &Step) -> Option<String> {
        let lag = self.gates.iter().filter_map(|gate| match gate.ratio()?.measure {
            Measure::Conversion { lag } => Some(lag),
            Measure::ErrorRate { .. } | Measure::Latency { .. } => None,
        });
        let skipped = lag.max()?.saturating_mul(LAGS_SKIPPED);
        let time = step.length.longest();
        (time <= skipped && !skipped.is_zero()).then(|| {
            let (time, skipped) = (in_words(time), in_words(skipped));
            format!(
                "within {time} no conversion is judged: three times their lag after a step's start, \
                 {skipped}, are left out"
            )
        })
    }
}
