//! The evidence against a canary, as the VMs of a proxy share it: pure, but for its bytes.
//!
//! The test is the judge's ratio test: is the canary's rate of errors (or slow answers) more than
//! three times stable's, whichever cohort is set aside? And its floor: is that rate itself above what
//! is tolerable? Both have to be proved to 1/alpha, so one error among few trips nothing.
//!
//! A look takes in what was counted since the one before. One without an event says nothing about
//! the ratio (`d = 0` whatever the counts), so it is no interval of that test: its number of
//! intervals, by which the stake of a late regression sinks, then follows the events there are and
//! not the clock, and harm after a quiet week is seen as fast as harm at the start. Given the events,
//! which side they fell on is all that the test looks at, so leaving out looks without any biases
//! nothing. The floor looks at a rate and takes every look.

use alloc::format;
use alloc::string::String;
use core::fmt::Write as _;
use core::time::Duration;

use serin_document::Tripwire;
use serin_judge::{
    Alpha, Dispersion, Interval, Look, Margin, OneSample, RatioTest, Rule, SetAside, Share, Worse,
    combine,
};

use super::tally::{COHORTS, Event, Sums};
use crate::host::Moment;
use crate::shared::bytes::{Reader, Writer};

/// The least time between two looks: a tick, less what one may come early.
const LOOK: Duration = Duration::from_millis(80);

/// Gross harm: more than three times stable's rate.
const RATIO: f64 = 3.0;

/// What trips a wire.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    rule: Rule,
    floor: Share,
    alpha: Alpha,
    slow: bool,
}

impl Terms {
    /// The terms of a rollout's tripwire; none where its numbers are out of range, which its parser
    /// keeps out.
    #[must_use]
    pub fn new(tripwire: &Tripwire) -> Option<Self> {
        let margin = Margin::try_new(RATIO).ok()?;
        let rule = Rule { worse: Worse::Higher, margin, floor: None, set_aside: SetAside::One };
        let floor = f64::from(tripwire.floor.basis_points()) / 10_000.0;
        Some(Self {
            rule,
            floor: Share::try_new(floor).ok()?,
            alpha: Alpha::try_new(tripwire.alpha.get()).ok()?,
            slow: tripwire.slow.is_some(),
        })
    }

    /// The rule of the ratio test.
    #[must_use]
    pub const fn rule(&self) -> &Rule {
        &self.rule
    }

    /// The rate that the canary's own has to be above.
    #[must_use]
    pub const fn floor(&self) -> Share {
        self.floor
    }

    /// What both have to be proved to.
    #[must_use]
    pub const fn alpha(&self) -> Alpha {
        self.alpha
    }

    /// Whether slow answers trip it too.
    #[must_use]
    pub const fn slow(&self) -> bool {
        self.slow
    }
}

/// The tests of one kind of event.
#[derive(Clone, Debug, PartialEq)]
struct Tests {
    ratio: RatioTest,
    floor: OneSample,
}

impl Tests {
    fn new(terms: &Terms) -> Self {
        Self { ratio: RatioTest::new(&terms.rule, COHORTS), floor: OneSample::new(terms.floor) }
    }

    /// Whether there is any evidence left of the ratio, if an event was among what was counted;
    /// without one that has not changed.
    fn absorb(&mut self, terms: &Terms, interval: &Interval) -> bool {
        let total = interval.total();
        self.floor.absorb(&total, Look::Judged);
        if total.events() > 0.0 {
            self.ratio.absorb(&terms.rule, interval, Dispersion::NONE, Look::Judged);
        }
        total.events() <= 0.0 || self.ratio.log_e_worst().log_e > 0.0
    }

    /// One, as a natural logarithm, where the floor is not met: nothing is bet then.
    fn log_e(&self, alpha: Alpha) -> f64 {
        if self.floor.log_e() < alpha.log_threshold() {
            return 0.0;
        }
        self.ratio.log_e_worst().log_e
    }
}

