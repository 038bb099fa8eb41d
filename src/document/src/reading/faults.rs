//! What is wrong in a tree, and where.

use core::fmt;

use super::{Reading, Step};
use crate::Fault;

/// From a value to one in it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Key<'k> {
    Field(&'k str),
    Entry(usize),
}

/// Where a value stands, such as `rollouts[3].paths`: put into words only where something is wrong.
pub(crate) struct Place<'p> {
    way: &'p [Step<'p>],
    below: &'p [Key<'p>],
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.way.iter().map(|step| &step.to).chain(self.below);
        for (index, key) in keys.enumerate() {
            match key {
                Key::Field(name) if index == 0 => f.write_str(name)?,
                Key::Field(name) => write!(f, ".{name}")?,
                Key::Entry(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl Reading<'_> {
    /// Where the value at hand stands.
    pub(crate) fn place(&self) -> Place<'_> {
        self.below(&[])
    }

    fn below<'p>(&'p self, below: &'p [Key<'p>]) -> Place<'p> {
        Place { way: &self.way, below }
    }

    /// Holds a rule against the value at hand.
    #[inline(never)]
    pub(crate) fn wrong(&mut self, rule: &dyn fmt::Display) {
        self.wrong_at(&[], self.at, rule);
    }

    /// Holds a rule against what stands below the value at hand; `value` shows it.
    #[inline(never)]
    pub(crate) fn wrong_at(
        &mut self,
        below: &[Key<'_>],
        value: &dyn fmt::Display,
        rule: &dyn fmt::Display,
    ) {
        if self.fault.is_none() {
            self.fault = Some(Fault::new(self.below(below), value, rule));
        }
    }

    /// Holds it against an object that a field is not there.
    #[inline(never)]
    pub(crate) fn lacks(&mut self, name: &str, rule: &dyn fmt::Display) {
        self.wrong_at(&[Key::Field(name)], &Fault::MISSING, rule);
    }

    /// Holds a fault against what stands below the value at hand.
    #[inline(never)]
    pub(crate) fn broken(&mut self, below: &[Key<'_>], fault: Fault) {
        if self.fault.is_none() {
            self.fault = Some(fault.below(self.below(below)));
        }
    }

    /// Leaves the value out of a fault, where there is one: it may be a secret.
    pub(crate) fn hide(&mut self) {
        if let Some(fault) = &mut self.fault
            && fault.value != Fault::MISSING
            && fault.value != "[]"
        {
            fault.hide();
        }
    }

    /// The first fault so far.
    pub(crate) fn check(&mut self) -> Result<(), Fault> {
        self.fault.take().map_or(Ok(()), Err)
    }

    /// What was read, unless something is at fault.
    pub(crate) fn end<T>(&mut self, read: Option<T>) -> Result<T, Fault> {
        self.check()?;
        read.ok_or_else(|| Fault::missing(self.place(), "all of its fields"))
    }
}
