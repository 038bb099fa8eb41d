//! A person takes a step for over.

use core::time::Duration;

use serin_rollout::{
    Capacity, Command, Endpoints, Length, OnSuccess, Phase, Proof, Reason, RouteSeen, Served, Step,
    Trips, Verdict,
};

use crate::world::{Happens, World, manual, plan, step, three_steps};

#[test]
fn the_weight_rises_at_once_whatever_the_step_still_waits_for() {
    let detect = Step {
        length: Length::Detect { ratio: 2.0, at_most: Duration::from_hours(1) },
        ..step("5%")
    };
    for first in [step("5%"), manual("5%"), detect] {
        let mut world = World::at(plan(vec![first, step("50%")]), "5%");
        world.seen.canary_requests = None;
        let decision = world.command(Command::SkipStep);
        assert_eq!(decision.reason, Reason::StepSkipped);
        assert!(
            decision.message.starts_with(
                "a person took the step for over: rising from 5% to 50% (step 2 of 2): "
            ),
            "{}",
            decision.message
        );
        world.is(Phase::Progressing, "50%");
        // The next step is waited for as ever.
        world.seconds(5);
        assert!(!world.state.skipped);
        world.is(Phase::Progressing, "50%");
    }
}

#[test]
fn gates_that_cannot_tell_yet_are_not_waited_for() {
    for verdict in [Verdict::NoData, Verdict::Skipped, Verdict::NoComparison] {
        let mut world = World::at(three_steps(), "5%");
        world.gate("errors", verdict);
        world.command(Command::SkipStep);
        world.is(Phase::Progressing, "50%");
    }
}

#[test]
fn what_speaks_against_a_rise_speaks_against_this_one() {
    let against: [(Happens, &str); 9] = [
        (|world| world.gate("errors", Verdict::Hold), "Suspicion"),
        (|world| world.gate("errors", Verdict::Broken), "BrokenMetrics"),
        (|world| world.state.paused = Some(serin_rollout::Pause::Person), "paused"),
        (|world| world.seen.canary = Endpoints::NotReady, "the canary has no ready endpoint"),
        (
            |world| world.seen.proof = Proof::Behind { proxies: 3, behind: 1, smallest: 1 },
            "1 of 3 proxies behind",
        ),
        (
            |world| world.seen.route = RouteSeen::Unusable { why: "gone".to_owned() },
            "the route cannot be used",
        ),
        (
            |world| world.seen.served = Served::Mismatch { why: "120 of 800".to_owned() },
            "120 of 800",
        ),
        (|world| world.seen.trips = Trips::Tripped { tripped: 1, watching: 3 }, "have tripped"),
        (|world| world.runs("v0.1", "v1"), "the serving side runs another"),
    ];
    for (happens, why) in against {
        let mut world = World::new(three_steps());
        world.runs("v0", "v1");
        world.until(|world| world.phase() == Phase::Progressing);
        world.pass();
        happens(&mut world);
        world.refused(Command::SkipStep, why);
        assert!(!world.state.skipped, "{why}");
    }
}

#[test]
fn harm_goes_back_all_the_same() {
    let mut world = World::at(three_steps(), "50%");
    world.gate("errors", Verdict::Fail);
    assert_eq!(world.command(Command::SkipStep).reason, Reason::Harm);
    world.went_back();
}

#[test]
fn replicas_are_made_and_waited_for() {
    let mut world = World::at(three_steps(), "5%");
    world.seen.capacity = Capacity::Short { why: "1 of 3 are ready".to_owned() };
    let decision = world.command(Command::SkipStep);
    assert_eq!(decision.reason, Reason::StepSkipped);
    assert!(decision.message.contains("1 of 3 are ready"), "{}", decision.message);
    world.is(Phase::Progressing, "5%");
    assert_eq!(world.state.capacity_for, Some("50%".parse().unwrap()));
    world.refused(Command::SkipStep, "is skipped already");
    world.seen.capacity = Capacity::Enough;
    world.pass();
    world.is(Phase::Progressing, "50%");
}

#[test]
fn the_last_step_ends_by_it_too() {
    let mut world = World::at(three_steps(), "100%");
    world.command(Command::SkipStep);
    world.is(Phase::Succeeded, "100%");
    let mut world =
        World::at(serin_rollout::Plan { on_success: OnSuccess::Promote, ..three_steps() }, "100%");
    let decision = world.command(Command::SkipStep);
    assert_eq!(decision.reason, Reason::Promoting);
    assert!(decision.message.starts_with("a person took the last step for over: all steps held"));
}

#[test]
fn where_no_step_is_under_way_there_is_none_to_skip() {
    let mut world = World::new(three_steps());
    world.refused(Command::SkipStep, "no step is under way");
    let mut world = World::after_the_last_step(three_steps());
    world.refused(Command::SkipStep, "no step is under way");
}
