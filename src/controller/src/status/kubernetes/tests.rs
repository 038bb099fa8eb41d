//! What an object's status says of a release.

use serin_rollout::{Alert, Pause, Phase, Reason};

use super::*;
use crate::status::{self, RaisedAlert, example};

fn object() -> Object {
    Object {
        generation: 3,
        serving_deployment: Some("web".to_owned()),
        record: Some("{}".to_owned()),
        now: "2026-11-23T19:01:00.5Z".parse().unwrap(),
        conflict: None,
    }
}

fn of(change: impl FnOnce(&mut Status)) -> ObjectStatus {
    let mut status = example();
    change(&mut status);
    ObjectStatus::of(&status, &object(), &ObjectStatus::default())
}

/// `True`, `False` or `Unknown` and the reason of a condition.
fn condition<'a>(status: &'a ObjectStatus, kind: &str) -> (&'a str, &'a str) {
    let found = status.conditions.iter().find(|condition| condition.kind == kind).unwrap();
    assert_eq!(found.observed_generation, 3);
    (found.status.as_str(), found.reason.as_str())
}

#[test]
fn it_says_what_the_release_says() {
    let status = serde_json::to_value(of(|_| ())).unwrap();
    let expected = serde_json::json!({
        "observedGeneration": 3, "phase": "Progressing", "version": "v2", "step": 2, "steps": 5,
        "weight": "25%", "observedShare": "24.8%", "canaryServes": true, "revision": 12,
        "trippedProxies": 0, "servingDeployment": "web", "salt": "demo/shop/1", "reason": "Baking",
        "message": "holding 25%", "alerts": [], "warnings": [], "record": "{}",
        "gates": [{
            "name": "errors", "verdict": "pass", "detail": "canary 0.1 % of 1,234 requests",
            "at": "2026-11-23T19:00:40Z", "measure": "errorRate", "canaryRequests": 1234,
            "canaryEvents": 1, "stableRequests": 3702, "stableEvents": 2, "ratio": "1.50",
            "ratioLow": "0.50", "ratioHigh": "4.50", "logE": "0.25",
        }],
        "decisions": [{
            "at": "2026-11-23T19:00:00Z", "reason": "Advanced", "message": "rising from 5% to 25%",
            "step": 2, "weight": "25%",
        }],
    });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&status[field], value, "{field}");
    }
    assert_eq!(status["conditions"][0]["lastTransitionTime"], "2026-11-23T19:01:00Z");
}

#[test]
fn it_comes_back_as_it_was_written_and_from_nothing() {
    let status = of(|_| ());
    let json = serde_json::to_value(&status).unwrap();
    assert_eq!(serde_json::from_value::<ObjectStatus>(json).unwrap(), status);
    let empty = serde_json::json!({});
    assert_eq!(serde_json::from_value::<ObjectStatus>(empty).unwrap(), ObjectStatus::default());
}

#[test]
fn each_phase_has_its_conditions() {
    for (phase, ready, progressing, succeeded) in [
        (Phase::Pending, "False", "True", "Unknown"),
        (Phase::Progressing, "False", "True", "Unknown"),
        (Phase::Promoting, "False", "True", "Unknown"),
        (Phase::Succeeded, "True", "False", "True"),
        (Phase::RollingBack, "False", "True", "False"),
        (Phase::RolledBack, "False", "False", "False"),
    ] {
        let status = of(|status| status.phase = Some(phase));
        assert_eq!(condition(&status, "Ready").0, ready, "{phase:?}");
        assert_eq!(condition(&status, "Progressing").0, progressing, "{phase:?}");
        assert_eq!(condition(&status, "Succeeded").0, succeeded, "{phase:?}");
        assert_eq!(condition(&status, "Degraded"), ("False", "AsItShould"), "{phase:?}");
        assert_eq!(condition(&status, "Conflict"), ("False", "NoConflict"), "{phase:?}");
    }
    assert_eq!(condition(&of(|_| ()), "Progressing"), ("True", "Baking"));
}

#[test]
fn whatever_waits_for_a_person_is_paused() {
    let paused = |pause, reason| {
        let status = of(|status| {
            status.paused = pause;
            status.reason = Some(reason);
        });
        condition(&status, "Paused").1.to_owned()
    };
    assert_eq!(paused(None, Reason::Baking), "NotPaused");
    assert_eq!(paused(None, Reason::WaitingForApproval), "WaitingForApproval");
    assert_eq!(paused(Some(Pause::Person), Reason::Paused), "Person");
    assert_eq!(paused(Some(Pause::LoweredByHand), Reason::LoweredByHand), "LoweredByHand");
}

