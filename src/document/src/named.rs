//! Values by name: the one kind of hash table of the module, for each further kind of key or value
//! would be another copy of its code.

use std::collections::BinaryHeap;

use hashbrown::HashTable;
use serin_assignment::murmur3_x86_32;

/// Values by name, in the order in which they came.
#[derive(Clone, Debug)]
pub struct Named<T> {
    places: HashTable<(Box<[u8]>, usize)>,
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
        let place = place(&mut self.places, name);
        if place == self.values.len() {
            self.values.push(new());
        }
        place
    }

    /// Gives a name its value, in place of the one that it had.
    pub fn set(&mut self, name: &[u8], value: T) {
        let place = place(&mut self.places, name);
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
        Self { places: HashTable::new(), values: Vec::new() }
    }
}

/// The place of a name: the next one where it has none yet.
#[inline]
fn known(places: &HashTable<(Box<[u8]>, usize)>, name: &[u8]) -> Option<usize> {
    places.find(hash(name), |(known, _)| **known == *name).map(|(_, place)| *place)
}

fn place(places: &mut HashTable<(Box<[u8]>, usize)>, name: &[u8]) -> usize {
    if let Some(place) = known(places, name) {
        return place;
    }
    let place = places.len();
    places.insert_unique(hash(name), (name.into(), place), |(known, _)| hash(known));
    place
}

/// The hash that assigns users, so that the module has one. Names come from documents alone, so
/// nobody who sends requests can choose some that fall together.
#[inline]
fn hash(name: &[u8]) -> u64 {
    let hash = u64::from(murmur3_x86_32(name));
    // The table goes by the lowest bits and by the highest.
    hash << 32 | hash
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
