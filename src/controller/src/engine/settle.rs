//! From a decision to its effect: intent to the disk, the document, outcome to the disk.

use core::time::Duration;

use serin_document::{Revision, Rollout};
use serin_judge::panel::Findings;
use serin_rollout::{Action, Now, Observation, Reason, State};
use tokio::time::{Instant, timeout};

use super::judged::{Judged, Terms};
use super::seen::Observe;
use super::task::Running;
use super::{Change, Keep, Load, Order};
use crate::folded::Folded;
use crate::notify::{Notice, Told};
use crate::store::{Bounds, Given, Live, Record, StoreError};

/// How often the record is stored where only its counters have moved. A crash forgets no more
/// time under observation than this, which makes a step longer and never shorter.
const REST: Duration = Duration::from_secs(10);

/// How long the disk may take. A write takes milliseconds, and over a second behind a disk that is
/// busy with much else; one that hangs must not hold up the other releases, which wait for their
/// turn to publish.
const DISK: Duration = Duration::from_secs(3);

/// How long it may take where users or testers are taken from the canary: that happens anyway.
const DISK_BEFORE_RELIEF: Duration = Duration::from_secs(1);

/// How long a router may take; an API server answers within a fraction of a second. While one hangs
/// every pass takes that much longer.
const ROUTER: Duration = Duration::from_secs(2);

impl<O: Observe, K: Keep> Running<O, K> {
    /// Publishes what is stored, as every process does once when it starts.
    pub(super) async fn announce(&mut self) {
        // What is stored is known by now, and what is written first tells it.
        let newest = self.newest.clone();
        self.status(&newest);
        let next = self.record.clone();
        let stored = self.apply(next, Act::Announce).await;
        self.complain(stored);
        self.status(&newest);
    }

    /// Stores the counters before the process ends.
    pub(super) async fn farewell(&mut self) {
        let stored = self.store(self.record.clone(), DISK).await;
        self.complain(stored);
    }

