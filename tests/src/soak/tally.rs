//! What has come of the requests so far.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Result, bail};

/// What an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    /// Its status.
    pub(super) status: u16,
    /// Whether an application failed as it is meant to.
    pub(super) meant: bool,
}

impl Kind {
    /// The only ones that should be: whatever a client says of itself, it is served.
    fn is_right(self) -> bool {
        self.status == 200 || self.meant
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meant = if self.meant { ", as meant" } else { "" };
        write!(f, "{}{meant}", self.status)
    }
}

/// Shared by all lanes.
#[derive(Debug, Default)]
pub(super) struct Tally {
    next: AtomicU64,
    end: AtomicU64,
    answered: AtomicU64,
    kinds: Mutex<BTreeMap<Kind, u64>>,
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
    pub(super) fn add(&self, answers: &BTreeMap<Kind, u64>) {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        for (kind, count) in answers {
            *kinds.entry(*kind).or_default() += count;
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

    /// Each kind of answer with its number, for people.
    pub(super) fn kinds(&self) -> String {
        let kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let shown: Vec<_> =
            kinds.iter().map(|(kind, count)| format!("{count} with {kind}")).collect();
        shown.join("; ")
    }

    /// Fails where a request has.
    pub(super) fn sound(&self) -> Result<()> {
        if let Some(what) = &*self.failed.lock().unwrap_or_else(PoisonError::into_inner) {
            bail!("{what}");
        }
        let kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        match kinds.iter().find(|(kind, _)| !kind.is_right()) {
            Some((kind, count)) => bail!("{count} answers with status {kind}"),
            None => Ok(()),
        }
    }
}
