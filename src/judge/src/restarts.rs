//! How an e-process notices harm that begins late.
//!
//! A product of likelihood ratios that has run on healthy counts for hours has sunk so low that
//! fresh harm takes hours to lift it. Therefore the stake is not put down at once: half of it in the
//! first interval, the rest bit by bit, `pi_0 = 1/2, pi_t = 1/(2 t (t+1))`, each bit a bet that starts
//! in its own interval. What is not yet put down after interval t is `1/(2 (t+1))`. The stakes sum to
//! one, so the whole is an e-process like its parts. (Mixtures over the time of a change are how
//! Shiryaev and Roberts detect one; weights that sum to 1 keep the error bound of a single test.)

use serde::{Deserialize, Serialize};

use crate::bits::Bits;
use crate::log_space::{as_real, log_add, log_mean};

/// `ln pi_t`: what is staked in the interval before which so many have been.
pub(crate) fn log_stake(intervals: u64) -> f64 {
    let t = as_real(intervals);
    if intervals == 0 { -2_f64.ln() } else { -(2.0 * t).ln() - (t + 1.0).ln() }
}

/// `ln` of what is not yet staked after so many intervals: all of it before the first.
fn log_unspent(intervals: u64) -> f64 {
    if intervals == 0 { 0.0 } else { -(2.0 * as_real(intervals)).ln() }
}

/// `ln S_g` of each alternative g.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Stakes(Vec<Bits>);

impl Stakes {
    /// Nothing is staked on any of so many alternatives.
    pub(crate) fn new(alternatives: usize) -> Self {
        Self(vec![Bits::LOG_OF_NOTHING; alternatives])
    }

    pub(crate) fn alternatives(&self) -> usize {
        self.0.len()
    }

    /// Its numbers, one for each alternative.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = f64> + '_ {
        self.0.iter().map(|held| held.get())
    }

    /// Takes as many numbers as it has alternatives; none where they run out.
    pub(crate) fn fill(&mut self, numbers: &mut impl Iterator<Item = f64>) -> Option<()> {
        for held in &mut self.0 {
            *held = Bits::new(numbers.next()?);
        }
        Some(())
    }

    /// `S_g <- (S_g + pi_t) exp(gain_g)`.
    pub(crate) fn absorb(&mut self, log_stake: f64, gains: impl Iterator<Item = f64>) {
        for (held, gain) in self.0.iter_mut().zip(gains) {
            *held = Bits::new(log_add(held.get(), log_stake) + gain);
        }
    }

    /// `ln (mean_g S_g + unspent)`: always finite, since something always is unspent.
    pub(crate) fn log_e(&self, intervals: u64) -> f64 {
        log_add(log_mean(self.0.iter().map(|held| held.get())), log_unspent(intervals))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_news_the_evidence_stays_at_one() {
        let mut stakes = Stakes::new(7);
        assert!(stakes.log_e(0).abs() < 1e-15);
        for t in 0..10_000 {
            stakes.absorb(log_stake(t), std::iter::repeat_n(0.0, 7));
            assert!(
                stakes.log_e(t + 1).abs() < 1e-11,
                "after interval {t}: {}",
                stakes.log_e(t + 1)
            );
        }
    }

    #[test]
    fn no_alternative_is_never_more_than_one() {
        let mut stakes = Stakes::new(0);
        stakes.absorb(log_stake(0), std::iter::empty());
        assert!(stakes.log_e(1) <= 0.0);
    }
}
