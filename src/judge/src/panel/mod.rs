//! All ratio gates of a release side by side: what their counts come to, interval by interval.
//!
//! A [`Panel`] absorbs one [`Counted`] after the other and answers with [`Findings`]. It is a value:
//! it does no I/O, knows no clock, and comes back from its stored form bit for bit, so that a
//! decision can be computed again from what was counted.

mod absorbed;
mod alone;
mod findings;
mod gate;
mod guard;
mod outcome;
mod recent;
mod rules;
mod stream;
mod tested;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use absorbed::{Absorbed, conformed};
pub use findings::{Finding, Findings, Outcome, StreamFinding, Why};
pub use rules::{Counted, GateRules, Measure, Rules, Stage};

use crate::{Look, combine};
use gate::GateState;

/// The evidence of one rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Panel {
    /// When the canary first had weight, in milliseconds since 1970.
    started_ms: u64,
    /// Where the rollout stood at the last interval; `None` before the first one.
    stage: Option<Stage>,
    /// Whether both sides served before the present traffic: intervals may come late.
    compared_before: bool,
    gates: BTreeMap<String, GateState>,
    /// The gates that asked for the rollback; empty until then.
    latched: Vec<String>,
}

impl Panel {
    /// A panel that has seen nothing, of a rollout that started then (milliseconds since 1970).
    #[must_use]
    pub const fn new(started_ms: u64) -> Self {
        Self {
            started_ms,
            stage: None,
            compared_before: true,
            gates: BTreeMap::new(),
            latched: Vec::new(),
        }
    }

    /// When the rollout started, in milliseconds since 1970.
    #[must_use]
    pub const fn started_ms(&self) -> u64 {
        self.started_ms
    }

    /// Up to when a gate's counts have been absorbed, in milliseconds since 1970.
    #[must_use]
    pub fn cut_ms(&self, gate: &str) -> u64 {
        self.gates.get(gate).map_or(self.started_ms, |state| state.cut_ms.max(self.started_ms))
    }

    /// The same of every gate that was ever read.
    pub fn cuts(&self) -> impl Iterator<Item = (&str, u64)> {
        self.gates.iter().map(|(name, state)| (name.as_str(), state.cut_ms))
    }

    /// Forgets the evidence of gates that these rules do not have, or judge by another test; such
    /// a test begins where the one before ended. What changes only how a gate's evidence is used
    /// (its weight, its objective, its lag) changes nothing here.
    pub fn fit(&mut self, rules: &Rules) {
        self.gates.retain(|name, _| rules.gate(name).is_some());
        for gate in &rules.gates {
            let other = self
                .gates
                .get(&gate.name)
                .is_some_and(|state| !state.fits(&rules.test(gate), gate));
            if other {
                self.begin(rules, gate);
            }
        }
        self.latched.retain(|name| self.gates.contains_key(name));
    }

    /// Forgets one gate's evidence, as its counts mean something else from here on.
    pub fn forget(&mut self, rules: &Rules, gate: &str) {
        if let Some(gate) = rules.gate(gate).filter(|gate| self.gates.contains_key(&gate.name)) {
            self.begin(rules, gate);
        }
    }

    /// A new test where the one before ended.
    fn begin(&mut self, rules: &Rules, gate: &GateRules) {
        let cut_ms = self.cut_ms(&gate.name);
        self.gates.insert(gate.name.clone(), GateState::new(rules, gate, cut_ms));
        self.latched.retain(|name| *name != gate.name);
    }

    /// A stamp later than now was written before the clock was set back; left alone, it would hide
    /// every interval until the clock has caught up. For the start of a process only: an interval
    /// from before that is still on its way would be absorbed once more.
    pub fn forget_the_future(&mut self, now_ms: u64) {
        self.started_ms = self.started_ms.min(now_ms);
        for state in self.gates.values_mut() {
            state.cut_ms = state.cut_ms.min(now_ms);
        }
    }

