//! Random histories of a rollout: plans, weather, commands, restarts, clocks that jump.

use core::time::Duration;

use proptest::prelude::*;
use serin_assignment::Weight;
use serin_rollout::{
    Approval, Ask, Before, CanaryTraffic, Capacity, Command, Endpoints, GateReading, Length,
    Mirror, MirrorsSeen, Now, Observation, OnNoData, OnSuccess, Outcome, Phase, Plan, Policy,
    Proof, Reason, RouteSeen, Served, Side, StableRuns, State, Step, Steps, Templates, Trips,
    Verdict, Version, decide,
};

use crate::world::START_MS;

const GATES: [&str; 3] = ["errors", "latency", "checkout"];

/// What happens between one pass and the next, and what the next one sees.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent of each other, each drawn by itself"
)]
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// How long the pass before was ago, in truth.
    gap_ms: u64,
    /// How far the wall clock was moved meanwhile, in milliseconds.
    jump_ms: i64,
    /// Whether the controller was killed and started again: its state comes from the file, and it
    /// doesn't know the gap.
    restart: bool,
    /// Whether the release file holds the other plan from now on.
    other_plan: bool,
    /// Whether the gates' readings are those of the pass before.
    stale: bool,
    version: u8,
    command: Option<Command>,
    proof: Proof,
    verdicts: [Option<Verdict>; 3],
    canary_requests: Option<u64>,
    canary: Endpoints,
    stable: Endpoints,
    canary_traffic: CanaryTraffic,
    served: Served,
    detectable: Option<f64>,
    preparing: bool,
    trips: Trips,
    around: Around,
}

/// What is seen of the objects around a rollout on a cluster.
#[derive(Clone, Debug, Default)]
struct Around {
    route: RouteSeen,
    mirrors: MirrorsSeen,
    capacity: Capacity,
    stable_runs: StableRuns,
    /// Whether the serving side is told to run another version than in most passes, and whether the
    /// canary's is told to run another one than the release names. `None`: nobody can tell.
    replaced: Option<[bool; 2]>,
}

/// One pass with all that went into it.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    /// The true time since the start.
    pub(crate) at: Duration,
    pub(crate) plan: Plan,
    pub(crate) before: State,
    pub(crate) seen: Observation,
    /// When the gates were read, in true time.
    pub(crate) read_at: Duration,
    pub(crate) now: Now,
    pub(crate) after: State,
    pub(crate) outcome: Outcome,
}

impl Pass {
    pub(crate) fn rises(&self) -> bool {
        self.after.traffic.weight > self.before.traffic.weight
    }

    /// Whether the step under way ends with this pass.
    pub(crate) fn ends_step(&self) -> bool {
        self.before.phase == Phase::Progressing
            && !self.before.traffic.weight.is_zero()
            && (self.rises() || matches!(self.after.phase, Phase::Promoting | Phase::Succeeded))
    }

    /// Whether a person took the step under way for over.
    pub(crate) fn is_skipped(&self) -> bool {
        let now = self.seen.command == Some(Command::SkipStep)
            && self.outcome.decision.reason != Reason::Refused;
        self.before.skipped || now
    }

    pub(crate) fn is_live(&self) -> bool {
        self.seen.proof.is_live()
    }
}

/// Runs a history. A state is kept from pass to pass by way of its stored form after a restart.
pub(crate) fn run(plans: &[Plan; 2], events: &[Event]) -> Vec<Pass> {
    let mut passes: Vec<Pass> = Vec::new();
    let mut state = State::fresh(Version("v0".to_owned()), None, START_MS);
    let (mut at, mut wall_ms, mut plan) = (Duration::ZERO, START_MS, 0);
    for event in events {
        at += Duration::from_millis(event.gap_ms);
        let moved = wall_ms.saturating_add(event.gap_ms).saturating_add_signed(event.jump_ms);
        // Readings cannot be from before the clock was set back and later than its time now.
        let read_before = event.stale && moved >= wall_ms;
        wall_ms = moved;
        plan = if event.other_plan { 1 - plan } else { plan };
        if event.restart {
            state = restored(&state);
        }
        let since_last_pass =
            if event.restart { Duration::ZERO } else { Duration::from_millis(event.gap_ms) };
        let now = Now { wall_ms, since_last_pass };
        let (gates, read_at) = match passes.last() {
            Some(last) if read_before => (last.seen.gates.clone(), last.read_at),
            _ => (event.readings(wall_ms), at),
        };
        let seen = event.observation(gates, &state);
        let outcome = decide(&plans[plan], &state, &seen, now);
        let before = core::mem::replace(&mut state, outcome.state.clone());
        let (plan, after) = (plans[plan].clone(), state.clone());
        passes.push(Pass { at, plan, before, seen, read_at, now, after, outcome });
    }
    passes
}

