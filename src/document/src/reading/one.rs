//! What is given by exactly one of several fields.

use core::fmt;

use super::Reading;

/// The one that is given of several.
#[derive(Debug)]
pub(crate) struct One<T> {
    given: Option<T>,
    several: bool,
}

impl<T> One<T> {
    pub(crate) fn add(&mut self, given: Option<T>) {
        if given.is_some() {
            self.several |= self.given.is_some();
            self.given = given;
        }
    }

    pub(crate) const fn is_none(&self) -> bool {
        self.given.is_none()
    }

    /// The only one; `none` says what is missing where there is none.
    pub(crate) fn end(
        self,
        reading: &mut Reading<'_>,
        none: &str,
        rule: &dyn fmt::Display,
    ) -> Option<T> {
        if self.several || self.given.is_none() {
            let found = if self.several { "several" } else { none };
            reading.wrong_at(&[], &found, rule);
        }
        self.given
    }
}

impl<T> Default for One<T> {
    fn default() -> Self {
        Self { given: None, several: false }
    }
}
