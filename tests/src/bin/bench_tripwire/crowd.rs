//! Users who stay on their side, by the laws of `make bench-judge`: lognormal request and error
//! rates, and perhaps one client that fails all the time.
//!
//! A user's requests are a Poisson stream, and so are those of all users of a side and cohort
//! together, and of these the ones that fail: the sums are drawn, in the same law.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use rand_distr::{Distribution as _, Poisson, StandardNormal};
use serin_assignment::{Cohort, Variant};
use serin_filter::responses::Evidence;
use serin_filter::tripwire::tally::{COHORTS, Ended, Sums};

/// The share of a user's requests that fails, in the mean over users.
const MEAN_RATE: f64 = 0.005;
/// No user but a broken one fails more often.
const HIGHEST_RATE: f64 = 0.9;

/// Who the users are, and how many of them are on the canary.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    pub(crate) users: u32,
    /// Their requests a second, all together.
    pub(crate) rate: f64,
    /// Standard deviations of the logarithms of users' request and error rates.
    pub(crate) spread: [f64; 2],
    /// The canary's weight.
    pub(crate) weight: f64,
    /// The broken client's share of all errors; 0 without one.
    pub(crate) broken: f64,
}

/// An hour's users, summed up by side and cohort.
pub(crate) struct Population {
    dice: Xoshiro256PlusPlus,
    /// Good answers and errors in a tick.
    groups: [[[f64; 2]; COHORTS]; 2],
    good: [Option<Poisson<f64>>; 2],
    errors: Option<Poisson<f64>>,
    all_errors: f64,
}

impl Crowd {
    /// Draws the users of an hour; `seed` tells hours apart, and `ticks` is their number a second.
    pub(crate) fn draw(&self, seed: u64, ticks: f64) -> Population {
        let mut dice = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x7217 << 48);
        let mut groups = [[[0.0; 2]; COHORTS]; 2];
        let mut add = |dice: &mut Xoshiro256PlusPlus, activity: f64, rate: f64| {
            let side = usize::from(dice.random::<f64>() >= self.weight);
            let cohort = dice.random_range(0..COHORTS);
            if let Some([good, errors]) = groups.get_mut(side).and_then(|it| it.get_mut(cohort)) {
                *good += activity * (1.0 - rate);
                *errors += activity * rate;
            }
        };
        let lognormal = |dice: &mut Xoshiro256PlusPlus, sigma: f64| -> f64 {
            let normal: f64 = StandardNormal.sample(dice);
            (sigma * normal - sigma * sigma / 2.0).exp()
        };
        let (mut requests, mut errors) = (0.0, 0.0);
        let [activities, rates] = self.spread;
        for _ in 0..self.users {
            let activity = lognormal(&mut dice, activities);
            let rate = (MEAN_RATE * lognormal(&mut dice, rates)).min(HIGHEST_RATE);
            add(&mut dice, activity, rate);
            requests += activity;
            errors += activity * rate;
        }
        if self.broken > 0.0 {
            add(&mut dice, errors * self.broken / (1.0 - self.broken), 1.0);
        }
        let scale = self.rate / requests / ticks;
        for cell in groups.as_flattened_mut().as_flattened_mut() {
            *cell *= scale;
        }
        Population::new(dice, &groups)
    }
}

impl Population {
    fn new(dice: Xoshiro256PlusPlus, groups: &[[[f64; 2]; COHORTS]; 2]) -> Self {
        let good = groups.map(|side| side.iter().map(|[good, _]| good).sum::<f64>());
        let all_errors = groups.as_flattened().iter().map(|[_, errors]| errors).sum();
        Self {
            dice,
            groups: *groups,
            good: good.map(|mean| Poisson::new(mean).ok()),
            errors: Poisson::new(all_errors).ok(),
            all_errors,
        }
    }

    /// What is counted in the next tick.
    pub(crate) fn tick(&mut self) -> Sums {
        let mut sums = Sums::default();
        let errors = draw(self.errors, &mut self.dice);
        if errors == 0 {
            // Without an error the good answers' cohorts say nothing: only their number is drawn.
            for (side, good) in self.good.into_iter().enumerate() {
                add(&mut sums, side, 0, draw(good, &mut self.dice), 0);
            }
            return sums;
        }
        for (side, cohorts) in self.groups.iter().enumerate() {
            for (cohort, [good, _]) in cohorts.iter().enumerate() {
                add(&mut sums, side, cohort, draw(Poisson::new(*good).ok(), &mut self.dice), 0);
            }
        }
        for _ in 0..errors {
            let mut place = self.dice.random::<f64>() * self.all_errors;
            let cells = self.groups.as_flattened().iter().enumerate();
            let chosen = cells.map(|(cell, [_, errors])| (cell, *errors)).find(|(_, errors)| {
                place -= errors;
                place < 0.0
            });
            let cell = chosen.map_or(0, |(cell, _)| cell);
            add(&mut sums, cell / COHORTS, cell % COHORTS, 1, 1);
        }
        sums
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of requests in a tenth of a second"
)]
fn draw(count: Option<Poisson<f64>>, dice: &mut Xoshiro256PlusPlus) -> u32 {
    count.map_or(0, |count| count.sample(dice) as u32)
}

fn add(sums: &mut Sums, side: usize, cohort: usize, requests: u32, errors: u32) {
    let variant = if side == 0 { Variant::Canary } else { Variant::Stable };
    let cohort = u8::try_from(cohort).ok().and_then(Cohort::from_number);
    sums.add(Evidence { variant, cohort }, Ended { requests, errors, slow: 0 });
}
