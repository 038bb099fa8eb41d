//! The route on the cluster: lowered by hand, broken, out of sight.

use serin_rollout::{
    Action, Alert, CanaryTraffic, Command, Endpoints, Pause, Phase, Proof, Reason, RouteSeen,
    State, Verdict,
};

use crate::world::{
    Happens, Reach, START_MS, World, manual, plan, step, three_steps, version, weight,
};

fn lowered(text: &str) -> RouteSeen {
    RouteSeen::Lowered { weight: weight(text) }
}

fn unusable() -> RouteSeen {
    RouteSeen::Unusable { why: "VirtualService shop/web has no entry serin-rest".to_owned() }
}

fn unknown() -> RouteSeen {
    RouteSeen::Unknown { why: "the API server answers 503".to_owned() }
}

/// The route is as it was set after that.
fn lower(world: &mut World, text: &str) -> Reason {
    world.seen.route = lowered(text);
    let reason = world.pass().reason;
    world.seen.route = RouteSeen::AsSet;
    reason
}

#[test]
fn a_weight_lowered_by_hand_goes_into_the_document_in_the_same_pass_and_pauses() {
    let mut world = World::at(three_steps(), "50%");
    world.seconds(5);
    let revision = world.state.traffic.revision;
    world.seen.route = lowered("20%");
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::LoweredByHand);
    assert_eq!(
        decision.message,
        "a person lowered the canary in the route from 50% to 20% (step 1 of 3): paused there until \
         `serin resume`, harm still rolls back"
    );
    world.is(Phase::Progressing, "20%");
    assert!(world.state.traffic.canary_serves && world.state.traffic.revision > revision);
    assert_eq!(world.actions(), [Action::Publish(world.state.traffic)]);
    assert_eq!((world.state.paused, world.state.step), (Some(Pause::LoweredByHand), 0));
    assert_eq!(world.state.clock, None, "the time at 50% says nothing of 20%");

    world.seen.route = RouteSeen::AsSet;
    let decision = world.seconds(600);
    assert_eq!(decision.reason, Reason::Paused);
    let why = "paused until `serin resume`, as a person lowered the canary's weight in the route; ";
    assert!(decision.message.contains(why), "{}", decision.message);
    world.is(Phase::Progressing, "20%");
}

#[test]
fn resume_goes_on_from_the_lowered_weight() {
    for (by_hand, next) in [("20%", "50%"), ("2%", "5%"), ("5%", "50%")] {
        let mut world = World::at(three_steps(), "50%");
        lower(&mut world, by_hand);
        assert_eq!(world.command(Command::Resume).reason, Reason::Resumed);
        world.seconds(9);
        world.is(Phase::Progressing, by_hand);
        world.pass();
        world.is(Phase::Progressing, next);
    }
}

#[test]
fn a_weight_can_be_lowered_again_and_never_raised_by_hand() {
    let mut world = World::at(three_steps(), "50%");
    assert_eq!(lower(&mut world, "20%"), Reason::LoweredByHand);
    assert_eq!(lower(&mut world, "10%"), Reason::LoweredByHand);
    world.is(Phase::Progressing, "10%");
    // Neither what is no lower, nor the same again, is news.
    for again in ["10%", "30%"] {
        assert_eq!(lower(&mut world, again), Reason::Paused);
        world.is(Phase::Progressing, "10%");
    }
}

#[test]
fn taking_the_whole_weight_by_hand_sends_everyone_back() {
    let mut world = World::at(three_steps(), "50%");
    world.seen.route = lowered("0%");
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::LoweredByHand);
    assert_eq!(
        decision.message,
        "back to stable from 50% (step 2 of 3): a person took the canary's whole weight in the route"
    );
    world.went_back();
    world.seen.route = RouteSeen::AsSet;
    world.empty_canary();
    world.seconds(60);
    world.is(Phase::RolledBack, "0%");
}

#[test]
fn whoever_lowers_the_weight_insists_also_without_a_stable_side() {
    let mut world = World::at(three_steps(), "50%");
    world.seen.stable = Endpoints::NotReady;
    assert_eq!(lower(&mut world, "20%"), Reason::LoweredByHand);
    // And where that froze harm as well.
    world.gate("errors", Verdict::Fail);
    assert_eq!(world.pass().reason, Reason::Frozen);
    assert_eq!(lower(&mut world, "10%"), Reason::LoweredByHand);
    assert!(world.state.frozen);
    world.is(Phase::Progressing, "10%");
}

