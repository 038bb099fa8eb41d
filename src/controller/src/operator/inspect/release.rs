//! Whether the controller runs a release, and what it says of it.

use kube::api::DynamicObject;

use super::super::kinds::{condition, generation};
use super::Finding;
use crate::status::kubernetes::ObjectStatus;

const CHECK: &str = "release";

/// The conditions that stand for something to mend, and whether a rollout goes on all the same.
const PROBLEMS: [(&str, bool); 3] =
    [("Conflict", false), ("Degraded", false), ("EvidenceCapped", true)];

pub(super) fn look(object: &DynamicObject, status: &ObjectStatus) -> Vec<Finding> {
    let Some(observed) = status.observed_generation else {
        return vec![
            Finding::bad(CHECK, "no controller has seen it")
                .mend("is a controller running that looks after this namespace?"),
        ];
    };
    let mut findings = Vec::new();
    if i64::try_from(generation(object)).is_ok_and(|generation| observed < generation) {
        findings.push(Finding::doubtful(CHECK, "the controller has not seen its last change yet"));
    }
    for (kind, goes_on) in PROBLEMS {
        if condition(object, kind, "status") != Some("True") {
            continue;
        }
        let message = condition(object, kind, "message").unwrap_or_default();
        let says = format!("{kind}: {message}");
        findings.push(if goes_on {
            Finding::doubtful(CHECK, says)
        } else {
            Finding::bad(CHECK, says)
        });
    }
    findings.extend(status.warnings.iter().map(|it| Finding::doubtful("warning", it)));
    findings.extend(
        status
            .gates
            .iter()
            .filter(|gate| gate.verdict == "broken")
            .map(|gate| Finding::bad("gate", format!("{}: {}", gate.name, gate.detail))),
    );
    if findings.iter().all(|finding| finding.check != CHECK) {
        let phase = status.phase.as_deref().unwrap_or("not begun");
        findings.insert(0, Finding::good(CHECK, format!("the controller has it: {phase}")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Outcome;
    use super::*;

    fn found(status: &Value) -> Vec<Finding> {
        let object = json!({"metadata": {"name": "web", "generation": 3}, "status": status});
        let object: DynamicObject = serde_json::from_value(object).unwrap();
        look(&object, &serde_json::from_value(status.clone()).unwrap())
    }

    #[test]
    fn a_release_that_nobody_has_seen_is_bad() {
        assert_eq!(found(&json!({}))[0].outcome, Outcome::Bad);
    }

    #[test]
    fn what_the_controller_complains_of_is_told() {
        let quiet = found(&json!({"observedGeneration": 3, "phase": "Succeeded"}));
        assert_eq!(quiet.len(), 1);
        assert_eq!(quiet[0].outcome, Outcome::Good);
        let loud = found(&json!({
            "observedGeneration": 2,
            "conditions": [{"type": "Degraded", "status": "True", "observedGeneration": 2,
                "lastTransitionTime": "", "reason": "RouteUnusable", "message": "no entry"}],
            "warnings": ["no business gate"],
            "gates": [{"name": "errors", "verdict": "broken", "detail": "timeout", "at": ""}],
        }));
        let told: Vec<_> = loud.iter().map(|it| (it.outcome, it.message.as_str())).collect();
        assert_eq!(
            told,
            [
                (Outcome::Doubtful, "the controller has not seen its last change yet"),
                (Outcome::Bad, "Degraded: no entry"),
                (Outcome::Doubtful, "no business gate"),
                (Outcome::Bad, "errors: timeout"),
            ]
        );
    }
}
