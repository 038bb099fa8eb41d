//! Each fault of the parts around a rollout, and what follows from it here.

use core::time::Duration;

use serin_rollout::{
    Action, Alert, CanaryTraffic, Capacity, Command, Endpoints, Length, OnNoData, Phase, Plan,
    Policy, Proof, Reason, RouteSeen, Step, Verdict,
};

use crate::history::restored;
use crate::world::{Happens, START_MS, World, plan, step, three_steps, version, weight};

/// On a cluster whose replicas and route are well, at 50 %.
fn halfway() -> World {
    let mut world = World::new(three_steps());
    world.seen.route = RouteSeen::AsSet;
    world.seen.capacity = Capacity::Enough;
    world.until(|world| world.state.traffic.weight == weight("50%"));
    world.pass();
    world
}

fn out_of_sight() -> RouteSeen {
    RouteSeen::Unknown { why: "the API server answers 503".to_owned() }
}

#[test]
fn prometheus_down_slow_or_garbage_holds_and_rolls_back_only_at_the_stated_time() {
    // What is down or slow shows as broken, or as no reading at all.
    let faults: [Happens; 3] = [
        |world| world.gate("errors", Verdict::Broken),
        |world| world.verdicts.clear(),
        |world| {
            world.verdicts.clear();
            world.seen.proof = Proof::Unknown { why: "Prometheus does not answer".to_owned() };
            world.seen.canary = Endpoints::Unknown;
            world.seen.stable = Endpoints::Unknown;
            world.seen.canary_traffic = CanaryTraffic::Unknown;
            world.seen.canary_requests = None;
        },
    ];
    for fault in faults {
        let mut world = halfway();
        fault(&mut world);
        world.seconds(3_600);
        world.is(Phase::Progressing, "50%");
        assert!(world.alerts().contains(&Alert::NoData));

        let mut world = halfway();
        let on_no_data = OnNoData::RollBackAfter(Duration::from_secs(30));
        world.plan.policy = Policy { on_no_data, ..world.plan.policy };
        fault(&mut world);
        world.seconds(30);
        world.is(Phase::Progressing, "50%");
        assert_eq!(world.pass().reason, Reason::NoData);
        world.went_back();
    }
}

#[test]
fn nan_an_infinity_and_nothing_are_no_data_which_neither_passes_nor_fails() {
    let mut world = halfway();
    world.gate("errors", Verdict::NoData);
    assert_eq!(world.seconds(3_600).reason, Reason::NoData);
    world.is(Phase::Progressing, "50%");
}

#[test]
fn an_api_server_that_is_away_leaves_the_weight_and_stops_no_rollback() {
    let mut world = halfway();
    world.seen.route = out_of_sight();
    world.seen.capacity = Capacity::Unknown { why: "the API server answers 503".to_owned() };
    world.seconds(3_600);
    world.is(Phase::Progressing, "50%");
    assert_eq!(world.actions(), []);
    world.gate("errors", Verdict::Fail);
    assert_eq!(world.pass().reason, Reason::Harm);
    world.went_back();
}

#[test]
fn killed_at_any_step_it_goes_on_where_it_was() {
    let course = |killed_every: Option<u64>| {
        let mut world = halfway();
        world.plan.steps = plan(vec![step("5%"), step("50%"), step("60%"), step("100%")]).steps;
        let (mut published, mut second) = (Vec::new(), 0_u64);
        while world.phase() == Phase::Progressing {
            second += 1;
            let killed = killed_every.is_some_and(|every| second.is_multiple_of(every));
            if killed {
                world.state = restored(&world.state);
            }
            // Who was just started does not know for how long it was away.
            world.now_ms += if killed { 1_000 } else { 0 };
            let gap = if killed { Duration::ZERO } else { Duration::from_secs(1) };
            world.pass_after(gap);
            for action in world.actions() {
                let Action::Publish(traffic) = action else { panic!("{action:?}") };
                published.push((traffic.weight, second));
            }
        }
        published
    };
    let undisturbed = course(None);
    for every in [2, 3, 5, 7] {
        let killed = course(Some(every));
        let weights = |moves: &[(serin_assignment::Weight, u64)]| -> Vec<_> {
            moves.iter().map(|(weight, _)| *weight).collect()
        };
        assert_eq!(weights(&killed), weights(&undisturbed), "no weight is moved twice");
        for (with, without) in killed.iter().zip(&undisturbed) {
            assert!(with.1 >= without.1, "time under observation is never shortened");
        }
    }
}

#[test]
fn a_clock_that_jumps_neither_ends_a_step_nor_hides_harm() {
    const HOUR_MS: u64 = 3_600_000;
    let hour = Step { length: Length::Bake(Duration::from_hours(1)), ..step("5%") };
    for (jump, back) in [(24 * HOUR_MS, false), (24 * HOUR_MS, true)] {
        let mut world = World::at(plan(vec![hour, step("100%")]), "5%");
        world.seconds(10);
        world.now_ms = if back { START_MS - jump } else { world.now_ms + jump };
        world.seconds(1_800);
        world.is(Phase::Progressing, "5%");
        assert_eq!(world.state.clock.unwrap().baked_ms, 1_810_000);
        world.gate("errors", Verdict::Fail);
        assert_eq!(world.pass().reason, Reason::Harm);
        world.went_back();
    }
}

#[test]
fn a_person_who_lowers_the_canary_by_hand_pauses_the_rollout() {
    let mut world = halfway();
    world.seen.route = RouteSeen::Lowered { weight: weight("10%") };
    assert_eq!(world.pass().reason, Reason::LoweredByHand);
    assert_eq!(world.actions(), [Action::Publish(world.state.traffic)]);
    world.seen.route = RouteSeen::AsSet;
    world.seconds(3_600);
    world.is(Phase::Progressing, "10%");
}

