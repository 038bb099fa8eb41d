//! The assignment document of all releases, and its publication to whoever waits for it.
//!
//! One document holds every release that this process runs. It is shown once the state of all of
//! them is known: a document without a release would have filters forget it. A revision is reserved
//! first, so that it can be stored before anybody sees it, and none is given twice. Nobody waits for
//! anybody: a release that is rolled back must not stand behind one whose disk hangs. What comes
//! while a document is being compiled goes into the next one together, since each is compiled as a
//! whole by the module's own parser.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serin_document::{Compiled, Document, Environment, LeftOut, Refused, Revision, Rollout};
use tokio::sync::watch;

/// By how much a revision may be above what was stored of it: where others publish between a
/// reservation and its use, the document gets a later one, and a document has no more rollouts than
/// this.
const UNSTORED: u64 = 20_000;

/// Where releases put their part of the document and the server takes the whole.
#[derive(Debug)]
pub struct Board {
    ledger: Mutex<Ledger>,
    /// Held by who compiles a document and shows it.
    turn: tokio::sync::Mutex<()>,
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
    /// What it holds.
    pub rollouts: Vec<Arc<Rollout>>,
    /// What the module's own parser does not accept, which the document therefore lacks.
    pub left_out: Vec<LeftOut>,
}

#[derive(Debug)]
struct Ledger {
    /// Every release's part; `None` while its state is unknown.
    parts: BTreeMap<String, Option<Arc<Rollout>>>,
    /// Since when there is each release, in milliseconds since 1970, where that is known.
    made: BTreeMap<String, i64>,
    /// The newest revision that was given, by this process or one before it.
    last: Option<Revision>,
    /// The revision of the document that was shown last.
    shown: Option<Revision>,
    /// Whether that was made of these parts, and not by another process or in an earlier term.
    ours: bool,
    /// The revision that the next one has at least; none while nothing has changed. It waits for its
    /// turn, or for a rollout that is not known.
    due: Option<Revision>,
}

impl Board {
    /// A board that shows nothing until each of these rollouts (`namespace/name`) has published.
    #[must_use]
    pub fn new(rollouts: impl IntoIterator<Item = String>) -> Self {
        let parts = rollouts.into_iter().map(|name| (name, None)).collect();
        let ledger = Ledger {
            parts,
            made: BTreeMap::new(),
            last: None,
            shown: None,
            ours: false,
            due: None,
        };
        Self {
            ledger: Mutex::new(ledger),
            turn: tokio::sync::Mutex::default(),
            shown: watch::Sender::new(None),
        }
    }

    /// Takes note of a revision that a process before this one stored: every later one is above all
    /// that it can have given.
    pub fn remember(&self, revision: Revision) {
        let given = revision.get().saturating_add(UNSTORED).min(Revision::MAX.get());
        let mut ledger = self.ledger();
        ledger.last = ledger.last.max(Some(Revision::new(given)));
    }

    /// A revision for a document with this rollout, which nobody else gets.
    pub fn reserve(&self, rollout: &Rollout, now_ms: u64) -> Revision {
        let mut ledger = self.ledger();
        let parts = ledger.parts.values().flatten().map(|part| part.revision);
        let newest = parts.fold(rollout.revision, Ord::max);
        let revision = Revision::next(ledger.last, now_ms).max(newest);
        ledger.last = Some(revision);
        revision
    }

    /// Puts the rollout into the document and shows it, under the revision that was reserved or,
    /// where a later one has been shown meanwhile, under one above that. Gives the revision of what is
    /// shown then, with the rollout in it; `None` where it is held back.
    ///
    /// # Errors
    /// [`Refused`] where the module's own parser takes no document at all from what would be
    /// shown; the one before stays.
    pub async fn publish(
        &self,
        rollout: Rollout,
        reserved: Revision,
    ) -> Result<Option<Revision>, Refused> {
        self.ledger().add(rollout, reserved);
        self.show().await?;
        Ok(self.ours())
    }

    /// The revision of what this process shows, where that is all that it has.
    fn ours(&self) -> Option<Revision> {
        let ledger = self.ledger();
        ledger.shown.filter(|_| ledger.ours && ledger.due.is_none())
    }

    /// Whether this very rollout is in the document that this process has shown last.
    #[must_use]
    pub fn shows(&self, rollout: &Rollout) -> bool {
        if !self.ledger().ours {
            return false;
        }
        let shown = self.shown.borrow();
        let mut rollouts = shown.iter().flat_map(|shown| &shown.rollouts);
        rollouts.any(|shown| shown.name == rollout.name && **shown == *rollout)
    }

    /// Takes note since when there is each release (`namespace/name`; milliseconds since 1970): of
    /// two that want the same requests the older one has them, whoever gave it which name.
    pub fn made(&self, made: impl IntoIterator<Item = (String, i64)>) {
        self.ledger().made = made.into_iter().collect();
    }

    /// Has the document wait for one more rollout (`namespace/name`); what is shown stays until then.
    pub fn expect(&self, rollout: String) {
        self.ledger().parts.entry(rollout).or_insert(None);
    }

    /// Takes over a rollout as a process before this one published it, without showing anything.
    pub fn adopt(&self, rollout: Rollout) {
        self.ledger().parts.insert(rollout.name.as_str().to_owned(), Some(Arc::new(rollout)));
    }

