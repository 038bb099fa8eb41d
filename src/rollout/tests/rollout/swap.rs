//! `onSuccess: keep` on a cluster: the two sides swap their roles, and nobody is moved by it.

use core::time::Duration;

use serin_assignment::Weight;
use serin_rollout::{
    Alert, CanaryTraffic, Command, Endpoints, Phase, Proof, Reason, RouteSeen, Side, StableRuns,
    StableWanted, Verdict,
};

use crate::world::{Happens, World, version};

#[test]
fn the_route_sends_everyone_to_the_canarys_side_before_anything_else() {
    let world = World::swapping();
    world.is(Phase::Promoting, "100%");
    assert!(world.state.traffic.everyone && world.state.traffic.canary_serves);
    assert_eq!(world.state.traffic.serving, Side::First);
    assert_eq!(world.state.stable_wanted(), StableWanted::AsItIs);
    let decision = &world.last.as_ref().unwrap().decision;
    assert_eq!(decision.reason, Reason::Swapping);
}

#[test]
fn the_roles_are_swapped_once_proxies_had_the_time_to_take_the_route_over() {
    let mut world = World::swapping();
    world.empty_canary();
    // The pass that first sees the route as it was set counts for none.
    let decision = world.seconds(120);
    assert_eq!(
        decision.message,
        "everyone is on the canary's Deployment; the roles are not swapped yet: the route has stood \
         as it was set for 119 s of 120s; errors pass: 1 of 200; latency pass: 1 of 200"
    );
    let before = world.state.traffic.revision;
    assert_eq!(world.pass().reason, Reason::Swapped);
    world.is(Phase::Promoting, "0%");
    let traffic = world.state.traffic;
    assert!(!traffic.everyone && !traffic.canary_serves && traffic.revision > before);
    assert_eq!(traffic.serving, Side::Second);
    assert_eq!(world.state.capacity_for, None, "what was asked for was the other side's");
}

#[test]
fn a_route_that_was_not_as_set_for_a_moment_begins_that_time_anew() {
    let breaks: [Happens; 4] = [
        |world| world.seen.route = RouteSeen::Unknown { why: "503".to_owned() },
        |world| world.seen.route = RouteSeen::Lowered { weight: Weight::FULL },
        |world| world.seen.proof = Proof::Behind { proxies: 3, behind: 1, smallest: 1 },
        |world| world.seen.proof = Proof::Unknown { why: "no answer".to_owned() },
    ];
    for happens in breaks {
        let mut world = World::swapping();
        world.empty_canary();
        world.seconds(119);
        happens(&mut world);
        world.pass();
        world.seen.route = RouteSeen::AsSet;
        world.seen.proof = Proof::Live { proxies: 3 };
        world.seconds(120);
        world.is(Phase::Promoting, "100%");
        assert_eq!(world.pass().reason, Reason::Swapped);
    }
}

#[test]
fn time_in_which_no_controller_ran_is_no_time_that_the_route_stood() {
    let mut world = World::swapping();
    world.empty_canary();
    world.seconds(60);
    // A restart: whoever was there meanwhile may have changed the route.
    world.now_ms += 600_000;
    world.pass_after(Duration::ZERO);
    world.seconds(60);
    world.is(Phase::Promoting, "100%");
    assert_eq!(world.pass().reason, Reason::Swapped);
}

#[test]
fn the_side_before_must_be_quiet_and_known() {
    let mut world = World::swapping();
    world.seen.canary_traffic = CanaryTraffic::Flowing;
    let message = world.seconds(300).message;
    assert!(message.contains("requests still reach stable"), "{message}");
    world.empty_canary();
    world.seen.templates = None;
    let message = world.pass().message;
    assert!(message.contains("nobody can tell what the sides run"), "{message}");
    world.runs("v0", "v1");
    assert_eq!(world.pass().reason, Reason::Swapped);
}

#[test]
fn until_the_swap_harm_goes_back_at_once() {
    let harms: [Happens; 3] = [
        |world| world.gate("errors", Verdict::Fail),
        |world| world.seen.command = Some(Command::Abort),
        |world| world.seen.version = version("v2"),
    ];
    for happens in harms {
        let mut world = World::swapping();
        world.seconds(30);
        happens(&mut world);
        world.pass();
        world.went_back();
        assert!(!world.state.traffic.everyone);
        assert_eq!(world.state.traffic.serving, Side::First);
    }
    // A person who lowers it in the route does not want the swap yet.
    let mut world = World::swapping();
    world.seen.route = RouteSeen::Lowered { weight: "50%".parse().unwrap() };
    assert_eq!(world.pass().reason, Reason::LoweredByHand);
    world.is(Phase::Progressing, "50%");
    assert!(!world.state.traffic.everyone);
}

#[test]
fn without_a_side_to_go_back_to_harm_freezes_until_there_is_one() {
    let mut world = World::swapping();
    world.seen.stable = Endpoints::NotReady;
    world.gate("errors", Verdict::Fail);
    assert_eq!(world.pass().reason, Reason::Frozen);
    world.is(Phase::Promoting, "100%");
    world.seen.stable = Endpoints::Ready;
    world.pass();
    world.went_back();
}

