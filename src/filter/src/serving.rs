//! What a request needs: the document in force, and where to count.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;

use serin_document::{Compiled, CompiledRollout};

use crate::counts::{Counts, Slot};
use crate::listed::Listed;
use crate::tripwire::{self, Tally};

/// What a plugin's requests are decided by. It never changes; a newer document makes a new one,
/// and a request that has begun keeps the one it began with.
#[derive(Debug)]
pub struct Serving {
    document: Rc<Compiled>,
    /// In place of the document while its source has been silent for too long and the
    /// configuration says `unmarked` for that case.
    unmarked: Option<Compiled>,
    /// Where each of the document's rollouts is counted.
    slots: Vec<Slot>,
    /// Where each is counted for its tripwire; empty where none has one.
    tallies: Vec<Option<Rc<Tally>>>,
    /// Whether the tripwire of each has tripped at this proxy; empty in a module without tripwires.
    tripped: Vec<Cell<bool>>,
    listed: Listed,
    asked: Cell<bool>,
}

impl Serving {
    /// Takes a document into service.
    #[must_use]
    pub fn new(document: Rc<Compiled>, unmarked: bool, counts: &Counts) -> Self {
        Self {
            slots: document.rollouts().iter().map(|rollout| counts.slot(rollout)).collect(),
            tallies: counts.tallies().of_all(&document),
            tripped: tripwire::switches(&document),
            listed: Listed::default(),
            unmarked: unmarked.then(|| document.unmarked()),
            document,
            asked: Cell::new(false),
        }
    }

    /// The document, whether or not requests are decided by it just now.
    #[must_use]
    pub const fn document(&self) -> &Rc<Compiled> {
        &self.document
    }

    /// What decides about requests.
    #[must_use]
    pub fn in_force(&self) -> &Compiled {
        self.unmarked.as_ref().unwrap_or(&self.document)
    }

    /// Whether nothing is marked because the source has been silent for too long.
    #[must_use]
    pub const fn is_unmarked(&self) -> bool {
        self.unmarked.is_some()
    }

    /// Where the rollout at a place of the document is counted.
    #[must_use]
    pub fn slot(&self, index: usize) -> Option<Slot> {
        self.slots.get(index).copied()
    }

    /// Where the rollout at a place of the document is counted for its tripwire.
    #[must_use]
    pub fn tally(&self, index: usize) -> Option<&Tally> {
        self.tallies.get(index)?.as_deref()
    }

    /// Whether the tripwire of the rollout at a place of the document has tripped.
    #[must_use]
    pub fn is_tripped(&self, index: usize) -> bool {
        self.tripped.get(index).is_some_and(Cell::get)
    }

    /// The rollouts, each with the switch that sends everyone to stable.
    pub fn tripwires(&self) -> impl Iterator<Item = (&CompiledRollout, &Cell<bool>)> {
        self.document.rollouts().iter().zip(&self.tripped)
    }

    /// What the document's lists have said of users.
    #[must_use]
    pub const fn listed(&self) -> &Listed {
        &self.listed
    }

    /// Notes that a request was decided.
    pub fn asked(&self) {
        self.asked.set(true);
    }

    /// Whether a request was decided since the last time this was asked.
    pub fn take_asked(&self) -> bool {
        self.asked.take()
    }
}