    /// Notes what a receiver has. Who is told twice has lost nothing: it is stored with what comes
    /// next, and by itself where nothing comes.
    pub(super) async fn told(&mut self, told: Told) {
        self.record.told.insert(told.receiver, told.number);
        if self.is_over() && self.record.all_told() {
            let stored = self.store(self.record.clone(), DISK).await;
            self.complain(stored);
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

    /// Makes this record the present one: stores it where it matters, publishes it where it
    /// differs from what is published. Up goes the router first, then the document; down both at
    /// once.
    async fn apply(&mut self, mut next: Record, act: Act) -> Result<(), StoreError> {
        let rollout = self.wire(&mut next);
        let json = Folded::of(&rollout);
        let published = json == next.published;
        if published && self.is_announced(&next, &rollout) {
            self.announced = true;
            let remembered = self.remember(next, act).await;
            self.carry(Change::None).await;
            return remembered;
        }
        if self.engine.route.is_some() && act != Act::Relieve {
            let change = if published { Change::None } else { Change::More };
            let intent = self.store(next.clone(), patience(act)).await;
            if act == Act::Go {
                intent?;
            }
            self.record = next.clone();
            // A process that starts says what is in force, whatever the router does.
            if !self.carry(change).await && act == Act::Go {
                return Ok(());
            }
        }
        let reserved = self.engine.board.reserve(&rollout, self.engine.clock.wall_ms());
        next.published = json;
        next.document_revision = Some(reserved.get());
        let intent = self.store(next.clone(), patience(act)).await;
        if act == Act::Go {
            intent?;
        }
        // Taken before anybody can see the document.
        let since_ms = self.engine.clock.wall_ms();
        let revision = next.state.traffic.revision;
        match self.engine.board.publish(rollout, reserved).await {
            // Others who answer by what is stored take what is new by the revision alone: it must be
            // the one under which this was shown, not one that another release has overtaken.
            Ok(shown) => {
                let shown = shown.map(Revision::get);
                next.document_revision = next.document_revision.max(shown);
            }
            Err(error) => {
                let release = self.engine.release.key();
                tracing::error!(%release, %error, "the document as a whole is not accepted; the one before stays");
            }
        }
        self.announced = true;
        if next.live.is_none_or(|live| live.revision != revision) {
            next.live = Some(Live { revision, since_ms });
        }
        self.record = next;
        if act == Act::Relieve {
            self.carry(Change::Less).await;
        }
        let outcome = self.store(self.record.clone(), DISK).await;
        self.complain(outcome);
        Ok(())
    }

    /// Whether this process shows the release's part of the document. A thousand releases are in the
    /// one that the first of them announces, and need not have it compiled once more each.
    fn is_announced(&self, next: &Record, rollout: &Rollout) -> bool {
        let live = next.live.is_some_and(|live| live.revision == rollout.revision.get());
        self.announced || (live && self.engine.board.shows(rollout))
    }

    /// Brings the record's traffic into the router, where there is one, and says whether it is there.
    async fn carry(&mut self, change: Change) -> bool {
        let Some(route) = &self.engine.route else { return true };
        // Only on the way up a person's lower weight is decided on.
        let change = match change {
            Change::None if !self.record.state.can_go_back() => Change::Back,
            change => change,
        };
        let load = Load::of(&self.record.state);
        let carried = match timeout(ROUTER, route.carry(load, change)).await {
            Ok(carried) => carried,
            Err(_) => Err(format!("no answer within {ROUTER:?}")),
        };
        let not_carried = carried.err();
        if let Some(why) = &not_carried
            && self.not_carried != not_carried
        {
            tracing::error!(release = %self.engine.release.key(), "the router's weights are not written: {why}");
        }
        self.not_carried = not_carried;
        self.not_carried.is_none()
    }

    /// Takes over a record whose traffic is published already.
    async fn remember(&mut self, next: Record, act: Act) -> Result<(), StoreError> {
        let due = self.not_stored.is_some()
            || self.stored_at.elapsed() >= REST
            || matters(&self.record, &next);
        if due {
            let stored = self.store(next.clone(), patience(act)).await;
            if act == Act::Go {
                stored?;
            }
        }
        self.record = next;
        Ok(())
    }

    /// Brings a record to the disk, and notes whether that worked.
    async fn store(&mut self, mut record: Record, patience: Duration) -> Result<(), StoreError> {
        self.serial += 1;
        record.serial = self.serial;
        let stored = match timeout(patience, self.engine.keep.keep(record)).await {
            Ok(stored) => stored,
            Err(_) => Err(StoreError::Slow { after: patience }),
        };
        self.not_stored = stored.as_ref().err().map(ToString::to_string);
        if stored.is_ok() {
            self.stored_at = Instant::now();
        }
        stored
    }

    /// For a store that failed where the act was right anyway.
    fn complain(&self, stored: Result<(), StoreError>) {
        if let Err(error) = stored {
            tracing::error!(release = %self.engine.release.key(), %error, "done, but not stored");
        }
    }

    /// The release's part of the document. Where it differs from what is published in anything but
    /// the traffic (the release file was changed), it gets a revision of its own, which has to be
    /// proved live as every other.
    fn wire(&self, next: &mut Record) -> Rollout {
        let compose = |record: &Record| {
            let mut rollout = self.engine.release.rollout(&record.state.traffic, &record.bounds.0);
            rollout.salt = record.salt.clone();
            rollout.buckets = record.buckets;
            // Steps are those of the file, whose range may have become another one meanwhile: no
            // more than the range in use holds.
            rollout.weight = rollout.weight.min(record.buckets.width());
            rollout.requires = rollout.narrowed_by();
            rollout
        };
        let rollout = compose(next);
        let same_revision = next.live.is_some_and(|live| live.revision == rollout.revision.get());
        if !same_revision || Folded::of(&rollout) == next.published {
            return rollout;
        }
        let now_ms = self.engine.clock.wall_ms();
        next.state.traffic.revision = Revision::next(Some(rollout.revision), now_ms).get();
        next.state.traffic_since_ms = now_ms;
        // What was under observation until now were other requests.
        next.state.clock = None;
        compose(next)
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

/// What a record is made the present one for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// A decision like most: one that cannot be stored is not followed.
    Go,
    /// Users or testers are taken from the canary: that happens anyway.
    Relieve,
    /// A process starts with what is in force, which is said anyway.
    Announce,
}

const fn patience(act: Act) -> Duration {
    match act {
        Act::Go => DISK,
        Act::Relieve | Act::Announce => DISK_BEFORE_RELIEF,
    }
}

/// Whether the records differ in more than counters and the gates' numbers.
fn matters(before: &Record, after: &Record) -> bool {
    fn essence(state: &State) -> State {
        State {
            clock: state.clock.map(|clock| serin_rollout::StepClock { baked_ms: 0, ..clock }),
            no_data_ms: 0,
            not_ready_ms: 0,
            unproved_ms: 0,
            gates: Vec::new(),
            ..state.clone()
        }
    }
    before.decisions.len() != after.decisions.len()
        || before.decisions.back() != after.decisions.back()
        || before.alerts != after.alerts
        || before.salt != after.salt
        || before.buckets != after.buckets
        || before.bounds != after.bounds
        || essence(&before.state) != essence(&after.state)
}
