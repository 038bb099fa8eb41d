//! From a decision to the record that asks for what it decided, and to those who are told of it.

use serin_judge::panel::Findings;
use serin_rollout::{Action, Now, Observation, Reason, State};

use super::apply::Act;
use super::judged::{Judged, Terms};
use super::seen::Observe;
use super::task::Running;
use super::{Keep, Order};
use crate::folded::Folded;
use crate::notify::{Notice, Told};
use crate::store::{Bounds, Given, Record, StoreError};

impl<O: Observe, K: Keep> Running<O, K> {
    /// Notes what a receiver has. Who is told twice has lost nothing: it is stored with what comes
    /// next, and by itself where nothing comes.
    pub(super) async fn told(&mut self, told: Told) {
        self.record.told.insert(told.receiver, told.number);
        if self.is_over() && self.record.all_told() {
            self.store_present().await;
        }
    }

    /// Does what was decided.
    ///
    /// # Errors
    /// [`StoreError`] where the decision could not be stored and therefore was not followed. One
    /// that takes weight from the canary is followed all the same.
    pub(super) async fn settle(
        &mut self,
        judged: Judged,
        bounds: Bounds,
        now: Now,
        order: Option<Order>,
    ) -> Result<(), StoreError> {
        let now_ms = now.wall_ms;
        let Judged { outcome, panel, absorbed, findings, observation } = judged;
        let before = &self.record.state;
        let act =
            if outcome.state.traffic.takes_away(&before.traffic) { Act::Relieve } else { Act::Go };
        let begins = self.record.panel.is_none() && panel.is_some();
        let mut next = self.record.clone();
        let on_trial = self.engine.release.version == outcome.state.version;
        if before.traffic.weight.is_zero() && on_trial {
            // Nobody is on the canary, so nobody is moved by another salt. What nobody tries yet
            // has no say.
            next.salt = self.engine.release.assignment.salt.clone();
        }
        let wanted = self.engine.release.assignment.buckets;
        if before.traffic.weight.is_zero() || next.buckets.widens_to(wanted) {
            next.buckets = wanted;
        }
        let over = before.exposed_since_ms.is_some() && outcome.state.exposed_since_ms.is_none();
        // The next rollout is compared with what stable is like then.
        next.bounds = if over { Bounds::default() } else { bounds };
        next.state = outcome.state;
        next.panel = panel;
        let (observation, findings) = (&observation, findings.as_ref());
        let terms = self.terms();
        let inputs = Inputs { state: before, observation, now, findings, terms };
        let news = next.log(outcome.decision.clone(), now_ms, || Folded::of(&inputs));
        next.remember_only(K::MEMORY);
        if let Some(order) = order.filter(|_| news) {
            next.sign(Given { command: order.command.word().to_owned(), by: order.by });
        }
        let mut alerts = Vec::new();
        for action in outcome.actions {
            match action {
                Action::Raise(alert) if next.raise(alert, now_ms) => alerts.push((alert, true)),
                Action::Clear(alert) if next.clear(alert) => alerts.push((alert, false)),
                // Traffic is published wherever it differs from what is in the document, so that
                // a publication that failed is made up for.
                Action::Publish(_) | Action::Raise(_) | Action::Clear(_) => {}
            }
        }
        let applied = self.apply(next.clone(), act).await;
        if applied.is_err() {
            self.keep_watch(next);
        }
        self.engine.keep.journal().note(begins, absorbed);
        let release = self.engine.release.key();
        for (alert, raised) in alerts {
            if raised {
                tracing::warn!(%release, ?alert, "alert");
            } else {
                tracing::info!(%release, ?alert, "alert cleared");
            }
        }
        applied?;
        if news {
            self.tell(outcome.decision.reason, &outcome.decision.message);
            self.give_notices();
        }
        Ok(())
    }

    /// Of a decision that could not be stored only what was watched stays: how long harm has
    /// lasted, and whom to tell. Else a full disk would keep a canary without endpoints in service.
    fn keep_watch(&mut self, next: Record) {
        let (record, seen) = (&mut self.record, next.state);
        record.alerts = next.alerts;
        // Evidence is absorbed once: the same counts are not asked for again.
        if next.panel.is_some() {
            record.panel = next.panel;
        }
        record.state.alerts = seen.alerts;
        record.state.gates = seen.gates;
        record.state.no_data_ms = seen.no_data_ms;
        record.state.not_ready_ms = seen.not_ready_ms;
        record.state.unproved_ms = seen.unproved_ms;
        record.state.held_ms = seen.held_ms;
    }

    /// Has others told of the decisions that they do not know yet.
    pub(super) fn give_notices(&self) {
        let Some(known) = self.record.told.values().min() else { return };
        let (namespace, name) = (&self.record.namespace, &self.record.name);
        let unknown = self.record.decisions.iter().filter(|logged| logged.number > *known);
        self.couriers.give(unknown.map(|logged| Notice::of(namespace, name, logged)).collect());
    }

    fn tell(&self, reason: Reason, message: &str) {
        let release = self.engine.release.key();
        let (step, weight) = (self.record.state.step + 1, self.record.state.traffic.weight);
        let revision = self.record.state.traffic.revision;
        self.engine.telemetry.decided(&self.engine.release, reason);
        tracing::info!(%release, ?reason, step, %weight, revision, "{message}");
    }
}

/// All that a decision follows from, so that anybody can compute it again.
#[derive(serde::Serialize)]
struct Inputs<'a> {
    state: &'a State,
    observation: &'a Observation,
    now: Now,
    findings: Option<&'a Findings>,
    #[serde(flatten)]
    terms: Terms<'a>,
}
