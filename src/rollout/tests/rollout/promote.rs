//! `onSuccess: promote`: stable is brought to the new version and takes the traffic back.

use serin_rollout::{
    Action, Alert, CanaryTraffic, Command, Endpoints, Phase, Reason, StableRuns, Verdict,
};

use crate::world::{World, three_steps_and_promotion, version};

fn promoting() -> World {
    World::after_the_last_step(three_steps_and_promotion())
}

#[test]
fn a_person_says_when_stable_runs_the_new_version() {
    let mut world = promoting();
    let decision = world.seconds(60);
    assert_eq!(decision.reason, Reason::Promoting);
    assert_eq!(
        decision.message,
        "canary serves 100%: bring stable to version v1, then `serin approve`"
    );
    world.is(Phase::Promoting, "100%");
    assert_eq!(world.command(Command::Approve).reason, Reason::Promoting);
    world.is(Phase::Promoting, "0%");
    assert_eq!(world.actions(), [Action::Publish(world.state.traffic)]);
    assert!(!world.state.traffic.canary_serves);
    world.refused(Command::Approve, "stable takes the traffic already");

    assert_eq!(
        world.pass().message,
        "everyone is being moved to stable for 1 s: requests still reach the canary"
    );
    world.empty_canary();
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::Succeeded);
    world.is(Phase::Succeeded, "0%");
    assert_eq!(world.pass().message, "v1 has succeeded; stable serves it");
    assert_eq!(world.actions(), []);
}

#[test]
fn what_is_seen_of_stable_may_say_so_too() {
    let mut world = promoting();
    world.seen.stable_runs = StableRuns::New;
    world.seen.stable = Endpoints::NotReady;
    assert_eq!(
        world.pass().message,
        "canary serves 100%: stable runs v1 but has no ready endpoint yet"
    );
    world.refused(Command::Approve, "stable has no ready endpoint");
    world.seen.stable = Endpoints::Ready;
    world.pass();
    world.is(Phase::Promoting, "0%");
}

#[test]
fn a_frozen_promotion_goes_on_by_approval() {
    let mut world = promoting();
    world.gate("errors", Verdict::Fail);
    assert_eq!(world.pass().reason, Reason::Frozen);
    // Stable runs the version and is well, so that a person may prefer it.
    assert_eq!(world.command(Command::Approve).reason, Reason::Promoting);
    world.is(Phase::Promoting, "0%");
    assert!(world.actions().contains(&Action::Clear(Alert::Frozen)));
    // Nobody is on the canary any more, so that what is read of it harms nobody.
    world.pass();
    assert!(!world.state.frozen);
}

#[test]
fn a_canary_that_does_not_get_empty_is_told() {
    let mut world = promoting();
    world.command(Command::Approve);
    world.seconds(91);
    assert_eq!(world.alerts(), [Alert::RollbackNotEffective]);
    world.seen.canary_traffic = CanaryTraffic::Still { scrapes: 2 };
    world.pass();
    assert_eq!(world.phase(), Phase::Promoting);
    world.empty_canary();
    world.pass();
    assert_eq!(world.actions(), [Action::Clear(Alert::RollbackNotEffective)]);
    world.is(Phase::Succeeded, "0%");
}

#[test]
fn a_new_version_while_promoting_goes_to_stable_first() {
    let mut world = promoting();
    world.seen.version = version("v2");
    assert_eq!(world.pass().reason, Reason::NewVersion);
    world.went_back();
}

#[test]
fn a_new_version_while_handing_over_waits_for_its_end() {
    let mut world = promoting();
    world.command(Command::Approve);
    world.seen.version = version("v2");
    world.seconds(5);
    world.is(Phase::Promoting, "0%");
    world.empty_canary();
    assert_eq!(world.pass().reason, Reason::Succeeded);
    assert_eq!(world.pass().reason, Reason::NewVersion);
    world.is(Phase::Pending, "0%");
}
