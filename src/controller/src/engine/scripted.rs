//! A world for tests: proxies, metrics and a disk that do what a test says.

use core::time::Duration;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use serin_assignment::Weight;
use serin_document::Buckets;
use serin_judge::Interval;
use serin_judge::panel::Counted;
use serin_rollout::{
    CanaryTraffic, Capacity, Endpoints, GateReading, MirrorFields, MirrorsSeen, Phase, Proof,
    RouteSeen, Side, State, Templates, Trips, Verdict, Version,
};

use tempfile::TempDir;
use tokio::sync::mpsc::{Sender, UnboundedSender};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::bounds::Chosen;
use super::judged::Counts;
use super::{Carry, Clock, Engine, Handle, Keep, Observe, Part, Question, Reload, Stop};
use crate::notify::Receivers;
use crate::publish::{Board, Published};
use crate::release::Release;
use crate::status::Status;
use crate::store::{Folder, Journal, Record, StateFile, StoreError};
use crate::telemetry::Telemetry;

/// When the tests' clock starts, in milliseconds since 1970.
pub(crate) const START_MS: u64 = 1_795_445_683_700;

/// What the metrics say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metrics {
    /// The gate's verdict.
    pub(crate) verdict: Verdict,
    /// Whether the gate's answer never comes.
    pub(crate) gate_hangs: bool,
    /// Whether all other answers never come.
    pub(crate) rest_hangs: bool,
    /// The share of the canary's requests that fail; stable's is 0.5 %.
    pub(crate) failing: f64,
    /// Where it is not so in every cohort: the one whose requests all fail besides.
    pub(crate) broken_cohort: Option<usize>,
    /// Whether there is enough of stable to choose latency bounds from.
    pub(crate) stable_is_known: bool,
    /// The canary's endpoints.
    pub(crate) canary: Endpoints,
    /// The weight in force; `Err` where Prometheus is down.
    pub(crate) in_force: Result<Option<Weight>, ()>,
    /// What a person left to the canary in the router.
    pub(crate) by_hand: Option<Weight>,
    /// What proxies' tripwires say.
    pub(crate) trips: Trips,
    /// Whether there are pods enough, where they are the controller's matter.
    pub(crate) capacity: fn() -> Capacity,
}

pub(crate) const HEALTHY: Metrics = Metrics {
    verdict: Verdict::Pass,
    gate_hangs: false,
    rest_hangs: false,
    failing: 0.005,
    broken_cohort: None,
    stable_is_known: true,
    canary: Endpoints::Ready,
    in_force: Ok(None),
    by_hand: None,
    trips: Trips::None { watching: 0 },
    capacity: || Capacity::NotApplicable,
};

/// Proxies that take over each document at once, and metrics.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) metrics: Mutex<Metrics>,
    /// How often somebody has looked.
    pub(crate) looks: AtomicU32,
    document: watch::Receiver<Option<Arc<Published>>>,
    clock: Clock,
}

impl Observe for World {
    async fn weight_in_force(&self) -> Result<Option<Weight>, String> {
        self.metrics.lock().unwrap().in_force.map_err(|()| "connection refused".to_owned())
    }

    async fn observe(&self, question: Question, tell: UnboundedSender<Part>) {
        self.looks.fetch_add(1, Ordering::Relaxed);
        let metrics = *self.metrics.lock().unwrap();
        // A scrape and a query take their time.
        tokio::time::sleep(Duration::from_millis(20)).await;
        if !metrics.gate_hangs {
            let reading = GateReading {
                gate: "errors".to_owned(),
                at_ms: self.clock.wall_ms(),
                verdict: metrics.verdict,
                detail: String::new(),
            };
            tell.send(Part::Gate(reading)).unwrap();
            if let Some(bounds) = bounds(&question, metrics.stable_is_known) {
                tell.send(Part::Bounds(bounds)).unwrap();
            }
            let counts = counted(&question, &metrics, self.clock.wall_ms());
            tell.send(Part::Counts(counts)).unwrap();
        }
        if !metrics.rest_hangs {
            for part in self.rest(&question.state, &metrics) {
                tell.send(part).unwrap();
            }
        }
        if metrics.gate_hangs || metrics.rest_hangs {
            core::future::pending::<()>().await;
        }
    }
}

