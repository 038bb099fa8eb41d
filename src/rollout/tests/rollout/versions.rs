//! Another version than the one on trial.

use serin_rollout::{Action, Alert, Command, Endpoints, Phase, Reason, Verdict};

use crate::world::{World, three_steps, three_steps_and_promotion, version};

#[test]
fn mid_rollout_everyone_goes_to_stable_first() {
    let mut world = World::at(three_steps(), "50%");
    world.seen.version = version("v2");
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::NewVersion);
    assert_eq!(
        decision.message,
        "back to stable from 50% (step 2 of 3): the release names v2 instead of v1"
    );
    world.went_back();
    world.seconds(5);
    assert_eq!(world.phase(), Phase::RollingBack);
    world.empty_canary();
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::NewVersion);
    world.is(Phase::Pending, "0%");
    assert_eq!(world.state.version, version("v2"));
    assert_eq!(world.state.exposed_since_ms, None);
    world.pass();
    world.is(Phase::Progressing, "5%");
}

#[test]
fn a_version_taken_back_while_rolling_back_does_not_start_again() {
    let mut world = World::at(three_steps(), "50%");
    world.seen.version = version("v2");
    world.pass();
    world.seen.version = version("v1");
    world.empty_canary();
    world.seconds(60);
    world.is(Phase::RolledBack, "0%");
}

#[test]
fn where_everyone_is_on_stable_a_new_version_starts_by_itself() {
    let rolled_back = || {
        let mut world = World::at(three_steps(), "50%");
        world.gate("errors", Verdict::Fail);
        world.pass();
        world.empty_canary();
        world.pass();
        world.gate("errors", Verdict::Pass);
        world
    };
    let promoted = || {
        let mut world = World::after_the_last_step(three_steps_and_promotion());
        world.command(Command::Approve);
        world.empty_canary();
        world.pass();
        world
    };
    let pending = || {
        let mut world = World::new(three_steps());
        world.seen.canary = Endpoints::NotReady;
        world.pass();
        world
    };
    for mut world in [rolled_back(), promoted(), pending()] {
        let phase = world.phase();
        let traffic = world.state.traffic;
        world.seen.canary = Endpoints::Ready;
        world.seen.version = version("v2");
        assert_eq!(world.pass().reason, Reason::NewVersion, "{phase:?}");
        assert_eq!(world.actions(), [], "{phase:?}: the traffic stays as it is");
        assert_eq!(world.state.traffic, traffic);
        world.is(Phase::Pending, "0%");
        world.pass();
        world.is(Phase::Progressing, "5%");
    }
}

#[test]
fn where_the_canary_serves_a_person_decides() {
    let mut world = World::after_the_last_step(three_steps());
    world.refused(Command::Retry, "v1 has succeeded");
    world.seen.version = version("v2");
    assert_eq!(world.pass().reason, Reason::Frozen);
    assert_eq!(world.actions(), [Action::Raise(Alert::ServingChanged)]);
    assert_eq!(world.seconds(60).reason, Reason::Frozen);
    world.is(Phase::Succeeded, "100%");

    world.seen.version = version("v1");
    world.pass();
    assert_eq!(world.actions(), [Action::Clear(Alert::ServingChanged)]);

    world.seen.version = version("v2");
    world.seen.stable = Endpoints::NotReady;
    world.refused(Command::Retry, "everyone goes there before v2 starts");
    world.seen.stable = Endpoints::Ready;
    assert_eq!(world.command(Command::Retry).reason, Reason::Retried);
    world.went_back();
    world.empty_canary();
    world.seconds(2);
    world.is(Phase::Progressing, "5%");
    assert_eq!(world.state.version, version("v2"));
}

#[test]
fn without_a_stable_side_a_new_version_freezes_the_old_one() {
    for mut world in
        [World::at(three_steps(), "50%"), World::after_the_last_step(three_steps_and_promotion())]
    {
        let phase = world.phase();
        world.seen.version = version("v2");
        world.seen.stable = Endpoints::NotReady;
        assert_eq!(world.pass().reason, Reason::Frozen);
        world.seconds(60);
        assert_eq!((world.phase(), world.alerts()), (phase, vec![Alert::Frozen]));
        world.seen.stable = Endpoints::Ready;
        world.pass();
        world.went_back();
    }
}

#[test]
fn harm_comes_before_a_new_version() {
    let mut world = World::at(three_steps(), "50%");
    world.seen.version = version("v2");
    world.gate("errors", Verdict::Fail);
    assert_eq!(world.pass().reason, Reason::Harm);
}
