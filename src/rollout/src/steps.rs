//! The weights to go through.

use core::iter;

use serde::{Serialize, Serializer};
use serin_assignment::Weight;

use crate::{Approval, Length, Step};

/// At least one step; the weights rise, none is zero and none is above the rollout's part of the
/// users.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps {
    first: Step,
    later: Vec<Step>,
    full: Weight,
}

impl Serialize for Steps {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl Steps {
    /// Checks the steps of a plan.
    ///
    /// # Errors
    /// [`InvalidPlan`] where there is none, where one has no weight, or where one does not rise
    /// above the one before.
    pub fn try_new(steps: Vec<Step>) -> Result<Self, InvalidPlan> {
        let mut before = Weight::ZERO;
        for (index, plan_step) in steps.iter().enumerate() {
            let (weight, step) = (plan_step.weight, index + 1);
            if weight.is_zero() {
                return Err(InvalidPlan::NoWeight { step });
            }
            if weight <= before {
                return Err(InvalidPlan::NotRising { step, weight, before });
            }
            before = weight;
            if let Length::Detect { ratio, .. } = plan_step.length
                && !(ratio.is_finite() && ratio > 0.0 && (ratio - 1.0).abs() > f64::EPSILON)
            {
                return Err(InvalidPlan::NoDifference { step, ratio });
            }
        }
        let mut steps = steps.into_iter();
        let first = steps.next().ok_or(InvalidPlan::NoSteps)?;
        Ok(Self { first, later: steps.collect(), full: Weight::FULL })
    }

    /// The same steps of a rollout that has only a part of the users: `full` is that part.
    ///
    /// # Errors
    /// [`InvalidPlan::BeyondRange`] where a step would take more.
    pub fn within(self, full: Weight) -> Result<Self, InvalidPlan> {
        let beyond = self.iter().enumerate().find(|(_, step)| step.weight > full);
        if let Some((index, Step { weight, .. })) = beyond {
            return Err(InvalidPlan::BeyondRange { step: index + 1, weight: *weight, full });
        }
        Ok(Self { full, ..self })
    }

    /// The weight at which all of the rollout's users are on the canary, so that nobody is left on
    /// stable to compare them with: 100 %, or the part of the users that it has.
    #[must_use]
    pub const fn full(&self) -> Weight {
        self.full
    }

    /// The same steps, each of which waits for a person.
    #[must_use]
    pub fn all_approved(mut self) -> Self {
        for step in iter::once(&mut self.first).chain(&mut self.later) {
            step.approval = Approval::Manual;
        }
        self
    }

    /// How many steps there are, at least one.
    #[expect(clippy::len_without_is_empty, reason = "there always is a step")]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.later.len() + 1
    }

    /// The steps in order.
    pub fn iter(&self) -> impl Iterator<Item = &Step> {
        iter::once(&self.first).chain(&self.later)
    }

    /// The step at `index`, counted from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Step> {
        match index.checked_sub(1) {
            None => Some(&self.first),
            Some(later) => self.later.get(later),
        }
    }

    /// The last step.
    #[must_use]
    pub fn last(&self) -> &Step {
        self.later.last().unwrap_or(&self.first)
    }

    /// The step whose conditions hold at `weight`, with its index: the last one that `weight`
    /// reaches, the first one where it reaches none.
    ///
    /// In a rollout that follows its plan that is the step which set the weight. Where the plan was
    /// changed meanwhile, or the weight was found in force, it is the nearest that was not skipped.
    #[must_use]
    pub fn reached_by(&self, weight: Weight) -> (usize, &Step) {
        let reached = self.iter().enumerate().take_while(|(_, step)| step.weight <= weight);
        reached.last().unwrap_or((0, &self.first))
    }

    /// The step to which the next rise from `weight` goes, with its index: the first one above;
    /// `None` at the end of the plan.
    #[must_use]
    pub fn above(&self, weight: Weight) -> Option<(usize, &Step)> {
        self.iter().enumerate().find(|(_, step)| step.weight > weight)
    }
}