impl World {
    fn rest(&self, state: &State, metrics: &Metrics) -> [Part; 10] {
        let shown = self.document.borrow().clone();
        let shown = shown.map(|shown| entry(&shown.json)).unwrap_or_default();
        let proof = if shown.revision >= state.traffic.revision {
            Proof::Live { proxies: 1 }
        } else {
            Proof::Behind { proxies: 1, behind: 1, smallest: shown.revision }
        };
        // Whoever is asked about, it is the side that is to be empty.
        let traffic = if shown.weight.is_zero() || state.traffic.everyone {
            CanaryTraffic::Still { scrapes: 3 }
        } else {
            CanaryTraffic::Flowing
        };
        let lowered = metrics.by_hand.map(|weight| RouteSeen::Lowered { weight });
        let route = lowered.unwrap_or(RouteSeen::AsSet);
        [
            Part::Proof(proof),
            Part::CanaryRequests(Some(1_000)),
            Part::Canary(metrics.canary),
            Part::Stable(Endpoints::Ready),
            Part::CanaryTraffic(traffic),
            // Heeded where there is a router.
            Part::Route(route),
            Part::Mirrors(MirrorsSeen::Others { fields: somebodys_mirror() }),
            Part::Capacity((metrics.capacity)()),
            Part::Templates(templates(state)),
            Part::Trips(metrics.trips),
        ]
    }
}

