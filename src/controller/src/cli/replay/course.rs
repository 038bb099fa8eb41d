//! A rollout over history: the same decisions by the same function, with nothing carried out.
//!
//! Pure: what was counted and read comes in look by look, decisions come out. What history cannot
//! tell is taken as given: the weight is live as soon as it is decided, both sides have endpoints
//! and serve what is theirs, and a person approves at once.

use core::time::Duration;

use serin_judge::panel::{Counted, Rules};
use serin_rollout::{
    Approval, CanaryTraffic, Capacity, Command, Decision, Endpoints, GateReading, MirrorsSeen, Now,
    Observation, Phase, Plan, Proof, Reason, RouteSeen, Served, StableRuns, State, Trips, Version,
};

use super::plot::{Look, Shown};
use crate::engine::judged::{Counts, Judged, Standing, Terms, pass};

/// A rollout being replayed.
#[derive(Debug)]
pub(super) struct Course {
    version: Version,
    plan: Plan,
    rules: Rules,
    scrape_interval: Duration,
    standing: Standing,
    last_ms: Option<u64>,
    /// What each look showed.
    pub(super) looks: Vec<Look>,
    /// The decisions: of those of one kind at one step in a row, the first.
    pub(super) decisions: Vec<Decided>,
    /// What the last pass came to.
    pub(super) last: Option<Judged>,
}

/// A decision with its time and place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Decided {
    /// Milliseconds since 1970.
    pub(super) at_ms: u64,
    pub(super) decision: Decision,
    /// The step at which it was taken, from 1.
    pub(super) step: usize,
    /// The canary's share before it, such as `5%`.
    pub(super) weight: String,
}

/// How a replay ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum End {
    /// The canary would have been rolled back.
    RolledBack,
    /// All steps held.
    Succeeded,
    /// History ended before either.
    Undecided,
}

impl Course {
    pub(super) fn new(
        version: Version,
        mut plan: Plan,
        rules: Rules,
        scrape_interval: Duration,
        start_ms: u64,
    ) -> Self {
        // Nobody was away: all of the time between two looks was under observation.
        plan.policy.longest_gap = plan.policy.longest_gap.max(scrape_interval);
        let state = State::fresh(version.clone(), None, start_ms);
        Self {
            version,
            plan,
            rules,
            scrape_interval,
            standing: Standing { state, panel: None },
            last_ms: None,
            looks: Vec::new(),
            decisions: Vec::new(),
            last: None,
        }
    }

    /// Where the rollout stands.
    pub(super) const fn state(&self) -> &State {
        &self.standing.state
    }

    /// Whether there is nothing more to decide.
    pub(super) fn end(&self) -> End {
        match self.state().phase {
            Phase::RollingBack | Phase::RolledBack => End::RolledBack,
            Phase::Succeeded | Phase::Promoting => End::Succeeded,
            Phase::Pending | Phase::Progressing => End::Undecided,
        }
    }

    /// One look, with the intervals that are new and the readings of the threshold gates.
    pub(super) fn look(&mut self, at_ms: u64, counted: Vec<Counted>, gates: Vec<GateReading>) {
        let counts = Counts { counted, ..Counts::default() };
        let since_ms = self.last_ms.replace(at_ms).map_or(0, |last| at_ms.saturating_sub(last));
        let reason = self.pass(at_ms, since_ms, &counts, gates.clone(), None);
        if reason == Reason::WaitingForApproval && self.asks_a_person() {
            self.pass(at_ms, 0, &Counts::default(), gates.clone(), Some(Command::Approve));
            self.pass(at_ms, 0, &Counts::default(), gates, None);
        }
        self.note(at_ms);
    }

    fn asks_a_person(&self) -> bool {
        let (_, step) = self.plan.steps.reached_by(self.state().traffic.weight);
        step.approval == Approval::Manual
    }

    fn pass(
        &mut self,
        at_ms: u64,
        since_ms: u64,
        counts: &Counts,
        gates: Vec<GateReading>,
        command: Option<Command>,
    ) -> Reason {
        let terms =
            Terms { plan: &self.plan, rules: &self.rules, scrape_interval: self.scrape_interval };
        let now = Now { wall_ms: at_ms, since_last_pass: Duration::from_millis(since_ms) };
        let observation = self.observation(gates, command);
        let judged = pass(terms, &self.standing, observation, Some(counts), now);
        self.log(at_ms, &judged);
        self.standing =
            Standing { state: judged.outcome.state.clone(), panel: judged.panel.clone() };
        let reason = judged.outcome.decision.reason;
        self.last = Some(judged);
        reason
    }

    fn observation(&self, gates: Vec<GateReading>, command: Option<Command>) -> Observation {
        Observation {
            version: self.version.clone(),
            command,
            proof: Proof::Live { proxies: 1 },
            gates,
            canary_requests: self.canary_requests(),
            detectable: None,
            canary: Endpoints::Ready,
            stable: Endpoints::Ready,
            canary_traffic: CanaryTraffic::Flowing,
            served: Served::Fine,
            trips: Trips::None { watching: 1 },
            route: RouteSeen::NotApplicable,
            mirrors: MirrorsSeen::NotApplicable,
            capacity: Capacity::NotApplicable,
            stable_runs: StableRuns::NotApplicable,
            templates: None,
            preparing: None,
        }
    }

    /// The canary's requests at this step, by the gate that counts most of them.
    fn canary_requests(&self) -> Option<u64> {
        // Until the step's clock runs, the panel is still at the step before.
        let panel = self.standing.panel.as_ref().filter(|_| self.state().clock.is_some())?;
        let findings = panel.findings(&self.rules);
        let counts = findings.gates.iter().map(|gate| gate.step_counts.canary_requests());
        counts.max_by(f64::total_cmp).map(crate::gates::whole)
    }

    fn log(&mut self, at_ms: u64, judged: &Judged) {
        let before = &self.standing.state;
        let decided = Decided {
            at_ms,
            decision: judged.outcome.decision.clone(),
            step: before.step + 1,
            weight: before.traffic.weight.to_string(),
        };
        let same = |last: &Decided| {
            last.decision.reason == decided.decision.reason && last.step == decided.step
        };
        if self.decisions.last().is_some_and(same) {
            return;
        }
        self.decisions.push(decided);
    }

    fn note(&mut self, at_ms: u64) {
        let findings = self.last.as_ref().and_then(|judged| judged.findings.as_ref());
        let gates = self.rules.gates.iter().map(|gate| {
            let found = findings?.gates.iter().find(|found| found.gate == gate.name)?;
            Some(Shown {
                ratio: found.ratio?,
                low: found.ratio_low,
                high: found.ratio_high,
                log_e: found.log_e_decisive,
            })
        });
        let gates = gates.collect();
        let weight = self.state().traffic.weight.share();
        self.looks.push(Look { at_ms, weight, gates });
    }
}

#[cfg(test)]
mod tests;
