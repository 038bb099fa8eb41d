//! Versions whose requests are independent: what the first table is about.

use serin_judge::{Counts, Interval};

use crate::dice::Dice;
use crate::schedule::Stretch;

/// What is counted in each stretch of a run.
pub(crate) trait Traffic {
    fn counted(&mut self, stretch: &Stretch, dice: &mut Dice) -> Interval;
}

/// A rate of requests, and how they fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Independent {
    /// Requests a second, of both sides together.
    pub rps: f64,
    /// The share of stable's requests that fails.
    pub rate: f64,
    pub canary: Canary,
}

/// How the canary differs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Canary {
    /// It fails so many times as often.
    Times(f64),
    /// It is the same version, but fails five times as often in its first two minutes.
    Cold,
    /// It is the same version; both fail in 5 % of all requests from minute 20 to 25.
    Incident,
}

impl Independent {
    /// The shares of the canary's and of stable's requests that fail.
    fn rates(&self, minute: u32) -> (f64, f64) {
        let Self { rate, .. } = *self;
        match self.canary {
            Canary::Times(ratio) => (rate * ratio, rate),
            Canary::Cold if minute < 2 => (rate * 5.0, rate),
            Canary::Incident if (20..25).contains(&minute) => (0.05, 0.05),
            Canary::Cold | Canary::Incident => (rate, rate),
        }
    }
}

impl Traffic for Independent {
    fn counted(&mut self, stretch: &Stretch, dice: &mut Dice) -> Interval {
        let requests = self.rps * stretch.seconds();
        let (canary, stable) = self.rates(stretch.start);
        let canary = Arrivals::of(requests * stretch.weight, canary, dice);
        let stable = Arrivals::of(requests * (1.0 - stretch.weight), stable, dice);
        Interval::whole(counts(canary, stable))
    }
}

/// One side's requests and those of them that failed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Arrivals {
    pub requests: f64,
    pub errors: f64,
}

impl Arrivals {
    /// Poisson arrivals of this mean, of which each fails with this probability: failures and
    /// successes are then independent Poisson counts.
    pub(crate) fn of(mean: f64, rate: f64, dice: &mut Dice) -> Self {
        let errors = dice.poisson(mean * rate);
        Self { requests: errors + dice.poisson(mean * (1.0 - rate)), errors }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.errors += other.errors;
    }
}

pub(crate) fn counts(canary: Arrivals, stable: Arrivals) -> Counts {
    let counts = Counts::try_new(canary.requests, canary.errors, stable.requests, stable.errors);
    // Arrivals are never negative, and errors are among the requests.
    counts.unwrap_or(Counts::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Schedule;

    /// The counts of all stretches of a few runs, over what is expected of them.
    fn over_expected(traffic: Independent, expected: [f64; 4]) -> [f64; 4] {
        let mut sum = Counts::ZERO;
        for run in 0..20 {
            let mut dice = Dice::new(0, run);
            for stretch in Schedule::HOUR.stretches() {
                let Interval { rest, cohorts } = { traffic }.counted(&stretch, &mut dice);
                assert!(cohorts.is_empty());
                sum = sum.plus(rest);
            }
        }
        let sums: [f64; 4] = sum.into();
        [0, 1, 2, 3].map(|index| sums[index] / 20.0 / expected[index])
    }

    #[test]
    fn counts_have_their_means() {
        // 12 minutes at each weight, which sum to .91: 400 a second are 262,080 on the canary.
        let (nc, ns) = (262_080.0, 1_440_000.0 - 262_080.0);
        let five = 24_000.0 * 5.0;
        for (canary, xc, xs) in [
            (Canary::Times(1.0), nc * 0.005, ns * 0.005),
            (Canary::Times(2.0), nc * 0.01, ns * 0.005),
            (Canary::Cold, nc * 0.005 + 480.0 * 0.02, ns * 0.005),
            // Minutes 20 to 24 are at 5 % (to 23) and at 10 %.
            (
                Canary::Incident,
                nc * 0.005 + (4.0 * 0.05 + 0.1) * 24_000.0 * 0.045,
                ns * 0.005 + (five - (4.0 * 0.05 + 0.1) * 24_000.0) * 0.045,
            ),
        ] {
            let traffic = Independent { rps: 400.0, rate: 0.005, canary };
            let over = over_expected(traffic, [nc, xc, ns, xs]);
            // Five standard errors of the smallest mean, 20 times 1,310.
            assert!(over.iter().all(|ratio| (ratio - 1.0).abs() < 0.031), "{canary:?}: {over:?}");
        }
    }
}
