//! The releases that this process runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::Handle;

/// All of them, by namespace and name. Copies share what they hold.
#[derive(Clone, Debug, Default)]
pub struct Releases(Arc<Mutex<BTreeMap<(String, String), Handle>>>);

impl Releases {
    /// Adds a release, in place of one of that name.
    pub fn insert(&self, release: Handle) {
        self.map().insert((release.namespace.clone(), release.name.clone()), release);
    }

    /// Takes a release out.
    pub fn remove(&self, namespace: &str, name: &str) {
        self.map().remove(&(namespace.to_owned(), name.to_owned()));
    }

    pub(super) fn get(&self, namespace: &str, name: &str) -> Option<Handle> {
        self.map().get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    /// Every release, in the order of their names.
    #[must_use]
    pub fn all(&self) -> Vec<Handle> {
        self.map().values().cloned().collect()
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<(String, String), Handle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FromIterator<Handle> for Releases {
    fn from_iter<T: IntoIterator<Item = Handle>>(releases: T) -> Self {
        let all = Self::default();
        releases.into_iter().for_each(|release| all.insert(release));
        all
    }
}
