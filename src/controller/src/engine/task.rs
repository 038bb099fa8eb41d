//! The loop itself.

use core::hash::{Hash as _, Hasher as _};
use core::time::Duration;
use std::hash::DefaultHasher;
use std::sync::Arc;

use serin_assignment::Weight;
use serin_judge::panel::{Findings, Rules};
use serin_rollout::{Phase, Reason};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::gathering::{Gathering, Heard, News};
use super::seen::{Observe, Seen, Subject};
use super::trail::Trail;
use super::{Answer, Asked, Carry, Clock, Handle, Keep, NotCarried, Reload, Stop, report};
use crate::notify::{Couriers, Receivers};
use crate::publish::Board;
use crate::release::Release;
use crate::status::Status;
use crate::store::{Record, StoreError};
use crate::telemetry::Telemetry;

/// The shortest and the longest pause between two passes: a look has its price, and what people
/// see must not be older than that.
const INTERVALS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The longest time after which a router that did not take its weights is asked again.
const ROUTER_AGAIN: Duration = Duration::from_millis(500);

/// The pause while nobody is on the canary and nothing is to come, and up to twice as long, so that
/// releases do not all look at once. What begins the next rollout, a command, and what happens to the
/// route are told at once; a thousand releases that rest must not keep a Prometheus busy.
const AT_REST: Duration = Duration::from_mins(5);

/// The same while the canary still has the pods of a rollout that is over: they go once it was seen
/// for three scrapes that nothing reaches it.
const UNTIL_EMPTY: Duration = Duration::from_secs(20);

/// Over how long a process that starts spreads its looks at what rests: a thousand at once would all
/// wait for one Prometheus, and be held in memory meanwhile.
const FIRST_LOOKS: Duration = Duration::from_secs(20);

/// How much longer than one query the answers of a pass are waited for, so that a query that runs
/// into its own timeout can still say so.
const GRACE: Duration = Duration::from_millis(250);

/// One release and all that runs it.
#[derive(Debug)]
pub struct Engine<O, K> {
    /// What the user asked for.
    pub release: Arc<Release>,
    /// Who looks at the world.
    pub observer: Arc<O>,
    /// Where the record is kept.
    pub keep: K,
    /// The router that carries the weights too; `None` where the filters alone do.
    pub route: Option<Arc<dyn Carry>>,
    /// Where the release's part of the document goes.
    pub board: Arc<Board>,
    /// Where the figures go.
    pub telemetry: Arc<Telemetry>,
    /// Who is told of decisions.
    pub receivers: Receivers,
    /// The time of day.
    pub clock: Clock,
    /// The time between two passes; by the release's scrape interval where not given.
    pub interval: Option<Duration>,
}

/// What reaches an engine from outside. Messages are boxed, since a channel sets aside room for 32 of
/// them.
#[derive(Debug)]
pub struct Inbox<O> {
    pub(super) commands: mpsc::Receiver<Box<Asked>>,
    pub(super) reloads: mpsc::Receiver<Box<Reload<O>>>,
    status: watch::Sender<Arc<Status>>,
    trail: Trail,
}

/// An engine under way.
pub(super) struct Running<O, K> {
    pub(super) engine: Engine<O, K>,
    pub(super) inbox: Inbox<O>,
    pub(super) record: Record,
    /// Those who tell others of its decisions.
    pub(super) couriers: Couriers,
    /// The number of the newest record that was tried to be stored.
    pub(super) serial: u64,
    /// When the record was last stored.
    pub(super) stored_at: Instant,
    /// Why the last try to store failed.
    pub(super) not_stored: Option<String>,
    /// Why the router does not have the weights.
    pub(super) not_carried: Option<NotCarried>,
    /// Whether the document shows what no stored record has.
    pub(super) shown_unstored: bool,
    /// Whether this process has published the release.
    pub(super) announced: bool,
    /// Why the release file as it is now is not used.
    pub(super) file_refused: Option<String>,
    /// The newest whole observation, as long as it is about the present traffic and clock.
    pub(super) newest: Seen,
    /// The last decision of all, also where it was no news.
    pub(super) last: Option<serin_rollout::Decision>,
    /// How the release's ratio gates are judged.
    pub(super) rules: Rules,
    /// What the evidence said in the last pass.
    pub(super) findings: Option<Findings>,
    pub(super) last_pass: Option<Instant>,
}

impl<O: Observe, K: Keep> Engine<O, K> {
    /// The ways to reach the engine: one for the server, one for who reads the release file.
    #[must_use]
    pub fn inbox(&self) -> (Inbox<O>, Handle, mpsc::Sender<Box<Reload<O>>>) {
        // Few people give commands; one that finds the queue full waits for its turn.
        let (ask, commands) = mpsc::channel(16);
        let (reload, reloads) = mpsc::channel(1);
        let (status, seen) = watch::channel(Arc::new(report::unknown(&self.release, "starting")));
        let (namespace, name) = (self.release.namespace.clone(), self.release.name.clone());
        let journal = Arc::clone(self.keep.journal());
        let trail = Trail::default();
        let handle =
            Handle { namespace, name, status: seen, trail: trail.clone(), journal, commands: ask };
        (Inbox { commands, reloads, status, trail }, handle, reload)
    }

