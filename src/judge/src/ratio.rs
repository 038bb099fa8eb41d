//! The ratio test: evidence that an event's probability differs between the sides by more than the
//! margin.
//!
//! Given an interval's events of both sides, the canary's part of them is binomial under the null
//! with `theta = w rho0 / (w rho0 + 1 - w)`, w being the canary's realised share of the requests.
//! Each alternative g of a fixed grid gives the factor
//!
//! ```text
//! d_g = xc ln g - x ln[(w rho0 g + 1 - w) / (w rho0 + 1 - w)]        x = xc + xs
//! ```
//!
//! divided by the dispersion phi (Lindon & Malek, arXiv 2011.03567: anytime-valid inference for
//! counts; the mean over alternatives is the only admissible merge, arXiv 2409.19888). Factors are
//! summed interval by interval and never over pooled counts, so that a change of the weight or of
//! the day's rates misleads nobody.

use serde::{Deserialize, Serialize};

use crate::bits::{Bits, exact, exact_option};
use crate::one_sample::OneSample;
use crate::restarts::{Restarts, log_mean};
use crate::{Alpha, Counts, Dispersion, Interval, Margin, Share, Worse};

/// Alternatives relative to the margin where worse is higher.
pub(crate) const GRID_UP: [f64; 7] = [1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0];
/// Alternatives relative to the margin where worse is lower.
pub(crate) const GRID_DOWN: [f64; 7] = [0.95, 0.9, 0.8, 0.65, 0.5, 0.25, 0.05];

/// How many of the worst cohorts the evidence has to do without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SetAside {
    /// None: all counts decide.
    None,
    /// Any one: a single broken client condemns nobody.
    #[default]
    One,
    /// Any two.
    Two,
}

/// What is tested; fixed while a test lasts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// Which way the canary would be worse.
    pub worse: Worse,
    /// Up to where (down to where) it is as good as stable.
    #[serde(with = "exact")]
    pub margin: Margin,
    /// The rate above which the canary's own has to be shown before it is harm; for errors.
    #[serde(with = "exact_option")]
    pub floor: Option<Share>,
    /// How many cohorts the evidence has to do without.
    pub set_aside: SetAside,
}

/// Whether an interval is evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// It is.
    Judged,
    /// It is not, such as one right after the start: d = 0, and time goes on.
    Skipped,
}

/// The evidence that is left without some cohorts.
#[derive(Clone, Debug, PartialEq)]
pub struct SetAsideEvidence {
    /// ln E.
    pub log_e: f64,
    /// The cohorts without which it is the smallest; empty where none are set aside.
    pub cohorts: Vec<usize>,
}

/// A ratio test under way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RatioTest {
    intervals: u64,
    all: Restarts,
    /// Sum of d/phi of each alternative, without restarts.
    plain: Vec<Bits>,
    left_out: Vec<LeftOut>,
    floor: Option<OneSample>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeftOut {
    cohorts: Vec<usize>,
    sums: Restarts,
}

impl RatioTest {
    /// A test before its first interval, of a metric with so many cohorts (0 where it has none).
    #[must_use]
    pub fn new(rule: &Rule, cohorts: usize) -> Self {
        let grid = rule.worse.grid().len();
        let left_out = |cohorts| LeftOut { cohorts, sums: Restarts::new(grid) };
        Self {
            intervals: 0,
            all: Restarts::new(grid),
            plain: vec![Bits(0.0); grid],
            left_out: subsets(rule.set_aside, cohorts).into_iter().map(left_out).collect(),
            floor: rule.floor.map(OneSample::new),
        }
    }

    /// Takes the next interval.
    ///
    /// One without requests on a side compares nothing: the evidence stays, and time goes on. So
    /// does the evidence without a cohort where only that cohort has them.
    pub fn absorb(&mut self, rule: &Rule, interval: &Interval, phi: Dispersion, look: Look) {
        let grid = rule.worse.grid();
        let t = self.intervals;
        let factor = |counts: Counts| {
            let terms = Terms::of(&counts, rule.margin).filter(|_| look == Look::Judged);
            move |index: usize| match (terms, grid.get(index)) {
                (Some(terms), Some(ratio)) => terms.log_factor(*ratio) / phi.get(),
                _ => 0.0,
            }
        };
        let total = interval.total();
        let log_factor = factor(total);
        for (index, sum) in self.plain.iter_mut().enumerate() {
            sum.0 += log_factor(index);
        }
        self.all.absorb(t, log_factor);
        for left_out in &mut self.left_out {
            left_out.sums.absorb(t, factor(interval.without(&left_out.cohorts)));
        }
        if let Some(floor) = &mut self.floor {
            floor.absorb(total.canary_requests(), total.canary_events(), look);
        }
        self.intervals += 1;
    }

