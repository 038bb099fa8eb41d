//! Pages with metrics that are read here, by those who have no Prometheus.
//!
//! Every target is asked at the same multiples of the interval, and its samples carry that time, so
//! that all targets can be cut at the same moment. What is kept is in memory alone: a new process
//! begins anew.

mod discover;
mod page;
mod scrape;
mod series;
mod settings;
mod store;

use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;

pub use settings::{DnsName, InvalidPage, PageAddress, Targets};

use super::{QueryError, Sample, Selector, Series, http};
use crate::prometheus::{SetupError, tls};
use store::Store;

/// Reads the pages of its targets for as long as it lives.
#[derive(Debug)]
pub struct Scraper {
    settings: Targets,
    store: Shared,
    task: AbortHandle,
}

/// The samples, between those who read pages and those who ask.
type Shared = Arc<Mutex<Store>>;

/// No lock is held while anything is waited for, so that a panic leaves nothing half done.
fn locked(store: &Shared) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Scraper {
    /// Begins to read pages. Must be called within a runtime.
    ///
    /// # Errors
    /// [`SetupError`] where a page is encrypted and the system's certificates cannot be read.
    pub fn start(settings: Targets) -> Result<Self, SetupError> {
        let http = http::connections(tls::system_config(settings.has_https())?);
        let store = Arc::new(Mutex::new(Store::new(settings.interval, settings.timeout)));
        let task = scrape::all(settings.clone(), http, Arc::clone(&store));
        Ok(Self { settings, store, task: tokio::spawn(task).abort_handle() })
    }

    /// What it was made from.
    #[must_use]
    pub const fn settings(&self) -> &Targets {
        &self.settings
    }

    /// Keeps the series of these selectors from the next page on; others are not kept.
    pub fn keep(&self, selectors: impl IntoIterator<Item = Selector>) {
        locked(&self.store).keep(selectors);
    }

    pub(super) fn samples(
        &self,
        selector: &Selector,
        from_ms: u64,
        to_ms: u64,
    ) -> Result<Vec<Series>, QueryError> {
        locked(&self.store).samples(selector, from_ms, to_ms)
    }

    pub(super) fn last(
        &self,
        selector: &Selector,
        within: Duration,
        at_ms: u64,
    ) -> Result<Vec<Sample>, QueryError> {
        locked(&self.store).last(selector, within, at_ms)
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        self.task.abort();
    }
}
