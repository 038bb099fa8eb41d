//! A replay for people, and the same for programs.

use core::fmt::{self, Write as _};
use core::time::Duration;

use serde_json::{Value, json};
use serin_document::duration;

use super::course::{Course, Decided, End};
use super::plot::{self, Gate, Look};
use super::time::show;
use crate::release::Release;

/// What is printed.
pub(super) struct Page<'a> {
    pub(super) release: &'a Release,
    pub(super) course: &'a Course,
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
}

impl Page<'_> {
    /// For a terminal of so many columns.
    pub(super) fn text(&self, width: usize) -> Result<String, fmt::Error> {
        let (release, course) = (self.release, self.course);
        let mut text = String::new();
        writeln!(text, "release  {} version {}", release.key(), release.version)?;
        let looks = course.looks.len();
        writeln!(text, "history  {} to {}, {looks} looks", show(self.start_ms), show(self.end_ms))?;
        writeln!(text, "outcome  {}\n", self.outcome())?;
        text.push_str(&plot::draw(&course.looks, &self.gates(), width)?);
        writeln!(text)?;
        for Decided { at_ms, decision, weight, .. } in &course.decisions {
            writeln!(text, "{}  {weight:>6}  {}", show(*at_ms), decision.message)?;
        }
        Ok(text)
    }

    fn outcome(&self) -> String {
        let (course, steps) = (self.course, self.release.plan.steps.iter().count());
        let Some(last) = course.decisions.last() else { return "no look at all".to_owned() };
        let (step, weight) = (last.step, &last.weight);
        let after = Duration::from_millis(last.at_ms.saturating_sub(self.start_ms));
        let (at, after) = (show(last.at_ms), duration::format(after));
        match course.end() {
            End::RolledBack => {
                format!(
                    "rolled back at {at} from {weight} (step {step} of {steps}), {after} after the start"
                )
            }
            End::Succeeded => format!("succeeded at {at}, {after} after the start"),
            End::Undecided => {
                let (step, weight) = (course.state().step + 1, course.state().traffic.weight);
                format!("undecided at the end of history, at {weight} (step {step} of {steps})")
            }
        }
    }

    fn gates(&self) -> Vec<Gate> {
        let rules = self.release.rules();
        let gate = |gate: &serin_judge::panel::GateRules| Gate {
            name: gate.name.clone(),
            margin: gate.margin.get(),
            log_limit: rules.alpha.log_threshold() - gate.weight.ln(),
        };
        rules.gates.iter().map(gate).collect()
    }

    /// For a program.
    pub(super) fn json(&self) -> Value {
        let (release, course) = (self.release, self.course);
        let decisions: Vec<Value> = course
            .decisions
            .iter()
            .map(|Decided { at_ms, decision, step, weight }| {
                json!({
                    "at": show(*at_ms),
                    "reason": decision.reason,
                    "message": decision.message,
                    "step": step,
                    "weight": weight,
                })
            })
            .collect();
        let last = course.decisions.last();
        let gates = self.gates();
        let looks: Vec<Value> = course.looks.iter().map(|look| look_json(look, &gates)).collect();
        let findings = course.last.as_ref().and_then(|judged| judged.findings.as_ref());
        json!({
            "kind": "replay",
            "namespace": release.namespace,
            "name": release.name,
            "version": release.version,
            "start": show(self.start_ms),
            "end": show(self.end_ms),
            "outcome": course.end(),
            "at": last.map(|last| show(last.at_ms)),
            "step": last.map(|last| last.step),
            "weight": last.map(|last| &last.weight),
            "decisions": decisions,
            "looks": looks,
            "findings": findings,
        })
    }
}

fn look_json(look: &Look, gates: &[Gate]) -> Value {
    let shown = gates.iter().zip(&look.gates).filter_map(|(gate, shown)| {
        let shown = (*shown)?;
        Some(json!({
            "gate": gate.name,
            "ratio": shown.ratio,
            "ratioLow": shown.low,
            "ratioHigh": shown.high,
            "logE": shown.log_e,
        }))
    });
    json!({ "at": show(look.at_ms), "weight": look.weight, "gates": shown.collect::<Vec<_>>() })
}