    /// Runs the release from what was stored of it until the sign to stop is given.
    pub async fn run(self, stored: Option<Box<Record>>, inbox: Inbox<O>, mut stop: Stop) {
        // All on the heap: a task is as large as all that it ever holds together, and a thousand of
        // them rest.
        let begun = Box::pin(self.take_up(stored, inbox, stop.clone())).await;
        if let Some(mut running) = begun {
            running.run(&mut stop).await;
        }
    }

    /// `None` where the sign to stop is given before it is known how the release stands.
    async fn take_up(
        mut self,
        stored: Option<Box<Record>>,
        mut inbox: Inbox<O>,
        mut stop: Stop,
    ) -> Option<Box<Running<O, K>>> {
        let mut record = if let Some(record) = stored {
            *record
        } else {
            tokio::select! {
                biased;
                () = stop.given() => return None,
                record = self.recover(&mut inbox) => record,
            }
        };
        if let Some(route) = &self.route {
            route.go_on_from(record.routed);
        }
        if let Some(revision) = record.document_revision {
            self.board.remember(serin_document::Revision::new(revision));
        }
        if let Some(panel) = &mut record.panel {
            // Nothing that was counted under the clock before is on its way any more.
            panel.forget_the_future(self.clock.wall_ms());
        }
        record.begin_telling(&self.receivers.names(&self.release));
        let couriers =
            Couriers::start(&self.receivers, &self.release, &record.told, &self.telemetry);
        let rules = self.release.rules();
        let findings = record.panel.as_ref().map(|panel| panel.findings(&rules));
        Some(Box::new(Running {
            serial: record.serial,
            engine: self,
            inbox,
            record,
            couriers,
            stored_at: Instant::now(),
            not_stored: None,
            not_carried: None,
            shown_unstored: false,
            announced: false,
            file_refused: None,
            newest: Seen::default(),
            last: None,
            rules,
            findings,
            last_pass: None,
        }))
    }

    /// The pause between two passes, unless a scrape is due before its end.
    pub(super) fn interval(&self) -> Duration {
        let (shortest, longest) = INTERVALS;
        self.interval.unwrap_or_else(|| self.scrape_interval().clamp(shortest, longest))
    }

    pub(super) fn patience(&self) -> Duration {
        self.release.metrics.timeout() + GRACE
    }
}

impl<O, K> Engine<O, K> {
    /// The time between two samples of a series.
    pub(super) fn scrape_interval(&self) -> Duration {
        self.release.metrics.scrape_interval()
    }
}

impl<O> Inbox<O> {
    pub(super) fn show(&self, status: Status) -> Arc<Status> {
        let status = Arc::new(status);
        self.status.send_replace(Arc::clone(&status));
        status
    }
}

impl<O: Observe, K: Keep> Running<O, K> {
    /// What takes up much and is hardly ever under way is on the heap: a release that rests is as
    /// large as the largest of its turns.
    async fn run(&mut self, stop: &mut Stop) {
        self.give_notices();
        Box::pin(self.announce()).await;
        let turn = if self.is_over() { FIRST_LOOKS } else { Duration::ZERO };
        let mut next = Instant::now() + turn.mul_f64(own_share(self.engine.release.key()));
        let mut gathering: Option<Gathering> = None;
        loop {
            let subject = Subject::of(&self.record.state);
            tokio::select! {
                biased;
                () = stop.given() => break,
                asked = receive(&mut self.inbox.commands) => {
                    let seen = self.known(gathering.as_ref());
                    Box::pin(self.command(*asked, &seen)).await;
                }
                reload = receive(&mut self.inbox.reloads) => {
                    self.reload(*reload);
                    gathering = None;
                    next = Instant::now();
                }
                heard = hear(&mut gathering) => match heard {
                    Heard::Part(news) => {
                        let seen = self.known(gathering.as_ref());
                        let harm = match news {
                            News::Plain => false,
                            News::Harm => true,
                            News::Counts => self.is_harm(seen.counts()),
                        };
                        if !harm {
                            continue;
                        }
                        let passed = Box::pin(self.pass(&seen, None)).await;
                        self.note(passed);
                    }
                    Heard::End => {
                        let seen = gathering.take().map(|done| done.seen.clone()).unwrap_or_default();
                        let passed = Box::pin(self.pass(&seen, None)).await;
                        self.newest = seen;
                        self.note(passed);
                        if let Some(wait) = self.until_next_scrape().filter(|_| !self.rests()) {
                            next = next.min(Instant::now() + wait);
                        }
                    }
                },
                told = self.couriers.told() => {
                    Box::pin(self.told(told)).await;
                }
                () = sleep_until(next), if gathering.is_none() && self.knows_roles() => {
                    next = Instant::now() + self.pause();
                    let question = self.question();
                    gathering = Some(Gathering::start(&self.engine.observer, question, self.engine.patience()));
                }
            }
            if Subject::of(&self.record.state) != subject {
                // What was seen, or is being asked, is about traffic or a clock that are no more.
                self.newest = Seen::default();
                gathering = None;
                next = Instant::now();
            }
        }
        // At rest nothing is counted that would have to be stored.
        if !self.rests() {
            Box::pin(self.store_present()).await;
        }
    }

