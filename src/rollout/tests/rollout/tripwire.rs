//! Proxies that have sent everyone to stable by themselves.

use serin_assignment::Weight;
use serin_rollout::{
    Action, Alert, Command, Phase, Proof, Reason, Side, StableRuns, StableWanted, Trips, Verdict,
};

use crate::world::{World, plan, step, three_steps, three_steps_and_promotion, weight};

const ONE: Trips = Trips::Tripped { tripped: 1, watching: 3 };
const NONE: Trips = Trips::None { watching: 3 };

#[test]
fn nothing_rises_while_a_proxy_has_tripped_and_the_step_begins_anew_after_it() {
    let mut world = World::at(three_steps(), "5%");
    world.seconds(8);
    world.seen.trips = ONE;
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::Tripped);
    let told =
        "holding 5% (step 1 of 3): 1 of 3 proxies have tripped: everyone is on stable there; ";
    assert!(decision.message.starts_with(told), "{}", decision.message);
    assert_eq!(world.actions(), [Action::Raise(Alert::Tripped)]);
    let decision = world.seconds(600);
    assert_eq!(decision.reason, Reason::Tripped);
    world.is(Phase::Progressing, "5%");
    // What was baked before does not count: a proxy may trip again at once.
    world.seen.trips = NONE;
    assert_eq!(world.pass().reason, Reason::Baking);
    assert_eq!(world.actions(), [Action::Clear(Alert::Tripped)]);
    assert_eq!(world.seconds(8).reason, Reason::Baking);
    assert_eq!(world.pass().reason, Reason::Advanced);
    world.is(Phase::Progressing, "50%");
}

#[test]
fn the_judge_of_all_proxies_still_decides() {
    let mut world = World::at(three_steps(), "5%");
    world.seen.trips = ONE;
    world.pass();
    world.verdicts = vec![("errors", Verdict::Fail), ("latency", Verdict::Pass)];
    assert_eq!(world.pass().reason, Reason::Harm);
    world.is(Phase::RollingBack, "0%");
    assert_eq!(world.alerts(), []);
}

#[test]
fn metrics_that_do_not_answer_neither_trip_nor_take_a_trip_back() {
    let mut world = World::at(three_steps(), "5%");
    world.seen.trips = Trips::Unknown;
    world.until(|world| world.state.traffic.weight == weight("50%"));
    let mut world = World::at(three_steps(), "5%");
    world.seen.trips = ONE;
    world.pass();
    world.seen.trips = Trips::Unknown;
    assert_eq!(world.seconds(600).reason, Reason::Tripped);
    assert_eq!(world.alerts(), [Alert::Tripped]);
    world.seen.trips = NONE;
    world.pass();
    assert_eq!(world.alerts(), []);
}

#[test]
fn nothing_starts_while_a_trip_of_the_release_before_stands() {
    let mut world = World::new(three_steps());
    world.seen.trips = ONE;
    world.seen.proof = Proof::Live { proxies: 3 };
    assert_eq!(world.seconds(60).reason, Reason::Tripped);
    world.is(Phase::Pending, "0%");
    world.seen.trips = NONE;
    assert_eq!(world.pass().reason, Reason::Advanced);
}

#[test]
fn the_roles_are_not_swapped_while_a_proxy_has_tripped() {
    let mut world = World::swapping();
    world.empty_canary();
    world.seen.trips = ONE;
    let decision = world.seconds(600);
    assert_eq!(decision.reason, Reason::Tripped);
    assert_eq!(
        decision.message,
        "everyone is on the canary's Deployment: 1 of 3 proxies have tripped: everyone is on stable \
         there"
    );
    assert_eq!(world.alerts(), [Alert::Tripped], "it is not stuck, it waits");
    // Metrics that do not answer take the trip back as little as they do before.
    world.seen.trips = Trips::Unknown;
    assert_eq!(world.seconds(60).reason, Reason::Tripped);
    assert_eq!(world.alerts(), [Alert::Tripped]);
    assert_eq!(world.state.traffic.serving, Side::First);
    world.seen.trips = NONE;
    assert_eq!(world.pass().reason, Reason::Swapped);
    assert_eq!(world.alerts(), []);
}

