//! Replicas before a rise, and none once nothing reaches the canary.

use serin_rollout::{
    Capacity, Command, Endpoints, Phase, Proof, Reason, RouteSeen, StableRuns, Verdict,
};

use crate::world::{
    Happens, World, manual, plan, step, three_steps, three_steps_and_promotion, version, weight,
};

fn short() -> Capacity {
    Capacity::Short { why: "0 of 2 canary replicas are ready".to_owned() }
}

fn unknown() -> Capacity {
    Capacity::Unknown { why: "the API server answers 503".to_owned() }
}

#[track_caller]
fn asks_for(world: &World, text: Option<&str>) {
    assert_eq!(world.state.capacity_for, text.map(weight));
}

/// On a cluster whose replicas suffice, at the given weight.
fn scaled(text: &str) -> World {
    let mut world = World::new(three_steps());
    world.seen.capacity = Capacity::Enough;
    world.until(|world| world.state.traffic.weight == weight(text));
    world
}

#[test]
fn from_zero_the_start_waits_for_replicas_first_and_then_for_endpoints() {
    let mut world = World::new(three_steps());
    world.seen.capacity = short();
    world.seen.canary = Endpoints::NotReady;
    let decision = world.seconds(60);
    assert_eq!(decision.reason, Reason::Capacity);
    assert_eq!(
        decision.message,
        "v1 has not started: replicas do not suffice for 5%: 0 of 2 canary replicas are ready"
    );
    world.is(Phase::Pending, "0%");
    asks_for(&world, Some("5%"));

    world.seen.capacity = Capacity::Enough;
    assert_eq!(world.pass().reason, Reason::WaitingForCanary);
    world.seen.canary = Endpoints::Ready;
    assert_eq!(world.pass().reason, Reason::Advanced);
    world.is(Phase::Progressing, "5%");
}

#[test]
fn replicas_are_asked_for_when_all_else_allows_the_start() {
    let stops: [(Happens, Reason); 5] = [
        (|world| world.seen.stable = Endpoints::NotReady, Reason::WaitingForStable),
        (|world| world.seen.preparing = Some("bounds".to_owned()), Reason::Preparing),
        (
            |world| world.seen.proof = Proof::Unknown { why: "no proxy".to_owned() },
            Reason::WaitingForProxies,
        ),
        (
            |world| world.seen.route = RouteSeen::Unknown { why: "503".to_owned() },
            Reason::RouteUnknown,
        ),
        (|world| world.state.paused = Some(serin_rollout::Pause::Person), Reason::Paused),
    ];
    for (stop, reason) in stops {
        let mut world = World::new(three_steps());
        world.seen.capacity = short();
        stop(&mut world);
        assert_eq!(world.pass().reason, reason);
        asks_for(&world, None);
    }
}

#[test]
fn each_rise_waits_for_its_replicas() {
    let mut world = scaled("5%");
    asks_for(&world, Some("5%"));
    world.seen.capacity = short();
    assert_eq!(world.seconds(10).reason, Reason::Baking);
    asks_for(&world, Some("5%"));
    let decision = world.seconds(60);
    assert_eq!(decision.reason, Reason::Capacity);
    assert!(
        decision.message.starts_with(
            "holding 5% (step 1 of 3): replicas do not suffice for 50%: 0 of 2 canary replicas are \
             ready; 1000 of 100 requests"
        ),
        "{}",
        decision.message
    );
    world.is(Phase::Progressing, "5%");
    asks_for(&world, Some("50%"));

    world.seen.capacity = unknown();
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::Capacity);
    assert!(decision.message.contains("nobody can tell whether replicas suffice for 50%: the API"));
    world.seen.capacity = Capacity::Enough;
    world.pass();
    world.is(Phase::Progressing, "50%");
}

#[test]
fn what_a_rollback_would_lack_is_told_and_holds_nothing() {
    let mut world = scaled("5%");
    world.seen.capacity = Capacity::Lean { why: "stable has 2 of the 9 pods".to_owned() };
    let decision = world.pass();
    assert!(decision.message.ends_with("; stable has 2 of the 9 pods"), "{}", decision.message);
    world.until(|world| world.phase() == Phase::Succeeded);
}

#[test]
fn the_end_of_the_last_step_needs_no_more_replicas() {
    let mut world = scaled("100%");
    world.seen.capacity = short();
    world.seconds(20);
    world.is(Phase::Succeeded, "100%");
    asks_for(&world, Some("100%"));
}