#[test]
fn a_route_that_is_deleted_stops_rises_is_told_and_keeps_no_one_from_going_back() {
    let mut world = halfway();
    world.seen.route = RouteSeen::Unusable { why: "VirtualService shop/web is gone".to_owned() };
    world.seconds(3_600);
    world.is(Phase::Progressing, "50%");
    assert_eq!(world.alerts(), [Alert::RouteUnusable]);
    world.gate("errors", Verdict::Fail);
    world.pass();
    world.went_back();
}

#[test]
fn a_canary_at_zero_or_crash_looping_loses_its_weight_whatever_else_is_seen() {
    let mut world = halfway();
    world.seen.canary = Endpoints::NotReady;
    world.seen.capacity = Capacity::Short { why: "0 of 5 are ready".to_owned() };
    world.seen.route = out_of_sight();
    world.seconds(10);
    world.is(Phase::Progressing, "50%");
    assert_eq!(world.pass().reason, Reason::CanaryNotReady);
    world.went_back();

    let at_once = Policy { not_ready_after: Duration::ZERO, ..Policy::default() };
    let mut world = World::at(Plan { policy: at_once, ..three_steps() }, "50%");
    world.seen.canary = Endpoints::NotReady;
    assert_eq!(world.pass().reason, Reason::CanaryNotReady);
    world.went_back();
}

#[test]
fn an_image_changed_mid_rollout_goes_to_stable_first_and_then_starts_again() {
    let mut world = halfway();
    world.seen.version = version("v2");
    assert_eq!(world.pass().reason, Reason::NewVersion);
    world.went_back();
    world.empty_canary();
    world.pass();
    world.is(Phase::Pending, "0%");
    world.pass();
    world.is(Phase::Progressing, "5%");
}

#[test]
fn a_plan_changed_mid_rollout_moves_nobody() {
    let mut world = halfway();
    let before = world.state.traffic;
    world.plan = plan(vec![step("1%"), step("70%"), step("100%")]);
    world.pass();
    assert_eq!(world.state.traffic, before);
}

#[test]
fn a_rollback_that_cannot_be_written_is_tried_for_ever_and_told() {
    let mut world = halfway();
    world.gate("errors", Verdict::Fail);
    world.pass();
    world.went_back();
    world.empty_canary();
    world.seen.route = out_of_sight();
    world.seconds(100_000);
    world.is(Phase::RollingBack, "0%");
    assert_eq!(world.alerts(), [Alert::RollbackNotEffective]);
    world.seen.route = RouteSeen::AsSet;
    world.pass();
    world.is(Phase::RolledBack, "0%");
    assert_eq!(world.alerts(), []);
}

#[test]
fn harm_is_asked_about_before_readiness_timers_and_gates() {
    for command in [None, Some(Command::Pause), Some(Command::Resume), Some(Command::Approve)] {
        let mut world = halfway();
        world.gate("errors", Verdict::Fail);
        world.gate("latency", Verdict::Broken);
        world.seen.canary = Endpoints::NotReady;
        world.seen.proof = Proof::Behind { proxies: 3, behind: 2, smallest: 1 };
        world.seen.canary_requests = None;
        world.seen.route = out_of_sight();
        world.seen.capacity = Capacity::Short { why: "none".to_owned() };
        world.runs("another", "another");
        world.seen.command = command;
        assert_eq!(world.pass().reason, Reason::Harm, "{command:?}");
        world.went_back();
    }
}

#[test]
fn a_deployment_changed_before_the_release_names_it_goes_to_stable_first_too() {
    let mut world = World::new(three_steps());
    world.runs("v0", "v1");
    world.until(|world| world.phase() == Phase::Progressing);
    world.pass();
    // The release still names what was tried: the Deployment is seen first.
    world.runs("v0", "v2");
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::NewVersion);
    assert!(decision.message.contains("told to run v2 instead of v1"), "{}", decision.message);
    world.went_back();
    world.empty_canary();
    world.pass();
    world.is(Phase::Pending, "0%");
    // Before the start as well nothing begins with what the release does not name.
    assert_eq!(world.seconds(30).reason, Reason::WaitingForCanary);
    world.seen.version = crate::world::version("v2");
    world.pass();
    world.until(|world| world.phase() == Phase::Progressing);
    assert_eq!(world.state.version, crate::world::version("v2"));
}

#[test]
fn steps_changed_mid_rollout_go_to_stable_first_and_then_start_again() {
    let named = |name: &str| Some(name.to_owned());
    let mut world = World::new(three_steps());
    world.plan.steps_name = named("a");
    world.until(|world| world.state.traffic.weight == crate::world::weight("50%"));
    world.plan.steps_name = named("b");
    assert_eq!(world.pass().reason, Reason::NewPlan);
    world.went_back();
    world.empty_canary();
    world.pass();
    world.is(Phase::Pending, "0%");
    world.seen.canary_traffic = serin_rollout::CanaryTraffic::Flowing;
    world.until(|world| world.phase() == Phase::Succeeded);

    // What was rolled back for another reason stays so, whatever its steps are by then.
    let mut world = World::new(three_steps());
    world.plan.steps_name = named("a");
    world.until(|world| world.phase() == Phase::Progressing);
    world.gate("errors", Verdict::Fail);
    world.seconds(2);
    world.plan.steps_name = named("b");
    world.empty_canary();
    world.seconds(60);
    world.is(Phase::RolledBack, "0%");
}
