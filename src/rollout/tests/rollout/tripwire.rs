//! Proxies that have sent everyone to stable by themselves.

use serin_rollout::{Action, Alert, Phase, Proof, Reason, Trips, Verdict};

use crate::world::{World, three_steps, weight};

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