    /// How many intervals were taken, skipped and empty ones among them.
    #[must_use]
    pub const fn intervals(&self) -> u64 {
        self.intervals
    }

    /// ln E of all counts, with restarts.
    #[must_use]
    pub fn log_e(&self) -> f64 {
        self.all.log_e(self.intervals)
    }

    /// ln E of all counts without restarts: for a ratio that held from the start.
    #[must_use]
    pub fn log_e_plain(&self) -> f64 {
        log_mean(self.plain.iter().map(|sum| sum.0))
    }

    /// The evidence that is left without the worst cohorts, as many as the rule sets aside: what
    /// decides. That of all counts where none are set aside or there are none.
    #[must_use]
    pub fn log_e_worst(&self) -> SetAsideEvidence {
        let most = self.left_out.iter().map(|left_out| left_out.cohorts.len()).max().unwrap_or(0);
        let all = || SetAsideEvidence { log_e: self.log_e(), cohorts: Vec::new() };
        self.without_any(most).unwrap_or_else(all)
    }

    /// The smallest evidence with one cohort left out; `None` where that is not kept.
    #[must_use]
    pub fn log_e_worst_one(&self) -> Option<f64> {
        self.without_any(1).map(|worst| worst.log_e)
    }

    /// The smallest evidence with two cohorts left out; `None` where that is not kept.
    #[must_use]
    pub fn log_e_worst_two(&self) -> Option<f64> {
        self.without_any(2).map(|worst| worst.log_e)
    }

    /// ln E with each single cohort left out, in the order of the cohorts.
    pub fn log_e_left_out(&self) -> impl Iterator<Item = f64> {
        let single = self.left_out.iter().filter(|left_out| left_out.cohorts.len() == 1);
        single.map(|left_out| left_out.sums.log_e(self.intervals))
    }

    /// ln of the evidence that the canary's own rate is above the floor; `None` without a floor.
    #[must_use]
    pub fn log_floor(&self) -> Option<f64> {
        self.floor.as_ref().map(OneSample::log_e)
    }

    /// Whether the floor, where there is one, is shown to be passed.
    #[must_use]
    pub fn floor_met(&self, alpha: Alpha) -> bool {
        self.log_floor().is_none_or(|log_floor| log_floor >= alpha.log_threshold())
    }

    fn without_any(&self, count: usize) -> Option<SetAsideEvidence> {
        let kept = self.left_out.iter().filter(|left_out| left_out.cohorts.len() == count);
        kept.map(|left_out| SetAsideEvidence {
            log_e: left_out.sums.log_e(self.intervals),
            cohorts: left_out.cohorts.clone(),
        })
        .min_by(|a, b| a.log_e.total_cmp(&b.log_e))
    }
}

impl Worse {
    pub(crate) const fn grid(self) -> &'static [f64; 7] {
        match self {
            Self::Higher => &GRID_UP,
            Self::Lower => &GRID_DOWN,
        }
    }
}

/// What an interval says of every alternative.
#[derive(Clone, Copy)]
struct Terms {
    canary_events: f64,
    events: f64,
    /// The canary's share of the events under the null.
    theta: f64,
}

impl Terms {
    fn of(counts: &Counts, margin: Margin) -> Option<Self> {
        let w = counts.canary_share()?;
        let weighted = w * margin.get();
        let theta = weighted / (weighted + 1.0 - w);
        Some(Self { canary_events: counts.canary_events(), events: counts.events(), theta })
    }

    fn log_factor(self, ratio: f64) -> f64 {
        // (w rho0 g + 1 - w) / (w rho0 + 1 - w) = 1 + theta (g - 1), without cancellation.
        self.canary_events * ratio.ln() - self.events * (self.theta * (ratio - 1.0)).ln_1p()
    }
}

/// The cohorts to leave out together, in order.
fn subsets(set_aside: SetAside, cohorts: usize) -> Vec<Vec<usize>> {
    let mut all = Vec::new();
    if set_aside >= SetAside::One {
        all.extend((0..cohorts).map(|cohort| vec![cohort]));
    }
    if set_aside == SetAside::Two {
        let pairs = (0..cohorts).flat_map(|a| (a + 1..cohorts).map(move |b| vec![a, b]));
        all.extend(pairs);
    }
    all
}
