//! How much events clump: estimated from stable's pods before the rollout, applied to every interval.
//!
//! Errors come in bursts, and a pod has bad minutes: the pods' counts then vary more than those of
//! independent requests, and the evidence of a few clumps is overrated. Each event counts 1/phi
//! instead. A working correction in the manner of quasi-likelihood (Wedderburn 1974, Biometrika 61),
//! not a bound.

use std::collections::BTreeMap;

use crate::{Dispersion, InvalidCounts};

/// The requests and events of one pod in one interval.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cell {
    requests: f64,
    events: f64,
}

impl Cell {
    /// Requests, and those of them that were events.
    ///
    /// # Errors
    /// As for [`crate::Counts`].
    pub fn try_new(requests: f64, events: f64) -> Result<Self, InvalidCounts> {
        crate::Counts::try_new(0.0, 0.0, requests, events).map(|_| Self { requests, events })
    }

    fn plus(self, other: Self) -> Self {
        Self { requests: self.requests + other.requests, events: self.events + other.events }
    }
}

/// Pearson's statistic of stable's pods:
///
/// ```text
/// chi2 = sum (x_ik - n_ik p_k)^2 / (n_ik p_k (1 - p_k))      intervals k, pods i, p_k over the pods in k
/// dof  = sum_k (pods_k - 1)
/// phi  = max(1, chi2/dof)
/// ```
///
/// Comparing pods within an interval leaves out what moves all of them alike: the rate may follow
/// the day. A cell with `n p < 1` goes into the same pod's next one, since the statistic of rare events
/// is no measure of their clumping.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate<Pod> {
    carried: BTreeMap<Pod, Cell>,
    chi2: f64,
    degrees: f64,
}

impl<Pod: Ord> Default for Estimate<Pod> {
    fn default() -> Self {
        Self { carried: BTreeMap::new(), chi2: 0.0, degrees: 0.0 }
    }
}

impl<Pod: Ord> Estimate<Pod> {
    /// Takes an interval in: each of stable's pods with its counts.
    pub fn absorb(&mut self, pods: impl IntoIterator<Item = (Pod, Cell)>) {
        let mut cells: Vec<(Pod, Cell)> = Vec::new();
        for (pod, cell) in pods {
            let carried = self.carried.remove(&pod).unwrap_or_default();
            cells.push((pod, carried.plus(cell)));
        }
        // A cell that is put off changes the rate of those that stay, and with it who is rare.
        let rate = loop {
            let sum = cells.iter().fold(Cell::default(), |sum, (_, cell)| sum.plus(*cell));
            let rate = if sum.requests > 0.0 { sum.events / sum.requests } else { 0.0 };
            let is_rare = |(_, cell): &mut (Pod, Cell)| cell.requests * rate < 1.0;
            let before = cells.len();
            self.carried.extend(cells.extract_if(.., is_rare));
            if cells.len() == before {
                break rate;
            }
        };
        if cells.len() < 2 {
            self.carried.extend(cells);
            return;
        }
        // Where every request is an event there is nothing to vary.
        if rate >= 1.0 {
            return;
        }
        for (_, Cell { requests, events }) in &cells {
            let expected = requests * rate;
            self.chi2 += (events - expected).powi(2) / (expected * (1.0 - rate));
            self.degrees += 1.0;
        }
        self.degrees -= 1.0;
    }

    /// The dispersion; `None` while no interval had two pods with events enough to compare: then it
    /// has to be given.
    #[must_use]
    pub fn dispersion(&self) -> Option<Dispersion> {
        (self.degrees > 0.0).then(|| Dispersion::nearest(self.chi2 / self.degrees))
    }
}

/// What a side serves with how many pods, as known before an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Requests in an interval.
    pub requests: f64,
    /// Pods that serve them.
    pub pods: u32,
}

impl Load {
    fn per_pod(self) -> f64 {
        self.requests / f64::from(self.pods)
    }
}

