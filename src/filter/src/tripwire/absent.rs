//! The module without tripwires: what they ask of the rest of it, answered by nothing.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;

use serin_document::Compiled;

use crate::class::Class;
use crate::host::{Host, Moment};
use crate::metrics::Metrics;
use crate::responses::Evidence;
use crate::serving::Serving;

/// None.
#[must_use]
pub const fn switches(_: &Compiled) -> Vec<Cell<bool>> {
    Vec::new()
}

/// There never is one.
#[derive(Debug)]
pub enum Tally {}

impl Tally {
    /// Never called.
    pub const fn add(&self, _: Evidence, _: Class, _: impl FnOnce() -> bool) {
        match *self {}
    }
}

/// None.
#[derive(Debug, Default)]
pub struct Tallies;

impl Tallies {
    /// None.
    #[must_use]
    pub const fn of_all(&self, _: &Compiled) -> Vec<Option<Rc<Tally>>> {
        Vec::new()
    }
}

/// None.
#[derive(Debug, Default)]
pub struct Wire;

impl Wire {
    /// Nothing to fit.
    pub fn fit<'a>(
        &mut self,
        _: &dyn Host,
        _: &mut Metrics,
        _: &Tallies,
        _: impl Iterator<Item = &'a Rc<Serving>>,
    ) {
    }

    /// Nothing to look at.
    pub fn tick<'a>(
        &mut self,
        _: &dyn Host,
        _: &mut Metrics,
        _: Moment,
        _: bool,
        _: impl Iterator<Item = &'a Rc<Serving>>,
    ) {
    }

    /// Nothing to turn.
    pub fn turn<'a>(&self, _: impl Iterator<Item = &'a Rc<Serving>>) {}

    /// Nothing to leave.
    pub fn leave(&mut self, _: &dyn Host, _: &mut Metrics) {}
}