#[test]
fn a_pause_that_stands_keeps_its_reason() {
    let mut world = World::at(three_steps(), "50%");
    world.command(Command::Pause);
    lower(&mut world, "20%");
    assert_eq!(world.state.paused, Some(Pause::Person));

    let plan = three_steps();
    let lost = State::state_lost(version("v1"), weight("50%"), &plan.steps, START_MS);
    let mut world = World::from(plan, lost);
    lower(&mut world, "20%");
    assert_eq!(world.state.paused, Some(Pause::StateLost));
    assert_eq!(world.alerts(), [Alert::StateLost]);
}

#[test]
fn a_resume_before_the_lowering_was_seen_does_not_undo_it() {
    let mut world = World::at(three_steps(), "50%");
    world.seen.route = lowered("20%");
    assert_eq!(world.command(Command::Resume).reason, Reason::LoweredByHand);
    assert_eq!(world.state.paused, Some(Pause::LoweredByHand));
}

#[test]
fn an_approval_is_none_for_the_lowered_weight() {
    let mut world = World::at(plan(vec![manual("5%"), manual("50%"), step("100%")]), "5%");
    world.seconds(20);
    world.command(Command::Approve);
    world.pass();
    world.seconds(20);
    world.command(Command::Approve);
    world.seen.canary_requests = None;
    assert!(world.state.approved);
    lower(&mut world, "20%");
    assert!(!world.state.approved);
}

#[test]
fn the_pause_outlives_the_rollout_as_any_other() {
    let mut world = World::at(three_steps(), "50%");
    lower(&mut world, "20%");
    world.seen.version = version("v2");
    world.empty_canary();
    world.seconds(60);
    world.is(Phase::Pending, "0%");
    assert_eq!(world.state.paused, Some(Pause::LoweredByHand));
    world.command(Command::Resume);
    world.pass();
    world.is(Phase::Progressing, "5%");
}

#[test]
fn of_more_weight_than_a_lowering_are_abort_harm_an_outdated_state_and_a_new_version() {
    let cases: [(&str, Happens, Reason); 4] = [
        ("abort", |world| world.seen.command = Some(Command::Abort), Reason::Aborted),
        ("harm", |world| world.gate("errors", Verdict::Fail), Reason::Harm),
        (
            "outdated",
            |world| world.seen.proof = Proof::Ahead { proxies: 3, largest: START_MS * 2 },
            Reason::StateOutdated,
        ),
        ("a new version", |world| world.seen.version = version("v2"), Reason::NewVersion),
    ];
    for (what, happens, reason) in cases {
        let mut world = World::at(three_steps(), "50%");
        happens(&mut world);
        world.seen.route = lowered("20%");
        assert_eq!(world.pass().reason, reason, "{what}");
        // Where that left the weight, it is followed then.
        world.pass();
        assert!(world.state.traffic.weight <= weight("20%"), "{what}");
    }
}

#[test]
fn a_broken_route_stops_rises_and_calls_a_person() {
    let mut world = World::at(three_steps(), "5%");
    world.seen.route = unusable();
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::RouteUnusable);
    assert!(
        decision.message.starts_with(
            "holding 5% (step 1 of 3): the route cannot be used: VirtualService shop/web has no \
             entry serin-rest; harm still rolls back; 1000 of 100 requests"
        ),
        "{}",
        decision.message
    );
    assert_eq!(world.actions(), [Action::Raise(Alert::RouteUnusable)]);
    world.seconds(600);
    world.is(Phase::Progressing, "5%");
    assert_eq!(world.state.clock.unwrap().baked_ms, 0, "nobody knows where users are");

    // Nobody has seen it mended yet.
    world.seen.route = unknown();
    assert_eq!(world.pass().reason, Reason::RouteUnknown);
    assert_eq!(world.alerts(), [Alert::RouteUnusable]);
    world.seen.route = RouteSeen::AsSet;
    world.pass();
    assert_eq!(world.actions(), [Action::Clear(Alert::RouteUnusable)]);
    world.seconds(9);
    world.is(Phase::Progressing, "50%");
}

