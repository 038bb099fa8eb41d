//! The releases that this process runs, and those that it can only show.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::engine::Handle;
use crate::status::Status;

/// All of them, by namespace and name. Copies share what they hold.
#[derive(Clone, Debug, Default)]
pub struct Releases {
    run: Arc<Mutex<BTreeMap<Name, Handle>>>,
    stored: Option<Arc<dyn Stored>>,
}

/// A release's namespace and name.
type Name = (String, String);

/// Where the releases of a cluster are stored, whoever runs them.
pub trait Stored: core::fmt::Debug + Send + Sync {
    /// Every release.
    fn all(&self) -> Vec<Entry>;

    /// How one stood when it was stored last; `None` where there is none, or it cannot be read.
    fn status(&self, namespace: &str, name: &str) -> Option<Status>;
}

/// A release that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Changes with everything that is stored of it.
    pub version: String,
}

/// How a release stands, and who says so.
#[derive(Clone, Debug)]
pub(super) enum Shown {
    /// The engine that runs it.
    Run(Arc<Status>),
    /// What another process has stored of it, under this version.
    Stored(String),
}

/// Names how a release stood when somebody was told, without keeping it.
#[derive(Clone, Debug)]
pub(super) enum Told {
    Run(Weak<Status>),
    Stored(String),
}

impl Shown {
    pub(super) fn told(&self) -> Told {
        match self {
            Self::Run(status) => Told::Run(Arc::downgrade(status)),
            Self::Stored(version) => Told::Stored(version.clone()),
        }
    }
}

impl Told {
    /// Whether nothing has changed since.
    pub(super) fn is(&self, now: &Shown) -> bool {
        match (self, now) {
            (Self::Run(told), Shown::Run(now)) => core::ptr::eq(told.as_ptr(), Arc::as_ptr(now)),
            (Self::Stored(told), Shown::Stored(now)) => told == now,
            (Self::Run(_), Shown::Stored(_)) | (Self::Stored(_), Shown::Run(_)) => false,
        }
    }
}

impl Releases {
    /// None yet, beside those that are stored.
    #[must_use]
    pub fn beside(stored: Arc<dyn Stored>) -> Self {
        Self { run: Arc::default(), stored: Some(stored) }
    }

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

    /// Every release that is run here, in the order of their names.
    #[must_use]
    pub fn all(&self) -> Vec<Handle> {
        self.map().values().cloned().collect()
    }

    /// Whether they are objects of a cluster, which others may run.
    pub(super) const fn are_objects(&self) -> bool {
        self.stored.is_some()
    }

    /// Every release that can be shown: as it is run here, else as it is stored.
    pub(super) fn shown(&self) -> BTreeMap<Name, Shown> {
        let stored = self.stored.iter().flat_map(|stored| stored.all());
        let mut shown: BTreeMap<Name, Shown> = stored
            .map(|entry| ((entry.namespace, entry.name), Shown::Stored(entry.version)))
            .collect();
        let run = self.map();
        shown.extend(run.iter().map(|(name, release)| {
            (name.clone(), Shown::Run(Arc::clone(&release.status.borrow())))
        }));
        shown
    }

    /// The one of this name.
    pub(super) fn shown_one(&self, name: &Name) -> Option<Shown> {
        if let Some(release) = self.map().get(name) {
            return Some(Shown::Run(Arc::clone(&release.status.borrow())));
        }
        let all = self.stored.as_ref()?.all();
        let entry = all.into_iter().find(|one| one.namespace == name.0 && one.name == name.1)?;
        Some(Shown::Stored(entry.version))
    }

    /// How a release stands; `None` where what is stored of it cannot be read.
    pub(super) fn status(&self, (namespace, name): &Name, shown: &Shown) -> Option<Arc<Status>> {
        match shown {
            Shown::Run(status) => Some(Arc::clone(status)),
            Shown::Stored(_) => self.stored.as_ref()?.status(namespace, name).map(Arc::new),
        }
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<Name, Handle>> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FromIterator<Handle> for Releases {
    fn from_iter<T: IntoIterator<Item = Handle>>(releases: T) -> Self {
        let all = Self::default();
        releases.into_iter().for_each(|release| all.insert(release));
        all
    }
}
