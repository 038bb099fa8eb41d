//! What has come of the requests so far.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};

/// Shared by all lanes.
#[derive(Debug, Default)]
pub(super) struct Tally {
    next: AtomicU64,
    end: AtomicU64,
    answered: AtomicU64,
    statuses: Mutex<BTreeMap<u16, u64>>,
    failed: Mutex<Option<String>>,
}

impl Tally {
    /// Lets the lanes send so many requests more.
    pub(super) fn begin(&self, requests: u64) {
        let next = self.next.load(Ordering::Relaxed);
        self.end.store(next.saturating_add(requests), Ordering::Relaxed);
    }

    /// Lets each lane end with the batch at hand.
    pub(super) fn stop(&self) {
        self.end.store(0, Ordering::Relaxed);
    }

    /// The number of the first request of a batch; none where there are enough.
    pub(super) fn take(&self, batch: u64) -> Option<u64> {
        let first = self.next.fetch_add(batch, Ordering::Relaxed);
        (first < self.end.load(Ordering::Relaxed)).then_some(first)
    }

    /// Whether no lane is to send another one.
    pub(super) fn ended(&self) -> bool {
        self.next.load(Ordering::Relaxed) >= self.end.load(Ordering::Relaxed)
    }

    /// Notes the answers to a batch.
    pub(super) fn add(&self, answers: &BTreeMap<u16, u64>) {
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        for (status, count) in answers {
            *statuses.entry(*status).or_default() += count;
            self.answered.fetch_add(*count, Ordering::Relaxed);
        }
    }

    /// Notes a request that was not answered as it should be.
    pub(super) fn fail(&self, what: String) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what);
    }

    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Each status with its number, for people.
    pub(super) fn statuses(&self) -> String {
        let statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        let shown: Vec<_> =
            statuses.iter().map(|(status, count)| format!("{count} with {status}")).collect();
        shown.join(", ")
    }

    /// Fails where a request has.
    pub(super) fn sound(&self) -> Result<()> {
        if let Some(what) = &*self.failed.lock().unwrap_or_else(PoisonError::into_inner) {
            bail!("{what}");
        }
        let statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        match statuses.range(500..).next() {
            Some((status, count)) => bail!("{count} answers with status {status}"),
            None => Ok(()),
        }
    }
}
