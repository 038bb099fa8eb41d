//! Users who stay on their side, by the laws of `make bench-judge`: lognormal request and error
//! rates, and perhaps a client that fails all the time.
//!
//! A user's requests are a Poisson stream, and so are those of all users of a side and cohort
//! together, and of these the ones that fail: the sums are drawn, in the same law.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use rand_distr::{Distribution as _, StandardNormal};
use serin_assignment::{Cohort, Variant};
use serin_filter::responses::Evidence;
use serin_filter::tripwire::tally::{COHORTS, Ended, Sums};

/// No user but a broken one fails, or is slow, more often.
const HIGHEST_RATE: f64 = 0.9;

/// Who the users are, and how many of them are on the canary.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// How many they are.
    pub users: u32,
    /// Their requests a second, all together.
    pub rate: f64,
    /// The share of a user's requests that fails, in the mean over users.
    pub failing: f64,
    /// The share of those answered well that is slow, in the mean over users.
    pub slow: f64,
    /// Standard deviations of the logarithms of users' request rates, and of both shares.
    pub spread: [f64; 2],
    /// The canary's weight.
    pub weight: f64,
    /// A broken client's share of all errors, and another's of all slow answers; 0 without them.
    pub broken: f64,
    /// The share of the canary's good answers that fails instead; 0 where the versions are identical.
    pub harm: f64,
}

/// How often something happens in a tick, and where.
struct Happens {
    /// The chance of at most so many times, by that number.
    at_most: Vec<f64>,
    /// The chance that a place is this one or one before it.
    places: Vec<f64>,
}

/// What is counted in a tick.
#[expect(clippy::large_enum_variant, reason = "each is used where it was made, and once")]
pub enum Tick {
    /// Good answers of canary and stable and nothing else, at a tick that is looked at by itself: their
    /// cohorts say nothing, so that only their numbers are drawn.
    Quiet([u32; 2]),
    /// All else.
    Placed(Sums),
}

/// A crowd's users, summed up by side and cohort.
pub struct Population {
    dice: Xoshiro256PlusPlus,
    /// The sides that have answered since the last look, which needs both.
    answered: [bool; 2],
    /// Good answers of canary and stable, placed in a cohort.
    good: [Happens; 2],
    /// Errors and slow answers, placed in a cohort of canary, or after those of stable.
    events: [Happens; 2],
}

/// Good answers, errors and slow answers in a tick, of each side's cohorts.
type Means = [[[f64; 3]; COHORTS]; 2];

impl Crowd {
    /// Draws the users; `seed` tells crowds apart, and `ticks` is their number a second.
    #[must_use]
    pub fn draw(&self, seed: u64, ticks: f64) -> Population {
        let mut dice = Xoshiro256PlusPlus::seed_from_u64(seed ^ 0x7217 << 48);
        let mut means = Means::default();
        let mut add = |dice: &mut Xoshiro256PlusPlus, answers: [f64; 3]| {
            let side = usize::from(dice.random::<f64>() >= self.weight);
            let cohort = dice.random_range(0..COHORTS);
            if let Some(cell) = means.get_mut(side).and_then(|side| side.get_mut(cohort)) {
                for (sum, answers) in cell.iter_mut().zip(answers) {
                    *sum += answers;
                }
            }
        };
        let lognormal = |dice: &mut Xoshiro256PlusPlus, sigma: f64| -> f64 {
            if sigma == 0.0 {
                return 1.0;
            }
            let normal: f64 = StandardNormal.sample(dice);
            (sigma * normal - sigma * sigma / 2.0).exp()
        };
        let share = |dice: &mut Xoshiro256PlusPlus, mean: f64| {
            if mean == 0.0 {
                0.0
            } else {
                (mean * lognormal(dice, self.spread[1])).min(HIGHEST_RATE)
            }
        };
        let (mut requests, mut errors, mut slow) = (0.0, 0.0, 0.0);
        for _ in 0..self.users {
            let activity = lognormal(&mut dice, self.spread[0]);
            let failing = activity * share(&mut dice, self.failing);
            let late = (activity - failing) * share(&mut dice, self.slow);
            add(&mut dice, [activity - failing - late, failing, late]);
            requests += activity;
            errors += failing;
            slow += late;
        }
        if self.broken > 0.0 {
            let of_client = self.broken / (1.0 - self.broken);
            add(&mut dice, [0.0, errors * of_client, 0.0]);
            add(&mut dice, [0.0, 0.0, slow * of_client]);
        }
        let scale = self.rate / requests / ticks;
        for cell in means.as_flattened_mut().as_flattened_mut() {
            *cell *= scale;
        }
        for [good, errors, _] in means.iter_mut().take(1).flatten() {
            let harmed = *good * self.harm;
            *good -= harmed;
            *errors += harmed;
        }
        Population::new(dice, &means)
    }
}