    /// The pause until the next pass: short while a router lacks its weights, long at rest.
    fn pause(&self) -> Duration {
        let interval = self.engine.interval();
        if self.not_carried.is_some() {
            interval.min(ROUTER_AGAIN)
        } else if self.rests() {
            let asks_for_none = self.record.state.capacity_for == Some(Weight::ZERO);
            let keeps_pods = self.newest.scales() && !asks_for_none;
            let rest = if keeps_pods { UNTIL_EMPTY } else { AT_REST };
            interval.max(rest + rest.mul_f64(own_share(self.engine.release.key())))
        } else {
            interval
        }
    }

    /// Whether the rollout is over, with everyone on stable, and no other is asked for.
    pub(super) fn is_over(&self) -> bool {
        let state = &self.record.state;
        matches!(state.phase, Phase::Succeeded | Phase::RolledBack)
            && !state.traffic.canary_serves
            && !state.is_new(&self.engine.release.version)
    }

    /// The same, and all that is stored, told, and back in the route.
    fn rests(&self) -> bool {
        self.is_over()
            && self.last.as_ref().is_some_and(|last| is_rest(last.reason))
            && self.not_stored.is_none()
            && !self.shown_unstored
            && self.record.state.kept_mirrors.is_none()
    }

    /// All that is known at this moment of the present traffic.
    fn known(&self, gathering: Option<&Gathering>) -> Seen {
        gathering.map_or_else(|| self.newest.clone(), |under_way| under_way.seen.or(&self.newest))
    }

    async fn command(&mut self, asked: Asked, seen: &Seen) {
        let Asked { order, answer } = asked;
        let (command, by) = (order.command, &order.by);
        tracing::info!(release = %self.engine.release.key(), ?command, by, "command");
        let told = match self.pass(seen, Some(order)).await {
            Ok(Reason::Refused) => Answer::Refused(self.message()),
            Ok(_) => Answer::Done(self.status(seen)),
            Err(error) => Answer::NotStored(error.to_string()),
        };
        reply(answer, told);
    }

    /// A pass that nobody waits for: what failed is in status and tried again by the next one.
    fn note(&self, passed: Result<Reason, StoreError>) {
        if let Err(error) = passed {
            tracing::error!(release = %self.engine.release.key(), %error, "not stored, so not done");
        }
    }

    fn reload(&mut self, reload: Reload<O>) {
        match reload {
            Reload::Release(release, observer) => {
                tracing::info!(release = %release.key(), version = %release.version, "release file read again");
                for gate in &self.engine.release.plan.gates {
                    if !release.plan.gates.contains(gate) {
                        self.engine.telemetry.forget_gate(&release, gate);
                    }
                }
                self.rules = release.rules();
                self.engine.release = release;
                self.engine.observer = observer;
                self.file_refused = None;
                self.newest = Seen::default();
            }
            Reload::Unchanged => self.file_refused = None,
            Reload::Refused(why) => self.file_refused = Some(why),
        }
        self.status(&self.newest);
    }

    fn message(&self) -> String {
        self.last.as_ref().map(|decision| decision.message.clone()).unwrap_or_default()
    }

    /// Shows how things stand.
    pub(super) fn status(&self, seen: &Seen) -> Arc<Status> {
        let status = self.inbox.show(report::known(self, seen));
        self.inbox.trail.note(&status, self.engine.clock.wall_ms());
        self.engine.telemetry.show(&status);
        status
    }
}

/// However it ends: figures that nobody keeps up would say for ever how the release once stood.
impl<O, K> Drop for Running<O, K> {
    fn drop(&mut self) {
        self.engine.telemetry.forget(&self.engine.release);
    }
}

/// Whether a pass has found nothing to do but to wait for another version.
const fn is_rest(reason: Reason) -> bool {
    matches!(reason, Reason::Succeeded | Reason::RolledBack)
}

/// A number from 0.0 to 1.0 that is a release's own.
fn own_share(key: &str) -> f64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    let hash = u32::try_from(hasher.finish() >> 32).unwrap_or(u32::MAX);
    f64::from(hash) / f64::from(u32::MAX)
}

/// The next message; none ever, where nobody can send any more.
pub(super) async fn receive<T>(from: &mut mpsc::Receiver<T>) -> T {
    match from.recv().await {
        Some(message) => message,
        None => core::future::pending().await,
    }
}

async fn hear(gathering: &mut Option<Gathering>) -> Heard {
    match gathering {
        Some(under_way) => under_way.next().await,
        None => core::future::pending().await,
    }
}

/// Who asked may have hung up by now; what was decided stands.
pub(super) fn reply(answer: oneshot::Sender<Answer>, told: Answer) {
    drop(answer.send(told));
}
