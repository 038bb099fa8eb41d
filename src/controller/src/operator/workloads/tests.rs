use serin_assignment::Weight;
use serin_rollout::{Traffic, Version};

use super::*;
use crate::operator::template::{EARLIER, PROMOTED};

fn deployment(name: &str, image: &str, replicas: u64) -> DynamicObject {
    let object = json!({
        "metadata": {"name": name, "generation": 1},
        "spec": {"replicas": replicas, "template": {
            "metadata": {"labels": {"track": name}},
            "spec": {"containers": [{"name": "web", "image": image}]}}},
        "status": {"observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas,
            "readyReplicas": replicas, "availableReplicas": replicas},
    });
    serde_json::from_value(object).unwrap()
}

fn note(object: &mut DynamicObject, name: &str, text: &str) {
    object.metadata.annotations.get_or_insert_default().insert(name.to_owned(), text.to_owned());
}

fn state(phase: Phase) -> State {
    // As the canary of these tests runs it.
    let version = template::version(&deployment("canary", "b", 1)).unwrap();
    State { phase, ..State::fresh(version, None, 1) }
}

fn serving(phase: Phase) -> State {
    let traffic = Traffic::new(Weight::FULL, true, 1);
    State { traffic, ..state(phase) }
}

fn wanting(weight: &str) -> State {
    State { capacity_for: Some(weight.parse().unwrap()), ..state(Phase::Progressing) }
}

const SCALED: Owner = Owner::Controller;

#[test]
fn the_canary_grows_to_its_share_of_what_stable_had_and_never_shrinks_on_the_way() {
    let (stable, mut canary) = (deployment("web", "a", 4), deployment("canary", "b", 1));
    let scale = |pods| vec![Step::Scale { pods, stable_at_start: 4 }];
    assert_eq!(steps(&wanting("50%"), &stable, &canary, SCALED), scale(2));
    assert_eq!(steps(&wanting("25%"), &stable, &canary, SCALED), []);
    canary.data["spec"]["replicas"] = json!(3);
    assert_eq!(steps(&wanting("50%"), &stable, &canary, SCALED), []);
    // An autoscaler has taken pods from stable meanwhile.
    let fewer = deployment("web", "a", 2);
    note(&mut canary, STABLE_AT_START, "4");
    assert_eq!(steps(&wanting("100%"), &fewer, &canary, SCALED), scale(4));
}

#[test]
fn a_rollout_starts_with_the_pods_that_stable_has_then() {
    let (stable, mut canary) = (deployment("web", "a", 8), deployment("canary", "b", 1));
    note(&mut canary, STABLE_AT_START, "2");
    assert_eq!(steps(&state(Phase::Pending), &stable, &canary, SCALED), [Step::ForgetPods]);
    // Under way it stays what it was at the start.
    assert_eq!(steps(&wanting("50%"), &stable, &canary, SCALED), []);
}

#[test]
fn an_autoscaled_canary_is_only_brought_up_from_zero() {
    let stable = deployment("web", "a", 4);
    let scaled = Owner::Autoscaler(2);
    let from_zero = steps(&wanting("5%"), &stable, &deployment("canary", "b", 0), scaled);
    assert_eq!(from_zero, [Step::Scale { pods: 2, stable_at_start: 4 }]);
    assert_eq!(steps(&wanting("100%"), &stable, &deployment("canary", "b", 1), scaled), []);
}

#[test]
fn the_canary_goes_to_zero_only_when_that_is_asked_for() {
    let (stable, canary) = (deployment("web", "a", 4), deployment("canary", "b", 4));
    for phase in [Phase::RolledBack, Phase::Succeeded, Phase::Pending] {
        assert_eq!(steps(&state(phase), &stable, &canary, SCALED), [], "{phase:?}");
    }
    let done = State { capacity_for: Some(Weight::ZERO), ..state(Phase::RolledBack) };
    assert_eq!(steps(&done, &stable, &canary, SCALED), [Step::ScaleToZero]);
    assert_eq!(steps(&done, &stable, &deployment("canary", "b", 0), SCALED), []);
    // Its replicas are its owner's.
    assert_eq!(steps(&done, &stable, &canary, Owner::Another), []);
}

