//! A rollout in a world that does as it is told: one pass a second unless said otherwise.

use core::time::Duration;

use serin_assignment::Weight;
use serin_rollout::{
    Action, Alert, Approval, CanaryTraffic, Capacity, Command, Decision, Endpoints, GateReading,
    Length, MirrorsSeen, Now, Observation, OnSuccess, Outcome, Phase, Plan, Policy, Proof, Reason,
    RouteSeen, Served, StableRuns, State, Step, Steps, Templates, Trips, Verdict, Version, decide,
};

/// The wall clock at the start of every world, in milliseconds since 1970.
pub(crate) const START_MS: u64 = 1_795_445_683_700;

pub(crate) fn weight(text: &str) -> Weight {
    text.parse().unwrap()
}

pub(crate) fn version(name: &str) -> Version {
    Version(name.to_owned())
}

/// A step that bakes for 10 s and needs 100 requests.
pub(crate) fn step(text: &str) -> Step {
    Step {
        weight: weight(text),
        length: Length::Bake(Duration::from_secs(10)),
        min_requests: 100,
        approval: Approval::Automatic,
    }
}

pub(crate) fn manual(text: &str) -> Step {
    Step { approval: Approval::Manual, ..step(text) }
}

/// A plan with the gates `errors` and `latency`.
pub(crate) fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        steps: Steps::try_new(steps).unwrap(),
        mirror: None,
        gates: vec!["errors".to_owned(), "latency".to_owned()],
        asks: Vec::new(),
        on_success: OnSuccess::Keep,
        policy: Policy::default(),
        steps_name: None,
    }
}

/// 5 %, 50 %, 100 %.
pub(crate) fn three_steps() -> Plan {
    plan(vec![step("5%"), step("50%"), step("100%")])
}

/// The same, handed over to stable at the end.
pub(crate) fn three_steps_and_promotion() -> Plan {
    Plan { on_success: OnSuccess::Promote, ..three_steps() }
}

/// The same, after which the two sides swap their roles.
pub(crate) fn three_steps_and_swap() -> Plan {
    Plan { on_success: OnSuccess::Swap, ..three_steps() }
}

/// Takes a rollout to a point of its way.
pub(crate) type Reach = fn() -> World;

/// What happens to a rollout.
pub(crate) type Happens = fn(&mut World);

/// A rollout with what is seen of it.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) state: State,
    /// What the next pass sees; the gates are read anew in each pass by `verdicts`.
    pub(crate) seen: Observation,
    pub(crate) verdicts: Vec<(&'static str, Verdict)>,
    pub(crate) now_ms: u64,
    pub(crate) last: Option<Outcome>,
}

impl World {
    /// Version v1 is to be rolled out, and all is well.
    pub(crate) fn new(plan: Plan) -> Self {
        Self::from(plan, State::fresh(version("v1"), None, START_MS))
    }

    pub(crate) fn from(plan: Plan, state: State) -> Self {
        let seen = Observation {
            version: version("v1"),
            command: None,
            proof: Proof::Live { proxies: 3 },
            gates: Vec::new(),
            canary_requests: Some(1_000),
            detectable: None,
            preparing: None,
            canary: Endpoints::Ready,
            stable: Endpoints::Ready,
            canary_traffic: CanaryTraffic::Flowing,
            served: Served::Fine,
            trips: Trips::None { watching: 3 },
            route: RouteSeen::NotApplicable,
            mirrors: MirrorsSeen::NotApplicable,
            capacity: Capacity::NotApplicable,
            stable_runs: StableRuns::NotApplicable,
            templates: None,
        };
        let verdicts = vec![("errors", Verdict::Pass), ("latency", Verdict::Pass)];
        Self { plan, state, seen, verdicts, now_ms: START_MS, last: None }
    }

    /// At the given weight of the plan, just proved live.
    pub(crate) fn at(plan: Plan, text: &str) -> Self {
        let mut world = Self::new(plan);
        world.until(|world| world.state.traffic.weight == weight(text));
        world.pass();
        world
    }

    /// After the last step.
    pub(crate) fn after_the_last_step(plan: Plan) -> Self {
        let mut world = Self::new(plan);
        world.until(|world| matches!(world.phase(), Phase::Promoting | Phase::Succeeded));
        world
    }

    /// After the last step of a rollout that brings stable to the new version by itself; that runs
    /// this by now.
    pub(crate) fn promoting_by_itself(stable_runs: StableRuns) -> Self {
        let mut world = Self::new(three_steps_and_promotion());
        world.seen.stable_runs = StableRuns::Earlier;
        world.until(|world| world.phase() == Phase::Promoting);
        world.seen.stable_runs = stable_runs;
        world
    }