    /// Takes in what was counted. Of each gate only what follows what was absorbed before counts,
    /// so that giving the same twice changes nothing. Says what was absorbed.
    pub fn absorb(&mut self, rules: &Rules, stage: Stage, counted: &Counted) -> Vec<Absorbed> {
        self.fit(rules);
        self.enter(stage);
        let mut absorbed = Vec::new();
        for gate in &rules.gates {
            let Some(intervals) = counted.gates.get(&gate.name) else { continue };
            let follows = counted.from_ms >= self.cut_ms(&gate.name)
                && counted.to_ms > counted.from_ms
                && !intervals.is_empty();
            if !follows {
                continue;
            }
            // What was counted before the traffic changed belongs to the traffic before.
            let present = counted.from_ms >= stage.traffic_since_ms;
            let compared = if present { stage.compared } else { self.compared_before };
            let started_ms = self.started_ms;
            let kept = self
                .gates
                .entry(gate.name.clone())
                .or_insert_with(|| GateState::new(rules, gate, started_ms));
            let number = kept.intervals();
            let look = kept.absorb(
                rules,
                gate,
                gate::Moment { started_ms, stage, present, compared },
                (counted.to_ms, intervals),
            );
            absorbed.push(Absorbed {
                gate: gate.name.clone(),
                number,
                to_ms: counted.to_ms,
                skipped: look == Look::Skipped,
                streams: intervals.clone(),
            });
        }
        self.latch(rules);
        absorbed
    }

    /// What all that was absorbed comes to.
    #[must_use]
    pub fn findings(&self, rules: &Rules) -> Findings {
        let log_e = self.log_e(rules);
        let log_e_worst = self.mean(rules, GateState::log_e_worst);
        let intervals = self.gates.values().map(GateState::intervals).max().unwrap_or_default();
        let gates = rules.gates.iter().map(|gate| outcome::finding(self, rules, gate, log_e_worst));
        Findings { log_e, intervals, rollback: !self.latched.is_empty(), gates: gates.collect() }
    }

    /// Notes where the rollout stands: what is counted from now on belongs to another step where
    /// that has changed.
    pub fn enter(&mut self, stage: Stage) {
        let before = self.stage.replace(stage);
        let Some(before) = before.filter(|before| *before != stage) else { return };
        self.compared_before = before.compared;
        for state in self.gates.values_mut() {
            state.begin_step(before.compared);
        }
    }

    /// The mean that decides.
    fn log_e(&self, rules: &Rules) -> f64 {
        self.mean(rules, |state| state.decisive(rules.alpha))
    }

    /// The weighted mean over the gates of what `log_e` gives. Gates are taken by name, so that the
    /// order of the rules does not change a bit of it.
    fn mean(&self, rules: &Rules, log_e: impl Fn(&GateState) -> f64) -> f64 {
        let mut parts: Vec<(&str, f64, f64)> = rules
            .gates
            .iter()
            .map(|gate| {
                let log_e = self.gates.get(&gate.name).map_or(0.0, &log_e);
                (gate.name.as_str(), gate.weight, log_e)
            })
            .collect();
        parts.sort_by(|one, other| one.0.cmp(other.0));
        let weighted: Vec<(f64, f64)> =
            parts.into_iter().map(|(_, weight, log_e)| (weight, log_e)).collect();
        if weighted.is_empty() { 0.0 } else { combine::log_mean(&weighted) }
    }

    /// Decides once and for all.
    fn latch(&mut self, rules: &Rules) {
        if !self.latched.is_empty() {
            return;
        }
        let threshold = rules.alpha.log_threshold();
        let reached = self.log_e(rules) >= threshold;
        let part = |gate: &GateRules| {
            let state = self.gates.get(&gate.name)?;
            Some((gate.weight.ln() + state.decisive(rules.alpha), state))
        };
        let most = rules
            .gates
            .iter()
            .filter_map(|gate| part(gate).map(|(log_part, _)| log_part))
            .fold(f64::NEG_INFINITY, f64::max);
        let asks = |gate: &&GateRules| {
            part(gate).is_some_and(|(log_part, state)| {
                let alone = state.decisive(rules.alpha) >= threshold;
                (reached && (log_part >= most || alone)) || state.gross_harm(rules.alpha)
            })
        };
        self.latched = rules.gates.iter().filter(asks).map(|gate| gate.name.clone()).collect();
        self.latched.sort();
    }
}

#[cfg(test)]
mod tests;
