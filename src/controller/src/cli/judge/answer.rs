//! What the judge says after each interval.

use serde::Serialize;
use serin_judge::planning::{Chance, Traffic, detectable_ratio};
use serin_judge::{
    Alpha, Counts, Dispersion, Interval, LOG_SUSPICION, Likelihood, Look, Margin, RatioTest,
    SetAside, Share, Worse,
};

/// What the options say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub worse: Worse,
    pub margin: Margin,
    pub alpha: Alpha,
    pub floor: Option<Share>,
    pub phi: Dispersion,
    pub set_aside: SetAside,
}

/// All intervals so far.
#[derive(Debug)]
pub(super) struct Judge {
    rule: Rule,
    /// From the first interval on, which tells the number of cohorts.
    test: Option<RatioTest>,
    likelihood: Likelihood,
    total: Counts,
    /// Whether an interval had requests of both sides.
    compared: bool,
    rolled_back: bool,
}

/// One line of output.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Answer {
    pub log_e: f64,
    pub log_e_plain: f64,
    pub log_e_worst: Option<f64>,
    pub log_e_worst_two: Option<f64>,
    pub log_floor: Option<f64>,
    pub ratio: Option<f64>,
    pub ratio_low: f64,
    pub ratio_high: f64,
    pub detectable_ratio: Option<f64>,
    pub verdict: Verdict,
}

/// What the controller would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Rollback,
    Hold,
    Pass,
}

impl Judge {
    pub(super) fn new(rule: Rule) -> Self {
        Self {
            rule,
            test: None,
            likelihood: Likelihood::default(),
            total: Counts::ZERO,
            compared: false,
            rolled_back: false,
        }
    }

    /// Takes the next interval.
    pub(super) fn take(&mut self, interval: &Interval) -> Answer {
        let Rule { alpha, phi, .. } = self.rule;
        let tested = self.rule.tested();
        let test = self.test.get_or_insert_with(|| RatioTest::new(&tested, interval.cohorts.len()));
        test.absorb(&tested, interval, phi, Look::Judged);
        let counts = interval.total();
        self.likelihood.absorb(&counts);
        self.total = self.total.plus(counts);
        self.compared |= counts.canary_share().is_some();

        let (one, two) = (test.log_e_worst_one(), test.log_e_worst_two());
        let evidence = match self.rule.set_aside {
            SetAside::None => None,
            SetAside::One => one,
            SetAside::Two => two.or(one),
        };
        let evidence = evidence.unwrap_or_else(|| test.log_e());
        self.rolled_back |= evidence >= alpha.log_threshold() && test.floor_met(alpha);
        let (ratio_low, ratio_high) = self.likelihood.confidence(alpha);
        Answer {
            log_e: test.log_e(),
            log_e_plain: test.log_e_plain(),
            log_e_worst: one,
            log_e_worst_two: two,
            log_floor: test.log_floor(),
            ratio: self.likelihood.ratio(),
            ratio_low,
            ratio_high,
            detectable_ratio: self.rule.detectable(self.total, test.intervals()),
            verdict: if self.rolled_back {
                Verdict::Rollback
            } else if !self.compared || evidence >= LOG_SUSPICION {
                Verdict::Hold
            } else {
                Verdict::Pass
            },
        }
    }
}

impl Rule {
    /// What is tested. Both ways of setting cohorts aside are kept, since both are shown.
    const fn tested(&self) -> serin_judge::Rule {
        serin_judge::Rule {
            worse: self.worse,
            margin: self.margin,
            floor: self.floor,
            set_aside: SetAside::Two,
        }
    }

    /// The ratio that is seen with 90 % within the intervals so far, were they all like their mean.
    fn detectable(&self, total: Counts, intervals: u64) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "nobody sends so many lines")]
        let intervals = intervals as f64;
        let requests = total.canary_requests() + total.stable_requests();
        let traffic = Traffic {
            requests_per_unit: requests / intervals,
            canary_share: total.canary_share()?,
            stable_rate: total.stable_events() / total.stable_requests(),
            phi: self.phi,
        };
        let beyond = (self.margin, self.worse);
        detectable_ratio(&traffic, beyond, self.alpha, Chance::Ninety, intervals, None)
    }
}
