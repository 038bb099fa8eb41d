//! A forecast for programs.

use serde_json::{Value, json};
use serin_document::duration;
use serin_judge::SetAside;

use super::forecast::{Seen, Step};
use super::question::Watched;
use super::text::Page;
use super::users;

impl Page<'_> {
    /// All of it for a program.
    pub(super) fn json(&self) -> Value {
        let (release, question) = (self.release, self.question);
        let steps: Vec<Value> =
            self.forecast.steps.iter().map(|step| self.step_json(step)).collect();
        let seen: Vec<Value> = self.forecast.seen.iter().map(|seen| self.seen_json(seen)).collect();
        let gates: Vec<Value> = question.gates.iter().map(gate_json).collect();
        json!({
            "kind": "plan",
            "namespace": release.namespace,
            "name": release.name,
            "version": release.version,
            "requestsPerSecond": question.requests_per_second,
            "users": question.users,
            "scrapeInterval": duration::format(question.scrape_interval),
            "skip": duration::format(question.skip),
            "setAside": set_aside(question.set_aside),
            "gates": gates,
            "steps": steps,
            "seen": seen,
            "warnings": self.warnings,
        })
    }

    fn step_json(&self, step: &Step) -> Value {
        let mut sights = Vec::new();
        for (gate, row) in self.question.gates.iter().zip(&step.sights) {
            for sight in row {
                let when = sight.when.ok();
                sights.push(json!({
                    "gate": gate.name,
                    "ratio": sight.ratio,
                    "minutesHalf": when.map(|when| when.half_seconds / 60.0),
                    "minutesNinety": when.map(|when| when.ninety_seconds / 60.0),
                    "atLeast": when.is_some_and(|when| when.at_least),
                    "inTime": when.is_some_and(|when| when.ninety_seconds <= step.lasts.seconds),
                    "never": sight.when.err(),
                }));
            }
        }
        json!({
            "step": step.number,
            "weight": step.weight,
            "minutes": step.lasts.seconds / 60.0,
            "lastsBy": step.lasts.because,
            "canaryRequests": step.canary_requests,
            "stableRequests": step.stable_requests,
            "usersExposed": step.users,
            "sees": sights,
        })
    }

    fn seen_json(&self, seen: &Seen) -> Value {
        let gate = self.question.gates.get(seen.gate).map(|gate| &gate.name);
        let step = seen.at.and_then(|(index, _)| self.forecast.steps.get(index));
        json!({
            "gate": gate,
            "ratio": seen.ratio,
            "step": step.map(|step| step.number),
            "weight": step.map(|step| step.weight),
            "minutes": seen.at.map(|(_, when)| when.ninety_seconds / 60.0),
            "atLeast": seen.at.is_some_and(|(_, when)| when.at_least),
        })
    }
}

fn gate_json(gate: &Watched) -> Value {
    let rates: Vec<f64> = gate.rates.iter().map(|rate| rate.get()).collect();
    let needed = users::needed(gate.margin, gate.worse());
    json!({
        "name": gate.name,
        "worse": gate.worse(),
        "margin": gate.margin.get(),
        "alpha": gate.alpha.get(),
        "perSecond": gate.per_second,
        "rates": rates,
        "cohorts": gate.cohorts,
        "usersNeeded": needed.is_finite().then_some(needed),
    })
}

const fn set_aside(set_aside: SetAside) -> u8 {
    match set_aside {
        SetAside::None => 0,
        SetAside::One => 1,
        SetAside::Two => 2,
    }
}