/// What the router's entries mirror before anything of ours.
pub(crate) fn somebodys_mirror() -> MirrorFields {
    [("serin-rest".to_owned(), r#"{"mirror":{"host":"recorder"}}"#.to_owned())].into()
}

/// The canary runs what is on trial, and after a swap of the roles the version before.
fn templates(state: &State) -> Templates {
    let (before, tried) = (Version("v1".to_owned()), state.version.clone());
    match state.traffic.serving {
        Side::First => Templates { stable: before, canary: tried },
        Side::Second => Templates { stable: tried, canary: before },
    }
}

/// What was counted since the question's cut, in intervals of a second: 1,000 requests each.
fn counted(question: &Question, metrics: &Metrics, now_ms: u64) -> Counts {
    let state = &question.state;
    let Some(started_ms) = state.exposed_since_ms else { return Counts::default() };
    let slow = question.bounds.iter().map(|(gate, bounds)| (gate.as_str(), bounds.len()));
    let mut counted = Vec::new();
    for (gate, streams) in [("answers", 1)].into_iter().chain(slow) {
        let mut from_ms = question.cuts.get(gate).copied().unwrap_or(started_ms);
        while from_ms + 1_000 <= now_ms {
            let to_ms = from_ms + 1_000;
            let interval = interval(metrics, state.traffic.weight.share());
            let gates = [(gate.to_owned(), vec![interval; streams])].into();
            counted.push(Counted { from_ms, to_ms, gates });
            from_ms = to_ms;
        }
    }
    Counts { counted, ..Counts::default() }
}

/// Bounds for the gate `slow` of [`SLOW`]; every release is asked for them, and most have no such
/// gate.
fn bounds(question: &Question, known: bool) -> Option<Chosen> {
    let chosen = [("slow".to_owned(), vec![Duration::from_millis(250), Duration::from_secs(1)])];
    let too_few = || Err("slow: 7 requests of stable in the hour before".to_owned());
    let wanted = !question.bounds.contains_key("slow");
    wanted.then(|| if known { Ok(chosen.into()) } else { too_few() })
}

fn interval(metrics: &Metrics, weight: f64) -> Interval {
    let (canary, stable) = (1_000.0 * weight / 16.0, 1_000.0 * (1.0 - weight) / 16.0);
    let cohort = |number| {
        let failing = if metrics.broken_cohort == Some(number) { 1.0 } else { metrics.failing };
        serin_judge::Counts::try_new(canary, canary * failing, stable, stable * 0.005).unwrap()
    };
    Interval { cohorts: (0..16).map(cohort).collect(), rest: serin_judge::Counts::ZERO }
}

/// The only rollout of a document, as far as tests look at it.
#[derive(Debug, Default, serde::Deserialize)]
pub(crate) struct Entry {
    pub(crate) revision: u64,
    pub(crate) weight: Weight,
    pub(crate) salt: String,
    pub(crate) hosts: Vec<String>,
    #[serde(default)]
    pub(crate) buckets: Buckets,
    #[serde(default, rename = "latencyBounds")]
    pub(crate) latency_bounds: Vec<String>,
}

pub(crate) fn entry(json: &str) -> Entry {
    let document: serde_json::Value = serde_json::from_str(json).unwrap();
    serde_json::from_value(document["rollouts"][0].clone()).unwrap()
}

/// The disk, and the plug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disk {
    /// Works.
    Good,
    /// Refuses to write.
    Full,
    /// Never comes back.
    Hangs,
    /// The process is killed at so many writes from now, after the write or before it.
    Kill { writes: usize, after: bool },
}

#[derive(Clone, Debug)]
pub(crate) struct Kept {
    file: Arc<StateFile>,
    pub(crate) disk: watch::Sender<Disk>,
    killed: watch::Sender<bool>,
}

impl Keep for Kept {
    async fn keep(&self, record: Record) -> Result<(), StoreError> {
        let disk = *self.disk.borrow();
        match disk {
            Disk::Good => self.file.save(&record),
            Disk::Full => Err(StoreError::Write {
                path: self.file.path().to_owned(),
                source: std::io::ErrorKind::StorageFull.into(),
            }),
            Disk::Hangs => core::future::pending().await,
            Disk::Kill { writes: 0, after } => {
                if after {
                    self.file.save(&record)?;
                }
                self.killed.send_replace(true);
                core::future::pending().await
            }
            Disk::Kill { writes, after } => {
                self.disk.send_replace(Disk::Kill { writes: writes - 1, after });
                self.file.save(&record)
            }
        }
    }

    fn journal(&self) -> &Arc<Journal> {
        self.file.journal()
    }
}

/// One controller with one release in that world.
pub(crate) struct Bench {
    pub(crate) world: Arc<World>,
    pub(crate) board: Arc<Board>,
    pub(crate) kept: Kept,
    pub(crate) handle: Handle,
    pub(crate) reload: Sender<Box<Reload<World>>>,
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) task: JoinHandle<()>,
}

/// A gate whose bounds are chosen from stable.
pub(crate) const SLOW: &str = "{name: slow, kind: latency}";

/// A release of two steps.
pub(crate) fn release(version: &str, host: &str) -> Arc<Release> {
    release_with(version, host, &[])
}

/// The same with more gates.
pub(crate) fn release_with(version: &str, host: &str, gates: &[&str]) -> Arc<Release> {
    let more = gates.iter().fold(String::new(), |text, gate| format!("{text}    - {gate}\n"));
    let text = format!(
        "apiVersion: serin.dev/v1alpha1
kind: CanaryRelease
metadata: {{name: shop, namespace: demo}}
spec:
  version: {version}
  traffic:
    hosts: [{host}]
    stable: {{cluster: shop-stable}}
    canary: {{cluster: shop-canary}}
  assignment:
    identity: [{{header: x-user-id}}]
  metrics:
    prometheus: {{address: 'http://127.0.0.1:9', scrapeInterval: 1s, timeout: 2s}}
  evidence: {{skip: 0s}}
  steps:
    - {{weight: 5%, bake: 3s, minRequests: 10}}
    - {{weight: 100%, bake: 3s}}
  gates:
    - {{name: errors, kind: threshold, query: vector(0), max: 1, window: 2s}}
    - {{name: answers, kind: errorRate}}
{more}"
    );
    Arc::new(Release::parse(&text, Path::new("shop.yaml")).unwrap())
}