/// Why steps make no plan. Steps are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum InvalidPlan {
    /// Nothing to go through.
    #[error("a plan needs at least one step, such as a weight of 5%")]
    NoSteps,
    /// A step at which nobody is on the canary.
    #[error("step {step} has a weight of 0%: a step's weight is above 0%")]
    NoWeight {
        /// Which one.
        step: usize,
    },
    /// A step that does not rise.
    #[error(
        "step {step} has a weight of {weight} after one of {before}: each step rises above the one before"
    )]
    NotRising {
        /// Which one.
        step: usize,
        /// Its weight.
        weight: Weight,
        /// The weight of the step before it.
        before: Weight,
    },
    /// A step that takes more users than the rollout has.
    #[error(
        "step {step} has a weight of {weight}: the rollout's buckets hold {full} of the users, so the last step has {full} at most"
    )]
    BeyondRange {
        /// Which one.
        step: usize,
        /// Its weight.
        weight: Weight,
        /// The rollout's part of the users.
        full: Weight,
    },
    /// A step that is to detect what is no difference.
    #[error(
        "step {step} detects a ratio of {ratio}: a ratio is above 0 and not 1, such as 2 for errors and latency or 0.9 for conversions"
    )]
    NoDifference {
        /// Which one.
        step: usize,
        /// Its ratio.
        ratio: f64,
    },
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn steps(weights: &[&str]) -> Result<Steps, InvalidPlan> {
        let step = |weight: &&str| Step {
            weight: weight.parse().unwrap(),
            length: Length::Bake(Duration::ZERO),
            min_requests: 0,
            approval: Approval::Automatic,
        };
        Steps::try_new(weights.iter().map(step).collect())
    }

    fn weight(text: &str) -> Weight {
        text.parse().unwrap()
    }

    #[test]
    fn steps_rise_from_above_zero() {
        assert_eq!(steps(&["5%", "25%", "100%"]).unwrap().len(), 3);
        assert_eq!(steps(&[]), Err(InvalidPlan::NoSteps));
        assert_eq!(steps(&["0%", "5%"]), Err(InvalidPlan::NoWeight { step: 1 }));
        for second in ["5%", "4.99%"] {
            let not_rising =
                InvalidPlan::NotRising { step: 2, weight: weight(second), before: weight("5%") };
            assert_eq!(steps(&["5%", second]), Err(not_rising));
        }
    }

    #[test]
    fn errors_name_step_value_and_rule() {
        let error = steps(&["5%", "25%", "25%"]).unwrap_err().to_string();
        assert_eq!(
            error,
            "step 3 has a weight of 25% after one of 25%: each step rises above the one before"
        );
    }

    #[test]
    fn a_part_of_the_users_holds_every_step() {
        let all = steps(&["5%", "30%"]).unwrap();
        assert_eq!(all.full(), Weight::FULL);
        assert_eq!(all.clone().within(weight("30%")).unwrap().full(), weight("30%"));
        let error = all.within(weight("29.99%")).unwrap_err();
        let beyond =
            InvalidPlan::BeyondRange { step: 2, weight: weight("30%"), full: weight("29.99%") };
        assert_eq!(error, beyond);
    }

    #[test]
    fn a_weight_finds_its_step_and_the_next() {
        let steps = steps(&["5%", "25%", "100%"]).unwrap();
        let cases = [
            ("0%", 0, Some(0)),
            ("2%", 0, Some(0)),
            ("5%", 0, Some(1)),
            ("24.99%", 0, Some(1)),
            ("25%", 1, Some(2)),
            ("100%", 2, None),
        ];
        for (at, reached, above) in cases {
            assert_eq!(steps.reached_by(weight(at)).0, reached, "reached by {at}");
            assert_eq!(steps.above(weight(at)).map(|(index, _)| index), above, "above {at}");
        }
    }

    #[test]
    fn steps_are_found_by_index() {
        let steps = steps(&["5%", "25%"]).unwrap();
        let weights: Vec<_> =
            (0..3).map(|index| steps.get(index).map(|step| step.weight)).collect();
        assert_eq!(weights, [Some(weight("5%")), Some(weight("25%")), None]);
        assert_eq!(steps.last().weight, weight("25%"));
    }
}
