//! Random numbers of the distributions that counts come from.

use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Binomial, Distribution as _, Poisson, StandardNormal};

/// The same numbers for the same seed.
#[derive(Debug)]
pub(crate) struct Draws(Xoshiro256PlusPlus);

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// A standard normal number.
    pub(crate) fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    /// How many come where `mean` are expected; none where nobody is there.
    pub(crate) fn poisson(&mut self, mean: f64) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count, a million at most"
        )]
        Poisson::new(mean).map_or(0, |poisson| poisson.sample(&mut self.0) as u64)
    }

    /// How many of `n` have an event of this probability.
    pub(crate) fn binomial(&mut self, n: u64, probability: f64) -> u64 {
        Binomial::new(n, probability).map_or(0, |binomial| binomial.sample(&mut self.0))
    }
}
