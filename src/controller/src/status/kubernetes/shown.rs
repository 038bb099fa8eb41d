//! Back from an object's status to what people are shown, for who does not run the release.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serin_rollout::Verdict;

use super::conditions::{CONFLICT, INVALID};
use super::{ObjectDecision, ObjectGate, ObjectStatus};
use crate::status::{Condition, ConditionKind, Decision, Gate, Proxies, RaisedAlert, Status};

impl ObjectStatus {
    /// The release as far as its object tells: not what only the process knows that runs it, such as
    /// what proxies show and how the gates' evidence stands but in words.
    #[must_use]
    pub fn shown(&self, namespace: &str, name: &str) -> Status {
        Status {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            version: self.version.clone().unwrap_or_default(),
            phase: self.phase.as_deref().and_then(of_word),
            step: self.step.map(wide).unwrap_or_default(),
            steps: self.steps.map(wide).unwrap_or_default(),
            weight: self.weight.as_deref().and_then(|text| text.parse().ok()).unwrap_or_default(),
            canary_serves: self.canary_serves.unwrap_or_default(),
            mirror: self.mirror.as_deref().and_then(of_word),
            revision: self.revision.unwrap_or_default(),
            published_at: None,
            salt: self.salt.as_deref().and_then(of_word),
            observed_share: self.observed_share.as_deref().and_then(share),
            proxies: Proxies { tripped: self.tripped_proxies.map(wide), ..Proxies::default() },
            step_clock: None,
            canary_requests: None,
            paused: self.paused.as_deref().and_then(of_word),
            frozen: self.alerts.iter().any(|alert| alert.name == "Frozen"),
            reason: self.reason.as_deref().and_then(of_word),
            message: self.message.clone().unwrap_or_default(),
            evidence: None,
            detectable: None,
            gates: self.gates.iter().filter_map(gate).collect(),
            alerts: self
                .alerts
                .iter()
                .filter_map(|alert| {
                    Some(RaisedAlert {
                        name: of_word(&alert.name)?,
                        since: alert.since.parse().ok()?,
                    })
                })
                .collect(),
            conditions: self.told(),
            decisions: self.decisions.iter().filter_map(decision).collect(),
        }
    }

    /// What keeps the release from being run as it says, and what its owner should know.
    fn told(&self) -> Vec<Condition> {
        let unready =
            self.conditions.iter().filter(|it| it.kind == "Ready" && it.status == "False");
        let problems = unready.filter_map(|it| {
            let kind = match it.reason.as_str() {
                INVALID | CONFLICT => ConditionKind::ReleaseFileRefused,
                other => of_word(other)?,
            };
            Some(Condition { kind, message: it.message.clone() })
        });
        let warning =
            |message: &String| Condition { kind: ConditionKind::Warning, message: message.clone() };
        problems.chain(self.warnings.iter().map(warning)).collect()
    }
}

fn gate(gate: &ObjectGate) -> Option<Gate> {
    let verdict: Verdict = of_word(&gate.verdict)?;
    let at: Timestamp = gate.at.parse().ok()?;
    let (name, detail) = (gate.name.clone(), gate.detail.clone());
    Some(Gate { name, verdict, detail, at, evidence: None })
}

fn decision(decision: &ObjectDecision) -> Option<Decision> {
    Some(Decision {
        at: decision.at.parse().ok()?,
        reason: of_word(&decision.reason)?,
        message: decision.message.clone(),
        step: wide(decision.step),
        weight: decision.weight.parse().ok()?,
        given: decision.given.clone(),
        inputs: None,
    })
}

/// What programs call by this word.
fn of_word<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(Value::String(word.to_owned())).ok()
}

/// `24.8%` as 0.248.
fn share(text: &str) -> Option<f64> {
    let percent: f64 = text.strip_suffix('%')?.parse().ok()?;
    Some(percent / 100.0)
}

fn wide(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::example;
    use crate::status::kubernetes::Object;

    #[test]
    fn a_stored_status_is_shown_as_it_was_but_for_what_only_its_process_knows() {
        let mut before = example();
        before.decisions[0].given =
            Some(crate::store::Given { command: "approve".to_owned(), by: "Ada".to_owned() });
        let object = ObjectStatus::of(&before, &Object::default(), &ObjectStatus::default());
        let shown = object.shown("demo", "shop");
        assert_eq!((&shown.key(), &shown.version), (&before.key(), &before.version));
        assert_eq!((shown.phase, shown.reason), (before.phase, before.reason));
        assert_eq!(
            (shown.step, shown.steps, shown.weight),
            (before.step, before.steps, before.weight)
        );
        assert_eq!((shown.observed_share, &shown.salt), (Some(0.248), &before.salt));
        assert_eq!(shown.proxies.tripped, before.proxies.tripped);
        assert_eq!(shown.gates[0].detail, before.gates[0].detail);
        assert_eq!(shown.decisions[0].given, before.decisions[0].given);
        assert_eq!(shown.decisions[0].message, before.decisions[0].message);
    }

    #[test]
    fn what_cannot_be_run_says_why() {
        let object =
            ObjectStatus::refused("no steps", &Object::default(), &ObjectStatus::default());
        let shown = object.shown("demo", "shop");
        assert_eq!(shown.phase, None);
        assert_eq!(shown.conditions[0].kind, ConditionKind::ReleaseFileRefused);
        assert_eq!(shown.conditions[0].message, "no steps");
    }
}