#[test]
fn a_route_out_of_sight_stops_rises_and_no_time() {
    let mut world = World::at(three_steps(), "5%");
    world.seen.route = unknown();
    let decision = world.seconds(60);
    assert_eq!(decision.reason, Reason::RouteUnknown);
    assert!(
        decision.message.contains("nobody can tell how the route is: the API server answers 503; "),
        "{}",
        decision.message
    );
    world.is(Phase::Progressing, "5%");
    assert_eq!(world.alerts(), []);
    world.seen.route = RouteSeen::AsSet;
    assert_eq!(world.pass().reason, Reason::Advanced);
}

#[test]
fn nothing_starts_or_ends_on_a_route_that_is_not_as_set() {
    let points: [(&str, Reach); 2] = [
        ("the start", || World::new(three_steps())),
        ("the end", || {
            let mut world = World::at(three_steps(), "100%");
            world.seconds(9);
            world
        }),
    ];
    for (point, reach) in points {
        for (route, reason) in
            [(unusable(), Reason::RouteUnusable), (unknown(), Reason::RouteUnknown)]
        {
            let mut world = reach();
            let phase = world.phase();
            world.seen.route = route;
            assert_eq!(world.seconds(30).reason, reason, "{point}");
            assert_eq!(world.phase(), phase, "{point}");
        }
    }
}

#[test]
fn harm_rolls_back_whatever_the_route_is() {
    for route in [unusable(), unknown(), lowered("20%"), lowered("0%")] {
        let mut world = World::at(three_steps(), "50%");
        world.seen.route = route.clone();
        world.gate("errors", Verdict::Fail);
        assert_eq!(world.pass().reason, Reason::Harm, "{route:?}");
        world.went_back();
    }
}

#[test]
fn a_rollback_whose_route_is_not_known_to_be_written_has_not_ended() {
    let mut world = World::at(three_steps(), "50%");
    world.command(Command::Abort);
    world.seen.route = unknown();
    world.seen.canary_traffic = CanaryTraffic::Still { scrapes: 9 };
    let decision = world.pass();
    assert_eq!(
        decision.message,
        "everyone is being sent back to stable for 0 s: no request to the canary in 9 scrapes, \
         nobody can tell how the route is: the API server answers 503"
    );
    world.seconds(600);
    world.is(Phase::RollingBack, "0%");
    assert_eq!(world.alerts(), [Alert::RollbackNotEffective]);
    world.seen.route = RouteSeen::AsSet;
    world.pass();
    world.is(Phase::RolledBack, "0%");
}

#[test]
fn a_rollback_ends_on_a_route_that_is_gone() {
    let mut world = World::at(three_steps(), "50%");
    world.command(Command::Abort);
    world.seen.route = unusable();
    world.empty_canary();
    world.pass();
    world.is(Phase::RolledBack, "0%");
    assert_eq!(world.alerts(), [Alert::RouteUnusable]);
}

#[test]
fn a_serving_side_that_was_changed_stops_rises_and_calls_a_person() {
    let at = |weight| {
        let mut world = World::new(three_steps());
        world.runs("v0", "v1");
        world.until(|world| world.state.traffic.weight == super::world::weight(weight));
        world.pass();
        world
    };
    let mut world = at("5%");
    world.runs("v0.1", "v1");
    let decision = world.seconds(60);
    assert_eq!(decision.reason, Reason::ServingChanged);
    assert!(
        decision.message.contains("the serving side runs another version than at the start"),
        "{}",
        decision.message
    );
    world.is(Phase::Progressing, "5%");
    assert_eq!(world.alerts(), [Alert::ServingChanged]);
    world.gate("errors", Verdict::Fail);
    world.pass();
    world.went_back();

    // Nobody brings stable to the new version over what a person has just put there.
    let mut world = at("100%");
    world.runs("v0.1", "v1");
    world.seconds(60);
    world.is(Phase::Progressing, "100%");
    // While nobody can tell it is not taken back.
    world.seen.templates = None;
    world.seconds(60);
    assert_eq!(world.alerts(), [Alert::ServingChanged]);
    world.runs("v0", "v1");
    world.pass();
    assert_eq!(world.actions(), [Action::Clear(Alert::ServingChanged)]);
}