#[test]
fn a_pause_holds_the_swap() {
    let mut world = World::swapping();
    world.empty_canary();
    assert_eq!(world.command(Command::Pause).reason, Reason::Paused);
    assert_eq!(world.seconds(300).reason, Reason::Paused);
    world.is(Phase::Promoting, "100%");
    world.refused(Command::Approve, "swapped by themselves");
    world.command(Command::Resume);
    assert_eq!(world.pass().reason, Reason::Swapped);
}

#[test]
fn the_side_before_keeps_its_replicas_until_nothing_reaches_it() {
    let mut world = World::swapped();
    for _ in 0..30 {
        assert_eq!(world.pass().reason, Reason::Swapped);
        assert_eq!(world.state.capacity_for, None);
    }
    world.empty_canary();
    assert_eq!(world.pass().reason, Reason::Succeeded);
    world.is(Phase::Succeeded, "0%");
    assert_eq!(world.state.capacity_for, Some(Weight::ZERO));
    assert_eq!(world.state.version, version("v1"), "it is what serves");
    world.refused(Command::Abort, "release the earlier one as a new one");
}

#[test]
fn until_then_a_person_or_a_dead_new_side_takes_the_swap_back() {
    let mut world = World::swapped();
    world.pass();
    world.command(Command::Abort);
    world.went_back();
    assert_eq!(world.state.traffic.serving, Side::First);

    let mut world = World::swapped();
    world.seen.stable = Endpoints::NotReady;
    world.seconds(10);
    world.is(Phase::Promoting, "0%");
    assert_eq!(world.pass().reason, Reason::CanaryNotReady);
    world.went_back();
    assert_eq!(world.state.traffic.serving, Side::First);
    // What is seen is seen by the old roles again, and the version is the one that was tried.
    world.seen.version = version("v1");
    world.seen.stable = Endpoints::Ready;
    world.runs("v0", "v1");
    world.empty_canary();
    world.pass();
    world.is(Phase::RolledBack, "0%");

    // Where neither can serve, nobody is helped.
    let mut world = World::swapped();
    world.seen.stable = Endpoints::NotReady;
    world.seen.canary = Endpoints::NotReady;
    world.seconds(60);
    world.is(Phase::Promoting, "0%");
    assert_eq!(world.state.traffic.serving, Side::Second);
    world.refused(Command::Abort, "no ready endpoint any more");
}

#[test]
fn the_next_rollout_is_that_of_the_other_side() {
    let mut world = World::swapped();
    world.empty_canary();
    world.pass();
    // What it was left with is no news, whatever its owner calls it.
    for name in ["v0", "june-v0"] {
        world.seen.version = version(name);
        assert_eq!(world.seconds(30).reason, Reason::Succeeded);
    }
    world.seen.version = version("v2");
    world.runs("v1", "v2");
    assert_eq!(world.pass().reason, Reason::NewVersion);
    world.is(Phase::Pending, "0%");
    world.until(|world| world.state.traffic.everyone);
    world.empty_canary();
    world.until(|world| world.state.traffic.serving == Side::First);
    world.seen.version = version("v1");
    world.runs("v2", "v1");
    world.pass();
    world.is(Phase::Succeeded, "0%");
}

#[test]
fn a_bad_version_after_a_swap_goes_back_to_the_side_that_serves_since() {
    let mut world = World::swapped();
    world.empty_canary();
    world.pass();
    world.seen.version = version("v2");
    world.runs("v1", "v2");
    world.until(|world| world.phase() == Phase::Progressing);
    world.gate("errors", Verdict::Fail);
    world.pass();
    world.went_back();
    assert_eq!(world.state.traffic.serving, Side::Second);
}

#[test]
fn a_change_of_the_serving_side_at_rest_is_told() {
    let mut world = World::swapped();
    world.empty_canary();
    world.pass();
    assert_eq!(world.alerts(), []);
    world.runs("v1.1", "v0");
    world.pass();
    assert_eq!(world.alerts(), [Alert::ServingChanged]);
    // The next rollout is compared with it as it is.
    world.seen.version = version("v2");
    world.runs("v1.1", "v2");
    world.seconds(2);
    assert_eq!(world.alerts(), []);
}

#[test]
fn what_was_put_on_the_side_before_during_its_rollout_is_rolled_out_after_it() {
    let mut world = World::swapping();
    world.empty_canary();
    world.runs("v2", "v1");
    world.pass();
    assert_eq!(world.alerts(), [Alert::ServingChanged]);
    world.until(|world| !world.state.traffic.everyone);
    world.seen.version = version("v2");
    world.runs("v1", "v2");
    world.seconds(2);
    world.is(Phase::Pending, "0%");
}

#[test]
fn a_swap_that_does_not_come_is_told() {
    let mut world = World::swapping();
    world.seen.stable_runs = StableRuns::Earlier;
    world.seconds(719);
    assert_eq!(world.alerts(), []);
    world.seconds(3);
    assert_eq!(world.alerts(), [Alert::PromotionStuck]);
    world.empty_canary();
    world.pass();
    assert_eq!(world.alerts(), []);
}
