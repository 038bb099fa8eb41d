//! A record becomes the present one: intent to the disk, the router and the document, outcome to the
//! disk.

use core::time::Duration;

use serin_document::{Revision, Rollout};
use serin_rollout::State;
use tokio::time::{Instant, timeout};

use super::seen::Observe;
use super::task::Running;
use super::{Change, Keep, Load, NotCarried};
use crate::folded::Folded;
use crate::store::{Live, Record, StoreError};

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

    /// Stores the present record, with whatever it has come to hold beside decisions.
    pub(super) async fn store_present(&mut self) {
        let stored = self.store(self.record.clone(), DISK).await;
        self.complain(stored);
    }

    /// Makes this record the present one: stores it where it matters, publishes it where it
    /// differs from what is published. Up goes the router first, then the document; down both at
    /// once.
    pub(super) async fn apply(&mut self, mut next: Record, act: Act) -> Result<(), StoreError> {
        let rollout = self.wire(&mut next);
        let json = Folded::of(&rollout);
        let published = json == next.published;
        if published && self.is_announced(&next, &rollout) {
            self.announced = true;
            let kept = if self.shown_unstored && act == Act::Go {
                self.show_again(next, rollout).await
            } else {
                self.remember(next, act).await
            };
            self.carry(Change::None).await;
            return kept;
        }
        if self.engine.route.is_some() && act != Act::Relieve {
            let change = if published { Change::None } else { Change::More };
            let intent = self.store(next.clone(), patience(act)).await;
            if act == Act::Go {
                intent?;
            }
            self.record = next.clone();
            // A process that starts says what is in force, whatever the router does.
            let carried = self.carry(change).await;
            next.routed = self.record.routed;
            if !carried && act == Act::Go {
                return Ok(());
            }
        }
        let reserved = self.engine.board.reserve(&rollout, self.engine.clock.wall_ms());
        next.published = json;
        next.document_revision = Some(reserved.get());
        let intent = self.store(next.clone(), patience(act)).await;
        if act == Act::Go {
            intent?;
        } else {
            self.shown_unstored = intent.is_err();
        }
        // Taken before anybody can see the document.
        let since_ms = self.engine.clock.wall_ms();
        let revision = next.state.traffic.revision;
        self.show(&mut next, rollout.clone(), reserved).await;
        self.announced = true;
        if next.live.is_none_or(|live| live.revision != revision) {
            next.live = Some(Live { revision, since_ms });
        }
        self.record = next;
        if act == Act::Relieve {
            self.carry(Change::Less).await;
        }
        let outcome = if self.shown_unstored {
            self.show_again(self.record.clone(), rollout).await
        } else {
            self.store(self.record.clone(), DISK).await
        };
        self.complain(outcome);
        Ok(())
    }

    /// Shows the release's part of the document, and notes under which revision that is.
    async fn show(&self, next: &mut Record, rollout: Rollout, reserved: Revision) {
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
    }

    /// Shows once more what was shown before it could be stored, in the order of all that waits for
    /// nothing: stored, then shown. Others who answer by what is stored have gone on to a later document
    /// meanwhile, and take this up only under a revision above that.
    async fn show_again(&mut self, mut next: Record, rollout: Rollout) -> Result<(), StoreError> {
        let reserved = self.engine.board.reserve(&rollout, self.engine.clock.wall_ms());
        next.document_revision = Some(reserved.get());
        self.store(next.clone(), DISK).await?;
        self.shown_unstored = false;
        self.show(&mut next, rollout, reserved).await;
        self.record = next;
        self.store(self.record.clone(), DISK).await
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
        let load = Load::of(&self.record.state);
        let change = match change {
            // Only on the way up a person's lower weight is decided on.
            Change::None if !self.record.state.can_go_back() => Change::Back,
            Change::None => Change::since(route.known(), load.traffic),
            change => change,
        };
        let carried = match timeout(ROUTER, route.carry(load, change)).await {
            Ok(carried) => carried,
            Err(_) => Err(NotCarried::Failed(format!("no answer within {ROUTER:?}"))),
        };
        self.record.routed = route.known();
        let not_carried = carried.err();
        if self.not_carried != not_carried {
            let release = self.engine.release.key();
            match &not_carried {
                Some(NotCarried::UnderWay(why)) => tracing::info!(%release, "{why}"),
                Some(NotCarried::Failed(why)) => {
                    tracing::error!(%release, "the router's weights are not written: {why}");
                }
                None => {}
            }
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

/// What a record is made the present one for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
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
            held_ms: 0,
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