#[test]
fn a_promotion_keeps_the_earlier_template_in_the_write_that_replaces_it() {
    let (mut stable, canary) = (deployment("web", "a", 4), deployment("canary", "b", 4));
    let earlier = stable.data["spec"]["template"].clone();
    let promoting = serving(Phase::Promoting);
    let first = steps(&promoting, &stable, &canary, SCALED);
    let [Step::Run { template, notes }] = first.as_slice() else { panic!("{first:?}") };
    assert_eq!(template["spec"]["containers"][0]["image"], "b");
    assert_eq!(template["metadata"]["labels"]["track"], "web");
    let noted: Vec<_> = notes.iter().map(|(name, _)| *name).collect();
    assert_eq!(noted, [EARLIER, PROMOTED]);
    assert_eq!(notes[0].1, earlier.to_string());

    stable.data["spec"]["template"] = template.clone();
    for (name, text) in notes {
        note(&mut stable, name, text);
    }
    assert_eq!(steps(&promoting, &stable, &canary, SCALED), []);
    // A person gives up: it runs the earlier one again, which stays noted until all is over.
    let restoring = State { restoring: true, ..promoting };
    let back = steps(&restoring, &stable, &canary, SCALED);
    assert_eq!(back, [Step::Run { template: earlier.clone(), notes: Vec::new() }]);
    stable.data["spec"]["template"] = earlier;
    assert_eq!(steps(&restoring, &stable, &canary, SCALED), []);
    assert_eq!(steps(&state(Phase::RollingBack), &stable, &canary, SCALED), []);
    // The next rollout may begin before the end of this one was seen.
    for phase in [Phase::RolledBack, Phase::Succeeded, Phase::Pending] {
        assert_eq!(steps(&state(phase), &stable, &canary, SCALED), [Step::Forget], "{phase:?}");
    }
}

#[test]
fn nothing_is_promoted_while_frozen_or_before() {
    let (stable, canary) = (deployment("web", "a", 4), deployment("canary", "b", 4));
    let frozen = State { frozen: true, ..serving(Phase::Promoting) };
    for state in [frozen, serving(Phase::Progressing), serving(Phase::Succeeded)] {
        assert_eq!(steps(&state, &stable, &canary, SCALED), [], "{state:?}");
    }
}

#[test]
fn another_template_of_the_canary_is_never_promoted() {
    let (stable, other) = (deployment("web", "a", 4), deployment("canary", "c", 4));
    assert_eq!(steps(&serving(Phase::Promoting), &stable, &other, SCALED), []);
    // Its owner's word for it changes nothing of that.
    let mut named = serving(Phase::Promoting);
    named.version = Version(format!("v2-{}", named.version));
    assert_eq!(steps(&named, &stable, &other, SCALED), []);
    assert_ne!(steps(&named, &stable, &deployment("canary", "b", 4), SCALED), []);
}

#[test]
fn before_the_start_a_canary_of_two_templates_is_not_ready() {
    let mut canary = deployment("canary", "b", 2);
    let seen = |canary: &DynamicObject, phase| endpoints(canary, is_settled(canary, &state(phase)));
    assert_eq!(seen(&canary, Phase::Pending), Endpoints::Ready);
    canary.data["status"]["updatedReplicas"] = json!(1);
    assert_eq!(seen(&canary, Phase::Pending), Endpoints::NotReady);
    canary.data["status"]["updatedReplicas"] = json!(2);
    canary.metadata.generation = Some(2);
    assert_eq!(seen(&canary, Phase::Pending), Endpoints::NotReady);
    // Later on it was scaled, and nobody has looked at that yet: its pods serve all the same.
    for phase in [Phase::Progressing, Phase::Promoting] {
        assert_eq!(seen(&canary, phase), Endpoints::Ready, "{phase:?}");
    }
    canary.data["status"]["readyReplicas"] = json!(0);
    assert_eq!(seen(&canary, Phase::Progressing), Endpoints::NotReady);
}

#[test]
fn what_stable_runs_is_told_by_template_and_pods() {
    let seen = |stable: &DynamicObject, canary: &DynamicObject| {
        let (stable, canary) = (stable.clone(), canary.clone());
        stable_runs(&Pair { stable, canary }, &serving(Phase::Promoting))
    };
    let (mut stable, canary) = (deployment("web", "a", 4), deployment("canary", "b", 4));
    assert_eq!(seen(&stable, &canary), StableRuns::Earlier);
    let promotion = steps(&serving(Phase::Promoting), &stable, &canary, SCALED);
    let [Step::Run { template, notes }] = promotion.as_slice() else { panic!("{promotion:?}") };
    let earlier = stable.data["spec"]["template"].clone();
    stable.data["spec"]["template"] = template.clone();
    for (name, text) in notes {
        note(&mut stable, name, text);
    }
    stable.data["status"]["updatedReplicas"] = json!(2);
    assert_eq!(seen(&stable, &canary), StableRuns::Between);
    stable.data["status"]["conditions"] =
        json!([{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]);
    assert_eq!(seen(&stable, &canary), StableRuns::Stuck);
    // Said of the generation before.
    stable.metadata.generation = Some(2);
    assert_eq!(seen(&stable, &canary), StableRuns::Between);
    stable.metadata.generation = Some(1);
    stable.data["status"]["updatedReplicas"] = json!(4);
    assert_eq!(seen(&stable, &canary), StableRuns::New);
    // Also once the canary is to run another one.
    let other = deployment("canary", "c", 4);
    assert_eq!(seen(&stable, &other), StableRuns::New);
    stable.data["spec"]["template"] = template::promoted(&stable, &other).unwrap();
    assert_eq!(seen(&stable, &other), StableRuns::Unknown, "a third one");
    stable.data["spec"]["template"] = earlier;
    assert_eq!(seen(&stable, &other), StableRuns::Earlier);
}
