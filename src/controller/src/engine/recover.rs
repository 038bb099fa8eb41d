//! The start of a release of which nothing is stored: it is new, or its state was lost.
//!
//! Only the proxies can tell. While they cannot be asked nothing is known and nothing published,
//! since "everyone to stable" is no safe guess: at 100 % stable may be gone.

use serin_rollout::{Phase, State};
use tokio::time::{sleep, timeout};

use super::seen::Observe;
use super::task::{Engine, Inbox, receive, reply};
use super::{Answer, Keep, Reload, report};
use crate::store::Record;

impl<O: Observe, K: Keep> Engine<O, K> {
    /// Asks for the weight in force until there is an answer.
    pub(super) async fn recover(&mut self, inbox: &mut Inbox<O>) -> Record {
        let mut told = String::new();
        loop {
            let patience = self.patience();
            let observer = std::sync::Arc::clone(&self.observer);
            let asked = timeout(patience, async move { observer.weight_in_force().await });
            let why = match self.meanwhile(inbox, asked).await {
                Some(Ok(Ok(weight))) => return self.begin(weight),
                Some(Ok(Err(why))) => why,
                Some(Err(_)) => format!("no answer within {patience:?}"),
                // The release file was read again: ask as it says now.
                None => continue,
            };
            let message = format!(
                "no state is stored, and nobody can say which weight is in force: {why}; nothing is \
                 published until that is known"
            );
            if message != told {
                tracing::warn!(release = %self.release.key(), "{message}");
            }
            inbox.show(report::unknown(&self.release, &message));
            told = message;
            self.meanwhile(inbox, sleep(self.interval())).await;
        }
    }

    /// Waits for `what`, answers commands, and gives `None` where the release file was read again.
    async fn meanwhile<T>(
        &mut self,
        inbox: &mut Inbox<O>,
        what: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::pin!(what);
        loop {
            tokio::select! {
                done = &mut what => return Some(done),
                asked = receive(&mut inbox.commands) => {
                    let why = "the release's state is not known yet".to_owned();
                    reply(asked.answer, Answer::NotReady(why));
                }
                reload = receive(&mut inbox.reloads) => match *reload {
                    Reload::Release(release, observer) => {
                        self.release = release;
                        self.observer = observer;
                        return None;
                    }
                    Reload::Unchanged | Reload::Refused(_) => {}
                },
            }
        }
    }

    fn begin(&self, weight: Option<serin_assignment::Weight>) -> Record {
        let now_ms = self.clock.wall_ms();
        let release = &self.release;
        let version = release.version.clone();
        let state = match weight.filter(|weight| !weight.is_zero()) {
            Some(weight) => {
                tracing::warn!(release = %release.key(), %weight, "the state was lost while the canary had weight");
                State::state_lost(version, weight, &release.plan.steps, now_ms)
            }
            None if self.observer.is_rolled_out() => {
                State { phase: Phase::Succeeded, ..State::fresh(version, None, now_ms) }
            }
            None => State::fresh(version, None, now_ms),
        };
        let salt = release.assignment.salt.clone();
        let mut record = Record::new(&release.namespace, &release.name, state, salt);
        record.buckets = release.assignment.buckets;
        record
    }
}
