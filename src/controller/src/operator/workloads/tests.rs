use serin_assignment::Weight;
use serin_rollout::Traffic;

use super::*;

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
    State { phase, ..State::fresh(Version("v".to_owned()), None, 1) }
}

fn serving(phase: Phase) -> State {
    let traffic = Traffic { weight: Weight::FULL, canary_serves: true, revision: 1 };
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
    let [Step::Run { template, earlier: kept }] = first.as_slice() else { panic!("{first:?}") };
    assert_eq!(template["spec"]["containers"][0]["image"], "b");
    assert_eq!(template["metadata"]["labels"]["track"], "web");
    assert_eq!(kept.as_ref(), Some(&earlier));

    stable.data["spec"]["template"] = template.clone();
    note(&mut stable, EARLIER, &earlier.to_string());
    assert_eq!(steps(&promoting, &stable, &canary, SCALED), []);
    // A person gives up: it runs the earlier one again, which stays noted until all is over.
    let restoring = State { restoring: true, ..promoting };
    let back = steps(&restoring, &stable, &canary, SCALED);
    assert_eq!(back, [Step::Run { template: earlier.clone(), earlier: None }]);
    stable.data["spec"]["template"] = earlier;
    assert_eq!(steps(&restoring, &stable, &canary, SCALED), []);
    assert_eq!(steps(&state(Phase::RollingBack), &stable, &canary, SCALED), []);
    assert_eq!(steps(&state(Phase::RolledBack), &stable, &canary, SCALED), [Step::Forget]);
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
fn a_canary_of_two_templates_is_not_ready() {
    let mut canary = deployment("canary", "b", 2);
    let seen = |canary: &DynamicObject| endpoints(canary, template::is_of_one_template(canary));
    assert_eq!(seen(&canary), Endpoints::Ready);
    canary.data["status"]["updatedReplicas"] = json!(1);
    assert_eq!(seen(&canary), Endpoints::NotReady);
    canary.data["status"]["updatedReplicas"] = json!(2);
    canary.data["metadata"] = json!({});
    canary.metadata.generation = Some(2);
    assert_eq!(seen(&canary), Endpoints::NotReady);
}

#[test]
fn what_stable_runs_is_told_by_template_and_pods() {
    let canary = Arc::new(deployment("canary", "b", 4));
    let seen = |stable: &DynamicObject| {
        stable_runs(&Pair { stable: Arc::new(stable.clone()), canary: Arc::clone(&canary) })
    };
    let mut stable = deployment("web", "a", 4);
    assert_eq!(seen(&stable), StableRuns::Earlier);
    stable.data["spec"]["template"] = template::promoted(&stable, &canary).unwrap();
    stable.data["status"]["updatedReplicas"] = json!(2);
    assert_eq!(seen(&stable), StableRuns::Between);
    stable.data["status"]["updatedReplicas"] = json!(4);
    assert_eq!(seen(&stable), StableRuns::New);
}