/// What a restart makes of a state.
pub(crate) fn restored(state: &State) -> State {
    serde_json::from_str(&serde_json::to_string(state).unwrap()).unwrap()
}

impl Event {
    fn readings(&self, at_ms: u64) -> Vec<GateReading> {
        let reading = |(gate, verdict): (&&str, &Option<Verdict>)| {
            verdict.map(|verdict| GateReading {
                gate: (*gate).to_owned(),
                at_ms,
                verdict,
                detail: "1 of 200".to_owned(),
            })
        };
        GATES.iter().zip(&self.verdicts).filter_map(reading).collect()
    }

    /// What the release names: each side has templates of its own, `s0` and `v0` to begin with.
    fn version(&self, state: &State) -> Version {
        let side = if state.traffic.serving == Side::First { 'v' } else { 's' };
        Version(format!("{side}{}", self.version))
    }

    fn templates(&self, state: &State, [stable, canary]: [bool; 2]) -> Templates {
        let begun = || state.baseline.clone().unwrap_or_else(|| Version("s0".to_owned()));
        let other = || Version("other".to_owned());
        Templates {
            stable: if stable { other() } else { begun() },
            canary: if canary { other() } else { self.version(state) },
        }
    }

    fn observation(&self, gates: Vec<GateReading>, state: &State) -> Observation {
        Observation {
            version: self.version(state),
            command: self.command,
            proof: self.proof.clone(),
            gates,
            canary_requests: self.canary_requests,
            detectable: self.detectable,
            preparing: self.preparing.then(|| "bounds are being chosen".to_owned()),
            canary: self.canary,
            stable: self.stable,
            canary_traffic: self.canary_traffic,
            served: self.served.clone(),
            trips: self.trips,
            route: self.around.route.clone(),
            mirrors: self.around.mirrors.clone(),
            capacity: self.around.capacity.clone(),
            stable_runs: self.around.stable_runs,
            templates: self.around.replaced.map(|replaced| self.templates(state, replaced)),
        }
    }
}

/// Two plans, of which the second may replace the first, and stretches of weather.
pub(crate) fn histories() -> impl Strategy<Value = ([Plan; 2], Vec<Event>)> {
    let weathers = prop::collection::vec(weather(), 1..12);
    (([plans(), plans()], weathers), home()).prop_map(|((plans, weathers), home)| {
        let events = weathers.concat().into_iter().map(|event| event.at(home)).collect();
        // Without a route nothing is mirrored.
        let mirrors = !matches!(home, Home::Files);
        let plans = plans.map(|plan| Plan { mirror: plan.mirror.filter(|_| mirrors), ..plan });
        (plans, events)
    })
}

/// Where a rollout runs.
#[derive(Clone, Copy, Debug)]
enum Home {
    Files,
    /// `scales`: replicas are its matter.
    Cluster {
        scales: bool,
    },
}

fn home() -> impl Strategy<Value = Home> {
    prop_oneof![
        2 => Just(Home::Files),
        1 => Just(Home::Cluster { scales: false }),
        4 => Just(Home::Cluster { scales: true }),
    ]
}