impl Happens {
    /// As a Poisson process of these means.
    fn new(means: &[f64]) -> Self {
        let mut sum = 0.0;
        let places: Vec<f64> = means
            .iter()
            .map(|mean| {
                sum += mean;
                sum
            })
            .collect();
        let places = places.iter().map(|upto| upto / sum).collect();
        Self { at_most: at_most(sum), places }
    }

    /// How many times in a tick, by a number from 0 to 1.
    fn times(&self, chance: f64) -> usize {
        self.at_most.partition_point(|at_most| *at_most <= chance)
    }

    /// Where one of them is.
    fn place(&self, dice: &mut Xoshiro256PlusPlus) -> usize {
        let chance: f64 = dice.random();
        self.places.partition_point(|upto| *upto <= chance)
    }
}

/// The chances of at most 0, 1, 2 and so on of a Poisson variable, as far as they are not 1.
pub(super) fn at_most(mean: f64) -> Vec<f64> {
    let (mut chance, mut sum, mut number) = ((-mean).exp(), 0.0, 0.0);
    core::iter::from_fn(|| {
        // What is left beyond is less than the smallest difference between two random numbers.
        let more = number <= mean || chance > f64::EPSILON / 16.0;
        sum += chance;
        number += 1.0;
        chance *= mean / number;
        more.then_some(sum)
    })
    .collect()
}

impl Population {
    fn new(dice: Xoshiro256PlusPlus, means: &Means) -> Self {
        let of_kind = |kind: usize| {
            means.as_flattened().iter().map(move |cell| cell.get(kind).copied().unwrap_or_default())
        };
        let good: Vec<f64> = of_kind(0).collect();
        let (canary, stable) = good.split_at(COHORTS);
        let events = [1, 2].map(|kind| Happens::new(&of_kind(kind).collect::<Vec<_>>()));
        let good = [Happens::new(canary), Happens::new(stable)];
        Self { dice, answered: [false; 2], good, events }
    }

    /// What is counted in the next tick.
    pub fn tick(&mut self) -> Tick {
        let Self { dice, answered, good, events } = self;
        let happened = events.each_ref().map(|kind| match kind.at_most.as_slice() {
            // Nobody is ever slow.
            [_] => 0,
            _ => kind.times(dice.random()),
        });
        // One draw for both sides: 32 bits for each, of which the last tells nothing apart that could
        // ever be seen.
        let chances: u64 = dice.random();
        let halves = [chances >> 32, chances & u64::from(u32::MAX)];
        let mut times = [0; 2];
        for ((times, good), half) in times.iter_mut().zip(good.iter()).zip(halves) {
            let half = u32::try_from(half).unwrap_or(u32::MAX);
            *times = good.times((f64::from(half) + 0.5) / 4_294_967_296.0);
        }
        if happened == [0, 0] && *answered == [false; 2] && !times.contains(&0) {
            return Tick::Quiet(times.map(|times| u32::try_from(times).unwrap_or(u32::MAX)));
        }
        let mut sums = Sums::default();
        for (side, (good, times)) in good.iter().zip(times).enumerate() {
            for _ in 0..times {
                let one = Ended { requests: 1, ..Ended::default() };
                add(&mut sums, side, good.place(dice), one);
            }
        }
        let kinds =
            [Ended { requests: 1, errors: 1, slow: 0 }, Ended { requests: 1, errors: 0, slow: 1 }];
        for ((kind, times), one) in events.iter().zip(happened).zip(kinds) {
            for _ in 0..times {
                let place = kind.place(dice);
                add(&mut sums, place / COHORTS, place % COHORTS, one);
            }
        }
        for (answered, side) in answered.iter_mut().zip(sums.sides()) {
            *answered |= side.requests > 0;
        }
        if *answered == [true; 2] {
            *answered = [false; 2];
        }
        Tick::Placed(sums)
    }
}

impl Tick {
    /// As a tripwire counts it.
    #[must_use]
    pub fn sums(self) -> Sums {
        match self {
            Self::Placed(sums) => sums,
            Self::Quiet(good) => {
                let mut sums = Sums::default();
                for (side, requests) in good.into_iter().enumerate() {
                    add(&mut sums, side, 0, Ended { requests, ..Ended::default() });
                }
                sums
            }
        }
    }
}

fn add(sums: &mut Sums, side: usize, cohort: usize, ended: Ended) {
    let variant = if side == 0 { Variant::Canary } else { Variant::Stable };
    let cohort = u8::try_from(cohort).ok().and_then(Cohort::from_number);
    sums.add(Evidence { variant, cohort }, ended);
}