#[test]
fn a_condition_keeps_its_time_until_it_turns() {
    let first = of(|_| ());
    let later = Object { now: "2026-11-23T20:00:00Z".parse().unwrap(), generation: 4, ..object() };
    let mut status = example();
    status.phase = Some(Phase::Succeeded);
    let second = ObjectStatus::of(&status, &later, &first);
    let times: Vec<(&str, &str)> = second
        .conditions
        .iter()
        .map(|condition| (condition.kind.as_str(), condition.last_transition_time.as_str()))
        .filter(|(_, time)| *time == "2026-11-23T20:00:00Z")
        .collect();
    assert_eq!(
        times.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(),
        ["Ready", "Progressing", "Succeeded"]
    );
    assert!(second.conditions.iter().all(|condition| condition.observed_generation == 4));
}

#[test]
fn what_is_in_the_way_is_told() {
    let since = "2026-11-23T19:00:00Z".parse().unwrap();
    let degraded = of(|status| {
        status.phase = Some(Phase::Succeeded);
        status.alerts.push(RaisedAlert { name: Alert::RouteUnusable, since });
        let kind = ConditionKind::StateNotStored;
        status.conditions.push(status::Condition { kind, message: "no API server".to_owned() });
    });
    assert_eq!(condition(&degraded, "Degraded"), ("True", "StateNotStored"));
    assert_eq!(condition(&degraded, "Ready"), ("False", "StateNotStored"));
    let told = &degraded.conditions[4].message;
    assert_eq!(told, "no API server; RouteUnusable since 2026-11-23T19:00:00Z");
    assert_eq!(degraded.alerts[0].name, "RouteUnusable");
    let conflict = Object { conflict: Some("shop/a has it".to_owned()), ..object() };
    let status = ObjectStatus::of(&example(), &conflict, &ObjectStatus::default());
    assert_eq!(condition(&status, "Conflict"), ("True", "Conflict"));
    assert_eq!(condition(&status, "Ready"), ("False", "Conflict"));
}

#[test]
fn incomplete_counts_and_warnings_are_in_nobodys_way() {
    let status = of(|status| {
        status.phase = Some(Phase::Succeeded);
        for kind in [ConditionKind::EvidenceCapped, ConditionKind::Warning] {
            status.conditions.push(status::Condition { kind, message: "so".to_owned() });
        }
    });
    assert_eq!(condition(&status, "EvidenceCapped"), ("True", "EvidenceCapped"));
    assert_eq!(condition(&status, "Ready"), ("True", "Succeeded"));
    assert_eq!(status.warnings, ["so"]);
}

#[test]
fn what_cannot_be_run_leaves_what_was_known() {
    let before = of(|_| ());
    let object = Object { generation: 5, record: None, ..object() };
    let refused = ObjectStatus::refused("spec.steps: missing", &object, &before);
    assert_eq!((refused.weight.as_deref(), refused.record.as_deref()), (Some("25%"), Some("{}")));
    assert_eq!(refused.observed_generation, Some(5));
    let ready = &refused.conditions[0];
    assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("False", "Invalid"));
    assert_eq!(ready.message, "spec.steps: missing");
    let conflict = Object { conflict: Some("shop/a has it".to_owned()), ..object.clone() };
    let refused = ObjectStatus::refused("shop/a has it", &conflict, &before);
    assert_eq!(refused.conditions[5].status, "True");
    assert_eq!(refused.conditions[0].reason, "Conflict");
    // So does a state that nobody knows yet.
    let mut unknown = example();
    unknown.phase = None;
    let status = ObjectStatus::of(&unknown, &object, &before);
    assert_eq!((status.phase.as_deref(), status.gates.len()), (Some("Progressing"), 1));
    assert_eq!(status.conditions[1].status, "Unknown");
}

#[test]
fn it_stays_small() {
    let long = "ü".repeat(10_000);
    let status = of(|status| {
        status.decisions = vec![status.decisions[0].clone(); 1_000];
        status.decisions.last_mut().unwrap().message.clone_from(&long);
        status.message.clone_from(&long);
        status.gates[0].detail.clone_from(&long);
        let kind = ConditionKind::Warning;
        let warning = status::Condition { kind, message: long.clone() };
        status.conditions = vec![warning; 1_000];
    });
    assert_eq!((status.decisions.len(), status.warnings.len()), (20, 10));
    assert_eq!(status.decisions[19].message.chars().count(), 513);
    assert!(serde_json::to_string(&status).unwrap().len() < 32_000);
}