    /// The route sends everyone to the canary's side, as all steps of a rollout that swaps the roles
    /// held. Before it stable ran `v0`.
    pub(crate) fn swapping() -> Self {
        let mut world = Self::new(three_steps_and_swap());
        world.seen.route = RouteSeen::AsSet;
        world.seen.capacity = Capacity::Enough;
        world.seen.stable_runs = StableRuns::Earlier;
        world.runs("v0", "v1");
        world.until(|world| world.phase() == Phase::Promoting);
        world
    }

    /// The roles were swapped just now, and what is seen is seen by the new ones.
    pub(crate) fn swapped() -> Self {
        let mut world = Self::swapping();
        world.empty_canary();
        world.until(|world| !world.state.traffic.everyone);
        world.seen.version = version("v0");
        world.runs("v1", "v0");
        world.seen.canary_traffic = CanaryTraffic::Flowing;
        world
    }

    /// One pass, so much later than the one before.
    pub(crate) fn pass_after(&mut self, gap: Duration) -> Decision {
        self.now_ms += u64::try_from(gap.as_millis()).unwrap();
        let reading = |(gate, verdict): &(&'static str, Verdict)| GateReading {
            gate: (*gate).to_owned(),
            at_ms: self.now_ms,
            verdict: *verdict,
            detail: "1 of 200".to_owned(),
        };
        self.seen.gates = self.verdicts.iter().map(reading).collect();
        let now = Now { wall_ms: self.now_ms, since_last_pass: gap };
        let outcome = decide(&self.plan, &self.state, &self.seen, now);
        self.seen.command = None;
        self.state = outcome.state.clone();
        self.last.insert(outcome).decision.clone()
    }

    /// One pass, a second after the one before.
    pub(crate) fn pass(&mut self) -> Decision {
        self.pass_after(Duration::from_secs(1))
    }

    pub(crate) fn seconds(&mut self, passes: u32) -> Decision {
        let mut last = self.pass();
        for _ in 1..passes {
            last = self.pass();
        }
        last
    }

    pub(crate) fn until(&mut self, reached: impl Fn(&Self) -> bool) {
        for _ in 0..1_000 {
            if reached(self) {
                return;
            }
            self.pass();
        }
        panic!("never came: {:#?}", self.last);
    }

    pub(crate) fn command(&mut self, command: Command) -> Decision {
        self.seen.command = Some(command);
        self.pass()
    }

    /// What the sides are told to run from now on.
    pub(crate) fn runs(&mut self, stable: &str, canary: &str) {
        self.seen.templates = Some(Templates { stable: version(stable), canary: version(canary) });
    }

    /// Nothing reaches the canary any more.
    pub(crate) fn empty_canary(&mut self) {
        self.seen.canary_traffic = CanaryTraffic::Still { scrapes: 3 };
    }

    /// What the gate says from now on.
    pub(crate) fn gate(&mut self, name: &'static str, verdict: Verdict) {
        self.verdicts.retain(|(gate, _)| *gate != name);
        self.verdicts.push((name, verdict));
    }

    pub(crate) fn phase(&self) -> Phase {
        self.state.phase
    }

    pub(crate) fn actions(&self) -> &[Action] {
        self.last.as_ref().map_or(&[], |outcome| &outcome.actions)
    }

    pub(crate) fn alerts(&self) -> Vec<Alert> {
        self.state.alerts.iter().copied().collect()
    }

    /// Checks weight and phase.
    #[track_caller]
    pub(crate) fn is(&self, phase: Phase, text: &str) {
        assert_eq!((self.phase(), self.state.traffic.weight), (phase, weight(text)));
    }

    /// Checks that everyone was sent back in the last pass.
    #[track_caller]
    pub(crate) fn went_back(&self) {
        self.is(Phase::RollingBack, "0%");
        assert!(!self.state.traffic.canary_serves);
        assert_eq!(self.actions().first(), Some(&Action::Publish(self.state.traffic)));
    }

    /// Checks that the last decision refused a command and left the traffic alone.
    #[track_caller]
    pub(crate) fn refused(&mut self, command: Command, why: &str) {
        let before = self.state.clone();
        let decision = self.command(command);
        assert_eq!(decision.reason, Reason::Refused, "{}", decision.message);
        assert!(decision.message.contains(why), "{}", decision.message);
        assert_eq!((self.state.phase, self.state.traffic), (before.phase, before.traffic));
    }
}
