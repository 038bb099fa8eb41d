//! Harm at every point of the way: back at once, or frozen where that would help nobody.

use core::time::Duration;

use serin_rollout::{
    Action, Alert, Command, Endpoints, Length, Now, OnNoData, Phase, Plan, Policy, Proof, Reason,
    StableRuns, Step, Verdict, decide,
};

use crate::world::{Reach, World, manual, plan, step, three_steps, three_steps_and_promotion};

#[test]
fn harm_at_every_point_of_the_way_sends_everyone_back_at_once() {
    let points: [(&str, Reach); 7] = [
        ("before the weight is live", || {
            let mut world = World::new(three_steps());
            world.pass();
            world.seen.proof = Proof::Behind { proxies: 3, behind: 3, smallest: 1 };
            world.pass();
            world
        }),
        ("while baking", || World::at(three_steps(), "5%")),
        ("at the last step", || World::at(three_steps(), "100%")),
        ("waiting for approval", || {
            let mut world = World::at(plan(vec![manual("5%")]), "5%");
            world.seconds(20);
            world
        }),
        ("paused", || {
            let mut world = World::at(three_steps(), "50%");
            world.command(Command::Pause);
            world
        }),
        ("holding without data", || {
            let mut world = World::at(three_steps(), "50%");
            world.gate("latency", Verdict::Broken);
            world.seconds(20);
            world
        }),
        ("with nobody knowing whether stable is well", || {
            let mut world = World::at(three_steps(), "50%");
            world.seen.stable = Endpoints::Unknown;
            world
        }),
    ];
    for (point, reach) in points {
        let mut world = reach();
        world.gate("errors", Verdict::Fail);
        let decision = world.pass();
        assert_eq!(decision.reason, Reason::Harm, "{point}");
        assert!(decision.message.contains("errors fails: 1 of 200"), "{point}");
        world.went_back();
    }
}

#[test]
fn a_rollback_ends_with_the_proof_that_nothing_reaches_the_canary() {
    let mut world = World::at(three_steps(), "50%");
    world.gate("errors", Verdict::Fail);
    let decision = world.pass();
    assert_eq!(decision.message, "back to stable from 50% (step 2 of 3): errors fails: 1 of 200");
    let revision = world.state.traffic.revision;
    assert_eq!(world.pass().reason, Reason::RollingBack);
    assert_eq!(world.actions(), [], "what is in force is not published again");

    world.empty_canary();
    world.seen.proof = Proof::Behind { proxies: 3, behind: 1, smallest: 7 };
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::RollingBack, "a proxy that is behind may still send some");
    assert_eq!(
        decision.message,
        "everyone is being sent back to stable for 1 s: no request to the canary in 3 scrapes, 1 of \
         3 proxies behind"
    );
    world.seen.proof = Proof::OtherShare { canary: 1, requests: 900 };
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::RollingBack, "somebody was sent there of late");
    assert!(decision.message.ends_with(", of late 1 of 900 requests went to the canary"));
    world.seen.proof = Proof::Unknown { why: "no filter".to_owned() };
    assert_eq!(world.pass().reason, Reason::RolledBack);
    world.is(Phase::RolledBack, "0%");
    assert_eq!(world.state.traffic.revision, revision);

    // And nothing follows by itself, however well all looks.
    world.gate("errors", Verdict::Pass);
    world.seen.proof = Proof::Live { proxies: 3 };
    assert_eq!(world.seconds(600).reason, Reason::RolledBack);
    assert_eq!(world.command(Command::Retry).reason, Reason::Retried);
    world.is(Phase::Pending, "0%");
    world.pass();
    world.is(Phase::Progressing, "5%");
}

#[test]
fn harm_read_before_anybody_was_exposed_is_no_harm() {
    let mut world = World::new(three_steps());
    world.gate("errors", Verdict::Fail);
    assert_eq!(world.pass().reason, Reason::Advanced, "nobody was on the canary");
    let stale = world.seen.gates.iter().map(|reading| reading.at_ms).max().unwrap() - 1;
    for reading in &mut world.seen.gates {
        reading.at_ms = stale;
    }
    let now = Now { wall_ms: world.now_ms + 1_000, since_last_pass: Duration::from_secs(1) };
    let outcome = decide(&world.plan, &world.state, &world.seen, now);
    assert_eq!(outcome.state.phase, Phase::Progressing);
    world.pass();
    world.went_back();
}

#[test]
fn readings_of_gates_outside_the_plan_are_no_harm() {
    let mut world = World::at(three_steps(), "5%");
    world.gate("a gate taken out of the plan", Verdict::Fail);
    world.seconds(10);
    world.is(Phase::Progressing, "50%");
}

