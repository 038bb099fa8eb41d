//! The table of errors that clump: by pod, or in bursts.

use serin_judge::dispersion::{Cell, Estimate, Load, in_interval};
use serin_judge::{Dispersion, Interval, OutOfRange, SetAside};

use crate::dice::Dice;
use crate::outcome::{Figure, Must};
use crate::rules::{DispersionAt, Rule, Serin, Setup};
use crate::schedule::{Schedule, Stretch};
use crate::table::{Row, Table, minutes};
use crate::traffic::{Arrivals, Traffic, counts};

const RUNS: u32 = 10_000;
const RPS: f64 = 400.0;
/// The share of requests that fails, on both sides.
const RATE: f64 = 0.005;
const CANARY_PODS: u32 = 1;
const STABLE_PODS: u32 = 10;
/// How long the dispersion is estimated before the rollout.
const MINUTES_BEFORE: u32 = 60;

/// How errors clump on a pod.
#[derive(Clone, Copy, Debug)]
enum Clumps {
    /// Each minute a pod's error rate is another: times a gamma variate with this coefficient of
    /// variation.
    Shocks(f64),
    /// Each failure is a run of them, of this mean length.
    Bursts(f64),
}

impl Clumps {
    /// What one pod gets in a minute of so many expected requests.
    fn pod(self, mean: f64, dice: &mut Dice) -> Arrivals {
        match self {
            Self::Shocks(variation) => {
                let rate = RATE * dice.gamma(variation);
                Arrivals::of(mean, rate.min(1.0), dice)
            }
            Self::Bursts(length) => {
                let bursts = dice.poisson(mean * RATE / length);
                let mut errors = 0.0;
                let mut left = bursts;
                while left > 0.0 {
                    errors += dice.geometric(length);
                    left -= 1.0;
                }
                Arrivals { requests: errors + dice.poisson(mean * (1.0 - RATE)), errors }
            }
        }
    }

    fn pods(self, mean: f64, pods: u32, dice: &mut Dice) -> Arrivals {
        let mut sum = Arrivals::default();
        for _ in 0..pods {
            sum.add(self.pod(mean / f64::from(pods), dice));
        }
        sum
    }
}

impl Traffic for Clumps {
    fn counted(&mut self, stretch: &Stretch, dice: &mut Dice) -> Interval {
        let requests = RPS * stretch.seconds();
        let canary = self.pods(requests * stretch.weight, CANARY_PODS, dice);
        let stable = self.pods(requests * (1.0 - stretch.weight), STABLE_PODS, dice);
        Interval::whole(counts(canary, stable))
    }
}

/// The dispersion at every weight, as estimated from stable's pods while they had all requests.
fn estimated(clumps: Clumps, dice: &mut Dice) -> DispersionAt {
    let mut estimate = Estimate::default();
    for _ in 0..MINUTES_BEFORE {
        estimate.absorb((0..STABLE_PODS).filter_map(|pod| {
            let Arrivals { requests, errors } =
                clumps.pod(RPS * 60.0 / f64::from(STABLE_PODS), dice);
            Some((pod, Cell::try_new(requests, errors).ok()?))
        }));
    }
    let phi = estimate.dispersion().unwrap_or(Dispersion::NONE);
    Box::new(move |weight| {
        let load = |share, pods| Load { requests: RPS * share, pods };
        in_interval(phi, load(weight, CANARY_PODS), load(1.0 - weight, STABLE_PODS))
    })
}

pub(crate) fn table() -> Result<Table<2>, OutOfRange> {
    let setup = Setup::new(0, SetAside::None)?;
    let row = |name, clumps: Clumps, bound| Row {
        name,
        runs: RUNS,
        figure: Figure::Rate,
        must: Some(Must::Rate(bound)),
        run: Box::new(move |dice: &mut Dice| {
            let rules: [Box<dyn Rule>; 2] = [
                Box::new(Serin::new(setup)),
                Box::new(Serin::dispersed(setup, estimated(clumps, dice))),
            ];
            minutes(Schedule::HOUR, &mut { clumps }, rules, dice)
        }),
    };
    Ok(Table {
        title: "Errors that clump: 400 rps, p = .5 %, one pod of the canary and ten of stable",
        number: 4,
        columns: ["phi = 1", "phi estimated"],
        judged: 1,
        rows: vec![
            row("AA pod shocks, CV .5", Clumps::Shocks(0.5), 0.01),
            row("AA bursts of mean 3", Clumps::Bursts(3.0), 0.015),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clumps_keep_the_mean_and_widen_the_counts() {
        // By shocks: 1 + n p CV^2 = 4; by bursts: E K^2 / E K = 15 / 3.
        for (clumps, dispersion) in [(Clumps::Shocks(0.5), 4.0), (Clumps::Bursts(3.0), 5.0)] {
            let mut dice = Dice::new(0, 3);
            let cells: Vec<f64> =
                (0..20_000).map(|_| clumps.pod(2400.0, &mut dice).errors).collect();
            let mean = cells.iter().sum::<f64>() / 20_000.0;
            let variance = cells.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
            assert!((mean - 12.0).abs() < 0.3, "{clumps:?}: {mean}");
            assert!((variance / mean / dispersion - 1.0).abs() < 0.1, "{clumps:?}: {variance}");
        }
    }
}