fn plans() -> impl Strategy<Value = Plan> {
    let time = || prop_oneof![1 => Just(0), 2 => 0..20_u64].prop_map(Duration::from_secs);
    let ratio = prop_oneof![Just(0.9), Just(1.5), Just(2.0)];
    let length = prop_oneof![
        3 => time().prop_map(Length::Bake),
        1 => (ratio, time()).prop_map(|(ratio, at_most)| Length::Detect { ratio, at_most }),
    ];
    let step = (length, 0..300_u64, prop::bool::weighted(0.2)).prop_map(
        |(length, min_requests, manual)| {
            let approval = if manual { Approval::Manual } else { Approval::Automatic };
            (length, min_requests, approval)
        },
    );
    let weight = prop_oneof![2 => 1..10_000_u16, 1 => Just(10_000_u16)];
    let steps = prop::collection::btree_map(weight, step, 1..5).prop_map(|steps| {
        let step = |(weight, (length, min_requests, approval))| {
            let weight = Weight::from_basis_points(weight).unwrap();
            Step { weight, length, min_requests, approval }
        };
        Steps::try_new(steps.into_iter().map(step).collect()).unwrap()
    });
    let seconds = |range: core::ops::Range<u64>| range.prop_map(Duration::from_secs);
    let policy = (
        seconds(0..60),
        prop_oneof![
            2 => Just(OnNoData::Hold),
            1 => seconds(5..60).prop_map(OnNoData::RollBackAfter),
        ],
        seconds(0..20),
        seconds(0..60),
        [seconds(0..60), seconds(0..60), seconds(0..20), seconds(0..60)],
        seconds(1..20),
    )
        .prop_map(|(no_data, on_no_data, not_ready, not_live, others, longest_gap)| {
            let [rollback, promotion, route_live, held] = others;
            Policy {
                no_data_alert_after: no_data,
                on_no_data,
                not_ready_after: not_ready,
                not_live_alert_after: not_live,
                rollback_alert_after: rollback,
                held_alert_after: held,
                promotion_alert_after: promotion,
                route_live_after: route_live,
                longest_gap,
            }
        })
        // What is drawn of all of these at once takes more than a thread's stack.
        .boxed();
    let gates = (0..=GATES.len()).prop_map(|many| GATES[..many].iter().map(ToString::to_string));
    let on_success = prop_oneof![2 => Just(OnSuccess::Keep), 3 => Just(OnSuccess::Promote), 2 => Just(OnSuccess::Swap)];
    // Some steps have a name, by which others are told from them.
    let name = prop_oneof![
        1 => Just(None),
        2 => prop::sample::select(vec!["a", "b"]).prop_map(|name| Some(name.to_owned())),
    ];
    // Some have only a part of the users, which the last step takes.
    let steps = (steps, any::<bool>()).prop_map(|(steps, part)| {
        let full = if part { steps.last().weight } else { steps.full() };
        steps.within(full).unwrap()
    });
    // Some ask another system, which goes by the name of a gate that the plan has not.
    let before = prop_oneof![
        3 => Just(None),
        1 => prop::sample::select(vec![Before::Start, Before::Exposure, Before::Rise, Before::End]).prop_map(Some),
    ];
    let share = (1..=10_000_u16).prop_map(|parts| Weight::from_basis_points(parts).unwrap());
    let mirror = prop::option::weighted(0.3, (share, 0..20_u64, 0..GATES.len()));
    (steps, gates, before, on_success, policy, (name, mirror)).prop_map(
        |(steps, gates, before, on_success, policy, (steps_name, mirror))| Plan {
            mirror: mirror.map(|(share, time, judging)| Mirror {
                share,
                time: Duration::from_secs(time),
                gates: gates.clone().skip(judging).collect(),
            }),
            // A release that swaps the roles has all its users on the canary by then.
            on_success: match on_success {
                OnSuccess::Swap if steps.last().weight != Weight::FULL => OnSuccess::Keep,
                on_success => on_success,
            },
            steps,
            gates: gates.clone().collect(),
            asks: before
                .filter(|_| gates.len() < GATES.len())
                .map(|before| Ask { name: GATES[GATES.len() - 1].to_owned(), before })
                .into_iter()
                .collect(),
            policy,
            steps_name,
        },
    )
}

