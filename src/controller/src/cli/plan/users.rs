//! How many users must stand behind the evidence.
//!
//! A sticky canary keeps the same users, and users differ: their requests are not independent, and
//! more requests by the same few users prove nothing more. Of n users whose requests and
//! propensities are lognormal, the canary's rate lies about
//!
//! ```text
//! sigma = sqrt(e^(sr^2) (e^(sp^2) - 1) / n)
//! ```
//!
//! beside the rate of all (the relative standard error of a sum of r p over a sum of r). Where two
//! sigma reach what the test looks for, a healthy version looks like a bad one.

use serin_judge::planning::seen_from;
use serin_judge::{Margin, Worse};

/// Sigma of the users' request rates, on a log scale: one in six sends over 2.7 times the median.
const RATE_SIGMA: f64 = 1.0;
/// Sigma of their propensities to the event.
const PROPENSITY_SIGMA: f64 = 1.0;
/// How many standard errors are room enough.
const STANDARD_ERRORS: f64 = 2.0;
/// The normal quantile of 90 %.
const NINETY: f64 = 1.281_551_565_5;

/// The relative standard error that users who differ give the canary's rate, where there are `users`
/// of them on it.
fn sigma(users: f64) -> f64 {
    (RATE_SIGMA.powi(2).exp() * (PROPENSITY_SIGMA.powi(2).exp() - 1.0) / users).sqrt()
}

/// The factor by which the canary's users may make a bad version look better: with a chance of 10 %
/// it is more.
pub(super) fn spread(users: f64) -> f64 {
    (NINETY * sigma(users)).exp()
}

/// The fewest users on the canary that let a gate tell a healthy version from a bad one.
pub(super) fn needed(margin: Margin, worse: Worse) -> f64 {
    let from = seen_from(margin, worse);
    let room = match worse {
        Worse::Higher => from.ln(),
        Worse::Lower => -from.ln(),
    };
    // Standing on the wrong side already: no number of users is enough.
    if room <= 0.0 {
        return f64::INFINITY;
    }
    (STANDARD_ERRORS * sigma(1.0) / room).powi(2).ceil()
}

/// A count as a number to reckon with.
#[expect(clippy::cast_precision_loss, reason = "exact to 2^53, more than there are users")]
pub(super) const fn count(number: u64) -> f64 {
    number as f64
}

/// A length as a number to reckon with.
pub(super) fn real(length: usize) -> f64 {
    u64::try_from(length).map_or(f64::INFINITY, count)
}
