//! The one hash table of the module. Those of libraries are several times its size, for each kind of
//! value anew.

use alloc::vec::Vec;
use core::mem;

/// Values by 32-bit keys, of which several may be the same: what else tells them apart, the caller
/// asks of each value. Keys are numbers that count up, or hashes.
#[derive(Clone, Debug)]
pub struct Slots<T> {
    /// None, or a power of two. A value stands in its key's own slot, or else in the next free one.
    slots: Vec<Option<(u32, T)>>,
    taken: usize,
}

impl<T> Slots<T> {
    /// The fewest, where there are any.
    const FEWEST: usize = 8;

    /// None yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { slots: Vec::new(), taken: 0 }
    }

    /// Whether there is no value.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// A value with that key of which `is` holds.
    #[inline]
    pub fn find(&self, key: u32, is: impl Fn(&T) -> bool) -> Option<&T> {
        let place = self.search(key, is)?;
        self.slots.get(place)?.as_ref().map(|(_, value)| value)
    }

    /// A value with that key of which `is` holds, to change.
    #[inline]
    pub fn find_mut(&mut self, key: u32, is: impl Fn(&T) -> bool) -> Option<&mut T> {
        let place = self.search(key, is)?;
        self.slots.get_mut(place)?.as_mut().map(|(_, value)| value)
    }

    /// Adds a value, beside those that have the same key.
    pub fn insert(&mut self, key: u32, value: T) {
        // With a quarter of them free, some two are looked at to find one or none.
        if self.taken >= self.slots.len() / 4 * 3 {
            let more = (self.slots.len() * 2).max(Self::FEWEST);
            let mut slots = Vec::with_capacity(more);
            slots.resize_with(more, || None);
            for (key, value) in mem::replace(&mut self.slots, slots).into_iter().flatten() {
                self.put(key, value);
            }
        }
        self.put(key, value);
        self.taken += 1;
    }

    /// Takes out a value with that key of which `is` holds.
    #[inline]
    pub fn remove(&mut self, key: u32, is: impl Fn(&T) -> bool) -> Option<T> {
        let mut hole = self.search(key, is)?;
        let (_, removed) = self.slots.get_mut(hole)?.take()?;
        self.taken -= 1;
        // Whoever stands beyond the hole would be looked for up to it: it moves into it, unless its
        // own slot is beyond it too.
        let mut next = self.after(hole);
        while let Some(Some((key, _))) = self.slots.get(next) {
            let beyond = self.distance(self.own(*key), next) < self.distance(hole, next);
            if !beyond {
                self.slots.swap(hole, next);
                hole = next;
            }
            next = self.after(next);
        }
        Some(removed)
    }

    #[inline]
    fn search(&self, key: u32, is: impl Fn(&T) -> bool) -> Option<usize> {
        let mut place = self.own(key);
        while let Some(Some((known, value))) = self.slots.get(place) {
            if *known == key && is(value) {
                return Some(place);
            }
            place = self.after(place);
        }
        None
    }

    /// Puts a value into the first free slot from its own on: one is.
    fn put(&mut self, key: u32, value: T) {
        let mut place = self.own(key);
        while let Some(Some(_)) = self.slots.get(place) {
            place = self.after(place);
        }
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = Some((key, value));
        }
    }

    /// A key's own slot. Multiplied by 2^32 by the golden ratio, neighbours come far apart.
    #[inline]
    const fn own(&self, key: u32) -> usize {
        let spread = key.wrapping_mul(0x9e37_79b9);
        self.wrapped(spread.rotate_left(16) as usize)
    }

    #[inline]
    const fn after(&self, place: usize) -> usize {
        self.wrapped(place.wrapping_add(1))
    }

    const fn distance(&self, from: usize, to: usize) -> usize {
        self.wrapped(to.wrapping_sub(from))
    }

    #[inline]
    const fn wrapped(&self, place: usize) -> usize {
        place & self.slots.len().wrapping_sub(1)
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn values_of_one_key_are_told_apart() {
        let mut slots = Slots::new();
        assert!(slots.is_empty() && slots.find(1, |_| true).is_none());
        slots.insert(1, "a");
        slots.insert(1, "b");
        assert_eq!(slots.find(1, |it| *it == "b"), Some(&"b"));
        assert_eq!(slots.remove(1, |it| *it == "a"), Some("a"));
        assert_eq!(slots.find(1, |_| true), Some(&"b"));
        assert!(slots.find(1, |it| *it == "a").is_none() && slots.find(2, |_| true).is_none());
        *slots.find_mut(1, |_| true).unwrap() = "c";
        assert_eq!(slots.remove(1, |_| true), Some("c"));
        assert!(slots.is_empty());
    }

    proptest! {
        #[test]
        fn it_holds_what_another_table_holds(
            acts in proptest::collection::vec((0..200_u32, any::<bool>()), 0..600),
        ) {
            let (mut slots, mut other) = (Slots::new(), HashMap::new());
            for (step, (key, insert)) in acts.into_iter().enumerate() {
                if insert && !other.contains_key(&key) {
                    slots.insert(key, step);
                    other.insert(key, step);
                } else if !insert {
                    prop_assert_eq!(slots.remove(key, |_| true), other.remove(&key));
                }
                prop_assert_eq!(slots.is_empty(), other.is_empty());
            }
            for key in 0..200 {
                prop_assert_eq!(slots.find(key, |_| true), other.get(&key));
            }
        }
    }
}