/// The dispersion of an interval, `phi_t = 1 + (phi - 1) max(1, m)`.
///
/// m is the canary's expected events per pod over stable's, which is their ratio of requests per
/// pod, since stable's rate is expected of both. A pod's bad minute spoils all of its requests, so
/// that fewer and larger pods clump more. Where a side's load is not known, m counts as 1.
#[must_use]
pub fn in_interval(phi: Dispersion, canary: Load, stable: Load) -> Dispersion {
    let m = canary.per_pod() / stable.per_pod();
    let m = if m.is_finite() { m.max(1.0) } else { 1.0 };
    Dispersion::nearest(1.0 + (phi.get() - 1.0) * m)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cells<const N: usize>(cells: [(f64, f64); N]) -> Vec<(usize, Cell)> {
        let cell = |(n, x): (f64, f64)| Cell::try_new(n, x).unwrap();
        cells.map(cell).into_iter().enumerate().collect()
    }

    fn estimate(intervals: Vec<Vec<(usize, Cell)>>) -> Option<f64> {
        let mut estimate = Estimate::default();
        for interval in intervals {
            estimate.absorb(interval);
        }
        estimate.dispersion().map(Dispersion::get)
    }

    #[test]
    fn it_is_pearsons_statistic_over_its_degrees_of_freedom() {
        // p = 30/300; each cell has a variance of 9: (100 + 25 + 25)/9 over 2.
        let first = cells([(100.0, 20.0), (100.0, 5.0), (100.0, 5.0)]);
        let phi = estimate(vec![first.clone()]).unwrap();
        assert!((phi - 150.0 / 9.0 / 2.0).abs() < 1e-12, "{phi}");
        // An interval that agrees with its own rate adds degrees of freedom alone.
        let second = cells([(100.0, 50.0), (100.0, 50.0), (100.0, 50.0)]);
        let phi = estimate(vec![first, second]).unwrap();
        assert!((phi - 150.0 / 9.0 / 4.0).abs() < 1e-12, "{phi}");
    }

    #[test]
    fn pods_that_agree_too_well_count_as_independent() {
        let phi = estimate(vec![cells([(100.0, 10.0), (100.0, 10.0)])]).unwrap();
        assert!((phi - 1.0).abs() < 1e-15);
    }

    #[test]
    fn rare_cells_go_into_the_next_interval() {
        // At p = 1.5/100 neither pod expects an event in 50 requests; both do in 100.
        let halves = || cells([(50.0, 1.5), (50.0, 0.0)]);
        let wholes = || cells([(100.0, 3.0), (100.0, 0.0)]);
        assert_eq!(estimate(vec![halves()]), None);
        assert_eq!(estimate(vec![halves(), halves()]), estimate(vec![wholes()]));
        assert!(estimate(vec![wholes()]).is_some());
    }

    #[test]
    fn nothing_to_compare_gives_nothing() {
        assert_eq!(estimate(vec![]), None);
        assert_eq!(estimate(vec![cells([(1000.0, 50.0)])]), None);
        assert_eq!(estimate(vec![cells([(1000.0, 0.0), (1000.0, 0.0)])]), None);
        assert_eq!(estimate(vec![cells([(10.0, 10.0), (10.0, 10.0)])]), None);
        assert_eq!(estimate(vec![cells([(0.0, 0.0), (0.0, 0.0)])]), None);
    }

    #[test]
    fn fewer_and_larger_pods_clump_more() {
        let phi = Dispersion::try_new(1.5).unwrap();
        let load = |requests, pods| Load { requests, pods };
        let at = |canary, stable| in_interval(phi, canary, stable).get();
        // One canary pod at 5 % beside ten of stable; then at 50 %.
        assert!((at(load(1200.0, 1), load(22_800.0, 10)) - 1.5).abs() < 1e-12);
        assert!((at(load(12_000.0, 1), load(12_000.0, 10)) - 6.0).abs() < 1e-12);
        for unknown in [load(0.0, 0), load(0.0, 1), load(100.0, 0)] {
            assert!((at(load(100.0, 1), unknown) - 1.5).abs() < 1e-12, "{unknown:?}");
        }
    }

    proptest! {
        #[test]
        fn the_order_of_pods_does_not_matter_and_nothing_leaves_the_range(
            (given, shuffled) in proptest::collection::vec(
                proptest::collection::vec((0.0..1e16, 0.0..1.0), 1..6), 1..8
            ).prop_map(|intervals| intervals.into_iter().map(|pods| {
                let pods = pods.into_iter().map(|(n, share): (f64, f64)| (n, n * share));
                pods.map(|(n, x)| Cell::try_new(n, x).unwrap()).enumerate().collect::<Vec<_>>()
            }).collect::<Vec<_>>()).prop_flat_map(|intervals: Vec<Vec<(usize, Cell)>>| {
                let shuffled = intervals.iter().map(|pods| Just(pods.clone()).prop_shuffle());
                (Just(intervals.clone()), shuffled.collect::<Vec<_>>())
            })
        ) {
            let (given, shuffled) = (estimate(given), estimate(shuffled));
            prop_assert_eq!(given.is_some(), shuffled.is_some());
            if let (Some(given), Some(shuffled)) = (given, shuffled) {
                prop_assert!((given / shuffled - 1.0).abs() < 1e-6, "{} {}", given, shuffled);
                prop_assert!((1.0..=1e6).contains(&given));
            }
        }
    }
}
