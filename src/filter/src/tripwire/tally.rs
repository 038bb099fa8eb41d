//! How canary's and stable's requests ended, counted by cohort until they are added to what the
//! proxy's VMs share.

use alloc::borrow::ToOwned as _;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

use serin_assignment::{Cohort, Variant};
use serin_document::{Compiled, CompiledRollout};
use serin_judge::{Counts, Interval};

use crate::class::Class;
use crate::responses::Evidence;
use crate::shared::bytes::{Reader, Writer};
use crate::spread::Map;

/// The cohorts, without the requests that were drawn by themselves.
pub const COHORTS: usize = Cohort::COUNT as usize;

/// What is counted of one side's requests with one cohort.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// All but those whose caller left first.
    pub requests: u32,
    /// Those that failed.
    pub errors: u32,
    /// Those that were answered well, and too slowly.
    pub slow: u32,
}

/// Which of them is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// [`Ended::errors`].
    Error,
    /// [`Ended::slow`].
    Slow,
}

/// Both sides, canary first, each with its cohorts and at last those without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums([[Ended; COHORTS + 1]; 2]);

impl Ended {
    fn plus(&mut self, other: Self) {
        self.requests = self.requests.saturating_add(other.requests);
        self.errors = self.errors.saturating_add(other.errors);
        self.slow = self.slow.saturating_add(other.slow);
    }

    const fn events(&self, event: Event) -> u32 {
        match event {
            Event::Error => self.errors,
            Event::Slow => self.slow,
        }
    }
}

impl Sums {
    /// Counts a request.
    pub fn add(&mut self, evidence: Evidence, ended: Ended) {
        let side = usize::from(evidence.variant == Variant::Stable);
        let cohort = evidence.cohort.map_or(COHORTS, |cohort| cohort.get().into());
        if let Some(cell) = self.0.get_mut(side).and_then(|side| side.get_mut(cohort)) {
            cell.plus(ended);
        }
    }

    /// Adds others.
    pub fn plus(&mut self, other: &Self) {
        for (cell, other) in self.0.as_flattened_mut().iter_mut().zip(other.0.as_flattened()) {
            cell.plus(*other);
        }
    }

    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.as_flattened().iter().all(|cell| cell.requests == 0)
    }

    /// All of canary's, and all of stable's.
    #[must_use]
    pub fn sides(&self) -> [Ended; 2] {
        self.0.map(|side| {
            side.iter().fold(Ended::default(), |mut sum, cell| {
                sum.plus(*cell);
                sum
            })
        })
    }

    /// As the judge takes them.
    #[must_use]
    pub fn interval(&self, event: Event) -> Interval {
        let [canary, stable] = &self.0;
        let mut cohorts: Vec<Counts> = canary
            .iter()
            .zip(stable)
            .map(|(canary, stable)| counts(canary, stable, event))
            .collect();
        let rest = cohorts.pop().unwrap_or_default();
        Interval { cohorts, rest }
    }

    pub(super) fn write(&self, bytes: Writer) -> Writer {
        self.0
            .as_flattened()
            .iter()
            .fold(bytes, |bytes, cell| bytes.u32(cell.requests).u32(cell.errors).u32(cell.slow))
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut sums = Self::default();
        for cell in sums.0.as_flattened_mut() {
            *cell = Ended { requests: reader.u32()?, errors: reader.u32()?, slow: reader.u32()? };
        }
        Some(sums)
    }
}

fn counts(canary: &Ended, stable: &Ended, event: Event) -> Counts {
    let real = |count: u32| f64::from(count);
    let (xc, xs) = (real(canary.events(event)), real(stable.events(event)));
    // There are no more events than requests, so the other arm is never taken.
    Counts::try_new(real(canary.requests), xc, real(stable.requests), xs).unwrap_or_default()
}

/// What one VM has counted of one rollout since it last added it.
#[derive(Debug, Default)]
pub struct Tally(RefCell<Sums>);

impl Tally {
    /// Counts how a request ended that is evidence; `slow` is asked only where it matters.
    pub fn add(&self, evidence: Evidence, class: Class, slow: impl FnOnce() -> bool) {
        let error = class == Class::Error;
        if class != Class::Gone {
            let slow = !error && slow();
            let ended = Ended { requests: 1, errors: error.into(), slow: slow.into() };
            self.0.borrow_mut().add(evidence, ended);
        }
    }

    /// What was counted, if anything; it begins anew.
    #[must_use]
    pub fn take(&self) -> Option<Sums> {
        let mut sums = self.0.borrow_mut();
        (!sums.is_empty()).then(|| core::mem::take(&mut *sums))
    }

    /// Gives back what could not be added.
    pub fn give_back(&self, sums: &Sums) {
        self.0.borrow_mut().plus(sums);
    }
}

/// A VM's tallies, by the rollout's name and salt: what is counted of one release trips no other.
#[derive(Debug, Default)]
pub struct Tallies(RefCell<Map<(String, String), Rc<Tally>>>);

impl Tallies {
    /// Where a rollout's requests are counted for its tripwire; none where it has none, or this tier
    /// doesn't count.
    pub fn of(&self, rollout: &CompiledRollout) -> Option<Rc<Tally>> {
        rollout.tripwire().filter(|_| rollout.count())?;
        let key = (rollout.name().as_str().to_owned(), rollout.rollout().salt.as_str().to_owned());
        Some(Rc::clone(self.0.borrow_mut().entry(key).or_default()))
    }

    /// The same for each of a document's rollouts; empty where none has one.
    pub fn of_all(&self, document: &Compiled) -> Vec<Option<Rc<Tally>>> {
        let all: Vec<_> = document.rollouts().iter().map(|rollout| self.of(rollout)).collect();
        if all.iter().all(Option::is_none) { Vec::new() } else { all }
    }

    /// Forgets those that nobody has any more.
    pub fn tidy(&self) {
        self.0.borrow_mut().retain(|_, tally| Rc::strong_count(tally) > 1);
    }
}