/// What has been counted of a rollout, and what it says.
#[derive(Clone, Debug, PartialEq)]
pub struct Watch {
    /// Counted since the last look.
    pending: Sums,
    /// When that was.
    looked: Moment,
    /// Counted since there was last no evidence at all: what the proof, if one comes, is made of.
    since: Sums,
    errors: Tests,
    slow: Option<Tests>,
}

impl Watch {
    /// A watch that has seen nothing.
    #[must_use]
    pub fn new(terms: &Terms) -> Self {
        Self {
            pending: Sums::default(),
            looked: Moment::default(),
            since: Sums::default(),
            errors: Tests::new(terms),
            slow: terms.slow.then(|| Tests::new(terms)),
        }
    }

    /// Adds what a VM has counted.
    pub fn add(&mut self, sums: &Sums) {
        self.pending.plus(sums);
    }

    /// Forgets what no look has taken in yet: it was counted at another weight than what comes.
    pub fn drop_pending(&mut self) {
        self.pending = Sums::default();
    }

    /// Takes in what is pending, where it is time and both sides have answered: without the other
    /// side nothing can be compared.
    pub fn look(&mut self, terms: &Terms, now: Moment) {
        let [canary, stable] = self.pending.sides();
        if now.since(self.looked) < LOOK || canary.requests == 0 || stable.requests == 0 {
            return;
        }
        self.looked = now;
        let pending = core::mem::take(&mut self.pending);
        self.since.plus(&pending);
        let mut evidence = self.errors.absorb(terms, &pending.interval(Event::Error));
        if let Some(slow) = &mut self.slow {
            evidence |= slow.absorb(terms, &pending.interval(Event::Slow));
        }
        if !evidence {
            self.since = Sums::default();
        }
    }

    /// The evidence that decides, as a natural logarithm: of errors, or of both kinds of events, half
    /// each.
    #[must_use]
    pub fn log_e(&self, terms: &Terms) -> f64 {
        let errors = self.errors.log_e(terms.alpha);
        match &self.slow {
            None => errors,
            Some(slow) => combine::log_mean(&[(1.0, errors), (1.0, slow.log_e(terms.alpha))]),
        }
    }

    /// Whether that is proof.
    #[must_use]
    pub fn is_proof(&self, terms: &Terms) -> bool {
        self.log_e(terms) >= terms.alpha.log_threshold()
    }

    /// What the evidence is made of, for people: `canary 27 of 60 failed, stable 0 of 181`.
    #[must_use]
    pub fn told(&self) -> String {
        let [canary, stable] = self.since.sides();
        let (nc, ns) = (canary.requests, stable.requests);
        let mut told =
            format!("canary {} of {nc} failed, stable {} of {ns}", canary.errors, stable.errors);
        if self.slow.is_some() {
            // Writing to a string cannot fail.
            let _ = write!(told, "; canary {} slow, stable {}", canary.slow, stable.slow);
        }
        told
    }

    pub(super) fn write(&self, bytes: Writer) -> Writer {
        let bytes = self.pending.write(bytes.u64(self.looked.as_millis()));
        let bytes = self.since.write(bytes);
        let tests = [Some(&self.errors), self.slow.as_ref()].into_iter().flatten();
        let numbers = tests.flat_map(|tests| tests.ratio.numbers().chain(tests.floor.numbers()));
        numbers.fold(bytes, |bytes, number| bytes.u64(number.to_bits()))
    }

    pub(super) fn read(reader: &mut Reader<'_>, terms: &Terms) -> Option<Self> {
        let looked = Moment::from_millis(reader.u64()?);
        let (pending, since) = (Sums::read(reader)?, Sums::read(reader)?);
        let numbers = &mut core::iter::from_fn(|| reader.u64().map(f64::from_bits));
        let errors = tests(numbers, terms)?;
        let slow = if terms.slow { Some(tests(numbers, terms)?) } else { None };
        Some(Self { pending, looked, since, errors, slow })
    }
}

fn tests(numbers: &mut impl Iterator<Item = f64>, terms: &Terms) -> Option<Tests> {
    let ratio = RatioTest::from_numbers(&terms.rule, COHORTS, numbers)?;
    let mut floor = OneSample::new(terms.floor);
    floor.fill(numbers)?;
    Some(Tests { ratio, floor })
}
