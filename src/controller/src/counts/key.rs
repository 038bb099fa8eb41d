//! Label sets, known by a hash.

use core::hash::{BuildHasher as _, Hash as _, Hasher as _};
use std::collections::HashMap;
use std::hash::RandomState;

use crate::metrics::Labels;

/// Values by label set. The sets themselves are not kept: those of a large mesh (a thousand proxies
/// with 200 series each) would take some 200 MB. Two of them in one place of 2^128 is not to be
/// feared, and nobody outside knows the places.
#[derive(Debug)]
pub(super) struct Keyed<T> {
    states: (RandomState, RandomState),
    places: HashMap<u128, usize>,
    values: Vec<T>,
}

impl<T> Keyed<T> {
    pub(super) fn new() -> Self {
        Self {
            states: (RandomState::new(), RandomState::new()),
            places: HashMap::new(),
            values: Vec::new(),
        }
    }

    /// The key of those labels that `kept` keeps.
    pub(super) fn key(&self, labels: &Labels, kept: impl Fn(&str) -> bool) -> u128 {
        let hash = |state: &RandomState| {
            let mut hasher = state.build_hasher();
            for pair in labels.iter().filter(|(name, _)| kept(name)) {
                pair.hash(&mut hasher);
            }
            hasher.finish()
        };
        (u128::from(hash(&self.states.0)) << 64) | u128::from(hash(&self.states.1))
    }

    pub(super) fn find(&self, key: u128) -> Option<usize> {
        self.places.get(&key).copied()
    }

    /// The place of a key, with a value made for it where it is new.
    pub(super) fn place(&mut self, key: u128, new: impl FnOnce() -> T) -> usize {
        if let Some(place) = self.find(key) {
            return place;
        }
        let place = self.values.len();
        self.places.insert(key, place);
        self.values.push(new());
        place
    }

    pub(super) fn get(&self, place: usize) -> Option<&T> {
        self.values.get(place)
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.values.get_mut(place)
    }

    pub(super) fn values(&self) -> &[T] {
        &self.values
    }
}