/// A stretch in which things mostly are as they were: fair (all is well), or of any kind.
fn weather() -> impl Strategy<Value = Vec<Event>> {
    let stretch = |fair: u32| {
        let own = prop_oneof![6 => Just(None), 1 => sky(fair).prop_map(Some)];
        (sky(fair), prop::collection::vec((moment(), own), 1..15)).prop_map(|(usual, moments)| {
            let event = |(moment, own): (Event, Option<Sky>)| {
                moment.under(own.unwrap_or_else(|| usual.clone()))
            };
            moments.into_iter().map(event).collect()
        })
    };
    prop_oneof![4 => stretch(100), 1 => stretch(3)]
}

/// What lasts: how the sides, the gates and the proof are.
type Sky = (u8, Proof, [Option<Verdict>; 3], Endpoints, Endpoints, CanaryTraffic, Served, Around);

/// `fair` to two is how likely each part is well.
fn sky(fair: u32) -> impl Strategy<Value = Sky> {
    let proof = prop_oneof![
        fair => Just(Proof::Live { proxies: 3 }),
        1 => Just(Proof::Behind { proxies: 3, behind: 1, smallest: 7 }),
        1 => Just(Proof::Ahead { proxies: 3, largest: 9 }),
        1 => Just(Proof::Share { canary: 500, requests: 1_000 }),
        1 => Just(Proof::OtherShare { canary: 500, requests: 1_000 }),
        1 => Just(Proof::Unseen),
        1 => Just(Proof::Unknown { why: "no answer".to_owned() }),
    ];
    let verdict = || {
        prop_oneof![
            2 * fair => Just(Some(Verdict::Pass)),
            1 => Just(Some(Verdict::Fail)),
            1 => Just(Some(Verdict::Skipped)),
            1 => Just(Some(Verdict::Hold)),
            1 => Just(Some(Verdict::NoComparison)),
            1 => Just(Some(Verdict::NoData)),
            1 => Just(Some(Verdict::Broken)),
            1 => Just(None),
        ]
    };
    let endpoints = || {
        prop_oneof![
            fair => Just(Endpoints::Ready),
            1 => Just(Endpoints::NotReady),
            1 => Just(Endpoints::Unknown),
        ]
    };
    let traffic = prop_oneof![
        3 => (1..5_u32).prop_map(|scrapes| CanaryTraffic::Still { scrapes }),
        1 => Just(CanaryTraffic::Flowing),
        1 => Just(CanaryTraffic::Unknown),
    ];
    let served = prop_oneof![
        2 * fair => Just(Served::Fine),
        1 => Just(Served::Mismatch { why: "120 of 800 served by stable".to_owned() }),
        1 => Just(Served::Unknown),
    ];
    let version = prop_oneof![12 => Just(0), 1 => 1..3_u8];
    let verdicts = [verdict(), verdict(), verdict()];
    (version, proof, verdicts, endpoints(), endpoints(), traffic, served, around(fair))
}

