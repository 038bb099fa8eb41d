//! A release in a list: what tells it apart from a thousand others, and how it fares.

use serde::Serialize;
use serin_assignment::Weight;
use serin_rollout::{Alert, Pause, Phase, Reason, Verdict};

use crate::status::{ConditionKind, Status};

/// The longest sentence in a list, in characters: more than a line shows.
const SENTENCE: usize = 160;

/// A release in a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    namespace: String,
    name: String,
    version: String,
    phase: Option<Phase>,
    step: usize,
    steps: usize,
    weight: Weight,
    paused: Option<Pause>,
    frozen: bool,
    reason: Option<Reason>,
    message: String,
    alerts: Vec<Alert>,
    /// What keeps it from being run as it says.
    troubles: Vec<ConditionKind>,
    /// The gates that do not pass.
    verdicts: Vec<Verdict>,
    /// How far the evidence of harm is on its way to a rollback, in whole percent.
    harm: Option<u8>,
    /// Whether this is what another process has stored.
    stored: bool,
}

impl Summary {
    pub(super) fn of(status: &Status, stored: bool) -> Self {
        let harm = status.evidence.map(|found| percent(found.log_e / found.log_threshold));
        let told = |verdict: &Verdict| {
            matches!(verdict, Verdict::Fail | Verdict::Hold | Verdict::NoData | Verdict::Broken)
        };
        Self {
            namespace: status.namespace.clone(),
            name: status.name.clone(),
            version: status.version.clone(),
            phase: status.phase,
            step: status.step,
            steps: status.steps,
            weight: status.weight,
            paused: status.paused,
            frozen: status.frozen,
            reason: status.reason,
            message: status.message.chars().take(SENTENCE).collect(),
            alerts: status.alerts.iter().map(|alert| alert.name).collect(),
            troubles: status
                .conditions
                .iter()
                .map(|condition| condition.kind)
                .filter(|kind| *kind != ConditionKind::Warning)
                .collect(),
            verdicts: status.gates.iter().map(|gate| gate.verdict).filter(told).collect(),
            harm,
            stored,
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is between 0 and 100; what is no number becomes 0"
)]
fn percent(share: f64) -> u8 {
    (share.clamp(0.0, 1.0) * 100.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::example;

    #[test]
    fn a_summary_says_how_far_the_evidence_is() {
        let summary = Summary::of(&example(), false);
        assert_eq!(summary.harm, Some(5));
        assert_eq!(summary.verdicts, [], "what passes is no news");
        for (share, whole) in [(-3.0, 0), (0.999, 99), (7.0, 100), (f64::NAN, 0)] {
            assert_eq!(percent(share), whole, "{share}");
        }
    }

    #[test]
    fn a_long_sentence_is_cut_between_characters() {
        let status = Status { message: "ä".repeat(500), ..example() };
        assert_eq!(Summary::of(&status, true).message.chars().count(), SENTENCE);
    }
}
