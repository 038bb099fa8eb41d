//! `onSuccess: promote`: stable is brought to the new version and takes the traffic back.

use serin_rollout::{
    Action, Alert, CanaryTraffic, Command, Endpoints, Phase, Reason, StableRuns, StableWanted,
    Verdict,
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

#[test]
fn stable_is_brought_to_the_new_version_before_it_takes_the_traffic() {
    let mut world = World::new(three_steps_and_promotion());
    world.seen.stable_runs = StableRuns::Earlier;
    assert_eq!(world.state.stable_wanted(), StableWanted::AsItIs);
    world.until(|world| world.phase() == Phase::Promoting);
    let decision = world.last.as_ref().unwrap().decision.message.clone();
    assert!(decision.starts_with("all steps held, at 100%: stable is to run v1; 1000 of"));
    assert_eq!(world.state.stable_wanted(), StableWanted::New);
    for (runs, waits) in [
        (StableRuns::Earlier, "stable is to run v1"),
        (StableRuns::Between, "stable is being brought to v1"),
        (StableRuns::Unknown, "nobody can tell what stable runs"),
    ] {
        world.seen.stable_runs = runs;
        let decision = world.seconds(60);
        assert_eq!(decision.message, format!("canary serves 100%: {waits}"));
        world.is(Phase::Promoting, "100%");
        // Nobody's word takes users back to the earlier version.
        world.refused(Command::Approve, waits);
    }
    world.seen.stable_runs = StableRuns::New;
    assert_eq!(world.pass().reason, Reason::Promoting);
    world.is(Phase::Promoting, "0%");
    assert_eq!(world.state.stable_wanted(), StableWanted::AsItIs);
}

#[test]
fn a_frozen_promotion_leaves_stable_as_it_is() {
    let mut world = World::promoting_by_itself(StableRuns::Between);
    world.gate("errors", Verdict::Fail);
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::Frozen);
    assert!(
        decision.message.contains("`serin abort` puts that back and moves everyone there"),
        "{}",
        decision.message
    );
    assert_eq!(world.state.stable_wanted(), StableWanted::AsItIs);
    world.gate("errors", Verdict::Pass);
    let message = world.pass().message;
    assert!(message.contains("`serin abort` puts the earlier one back first"), "{message}");
    world.command(Command::Resume);
    assert_eq!(world.state.stable_wanted(), StableWanted::New);
}

#[test]
fn a_new_version_goes_to_what_stable_runs_wholly() {
    // It has not begun, so that it is taken back.
    let mut world = World::promoting_by_itself(StableRuns::Earlier);
    world.seen.version = version("v2");
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::Restoring);
    assert!(decision.message.ends_with("the release names v2 instead of v1"), "{decision:?}");
    world.pass();
    world.went_back();

    // It has begun: the version that held goes on, and the new one starts after it.
    for runs in [StableRuns::Between, StableRuns::New, StableRuns::Unknown] {
        let mut world = World::promoting_by_itself(runs);
        world.seen.version = version("v2");
        assert_eq!(world.pass().reason, Reason::Promoting, "{runs:?}");
        world.seen.stable_runs = StableRuns::New;
        world.pass();
        world.is(Phase::Promoting, "0%");
        world.empty_canary();
        assert_eq!(world.seconds(2).reason, Reason::NewVersion);
        world.is(Phase::Pending, "0%");
    }
}

#[test]
fn a_promotion_that_does_not_end_is_told() {
    let mut world = World::promoting_by_itself(StableRuns::Between);
    world.seconds(599);
    assert_eq!(world.alerts(), []);
    world.seconds(3);
    assert_eq!(world.alerts(), [Alert::PromotionStuck]);
    world.seen.stable_runs = StableRuns::New;
    world.pass();
    assert_eq!(world.alerts(), []);

    // Its owner gave it less time than that.
    let mut world = World::promoting_by_itself(StableRuns::Stuck);
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::PromotionStuck);
    assert!(decision.message.contains("exceeded its progress deadline"), "{}", decision.message);
    assert_eq!(world.alerts(), [Alert::PromotionStuck]);
    world.is(Phase::Promoting, "100%");
    // Who gives up waits for something else.
    world.command(Command::Abort);
    assert_eq!(world.alerts(), []);
}
