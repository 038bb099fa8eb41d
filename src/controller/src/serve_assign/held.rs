//! The document in force, and what its source is known to do.

use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serin_document::plugin::{Outcome, WhenStale};
use serin_document::{Compiled, Environment, Parsed};
use tokio::time::Instant;

use crate::decide::{self, SourceState};

/// What decides just now, and by which source.
#[derive(Debug)]
pub(super) struct Held {
    environment: Environment,
    source: String,
    /// None where nothing gets stale: a file is there.
    patience: Option<(Duration, WhenStale)>,
    now: Mutex<Now>,
}

#[derive(Debug)]
struct Now {
    document: Arc<Compiled>,
    /// The same without rollouts, for a document that is too old to go by.
    unmarked: Arc<Compiled>,
    answered: Option<Instant>,
    answers: [(Outcome, u64); Outcome::ALL.len()],
}

impl Held {
    /// A source by its name, and how long it may be silent, where it may not be so for ever.
    pub(super) fn new(
        environment: Environment,
        source: String,
        patience: Option<(Duration, WhenStale)>,
    ) -> Self {
        let empty = Arc::new(Compiled::empty(&environment));
        let now = Now {
            unmarked: Arc::clone(&empty),
            document: empty,
            answered: None,
            answers: Outcome::ALL.map(|outcome| (outcome, 0)),
        };
        Self { environment, source, patience, now: Mutex::new(now) }
    }

    /// Names the source.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// What decides. Nothing is marked before the first document, nor once the source has been
    /// silent for too long where that was asked for.
    pub(super) fn in_force(&self) -> Arc<Compiled> {
        let now = self.now();
        let unmarked = matches!(self.patience, Some((_, WhenStale::Unmarked)))
            && self.state(now.answered) == SourceState::Stale;
        Arc::clone(if unmarked { &now.unmarked } else { &now.document })
    }

    /// Whether a document has come.
    pub(super) fn has_document(&self) -> bool {
        self.now().document.revision().is_some()
    }

    /// Takes a document that is read; whether it is newer than the one in force.
    pub(super) fn take(&self, parsed: Parsed) -> Outcome {
        let revision = parsed.document.revision;
        let mut now = self.now();
        let outcome = if now.document.is_newer(revision) {
            Outcome::Applied
        } else if now.document.revision() == Some(revision) {
            Outcome::Unchanged
        } else {
            Outcome::Older
        };
        if outcome == Outcome::Applied {
            let compiled = Compiled::compile(parsed, Some(&now.document), &self.environment);
            for left_out in compiled.left_out() {
                tracing::warn!(source = %self.source, %left_out, "left out of the document");
            }
            tracing::info!(%revision, rollouts = compiled.rollouts().len(), "document taken");
            now.unmarked = Arc::new(compiled.unmarked());
            now.document = Arc::new(compiled);
        }
        outcome
    }

    /// Counts an answer; a good one ends the source's silence.
    pub(super) fn count(&self, outcome: Outcome) {
        let mut now = self.now();
        if matches!(outcome, Outcome::Applied | Outcome::Unchanged) {
            now.answered = Some(Instant::now());
        }
        if let Some((_, count)) = now.answers.iter_mut().find(|(one, _)| *one == outcome) {
            *count += 1;
        }
    }

    /// How the source stands, for a page of metrics.
    pub(super) fn figures(&self) -> decide::Source {
        let now = self.now();
        decide::Source {
            name: self.source.clone(),
            state: self.state(now.answered),
            revision: now.document.revision(),
            left_out: now.document.left_out().len(),
            answers: now.answers,
        }
    }

    fn state(&self, answered: Option<Instant>) -> SourceState {
        match (answered, self.patience) {
            (None, _) => SourceState::Unanswered,
            (Some(at), Some((after, _))) if at.elapsed() > after => SourceState::Stale,
            (Some(_), _) => SourceState::Fresh,
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn document(revision: u64, weight: &str) -> Parsed {
        let json = format!(
            r#"{{"formatVersion": "1.0", "revision": {revision}, "rollouts": [{{"name": "shop/web",
            "revision": {revision}, "hosts": ["*"], "salt": "s", "weight": "{weight}",
            "canaryServes": true, "identity": [{{"header": "x-user-id"}}]}}]}}"#
        );
        serin_document::parse(json.as_bytes()).unwrap()
    }

    fn held(when_stale: WhenStale) -> Held {
        let patience = Some((Duration::from_mins(5), when_stale));
        Held::new(Environment::default(), "http://127.0.0.1:7316".to_owned(), patience)
    }

    fn weights(held: &Held) -> Vec<String> {
        held.in_force().rollouts().iter().map(|rollout| rollout.weight().to_string()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn revisions_only_rise() {
        let held = held(WhenStale::Keep);
        assert!(!held.has_document());
        assert!(weights(&held).is_empty());
        assert_eq!(held.take(document(7, "5%")), Outcome::Applied);
        assert_eq!(held.take(document(7, "9%")), Outcome::Unchanged);
        assert_eq!(held.take(document(6, "9%")), Outcome::Older);
        assert_eq!(weights(&held), ["5%"]);
        assert!(held.has_document());
    }

    #[tokio::test(start_paused = true)]
    async fn a_source_that_is_silent_for_too_long_is_stale_and_means_what_was_asked() {
        for (when_stale, after) in [(WhenStale::Keep, &["5%"][..]), (WhenStale::Unmarked, &[])] {
            let held = held(when_stale);
            assert_eq!(held.figures().state, SourceState::Unanswered);
            held.count(held.take(document(7, "5%")));
            advance(Duration::from_mins(5)).await;
            assert_eq!((held.figures().state, weights(&held).len()), (SourceState::Fresh, 1));
            held.count(Outcome::Failed);
            held.count(Outcome::Older);
            advance(Duration::from_millis(1)).await;
            assert_eq!(held.figures().state, SourceState::Stale);
            assert_eq!(weights(&held), after);
            assert!(held.has_document(), "it is there, however old");
            held.count(Outcome::Unchanged);
            assert_eq!((held.figures().state, weights(&held).len()), (SourceState::Fresh, 1));
        }
    }
}