#[test]
fn a_step_that_waits_for_a_person_costs_no_replicas() {
    let mut world = World::new(plan(vec![manual("5%"), step("100%")]));
    world.seen.capacity = Capacity::Enough;
    world.pass();
    world.seen.capacity = short();
    assert_eq!(world.seconds(60).reason, Reason::WaitingForApproval);
    asks_for(&world, Some("5%"));
    world.command(Command::Approve);
    assert_eq!(world.pass().reason, Reason::Capacity);
    asks_for(&world, Some("100%"));
}

#[test]
fn a_rollback_waits_for_no_replicas_and_takes_them_only_after_the_proof() {
    let mut world = scaled("50%");
    world.seen.capacity = short();
    world.gate("errors", Verdict::Fail);
    world.pass();
    world.went_back();
    world.seconds(600);
    world.is(Phase::RollingBack, "0%");
    asks_for(&world, Some("50%"));
    world.empty_canary();
    world.pass();
    world.is(Phase::RolledBack, "0%");
    asks_for(&world, Some("0%"));
}

#[test]
fn a_route_that_may_still_send_somebody_keeps_the_replicas() {
    let mut world = scaled("50%");
    world.command(Command::Abort);
    world.empty_canary();
    world.seen.route = RouteSeen::Unusable { why: "it is gone".to_owned() };
    world.seconds(60);
    world.is(Phase::RolledBack, "0%");
    asks_for(&world, Some("50%"));
    world.seen.route = RouteSeen::AsSet;
    world.pass();
    asks_for(&world, Some("0%"));
}

#[test]
fn an_abort_before_the_start_takes_replicas_only_after_the_proof() {
    let mut world = World::new(three_steps());
    world.seen.capacity = short();
    world.pass();
    world.command(Command::Abort);
    world.seconds(60);
    world.is(Phase::RolledBack, "0%");
    asks_for(&world, Some("5%"));
    world.empty_canary();
    world.pass();
    asks_for(&world, Some("0%"));
}

#[test]
fn after_a_promotion_replicas_go_when_nothing_reaches_the_canary() {
    let mut world = World::new(three_steps_and_promotion());
    world.seen.capacity = Capacity::Enough;
    world.seen.stable_runs = StableRuns::Earlier;
    world.until(|world| world.phase() == Phase::Promoting);
    asks_for(&world, Some("100%"));
    world.seen.stable_runs = StableRuns::New;
    world.pass();
    world.is(Phase::Promoting, "0%");
    world.seconds(60);
    asks_for(&world, Some("100%"));
    world.empty_canary();
    world.pass();
    world.is(Phase::Succeeded, "0%");
    asks_for(&world, Some("0%"));
}

#[test]
fn a_canary_that_serves_for_good_keeps_its_replicas() {
    let mut world = scaled("100%");
    world.until(|world| world.phase() == Phase::Succeeded);
    world.empty_canary();
    world.seconds(60);
    asks_for(&world, Some("100%"));
}

#[test]
fn the_next_rollout_leaves_replicas_alone_until_it_needs_them() {
    for retry in [true, false] {
        let mut world = scaled("50%");
        world.command(Command::Abort);
        world.empty_canary();
        world.pass();
        world.seen.capacity = short();
        if retry {
            world.command(Command::Retry);
        } else {
            world.seen.version = version("v2");
            world.pass();
        }
        world.is(Phase::Pending, "0%");
        asks_for(&world, None);
        world.pass();
        asks_for(&world, Some("5%"));
    }
}

#[test]
fn lowered_by_hand_the_canary_keeps_its_replicas() {
    let mut world = scaled("50%");
    world.seen.route = RouteSeen::Lowered { weight: weight("2%") };
    world.pass();
    asks_for(&world, Some("50%"));
    // Also where a rise from there needs fewer.
    world.seen.route = RouteSeen::AsSet;
    world.command(Command::Resume);
    world.until(|world| world.state.traffic.weight == weight("5%"));
    asks_for(&world, Some("50%"));
}

#[test]
fn replicas_that_are_not_the_rollouts_matter_are_never_asked_for() {
    let mut world = World::at(three_steps(), "50%");
    asks_for(&world, None);
    world.command(Command::Abort);
    world.empty_canary();
    world.seconds(10);
    world.is(Phase::RolledBack, "0%");
    asks_for(&world, None);
}