fn around(fair: u32) -> impl Strategy<Value = Around> {
    let why = || "the API server does not answer".to_owned();
    let route = prop_oneof![
        fair => Just(RouteSeen::AsSet),
        1 => Just(RouteSeen::Unusable { why: "entry serin-rest is missing".to_owned() }),
        1 => Just(RouteSeen::Unknown { why: why() }),
    ];
    let others = [("serin-rest".to_owned(), r#"{"mirror":{"host":"recorder"}}"#.to_owned())];
    let mirrors = prop_oneof![
        fair => Just(MirrorsSeen::Others { fields: others.into() }),
        1 => Just(MirrorsSeen::ToCanary),
        1 => Just(MirrorsSeen::NotApplicable),
    ];
    let capacity = prop_oneof![
        fair => Just(Capacity::Enough),
        fair.div_ceil(10) => Just(Capacity::Lean { why: "2 of 9".to_owned() }),
        fair.div_ceil(10) => Just(Capacity::Short { why: "2 of 5 are ready".to_owned() }),
        1 => Just(Capacity::Unknown { why: why() }),
    ];
    let stable_runs = prop::sample::select(vec![
        StableRuns::Unknown,
        StableRuns::Earlier,
        StableRuns::Between,
        StableRuns::Stuck,
        StableRuns::New,
    ]);
    let replaced = prop_oneof![
        3 * fair => Just(Some([false; 2])),
        1 => Just(Some([true, false])),
        1 => Just(Some([false, true])),
        1 => Just(None),
    ];
    (route, mirrors, capacity, stable_runs, replaced)
        .prop_map(|(route, mirrors, capacity, stable_runs, replaced)| Around {
            route,
            mirrors,
            capacity,
            stable_runs,
            replaced,
        })
        .boxed()
}

/// What happens at one moment only, under a sky where all is well.
fn moment() -> impl Strategy<Value = Event> {
    let jump = prop_oneof![
        20 => Just(0_i64),
        1 => -5_000..5_000_i64,
        1 => -10_000_000..10_000_000_i64,
    ];
    let gap = prop_oneof![8 => 500..3_000_u64, 1 => Just(0), 1 => 3_000..60_000_u64];
    let command = prop_oneof![
        40 => Just(None),
        1 => Just(Some(Command::Pause)),
        2 => Just(Some(Command::Resume)),
        4 => Just(Some(Command::Approve)),
        1 => Just(Some(Command::Abort)),
        3 => Just(Some(Command::Retry)),
        2 => Just(Some(Command::SkipStep)),
    ];
    let requests = prop_oneof![1 => Just(None), 8 => (0..1_000_u64).prop_map(Some)];
    let detectable = prop_oneof![
        1 => Just(None),
        2 => prop::sample::select(vec![0.8, 0.9, 0.95, 1.4, 1.5, 1.9, 2.0, 3.0]).prop_map(Some),
    ];
    let rarely = prop::bool::weighted;
    let trips = prop_oneof![
        20 => Just(Trips::None { watching: 3 }),
        1 => Just(Trips::Tripped { tripped: 1, watching: 3 }),
        1 => Just(Trips::Unknown),
    ];
    let lowered = (0..10_000_u16)
        .prop_map(|parts| RouteSeen::Lowered { weight: Weight::from_basis_points(parts).unwrap() });
    let route = prop_oneof![
        40 => Just(RouteSeen::AsSet),
        1 => Just(RouteSeen::Lowered { weight: Weight::ZERO }),
        2 => lowered,
        1 => Just(RouteSeen::MirrorTaken),
    ];
    (
        (gap, jump, rarely(0.05), rarely(0.01), rarely(0.2)),
        (command, requests, detectable, rarely(0.05), trips, route),
    )
        .prop_map(
            |(
                (gap_ms, jump_ms, restart, other_plan, stale),
                (command, canary_requests, detectable, preparing, trips, route),
            )| {
                Event {
                    gap_ms,
                    jump_ms,
                    restart,
                    other_plan,
                    stale,
                    version: 0,
                    command,
                    proof: Proof::Live { proxies: 3 },
                    verdicts: [Some(Verdict::Pass); 3],
                    canary_requests,
                    canary: Endpoints::Ready,
                    stable: Endpoints::Ready,
                    canary_traffic: CanaryTraffic::Flowing,
                    served: Served::Fine,
                    detectable,
                    preparing,
                    trips,
                    around: Around { route, ..Around::default() },
                }
            },
        )
}

impl Event {
    fn under(
        self,
        (version, proof, verdicts, canary, stable, canary_traffic, served, mut around): Sky,
    ) -> Self {
        if let (RouteSeen::AsSet, RouteSeen::Lowered { .. } | RouteSeen::MirrorTaken) =
            (&around.route, &self.around.route)
        {
            around.route = self.around.route.clone();
        }
        Self { version, proof, verdicts, canary, stable, canary_traffic, served, around, ..self }
    }

    /// What is seen where the rollout runs.
    fn at(self, home: Home) -> Self {
        let around = match home {
            Home::Files => Around::default(),
            Home::Cluster { scales: false } => {
                Around { capacity: Capacity::NotApplicable, ..self.around }
            }
            Home::Cluster { scales: true } => self.around,
        };
        Self { around, ..self }
    }
}
