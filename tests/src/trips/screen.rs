//! What every proof needs, at a fraction of what the watch takes.
//!
//! The judge keeps evidence as logarithms, by 17 sets of cohorts, and takes in every tick. Here it is
//! kept as it is, without one cohort alone, and only ticks with an event are taken in one by one. Of
//! the others the floor needs no more than how many good answers there were: of
//! `S <- (S + pi) q^n` over several of them, with q < 1, no more is left than
//! `S q^(n1 + n2 + ...) + pi1 + pi2 + ...`.

use serin_filter::tripwire::tally::{Ended, Event, Sums};
use serin_filter::tripwire::watch::Terms;
use serin_judge::Counts;

use super::Tick;

/// The alternatives of the judge's tests.
const GRID: [f64; 7] = [1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0];
/// Far more than two ways of computing the same differ by.
const ROUNDING: f64 = 1e-6;

/// The most evidence that a watch over the same requests can have.
pub struct Screen {
    pending: Sums,
    errors: Tests,
    slow: Option<Tests>,
    threshold: f64,
}

/// Of one kind of event.
struct Tests {
    ratio: Ratio,
    floor: Floor,
}

/// The ratio test without the first cohort.
pub(super) struct Ratio {
    margin: f64,
    looks: f64,
    held: [f64; GRID.len()],
}

/// The test of the canary's own rate, or a little more than that.
pub(super) struct Floor {
    looks: f64,
    /// Each alternative that is a probability: how it takes an event and a good answer, and what it
    /// holds.
    held: Vec<[f64; 3]>,
    quiet_looks: f64,
    quiet_requests: i32,
}

impl Screen {
    /// One that has seen nothing.
    #[must_use]
    pub fn new(terms: &Terms) -> Self {
        let tests = || Tests {
            ratio: Ratio::new(terms.rule().margin.get()),
            floor: Floor::new(terms.floor().get()),
        };
        Self {
            pending: Sums::default(),
            errors: tests(),
            slow: terms.slow().then(tests),
            threshold: terms.alpha().log_threshold().exp() * (1.0 - ROUNDING),
        }
    }

    /// Takes in what was counted in a tick, as a watch does that looks at each: whether there may be
    /// proof.
    pub fn may_be_proof(&mut self, tick: &Tick) -> bool {
        let sums = match tick {
            Tick::Quiet([canary, _]) => {
                self.rest(*canary);
                return false;
            }
            Tick::Placed(sums) => sums,
        };
        self.pending.plus(sums);
        let sides = self.pending.sides();
        if sides.iter().any(|side| side.requests == 0) {
            return false;
        }
        let pending = core::mem::take(&mut self.pending);
        let [canary, stable] = sides;
        if canary.errors + canary.slow + stable.errors + stable.slow == 0 {
            self.rest(canary.requests);
            return false;
        }
        self.errors.absorb(&pending, sides, Event::Error);
        if let Some(slow) = &mut self.slow {
            slow.absorb(&pending, sides, Event::Slow);
        }
        let errors = self.errors.e(self.threshold);
        let e = match &self.slow {
            None => errors,
            Some(slow) => f64::midpoint(errors, slow.e(self.threshold)),
        };
        // Good answers prove nothing, so that it is enough to ask where there was an event. What has
        // left the floats is for the watch to say.
        e.is_nan() || e >= self.threshold
    }

    /// A look at which there was nothing but good answers.
    fn rest(&mut self, canary: u32) {
        for tests in [Some(&mut self.errors), self.slow.as_mut()].into_iter().flatten() {
            tests.floor.rest(canary);
        }
    }
}

impl Tests {
    fn absorb(&mut self, sums: &Sums, [canary, stable]: [Ended; 2], event: Event) {
        if events(canary, event) + events(stable, event) == 0 {
            self.floor.rest(canary.requests);
            return;
        }
        self.floor.absorb(canary.requests, events(canary, event));
        self.ratio.absorb(&sums.interval(event).without(&[0]));
    }

    /// One where the floor is not met: nothing is bet then.
    fn e(&self, threshold: f64) -> f64 {
        if self.floor.e() < threshold { 1.0 } else { self.ratio.e() }
    }
}

impl Ratio {
    pub(super) fn new(margin: f64) -> Self {
        Self { margin, looks: 0.0, held: [0.0; GRID.len()] }
    }

    pub(super) fn absorb(&mut self, counts: &Counts) {
        let stake = stake(self.looks);
        self.looks += 1.0;
        let canary = counts.canary_requests() * self.margin;
        let share = canary / (canary + counts.stable_requests());
        let compared = counts.canary_share().is_some();
        let (canary, all) = (whole(counts.canary_events()), whole(counts.events()));
        for (held, g) in self.held.iter_mut().zip(GRID) {
            let gain =
                if compared { g.powi(canary) / (1.0 + share * (g - 1.0)).powi(all) } else { 1.0 };
            *held = (*held + stake) * gain;
        }
    }

    pub(super) fn e(&self) -> f64 {
        self.held.iter().sum::<f64>() / 7.0 + unspent(self.looks)
    }
}

impl Floor {
    pub(super) fn new(rate: f64) -> Self {
        let alternatives = GRID.into_iter().filter(|r| r * rate < 1.0);
        let held = alternatives.map(|r| [r, (1.0 - r * rate) / (1.0 - rate), 0.0]).collect();
        Self { looks: 0.0, held, quiet_looks: 0.0, quiet_requests: 0 }
    }

    pub(super) fn rest(&mut self, requests: u32) {
        self.quiet_looks += 1.0;
        self.quiet_requests += i32::try_from(requests).unwrap_or(i32::MAX);
    }

    pub(super) fn absorb(&mut self, requests: u32, events: u32) {
        let until = self.looks + self.quiet_looks;
        let (quiet_stakes, quiet) =
            (unspent(self.looks) - unspent(until), core::mem::take(&mut self.quiet_requests));
        let events = i32::try_from(events).unwrap_or(i32::MAX);
        let good = i32::try_from(requests).unwrap_or(i32::MAX) - events;
        let stake = stake(until);
        for [r, q, held] in &mut self.held {
            let before = *held * q.powi(quiet) + quiet_stakes + stake;
            *held = before * r.powi(events) * q.powi(good);
        }
        self.looks = until + 1.0;
        self.quiet_looks = 0.0;
    }

    /// After an event.
    #[expect(clippy::cast_precision_loss, reason = "seven at most")]
    pub(super) fn e(&self) -> f64 {
        let sum: f64 = self.held.iter().map(|[_, _, held]| held).sum();
        sum / (self.held.len() as f64) + unspent(self.looks)
    }
}

/// What is staked after so many looks.
fn stake(looks: f64) -> f64 {
    if looks == 0.0 { 0.5 } else { 0.5 / looks / (looks + 1.0) }
}

/// What is not staked yet after so many.
fn unspent(looks: f64) -> f64 {
    if looks == 0.0 { 1.0 } else { 0.5 / looks }
}

const fn events(side: Ended, event: Event) -> u32 {
    match event {
        Event::Error => side.errors,
        Event::Slow => side.slow,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a count of a tick's requests")]
fn whole(count: f64) -> i32 {
    count as i32
}
