//! Values by name.

use alloc::boxed::Box;
use alloc::collections::BinaryHeap;
use alloc::vec::Vec;

use serin_assignment::murmur3_x86_32;

use crate::{Slots, are_same};

/// Values by name, in the order in which they came.
#[derive(Clone, Debug)]
pub struct Named<T> {
    places: Slots<(Box<[u8]>, usize)>,
    values: Vec<T>,
}

impl<T> Named<T> {
    /// The value of a name.
    #[inline]
    #[must_use]
    pub fn find(&self, name: &[u8]) -> Option<&T> {
        self.values.get(known(&self.places, name)?)
    }

    /// The place of a name's value, which is made where there is none yet.
    pub fn place(&mut self, name: &[u8], new: impl FnOnce() -> T) -> usize {
        let place = place(&mut self.places, name, self.values.len());
        if place == self.values.len() {
            self.values.push(new());
        }
        place
    }

    /// Gives a name its value, in place of the one that it had.
    pub fn set(&mut self, name: &[u8], value: T) {
        let place = place(&mut self.places, name, self.values.len());
        match self.values.get_mut(place) {
            Some(known) => *known = value,
            None => self.values.push(value),
        }
    }

    /// The value at a place.
    #[inline]
    #[must_use]
    pub fn at(&self, place: usize) -> Option<&T> {
        self.values.get(place)
    }

    /// The value at a place, to change.
    #[inline]
    pub fn at_mut(&mut self, place: usize) -> Option<&mut T> {
        self.values.get_mut(place)
    }

    /// All values.
    #[must_use]
    pub fn values(&self) -> &[T] {
        &self.values
    }

    /// All values, to change.
    pub fn values_mut(&mut self) -> &mut [T] {
        &mut self.values
    }
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self { places: Slots::new(), values: Vec::new() }
    }
}

/// The place of a name: the next one where it has none yet.
#[inline]
fn known(places: &Slots<(Box<[u8]>, usize)>, name: &[u8]) -> Option<usize> {
    places.find(murmur3_x86_32(name), |(known, _)| are_same(known, name)).map(|(_, place)| *place)
}

fn place(named: &mut Slots<(Box<[u8]>, usize)>, name: &[u8], next: usize) -> usize {
    if let Some(place) = known(named, name) {
        return place;
    }
    // The hash that assigns users, so that the module has one. Names come from documents alone, so
    // nobody who sends requests can choose some that fall together.
    named.insert(murmur3_x86_32(name), (name.into(), next));
    next
}

/// Names in their order, each with the place at which it was given.
///
/// A heap sorts as fast where it is not told which bytes to expect, in a tenth of the code.
#[must_use]
pub fn sorted<'n>(names: impl Iterator<Item = &'n [u8]>) -> Vec<(&'n [u8], usize)> {
    let names: Vec<(&[u8], usize)> = names.zip(0..).collect();
    BinaryHeap::from(names).into_sorted_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_order_know_where_they_stood() {
        let names = ["b", "a", "", "b"].map(str::as_bytes);
        let expected: [(&[u8], usize); 4] = [(b"", 2), (b"a", 1), (b"b", 0), (b"b", 3)];
        assert_eq!(sorted(names.into_iter()), expected);
    }

    #[test]
    fn a_name_keeps_its_place() {
        let mut named = Named::default();
        assert_eq!(named.find(b"a"), None);
        assert_eq!([named.place(b"a", || 1), named.place(b"b", || 2)], [0, 1]);
        assert_eq!(named.place(b"a", || 3), 0);
        named.set(b"b", 4);
        named.set(b"c", 5);
        assert_eq!(named.values(), [1, 4, 5]);
        assert_eq!((named.find(b"c"), named.at(1), named.at(3)), (Some(&5), Some(&4), None));
    }
}