    /// Does not wait for a rollout any longer that was expected, and shows what was held back for it.
    ///
    /// # Errors
    /// [`Refused`], as by [`Board::publish`].
    pub async fn give_up(&self, rollout: &str) -> Result<(), Refused> {
        self.ledger().parts.retain(|name, part| part.is_some() || name != rollout);
        self.show().await
    }

    /// Does not wait for any rollout any longer, as by [`Board::give_up`].
    ///
    /// # Errors
    /// [`Refused`], as by [`Board::publish`].
    pub async fn give_up_all(&self) -> Result<(), Refused> {
        self.ledger().parts.retain(|_, part| part.is_some());
        self.show().await
    }

    /// Forgets all rollouts: another process publishes from now on. What is shown stays.
    pub fn resign(&self) {
        let mut ledger = self.ledger();
        ledger.parts.clear();
        ledger.ours = false;
        ledger.due = None;
    }

    /// Shows what another process has published, unless something as new is shown.
    pub fn mirror(&self, published: Published) {
        let mut ledger = self.ledger();
        if ledger.shown < Some(published.revision) {
            ledger.last = ledger.last.max(Some(published.revision));
            ledger.shown = Some(published.revision);
            ledger.ours = false;
            self.shown.send_replace(Some(Arc::new(published)));
        }
    }

    /// Takes a rollout (`namespace/name`) out of the document. Gives the revision of what is shown
    /// then, without it; `None` where this process shows nothing yet.
    ///
    /// # Errors
    /// [`Refused`], as by [`Board::publish`].
    pub async fn withdraw(&self, rollout: &str, now_ms: u64) -> Result<Option<Revision>, Refused> {
        self.retain(|name| name != rollout, now_ms).await?;
        Ok(self.ours())
    }

    /// Takes out, or does not wait for, every rollout (`namespace/name`) but these.
    ///
    /// # Errors
    /// [`Refused`], as by [`Board::publish`].
    pub async fn keep_only(&self, present: &BTreeSet<String>, now_ms: u64) -> Result<(), Refused> {
        self.retain(|name| present.contains(name), now_ms).await
    }

    /// Keeps these rollouts alone, and shows the document where that takes one out.
    async fn retain(&self, keep: impl Fn(&String) -> bool, now_ms: u64) -> Result<(), Refused> {
        let taken = self.ledger().retain(keep, now_ms);
        if taken { self.show().await } else { Ok(()) }
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

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows what has changed, unless a rollout is not known or somebody else has shown it meanwhile.
    async fn show(&self) -> Result<(), Refused> {
        let _turn = self.turn.lock().await;
        let Some((revision, rollouts)) = self.ledger().next() else { return Ok(()) };
        let published = Published::compile(revision, rollouts)?;
        let mut ledger = self.ledger();
        // Unless another process publishes by now.
        if ledger.shown < Some(revision) {
            ledger.shown = Some(revision);
            ledger.ours = true;
            self.shown.send_replace(Some(Arc::new(published)));
        }
        Ok(())
    }
}

impl Ledger {
    fn add(&mut self, rollout: Rollout, reserved: Revision) {
        self.parts.insert(rollout.name.as_str().to_owned(), Some(Arc::new(rollout)));
        self.due = self.due.max(Some(reserved));
    }

    /// Keeps these rollouts alone, and says whether that takes one out.
    fn retain(&mut self, keep: impl Fn(&String) -> bool, now_ms: u64) -> bool {
        let before = self.parts.len();
        self.parts.retain(|name, _| keep(name));
        let taken = self.parts.len() < before;
        if taken {
            let revision = Revision::next(self.last, now_ms);
            self.last = Some(revision);
            self.due = self.due.max(Some(revision));
        }
        taken
    }

    /// The next document's revision and rollouts, where there is to be one and all are known.
    fn next(&mut self) -> Option<(Revision, Vec<Arc<Rollout>>)> {
        let reserved = self.due?;
        let mut rollouts: Vec<Arc<Rollout>> =
            self.parts.values().cloned().collect::<Option<_>>()?;
        self.due = None;
        rollouts.sort_by_key(|rollout| self.made.get(rollout.name.as_str()).copied());
        if Some(reserved) > self.shown {
            return Some((reserved, rollouts));
        }
        let later = Revision::next(self.last, reserved.get());
        self.last = Some(later);
        Some((later, rollouts))
    }
}

impl Published {
    /// Leaves out what the module's own parser does not accept, so that one release that does not
    /// compile never blocks another.
    ///
    /// # Errors
    /// [`Refused`] where the parser takes no document at all from it.
    pub fn compile(revision: Revision, mut rollouts: Vec<Arc<Rollout>>) -> Result<Self, Refused> {
        let mut left_out = Vec::new();
        loop {
            let copies = rollouts.iter().map(|rollout| Rollout::clone(rollout)).collect();
            let json = Document::new(revision, copies).to_json();
            let refused = refused(&json)?;
            let accepted = |rollout: &Arc<Rollout>| {
                refused.iter().all(|left: &LeftOut| left.rollout != rollout.name.as_str())
            };
            let before = rollouts.len();
            rollouts.retain(accepted);
            let done = rollouts.len() == before;
            left_out.extend(refused);
            if done {
                let etag = format!("\"{revision}\"");
                return Ok(Self { revision, etag, json, rollouts, left_out });
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