#[test]
fn a_canary_without_endpoints_loses_its_weight_after_ten_seconds() {
    let mut world = World::at(slow(), "50%");
    world.seen.canary = Endpoints::NotReady;
    assert_eq!(world.seconds(10).reason, Reason::WaitingForCanary);
    // A moment of readiness starts the count again; a moment without an answer does not.
    world.seen.canary = Endpoints::Ready;
    world.pass();
    world.seen.canary = Endpoints::NotReady;
    world.seconds(10);
    world.seen.canary = Endpoints::Unknown;
    world.seconds(3);
    assert_eq!(world.phase(), Phase::Progressing);
    world.seen.canary = Endpoints::NotReady;
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::CanaryNotReady);
    assert!(decision.message.ends_with("canary without a ready endpoint for 10 s, limit 10s"));
    world.went_back();
}

/// Steps that do not end within the test.
fn slow() -> Plan {
    let slow = |text| Step { length: Length::Bake(Duration::from_mins(10)), ..step(text) };
    plan(vec![step("5%"), slow("50%")])
}

#[test]
fn a_first_sight_after_a_long_gap_is_no_long_time() {
    let mut world = World::at(three_steps(), "50%");
    world.seen.canary = Endpoints::NotReady;
    world.pass_after(Duration::from_mins(1));
    world.is(Phase::Progressing, "50%");
}

#[test]
fn without_a_stable_side_harm_freezes_until_it_is_back() {
    let mut world = World::at(three_steps(), "50%");
    world.gate("errors", Verdict::Fail);
    world.seen.stable = Endpoints::NotReady;
    assert_eq!(world.pass().reason, Reason::Frozen);
    world.is(Phase::Progressing, "50%");
    assert_eq!(world.actions(), [Action::Raise(Alert::Frozen)]);
    // Neither better gates nor a person's resume make it forget.
    world.gate("errors", Verdict::Pass);
    world.refused(Command::Resume, "a rollback waits for stable's endpoints");
    world.seen.stable = Endpoints::Unknown;
    assert_eq!(world.seconds(60).reason, Reason::Frozen);
    world.is(Phase::Progressing, "50%");
    world.seen.stable = Endpoints::Ready;
    world.pass();
    world.went_back();
    assert!(world.actions().contains(&Action::Clear(Alert::Frozen)));
}

#[test]
fn with_no_side_left_to_go_back_to_harm_freezes_until_a_person_decides() {
    for plan in [three_steps(), three_steps_and_promotion()] {
        let mut world = World::after_the_last_step(plan);
        let phase = world.phase();
        world.gate("errors", Verdict::Fail);
        assert_eq!(world.pass().reason, Reason::Frozen);
        assert_eq!(world.actions(), [Action::Raise(Alert::Frozen)]);
        world.refused(Command::Resume, "harm is still seen: errors fails");
        world.gate("errors", Verdict::Pass);
        world.seen.stable_runs = StableRuns::New;
        assert_eq!(world.seconds(60).reason, Reason::Frozen);
        world.seen.stable_runs = StableRuns::NotApplicable;
        world.is(phase, "100%");
        assert_eq!(world.command(Command::Resume).reason, Reason::Resumed);
        assert_eq!(world.actions(), [Action::Clear(Alert::Frozen)]);
        world.is(phase, "100%");

        world.seen.canary = Endpoints::NotReady;
        assert_eq!(world.seconds(11).reason, Reason::Frozen, "no endpoint is harm as well");
        assert_eq!(world.command(Command::Abort).reason, Reason::Aborted);
        world.went_back();
    }
}

#[test]
fn no_data_rolls_back_only_where_the_plan_says_so() {
    let mut holds = World::at(three_steps(), "50%");
    holds.gate("errors", Verdict::NoData);
    holds.seconds(600);
    holds.is(Phase::Progressing, "50%");

    for verdict in [Verdict::NoData, Verdict::Broken] {
        let on_no_data = OnNoData::RollBackAfter(Duration::from_secs(30));
        let policy = Policy { on_no_data, ..Policy::default() };
        let mut world = World::at(Plan { policy, ..three_steps() }, "50%");
        world.gate("errors", verdict);
        world.seconds(30);
        world.is(Phase::Progressing, "50%");
        let decision = world.pass();
        assert_eq!(decision.reason, Reason::NoData);
        assert!(decision.message.contains("gates without data for 30 s, limit 30s; "));
        world.went_back();
    }
}
