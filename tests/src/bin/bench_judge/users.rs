//! Users who stay on their side: requests are not independent, since users differ in how much they
//! ask for and in how often it fails, and one broken client may fail all the time.

use serin_judge::{Counts, Interval};

use crate::dice::Dice;
use crate::schedule::{Schedule, Stretch};
use crate::traffic::{Arrivals, Traffic, counts};

/// Cohorts that users are hashed into.
pub(crate) const COHORTS: usize = 16;
/// The share of a user's requests that fails on stable, in the mean over users.
const MEAN_RATE: f64 = 0.005;
/// No user but a broken one fails more often.
const HIGHEST_RATE: f64 = 0.9;

/// Who the users are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    pub users: u32,
    /// Their requests a second, all together.
    pub rps: f64,
    /// Standard deviation of the logarithm of users' request rates.
    pub rates: f64,
    /// Standard deviation of the logarithm of users' error rates.
    pub errors: f64,
    /// How many times as often users fail on the canary.
    pub ratio: f64,
    /// Clients whose requests all fail, each by its share of all errors.
    pub broken: &'static [f64],
}

/// The users of one run, summed up: users of a Poisson stream each add up to a Poisson stream.
#[derive(Clone, Debug)]
pub(crate) struct Population {
    /// By the step with which they come to the canary (the last: with none), then by cohort.
    groups: Vec<[Group; COHORTS]>,
}

/// Users who share step and cohort: what they do in a second.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    requests: f64,
    /// Of these, the ones that fail on stable.
    errors: f64,
    /// Of these, the ones that fail on the canary.
    canary_errors: f64,
}

impl Crowd {
    pub(crate) fn draw(&self, schedule: Schedule, dice: &mut Dice) -> Population {
        let weights = schedule.weights();
        let mut groups = vec![[Group::default(); COHORTS]; weights.len() + 1];
        let mut add = |dice: &mut Dice, requests: f64, rates: [f64; 2]| {
            let bucket = dice.uniform();
            let step = weights.iter().position(|weight| bucket < *weight).unwrap_or(weights.len());
            let cohort = dice.below(COHORTS);
            if let Some(group) = groups.get_mut(step).and_then(|step| step.get_mut(cohort)) {
                let [errors, canary_errors] = rates.map(|rate| rate * requests);
                group.requests += requests;
                group.errors += errors;
                group.canary_errors += canary_errors;
            }
        };
        let (mut requests, mut errors) = (0.0, 0.0);
        for _ in 0..self.users {
            let activity = dice.lognormal(self.rates);
            let rate = MEAN_RATE * dice.lognormal(self.errors);
            let rates = [1.0, self.ratio].map(|ratio| (rate * ratio).min(HIGHEST_RATE));
            add(dice, activity, rates);
            requests += activity;
            errors += rates[0] * activity;
        }
        let others: f64 = 1.0 - self.broken.iter().sum::<f64>();
        for share in self.broken {
            add(dice, errors * share / others, [1.0, 1.0]);
        }
        let scale = self.rps / requests;
        for group in groups.iter_mut().flatten() {
            group.requests *= scale;
            group.errors *= scale;
            group.canary_errors *= scale;
        }
        Population { groups }
    }
}

impl Traffic for Population {
    fn counted(&mut self, stretch: &Stretch, dice: &mut Dice) -> Interval {
        let cohorts = (0..COHORTS).map(|cohort| self.cohort(cohort, stretch, dice)).collect();
        Interval { cohorts, rest: Counts::ZERO }
    }
}

impl Population {
    fn cohort(&self, cohort: usize, stretch: &Stretch, dice: &mut Dice) -> Counts {
        let (mut canary, mut stable) = (Group::default(), Group::default());
        for (step, groups) in self.groups.iter().enumerate() {
            let side = if step <= stretch.step { &mut canary } else { &mut stable };
            if let Some(group) = groups.get(cohort) {
                side.requests += group.requests;
                side.errors += group.errors;
                side.canary_errors += group.canary_errors;
            }
        }
        let seconds = stretch.seconds();
        let mut arrivals = |requests: f64, errors: f64| {
            // Of a group without users there is no rate.
            let rate = if requests > 0.0 { errors / requests } else { 0.0 };
            Arrivals::of(requests * seconds, rate, dice)
        };
        let canary = arrivals(canary.requests, canary.canary_errors);
        counts(canary, arrivals(stable.requests, stable.errors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CROWD: Crowd =
        Crowd { users: 20_000, rps: 400.0, rates: 1.0, errors: 0.5, ratio: 2.0, broken: &[] };

    fn sum(population: &Population, of: impl Fn(&Group) -> f64) -> f64 {
        population.groups.iter().flatten().map(of).sum()
    }

    #[test]
    fn users_add_up_to_the_rates_that_are_stated() {
        let population = CROWD.draw(Schedule::HOUR, &mut Dice::new(0, 1));
        let requests = sum(&population, |group| group.requests);
        assert!((requests - 400.0).abs() < 1e-6, "{requests}");
        let errors = sum(&population, |group| group.errors);
        assert!((errors - 2.0).abs() < 0.1, "{errors}");
        let canary = sum(&population, |group| group.canary_errors);
        assert!((canary - 2.0 * errors).abs() < 0.01, "{canary}");
    }

    #[test]
    fn a_broken_client_makes_its_share_of_the_errors() {
        let crowd = Crowd { broken: &[0.2], ..CROWD };
        let (without, with) =
            [CROWD, crowd].map(|it| it.draw(Schedule::HOUR, &mut Dice::new(0, 1))).into();
        let errors = |population: &Population| sum(population, |group| group.errors);
        let own = errors(&with) - errors(&without);
        assert!((own / errors(&with) - 0.2).abs() < 1e-9, "{own}");
        // All of its requests fail, on either side.
        let requests = sum(&with, |group| group.requests) - 400.0;
        assert!((requests - own).abs() < 1e-6, "{requests}");
    }

    #[test]
    fn counts_follow_users_to_the_canary() {
        let crowd = Crowd { rates: 0.0, errors: 0.0, ..CROWD };
        let mut dice = Dice::new(0, 2);
        let mut population = crowd.draw(Schedule::HOUR, &mut dice);
        let mut shares = Vec::new();
        let mut ratios = Vec::new();
        for stretch in Schedule::HOUR.stretches().filter(|stretch| stretch.start % 12 == 0) {
            let long = Stretch { minutes: 120, ..stretch };
            let interval = population.counted(&long, &mut dice);
            assert_eq!(interval.cohorts.len(), COHORTS);
            let total = interval.total();
            shares.push(total.canary_share().unwrap() / stretch.weight);
            let rates = [
                total.canary_events() / total.canary_requests(),
                total.stable_events() / total.stable_requests(),
            ];
            ratios.push(rates[0] / rates[1]);
        }
        // 200 users stand behind the first weight: five standard deviations are 35 %.
        assert!((shares[0] - 1.0).abs() < 0.35, "{shares:?}");
        assert!((shares[4] - 1.0).abs() < 0.04, "{shares:?}");
        assert!((ratios[4] - 2.0).abs() < 0.1, "{ratios:?}");
    }
}
