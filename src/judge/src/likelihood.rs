//! The likelihood of the ratio itself: for display, not for decisions.
//!
//! ```text
//! L(rho) = sum over intervals of xc ln rho - x ln(w rho + 1 - w)
//! ```
//!
//! The sum runs over every interval, each with its own w, so that L has no short form. It is smooth
//! in ln rho, so its values on a fine grid hold all there is to know: they are added up interval by
//! interval, and what lies between two points is interpolated to more digits than anybody is shown.

use core::f64::consts::LN_2;

use serde::{Deserialize, Serialize};

use crate::bits::Bits;
use crate::log_space::log_mean;
use crate::planning::RATIOS;
use crate::{Alpha, Counts, Dispersion};

/// The mixture of the confidence sequence has 241 points, log-uniform on [1/64, 64]: 120 on either
/// side of ln rho = 0.
const MIXTURE: usize = 120;
/// Their distance in ln rho, which is the grid's: ln(64^2)/240.
const STEP: f64 = 12.0 * LN_2 / 240.0;
/// Points on either side of 0 so that [1/1000, 1000] (199.3 steps) has neighbours to interpolate
/// from.
const REACH: usize = 208;
/// Points that an interpolation takes.
const STENCIL: [f64; 8] = [-1.0, 7.0, -21.0, 35.0, -35.0, 21.0, -7.0, 1.0];
/// The central difference of eighth order.
const SLOPE: [f64; 4] = [4.0 / 5.0, -1.0 / 5.0, 4.0 / 105.0, -1.0 / 280.0];

/// L on its grid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Likelihood {
    /// At ln rho = (index - REACH) STEP.
    values: Vec<f64>,
    events: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    values: Vec<Bits>,
    events: Bits,
}

/// A stored likelihood that has another grid than this version's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a likelihood has {} values, and here are {found}", 2 * REACH + 1)]
pub struct OtherGrid {
    found: usize,
}

impl Default for Likelihood {
    fn default() -> Self {
        Self { values: vec![0.0; 2 * REACH + 1], events: 0.0 }
    }
}

impl Likelihood {
    /// Takes an interval. One without requests on a side says nothing.
    pub fn absorb(&mut self, counts: &Counts) {
        let Some(w) = counts.canary_share() else { return };
        let (canary_events, stable_events) = (counts.canary_events(), counts.stable_events());
        let events = counts.events();
        if events <= 0.0 {
            return;
        }
        self.events += events;
        let rest = counts.stable_requests() / (counts.canary_requests() + counts.stable_requests());
        for (index, value) in self.values.iter_mut().enumerate() {
            let log_ratio = log_ratio(index);
            // Twice the same, by the side whose share may be tiny: 1 less the other would lose it.
            *value += if w <= 0.5 {
                canary_events * log_ratio - events * (w * log_ratio.exp_m1()).ln_1p()
            } else {
                -stable_events * log_ratio - events * (rest * (-log_ratio).exp_m1()).ln_1p()
            };
        }
    }

    /// The ratio with the highest likelihood on [1/1000, 1000]; `None` without events.
    #[must_use]
    pub fn ratio(&self) -> Option<f64> {
        (self.events > 0.0).then(|| self.best().exp())
    }

    /// The confidence sequence of the ratio at 1 - alpha, phi = 1: all rho in [1/1000, 1000] with
    /// ln mean over g of exp L(g) - L(rho) < ln 1/alpha (Howard et al.).
    #[must_use]
    pub fn confidence(&self, alpha: Alpha) -> (f64, f64) {
        let mixture = self.values.iter().skip(REACH - MIXTURE).take(2 * MIXTURE + 1).copied();
        let level = log_mean(mixture) - alpha.log_threshold();
        let inside = |log_ratio: f64| self.value(log_ratio) > level;
        let best = self.best();
        let bound = |end: f64| {
            if inside(end) { end } else { halve(best, end, inside) }
        };
        (bound(RATIOS.0.ln()).exp(), bound(RATIOS.1.ln()).exp())
    }

    /// ln of the evidence for a ratio of 1 against one of `ratio`, where that held throughout:
    /// L(1) - L(ratio), divided by phi. It speaks of requests, not of users: to be shown, not acted
    /// on. A ratio beyond [1/1000, 1000] counts as the nearest end.
    #[must_use]
    pub fn promote_evidence(&self, ratio: f64, phi: Dispersion) -> f64 {
        let ratio = ratio.max(RATIOS.0).min(RATIOS.1);
        (self.value(0.0) - self.value(ratio.ln())) / phi.get()
    }

    /// Where L is highest: it is concave in ln rho, so its slope changes its sign once.
    fn best(&self) -> f64 {
        let (low, high) = (RATIOS.0.ln(), RATIOS.1.ln());
        if self.slope(low) <= 0.0 {
            return low;
        }
        if self.slope(high) >= 0.0 {
            return high;
        }
        halve(low, high, |log_ratio| self.slope(log_ratio) > 0.0)
    }

    fn value(&self, log_ratio: f64) -> f64 {
        interpolate(log_ratio, |index| self.node(index))
    }

    fn slope(&self, log_ratio: f64) -> f64 {
        interpolate(log_ratio, |index| {
            let differences = SLOPE.iter().enumerate().map(|(distance, weight)| {
                let distance = distance + 1;
                weight * (self.node(index + distance) - self.node(index.saturating_sub(distance)))
            });
            differences.sum::<f64>() / STEP
        })
    }

    fn node(&self, index: usize) -> f64 {
        self.values.get(index).copied().unwrap_or(f64::NEG_INFINITY)
    }
}

#[expect(clippy::cast_precision_loss, reason = "below a thousand")]
fn log_ratio(index: usize) -> f64 {
    (index as f64 - REACH as f64) * STEP
}

/// The polynomial through the eight nearest points, at `log_ratio`.
fn interpolate(log_ratio: f64, node: impl Fn(usize) -> f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "log ratios lie within the grid"
    )]
    let below = (log_ratio / STEP + REACH as f64).floor() as usize;
    let first = below.saturating_sub(3);
    let (mut above, mut under) = (0.0, 0.0);
    for (offset, weight) in STENCIL.iter().enumerate() {
        let index = first + offset;
        let distance = log_ratio - self::log_ratio(index);
        if distance == 0.0 {
            return node(index);
        }
        above += weight / distance * node(index);
        under += weight / distance;
    }
    above / under
}

/// The point between one where `holds` and one where it does not.
fn halve(mut yes: f64, mut no: f64, holds: impl Fn(f64) -> bool) -> f64 {
    // As many as the digits of a float.
    for _ in 0..60 {
        let middle = f64::midpoint(yes, no);
        if holds(middle) {
            yes = middle;
        } else {
            no = middle;
        }
    }
    yes
}

impl TryFrom<Stored> for Likelihood {
    type Error = OtherGrid;

    fn try_from(stored: Stored) -> Result<Self, OtherGrid> {
        if stored.values.len() != 2 * REACH + 1 {
            return Err(OtherGrid { found: stored.values.len() });
        }
        let values = stored.values.into_iter().map(Bits::get).collect();
        Ok(Self { values, events: stored.events.get() })
    }
}

impl From<Likelihood> for Stored {
    fn from(likelihood: Likelihood) -> Self {
        let values = likelihood.values.into_iter().map(Bits::new).collect();
        Self { values, events: Bits::new(likelihood.events) }
    }
}
