//! Asking other systems, which may take longer than a pass: what they say is told by a later one.

use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serin_rollout::{GateReading, Plan, State, Verdict};

use crate::gates::{Judgement, Question, Webhook};
use crate::metrics::now_ms;
use crate::release::Release;
use crate::webhook::Mailbox;

/// How long after an answer that is no yes it is asked again.
const AGAIN: Duration = Duration::from_secs(10);

/// The systems that have a say in a release.
#[derive(Debug)]
pub(super) struct Asking {
    namespace: String,
    name: String,
    plan: Plan,
    systems: Vec<System>,
}

#[derive(Debug)]
struct System {
    webhook: Webhook,
    mailbox: Arc<Mailbox>,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Debug, Default)]
struct Heard {
    under_way: bool,
    /// The newest answer, and since when that was asked, which names the question.
    newest: Option<(u64, GateReading)>,
}

impl Asking {
    pub(super) fn new(release: &Release) -> Self {
        let system = |webhook: &Webhook| System {
            webhook: webhook.clone(),
            mailbox: Arc::default(),
            heard: Arc::default(),
        };
        Self {
            namespace: release.namespace.clone(),
            name: release.name.clone(),
            plan: release.plan.clone(),
            systems: release.webhooks.iter().map(system).collect(),
        }
    }

    /// What is known by now of those that are to be asked; asks those that have to say more.
    pub(super) fn readings(&self, state: &State, at_ms: u64) -> Vec<GateReading> {
        let question = |since_ms| Question {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            version: state.version.clone(),
            weight: state.traffic.weight,
            since_ms,
        };
        let asked = self.plan.asked(state).filter_map(|ask| {
            let system = self.systems.iter().find(|system| system.webhook.name == ask.name)?;
            system.reading(&question(state.asked_since(ask.before)?), at_ms)
        });
        asked.collect()
    }
}

impl System {
    fn reading(&self, question: &Question, at_ms: u64) -> Option<GateReading> {
        let mut heard = lock(&self.heard);
        let newest = heard.newest.clone().filter(|(since_ms, _)| *since_ms == question.since_ms);
        let newest = newest.map(|(_, reading)| reading);
        if !heard.under_way && newest.as_ref().is_none_or(|reading| is_due(reading, at_ms)) {
            heard.under_way = true;
            self.ask(question.clone());
        }
        newest
    }

    /// Its answer counts from when it was asked: an earlier question's says nothing of a later one.
    fn ask(&self, question: Question) {
        let (webhook, mailbox) = (self.webhook.clone(), Arc::clone(&self.mailbox));
        let heard = Arc::clone(&self.heard);
        tokio::spawn(async move {
            let at_ms = now_ms().max(question.since_ms);
            let judgement = webhook.ask(&mailbox, &question).await;
            let mut heard = lock(&heard);
            heard.under_way = false;
            let Judgement { verdict, detail } = judgement;
            let reading = GateReading { gate: webhook.name, at_ms, verdict, detail };
            heard.newest = Some((question.since_ms, reading));
        });
    }
}

/// Whether a system is to be asked again.
fn is_due(newest: &GateReading, at_ms: u64) -> bool {
    let age = Duration::from_millis(at_ms.saturating_sub(newest.at_ms));
    newest.verdict != Verdict::Pass && age >= AGAIN
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_yes_stays_and_a_no_is_asked_again_after_a_while() {
        let reading = |verdict| GateReading {
            gate: "board".to_owned(),
            at_ms: 1_000,
            verdict,
            detail: String::new(),
        };
        assert!(!is_due(&reading(Verdict::Pass), 1_000_000));
        for verdict in [Verdict::Hold, Verdict::Broken, Verdict::Fail] {
            assert!(!is_due(&reading(verdict), 10_999));
            assert!(is_due(&reading(verdict), 11_000));
            // A clock that was set back asks no more often.
            assert!(!is_due(&reading(verdict), 0));
        }
    }
}