/// A clock that goes with tokio's, which tests pause.
pub(crate) fn clock() -> Clock {
    let start = Instant::now();
    let since = move || u64::try_from(start.elapsed().as_millis()).unwrap();
    Clock::from_fn(move || START_MS + since())
}

pub(crate) fn scratch() -> (TempDir, Folder) {
    let scratch = tempfile::tempdir().unwrap();
    let folder = Folder::create(scratch.path()).unwrap();
    (scratch, folder)
}

impl Bench {
    /// Starts a controller on what the folder holds.
    pub(crate) fn start(folder: &Folder, clock: &Clock, metrics: Metrics) -> Self {
        Self::start_with(release("v2", "shop.example.com"), folder, clock, metrics)
    }

    /// Starts a controller for this release on what the folder holds.
    pub(crate) fn start_with(
        release: Arc<Release>,
        folder: &Folder,
        clock: &Clock,
        metrics: Metrics,
    ) -> Self {
        Self::start_on(release, folder, clock, metrics, None)
    }

    pub(crate) fn start_on(
        release: Arc<Release>,
        folder: &Folder,
        clock: &Clock,
        metrics: Metrics,
        route: Option<Arc<dyn Carry>>,
    ) -> Self {
        let file = Arc::new(folder.open("demo", "shop").unwrap());
        let stored = file.load().unwrap();
        let kept =
            Kept { file, disk: watch::Sender::new(Disk::Good), killed: watch::Sender::new(false) };
        let board = Arc::new(Board::new([release.key().to_owned()]));
        let world = Arc::new(World {
            metrics: Mutex::new(metrics),
            looks: AtomicU32::new(0),
            document: board.watch(),
            clock: clock.clone(),
        });
        let engine = Engine {
            release,
            observer: Arc::clone(&world),
            keep: kept.clone(),
            route,
            board: Arc::clone(&board),
            telemetry: Arc::new(Telemetry::default()),
            receivers: Receivers::default(),
            clock: clock.clone(),
            interval: None,
        };
        let (inbox, handle, reload) = engine.inbox();
        let (stop, stopped) = Stop::new();
        let task = tokio::spawn(engine.run(stored.map(Box::new), inbox, stopped));
        Self { world, board, kept, handle, reload, stop, task }
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Metrics)) {
        change(&mut self.world.metrics.lock().unwrap());
    }

    /// Waits, in the tests' time, until status is so.
    pub(crate) async fn until(&mut self, so: impl Fn(&Status) -> bool) -> Arc<Status> {
        let wait = self.handle.status.wait_for(|status| so(status));
        let waited = tokio::time::timeout(Duration::from_mins(10), wait).await;
        Arc::clone(&waited.expect("status never was so").unwrap())
    }

    pub(crate) async fn until_phase(&mut self, phase: Phase) -> Arc<Status> {
        self.until(|status| status.phase == Some(phase)).await
    }

    pub(crate) async fn until_weight(&mut self, weight: &str) -> Arc<Status> {
        let weight = weight.parse().unwrap();
        self.until(|status| status.weight == weight && status.published_at.is_some()).await
    }

    /// The release's part of the document that proxies get now.
    pub(crate) fn entry(&self) -> Option<Entry> {
        self.board.watch().borrow().as_ref().map(|shown| entry(&shown.json))
    }

    pub(crate) fn document(&self) -> watch::Receiver<Option<Arc<Published>>> {
        self.board.watch()
    }

    pub(crate) fn stored(&self) -> Option<Record> {
        self.kept.file.load().unwrap()
    }

    /// Waits for the kill that the disk was told of, or for the end of the rollout, and says
    /// whether it was the kill. Nothing runs any more then, and the state file is free.
    pub(crate) async fn killed_before(mut self, phase: Phase) -> (bool, Option<Entry>) {
        let mut killed = self.kept.killed.subscribe();
        let was_killed = tokio::select! {
            biased;
            _ = killed.wait_for(|killed| *killed) => true,
            _ = self.until_phase(phase) => false,
        };
        self.task.abort();
        drop((&mut self.task).await);
        (was_killed, self.entry())
    }
}