#[test]
fn nobody_gives_stable_up_who_cannot_tell_whether_a_proxy_has_tripped() {
    let mut world = World::swapping();
    world.empty_canary();
    world.seen.trips = Trips::Unknown;
    let decision = world.seconds(300);
    assert_eq!(decision.reason, Reason::Tripped);
    let told = "nobody can tell whether a proxy has tripped";
    assert!(decision.message.ends_with(told), "{}", decision.message);
    assert!(!world.alerts().contains(&Alert::Tripped), "no proxy has shown any");
    world.is(Phase::Promoting, "100%");
    world.seen.trips = NONE;
    assert_eq!(world.pass().reason, Reason::Swapped);
}

#[test]
fn the_side_before_keeps_its_replicas_while_a_proxy_has_tripped() {
    for trips in [ONE, Trips::Unknown] {
        let mut world = World::swapped();
        world.empty_canary();
        world.seen.trips = trips;
        let decision = world.seconds(300);
        assert_eq!(decision.reason, Reason::Tripped);
        assert!(decision.message.contains("keeps its replicas: "), "{}", decision.message);
        assert_eq!(world.alerts().contains(&Alert::Tripped), trips == ONE);
        world.is(Phase::Promoting, "0%");
        assert_eq!(world.state.capacity_for, None);
        // A person may go back there all the while.
        let mut back = World::from(world.plan.clone(), world.state.clone());
        back.seen = world.seen.clone();
        back.command(Command::Abort);
        back.went_back();
        world.seen.trips = NONE;
        assert_eq!(world.pass().reason, Reason::Succeeded);
        assert_eq!(world.state.capacity_for, Some(Weight::ZERO));
    }
}

#[test]
fn stable_is_not_brought_to_the_new_version_while_a_proxy_has_tripped() {
    // At 100 % every trip ends. Where the last step is below that, one may come while promoting.
    let mut steps = three_steps_and_promotion();
    steps.steps = plan(vec![step("5%"), step("50%")]).steps;
    let mut world = World::new(steps);
    world.seen.stable_runs = StableRuns::Earlier;
    world.until(|world| world.phase() == Phase::Promoting);
    assert_eq!(world.state.stable_wanted(), StableWanted::New);
    world.seen.stable_runs = StableRuns::Between;
    for trips in [ONE, Trips::Unknown] {
        world.seen.trips = trips;
        let decision = world.seconds(1_000);
        assert_eq!(decision.reason, Reason::Tripped);
        assert!(decision.message.starts_with("canary serves 50%: "), "{}", decision.message);
        assert_eq!(world.alerts(), [Alert::Tripped]);
        assert_eq!(world.state.stable_wanted(), StableWanted::AsItIs);
    }
    // Its pods may have got ready meanwhile: everyone stays where they are all the same.
    world.seen.stable_runs = StableRuns::New;
    assert_eq!(world.pass().reason, Reason::Tripped);
    world.is(Phase::Promoting, "50%");
    // Whoever goes back does not wait.
    let mut back = World::from(world.plan.clone(), world.state.clone());
    back.seen = world.seen.clone();
    back.command(Command::Abort);
    assert_eq!(back.state.stable_wanted(), StableWanted::Earlier);
    assert_eq!(back.alerts(), []);
    world.seen.trips = NONE;
    assert_eq!(world.pass().reason, Reason::Promoting);
    world.is(Phase::Promoting, "0%");
    assert_eq!(world.alerts(), []);
}

#[test]
fn a_canarys_replicas_are_not_stables_and_go_whatever_a_proxy_shows() {
    let mut world = World::promoting_by_itself(StableRuns::New);
    world.seen.capacity = serin_rollout::Capacity::Enough;
    world.pass();
    world.is(Phase::Promoting, "0%");
    world.empty_canary();
    world.seen.trips = ONE;
    assert_eq!(world.pass().reason, Reason::Succeeded);
    assert_eq!(world.state.capacity_for, Some(Weight::ZERO));
    assert_eq!(world.alerts(), []);
}
