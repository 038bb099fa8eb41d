//! Cohorts set aside: the evidence that is left without any one or two of them.

use super::RatioTest;
use crate::SetAside;

/// Cohorts that are left out together: one or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeftOut {
    One([usize; 1]),
    Two([usize; 2]),
}

impl LeftOut {
    pub(crate) const fn as_slice(&self) -> &[usize] {
        match self {
            Self::One(cohort) => cohort,
            Self::Two(pair) => pair,
        }
    }
}

/// Every set of cohorts for which a test keeps evidence: each alone, then each pair.
pub(crate) fn sets(set_aside: SetAside, cohorts: usize) -> impl Iterator<Item = LeftOut> {
    let upto = |kept: bool| if kept { cohorts } else { 0 };
    let alone = (0..upto(set_aside != SetAside::None)).map(|cohort| LeftOut::One([cohort]));
    let pairs = (0..upto(set_aside == SetAside::Two)).flat_map(move |first| {
        (first + 1..cohorts).map(move |second| LeftOut::Two([first, second]))
    });
    alone.chain(pairs)
}

/// Evidence without some cohorts.
#[derive(Clone, Debug, PartialEq)]
pub struct SetAsideEvidence {
    /// `ln E` on the counts without them, with restarts.
    pub log_e: f64,
    /// Which are left out; none where there are none to leave out.
    pub cohorts: Vec<usize>,
}

impl RatioTest {
    /// The smallest evidence that is left when as many cohorts are set aside as the rule says, and
    /// the cohorts whose absence leaves it: the evidence that a rollback needs. Without cohorts, or
    /// where none is set aside, the evidence of all.
    ///
    /// With a single cohort, that one is left out. What is left of users who are independent of
    /// each other keeps to alpha, since it never exceeds the evidence without a cohort fixed
    /// beforehand.
    #[must_use]
    pub fn log_e_worst(&self) -> SetAsideEvidence {
        let worst = match self.set_aside {
            SetAside::None => None,
            SetAside::One => self.worst_of(1),
            SetAside::Two => self.worst_of(2).or_else(|| self.worst_of(1)),
        };
        worst.unwrap_or_else(|| SetAsideEvidence { log_e: self.log_e(), cohorts: Vec::new() })
    }

    /// The smallest evidence without one cohort, where that is kept.
    #[must_use]
    pub fn log_e_worst_one(&self) -> Option<f64> {
        self.worst_of(1).map(|worst| worst.log_e)
    }

    /// The smallest evidence without two cohorts, where that is kept.
    #[must_use]
    pub fn log_e_worst_two(&self) -> Option<f64> {
        self.worst_of(2).map(|worst| worst.log_e)
    }

    /// The evidence without each set of cohorts that is kept: each alone, then each pair.
    fn left_out(&self) -> impl Iterator<Item = SetAsideEvidence> {
        let sets = sets(self.set_aside, self.cohorts);
        sets.zip(&self.without).map(|(left_out, stakes)| SetAsideEvidence {
            log_e: stakes.log_e(self.intervals),
            cohorts: left_out.as_slice().to_vec(),
        })
    }

    /// `ln E` without each single cohort, in their order, where that is kept.
    pub fn log_e_left_out(&self) -> impl Iterator<Item = f64> {
        self.left_out()
            .filter(|left_out| left_out.cohorts.len() == 1)
            .map(|left_out| left_out.log_e)
    }

    fn worst_of(&self, together: usize) -> Option<SetAsideEvidence> {
        let candidates = self.left_out().filter(|evidence| evidence.cohorts.len() == together);
        candidates.min_by(|a, b| a.log_e.total_cmp(&b.log_e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(set_aside: SetAside, cohorts: usize) -> Vec<Vec<usize>> {
        sets(set_aside, cohorts).map(|left_out| left_out.as_slice().to_vec()).collect()
    }

    #[test]
    fn each_alone_then_each_pair() {
        assert!(listed(SetAside::None, 16).is_empty());
        assert_eq!(listed(SetAside::One, 3), [[0], [1], [2]]);
        let two: [&[usize]; 6] = [&[0], &[1], &[2], &[0, 1], &[0, 2], &[1, 2]];
        assert_eq!(listed(SetAside::Two, 3), two);
        assert_eq!(listed(SetAside::Two, 16).len(), 16 + 120);
        assert_eq!(listed(SetAside::Two, 1), [[0]]);
        assert!(listed(SetAside::Two, 0).is_empty());
    }
}
