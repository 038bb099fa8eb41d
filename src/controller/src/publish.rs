//! The assignment document of all releases, and its publication to whoever waits for it.
//!
//! One document holds every release that this process runs. It is shown once the state of all of
//! them is known: a document without a release would have filters forget it. Publications take
//! turns, so that a revision can be stored before anybody sees it and none is given twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use serin_document::{Compiled, Document, Environment, LeftOut, Refused, Revision, Rollout};
use tokio::sync::{Mutex, MutexGuard, watch};

/// Where releases put their part of the document and the server takes the whole.
#[derive(Debug)]
pub struct Board {
    ledger: Mutex<Ledger>,
    shown: watch::Sender<Option<Arc<Published>>>,
}

/// A document as it is served.
#[derive(Debug)]
pub struct Published {
    /// Its revision.
    pub revision: Revision,
    /// A strong entity tag: every other content has another one.
    pub etag: String,
    /// The wire form.
    pub json: String,
    /// What the module's own parser does not accept, which the document therefore lacks.
    pub left_out: Vec<LeftOut>,
}

#[derive(Debug)]
struct Ledger {
    /// Every release's part; `None` while its state is unknown.
    parts: BTreeMap<String, Option<Rollout>>,
    /// The newest revision that was given, by this process or one before it.
    last: Option<Revision>,
}

/// The right to publish next. Nobody else can until it is used or dropped.
#[derive(Debug)]
pub struct Turn<'a> {
    board: &'a Board,
    ledger: MutexGuard<'a, Ledger>,
    rollout: Rollout,
    revision: Revision,
}

impl Board {
    /// A board that shows nothing until each of these rollouts (`namespace/name`) has published.
    #[must_use]
    pub fn new(rollouts: impl IntoIterator<Item = String>) -> Self {
        let parts = rollouts.into_iter().map(|name| (name, None)).collect();
        Self { ledger: Mutex::new(Ledger { parts, last: None }), shown: watch::Sender::new(None) }
    }

    /// Takes note of a revision that a process before this one gave: every later one is above it.
    pub async fn remember(&self, revision: Revision) {
        let mut ledger = self.ledger.lock().await;
        ledger.last = ledger.last.max(Some(revision));
    }

    /// Waits for the turn to publish this rollout.
    pub async fn turn(&self, rollout: Rollout, now_ms: u64) -> Turn<'_> {
        let ledger = self.ledger.lock().await;
        let parts = ledger.parts.values().flatten().map(|part| part.revision);
        let newest = parts.chain([rollout.revision]).max();
        let revision = Revision::next(ledger.last, now_ms).max(newest.unwrap_or(rollout.revision));
        Turn { board: self, ledger, rollout, revision }
    }

    /// The document as it is shown, and its changes; `None` until every release's state is known.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Option<Arc<Published>>> {
        self.shown.subscribe()
    }

    /// Why a rollout (`namespace/name`) is not in the document; empty where it is.
    #[must_use]
    pub fn left_out(&self, rollout: &str) -> Vec<String> {
        self.shown.borrow().as_ref().map_or_else(Vec::new, |shown| {
            let ours = shown.left_out.iter().filter(|left| left.rollout == rollout);
            ours.map(ToString::to_string).collect()
        })
    }
}

impl Turn<'_> {
    /// The revision that the document will have.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// Puts the rollout into the document and shows it.
    ///
    /// # Errors
    /// [`Refused`] where the module's own parser takes no document at all from what would be
    /// shown; the one before stays.
    pub fn publish(mut self) -> Result<(), Refused> {
        self.ledger.last = Some(self.revision);
        self.ledger.parts.insert(self.rollout.name.as_str().to_owned(), Some(self.rollout));
        let known: Option<Vec<Rollout>> = self.ledger.parts.values().cloned().collect();
        let Some(rollouts) = known else { return Ok(()) };
        let published = Published::compile(self.revision, rollouts)?;
        self.board.shown.send_replace(Some(Arc::new(published)));
        Ok(())
    }
}

impl Published {
    /// Leaves out what the module's own parser does not accept, so that one release that does not
    /// compile never blocks another.
    fn compile(revision: Revision, mut rollouts: Vec<Rollout>) -> Result<Self, Refused> {
        let mut left_out = Vec::new();
        loop {
            let json = Document::new(revision, rollouts.clone()).to_json();
            let refused = refused(&json)?;
            let accepted = |rollout: &Rollout| {
                refused.iter().all(|left: &LeftOut| left.rollout != rollout.name.as_str())
            };
            let before = rollouts.len();
            rollouts.retain(accepted);
            let done = rollouts.len() == before;
            left_out.extend(refused);
            if done {
                return Ok(Self { revision, etag: format!("\"{revision}\""), json, left_out });
            }
        }
    }
}

/// What the module would leave out of this document.
fn refused(json: &str) -> Result<Vec<LeftOut>, Refused> {
    let parsed = serin_document::parse(json.as_bytes())?;
    let compiled = Compiled::compile(parsed, None, &Environment::default());
    Ok(compiled.left_out().to_vec())
}

#[cfg(test)]
mod tests;
