//! Users who differ, as cohorts of them add up.
//!
//! Every user has a rate of requests and, for each event, a propensity: lognormal both, with sigma
//! [`RATE_SIGMA`] and [`PROPENSITY_SIGMA`], and sticky, so that a cohort stays what it was drawn
//! as. What reaches the metrics are sums over a cohort's users; so the sums are drawn, not the
//! users. Of n users with rates r and propensities q (both of mean 1) the sums of r and r q are
//! normal to a good approximation where n is in the thousands, with these moments per user:
//!
//! ```text
//! Var r = e^(sr^2) - 1        Var rq = e^(sr^2 + sp^2) - 1        Cov(r, rq) = e^(sr^2) - 1
//! ```
//!
//! The cap of a propensity at 0.9 is left out: it makes the users differ less than here.

use super::draws::Draws;

/// Sigma of the users' rates of requests.
const RATE_SIGMA: f64 = 1.0;
/// Sigma of their propensities, for each event.
const PROPENSITY_SIGMA: f64 = 0.5;

/// Cohorts, as the filter tells them apart.
pub(crate) const COHORTS: u32 = 16;
/// Events with propensities of their own.
pub(crate) const EVENTS: usize = 4;

/// What a group of users does, as parts of what all users do together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Group {
    /// Its part of the requests.
    pub(crate) requests: f64,
    /// Its part of each event.
    pub(crate) events: [f64; EVENTS],
}

impl Group {
    /// Draws a group of `size` of `all` users.
    fn draw(size: f64, all: f64, draws: &mut Draws) -> Self {
        let spread = RATE_SIGMA.powi(2).exp();
        let of_rates = ((spread - 1.0) / size).sqrt() * draws.normal();
        // Given the rates, what is left of a sum's variance comes from the propensities.
        let rest = (spread * (PROPENSITY_SIGMA.powi(2).exp() - 1.0) / size).sqrt();
        let share = size / all;
        let mut group = Self { requests: share * (1.0 + of_rates), ..Self::default() };
        for event in &mut group.events {
            *event = share * (1.0 + of_rates + rest * draws.normal());
        }
        group
    }

    fn plus(mut self, other: &Self) -> Self {
        self.requests += other.requests;
        for (mine, theirs) in self.events.iter_mut().zip(other.events) {
            *mine += theirs;
        }
        self
    }

    /// What it does of an event for its part of the requests; 1 is what all users do.
    pub(crate) fn propensity(&self, event: usize) -> f64 {
        let part = self.events.get(event).copied().unwrap_or_default();
        if self.requests > 0.0 { part / self.requests } else { 1.0 }
    }
}

/// The users of one cohort: in layers, those that come to the canary with each weight.
#[derive(Debug)]
pub(crate) struct Cohort {
    layers: Vec<Group>,
}

impl Cohort {
    /// Draws one of the cohorts of `users`; `weights` are the release's, as rising shares, the last
    /// one 1.
    pub(crate) fn draw(users: f64, weights: &[f64], draws: &mut Draws) -> Self {
        let below = std::iter::once(0.0).chain(weights.iter().copied());
        let added = weights.iter().zip(below).map(|(weight, below)| weight - below);
        let size = |added: f64| users * added / f64::from(COHORTS);
        Self { layers: added.map(|added| Group::draw(size(added), users, draws)).collect() }
    }

    /// Those on the canary and those on stable, at the weight of this step.
    pub(crate) fn sides(&self, step: usize) -> (Group, Group) {
        let (canary, stable) = self.layers.split_at(step + 1);
        let sum = |groups: &[Group]| groups.iter().fold(Group::default(), Group::plus);
        (sum(canary), sum(stable))
    }
}
