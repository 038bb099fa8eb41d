//! The randomness of a run. Each run has a generator of its own, seeded by the row and the run's
//! number, so that figures do not depend on how runs are spread over threads.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use rand_distr::{Distribution as _, Gamma, Poisson, StandardNormal};

/// What every figure of `make bench-judge` comes from.
const SEED: u64 = 0x5e71;

/// A run's generator.
#[derive(Debug)]
pub(crate) struct Dice(Xoshiro256PlusPlus);

impl Dice {
    pub(crate) fn new(row: u32, run: u32) -> Self {
        let number = u64::from(row) << 32 | u64::from(run);
        Self(Xoshiro256PlusPlus::seed_from_u64(number ^ SEED << 48))
    }

    /// From 0 up to, but without, 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0.random()
    }

    /// One of `count` numbers from 0.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        self.0.random_range(0..count)
    }

    pub(crate) fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    /// A lognormal variate of mean 1; `sigma` is its logarithm's standard deviation.
    pub(crate) fn lognormal(&mut self, sigma: f64) -> f64 {
        if sigma == 0.0 {
            return 1.0;
        }
        (sigma * self.normal() - sigma * sigma / 2.0).exp()
    }

    /// A count of this mean; none where the mean is none.
    pub(crate) fn poisson(&mut self, mean: f64) -> f64 {
        Poisson::new(mean).map_or(0.0, |counts| counts.sample(&mut self.0))
    }

    /// A gamma variate of mean 1 with this coefficient of variation.
    pub(crate) fn gamma(&mut self, variation: f64) -> f64 {
        let shape = 1.0 / (variation * variation);
        Gamma::new(shape, 1.0 / shape).map_or(1.0, |gamma| gamma.sample(&mut self.0))
    }

    /// The length of a run that goes on after each member with probability 1 - 1/`mean`.
    pub(crate) fn geometric(&mut self, mean: f64) -> f64 {
        if mean <= 1.0 {
            return 1.0;
        }
        // 1 - u lies in (0, 1], whose logarithm is finite.
        1.0 + ((1.0 - self.uniform()).ln() / (1.0 - 1.0 / mean).ln()).floor()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and variance of so many draws.
    fn moments(mut draw: impl FnMut(&mut Dice) -> f64) -> (f64, f64) {
        const DRAWS: u32 = 40_000;
        let mut dice = Dice::new(0, 0);
        let values: Vec<f64> = (0..DRAWS).map(|_| draw(&mut dice)).collect();
        let mean = values.iter().sum::<f64>() / f64::from(DRAWS);
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        (mean, squares / f64::from(DRAWS))
    }

    #[test]
    fn each_variate_has_its_mean_and_its_variance() {
        for (name, (mean, variance), expected) in [
            ("uniform", moments(Dice::uniform), (0.5, 1.0 / 12.0)),
            ("normal", moments(Dice::normal), (0.0, 1.0)),
            // exp(sigma^2) - 1.
            ("lognormal", moments(|dice| dice.lognormal(0.5)), (1.0, 0.284)),
            ("few", moments(|dice| dice.poisson(0.6)), (0.6, 0.6)),
            ("many", moments(|dice| dice.poisson(24_000.0)), (24_000.0, 24_000.0)),
            ("gamma", moments(|dice| dice.gamma(0.5)), (1.0, 0.25)),
            // (1 - q) / q^2 with q = 1/3.
            ("geometric", moments(|dice| dice.geometric(3.0)), (3.0, 6.0)),
        ] {
            let (expected_mean, expected_variance): (f64, f64) = expected;
            // Five standard errors of the mean.
            let room = 5.0 * (expected_variance / 40_000.0).sqrt();
            assert!((mean - expected_mean).abs() < room, "{name}: mean {mean}");
            let ratio = variance / expected_variance;
            assert!((0.9..1.1).contains(&ratio), "{name}: variance {variance}");
        }
    }

    #[test]
    fn a_mean_of_nothing_gives_nothing() {
        assert!(Dice::new(0, 0).poisson(0.0).abs() < f64::EPSILON);
    }

    #[test]
    fn runs_differ_and_repeat() {
        let first = |row, run| Dice::new(row, run).uniform().to_bits();
        assert_eq!(first(1, 2), first(1, 2));
        assert_ne!(first(1, 2), first(1, 3));
        assert_ne!(first(1, 2), first(2, 2));
    }
}
