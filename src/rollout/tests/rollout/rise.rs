//! The way up: each step's conditions, in order.

use core::time::Duration;

use serin_rollout::{
    Action, Command, Endpoints, Length, Now, Phase, Plan, Proof, Reason, State, Step, Traffic,
    Verdict, decide,
};

use crate::world::{START_MS, World, manual, plan, step, three_steps, version, weight};

#[test]
fn happy_path_goes_through_all_steps() {
    let mut world = World::new(three_steps());
    let mut published = Vec::new();
    let mut reasons = Vec::new();
    while world.phase() != Phase::Succeeded {
        let decision = world.pass();
        if reasons.last() != Some(&decision.reason) {
            reasons.push(decision.reason);
        }
        for action in world.actions() {
            let Action::Publish(traffic) = action else { panic!("an alert: {action:?}") };
            published.push((traffic.weight.to_string(), world.now_ms - START_MS));
        }
    }
    // Each step: a pass that proves the weight live, then ten seconds.
    let expected = [("5%", 1_000), ("50%", 12_000), ("100%", 23_000)];
    assert_eq!(published, expected.map(|(weight, at)| (weight.to_owned(), at)));
    let step = [Reason::Advanced, Reason::Baking];
    assert_eq!(reasons, [&step[..], &step[..], &step[..], &[Reason::Succeeded][..]].concat());
    world.is(Phase::Succeeded, "100%");
    assert!(world.state.traffic.canary_serves);
    assert_eq!(world.pass().message, "v1 has succeeded; the canary serves 100%");
}

#[test]
fn a_fresh_rollout_has_everyone_on_stable() {
    let state = State::fresh(version("v1"), Some(START_MS + 5), START_MS);
    assert_eq!(state.phase, Phase::Pending);
    let nobody = Traffic::new(weight("0%"), false, START_MS + 6);
    assert_eq!(state.traffic, nobody);
    assert_eq!(State::fresh(version("v1"), None, START_MS).traffic.revision, START_MS);
}

#[test]
fn the_start_waits_for_both_sides() {
    let mut world = World::new(three_steps());
    world.seen.canary = Endpoints::NotReady;
    assert_eq!(world.pass().reason, Reason::WaitingForCanary);
    world.seen.canary = Endpoints::Unknown;
    world.seen.stable = Endpoints::NotReady;
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::WaitingForStable);
    assert_eq!(
        decision.message,
        "v1 has not started: stable has no ready endpoint, so that nothing could be rolled back"
    );
    world.seen.stable = Endpoints::Unknown;
    assert_eq!(world.pass().message, "rising from 0% to 5% (step 1 of 3): v1 starts");
    world.is(Phase::Progressing, "5%");
}

#[test]
fn the_start_waits_for_what_gates_need_and_no_later_rise_does() {
    let mut world = World::new(three_steps());
    world.seen.preparing = Some("latency bounds are being chosen".to_owned());
    let decision = world.seconds(60);
    assert_eq!(decision.reason, Reason::Preparing);
    assert_eq!(decision.message, "v1 has not started: latency bounds are being chosen");
    world.seen.preparing = None;
    world.pass();
    world.is(Phase::Progressing, "5%");
    world.seen.preparing = Some("latency bounds are being chosen".to_owned());
    world.seconds(11);
    world.is(Phase::Progressing, "50%");
}

#[test]
fn a_hold_says_what_it_waits_for_with_the_numbers() {
    let mut world = World::at(three_steps(), "5%");
    world.seen.canary_requests = Some(31);
    let decision = world.seconds(4);
    assert_eq!(decision.reason, Reason::Baking);
    assert_eq!(
        decision.message,
        "holding 5% (step 1 of 3): 31 of 100 requests, baked 4 s of 10 s; errors pass: 1 of 200; \
         latency pass: 1 of 200"
    );
    assert_eq!(world.seconds(10).reason, Reason::WaitingForRequests);
    world.seen.canary_requests = None;
    assert_eq!(world.pass().reason, Reason::WaitingForRequests);
    world.seen.canary_requests = Some(100);
    assert_eq!(world.pass().reason, Reason::Advanced);
}

#[test]
fn nobody_is_exposed_before_proxies_are_proved_to_follow() {
    let mut world = World::new(three_steps());
    world.seen.proof = Proof::Unknown { why: "no proxy was seen".to_owned() };
    let decision = world.seconds(60);
    assert_eq!(decision.reason, Reason::WaitingForProxies);
    world.is(Phase::Pending, "0%");
    world.seen.proof = Proof::Live { proxies: 3 };
    world.pass();
    world.is(Phase::Progressing, "5%");
}

#[test]
fn the_clock_starts_when_the_weight_is_live() {
    let mut world = World::new(three_steps());
    world.pass();
    world.seen.proof = Proof::Behind { proxies: 3, behind: 1, smallest: 7 };
    world.seconds(30);
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::WaitingForProxies);
    let revision = world.state.traffic.revision;
    let why = format!("revision {revision} not live: 1 of 3 proxies behind, the last one at 7; ");
    assert!(decision.message.contains(&why), "{}", decision.message);
    assert_eq!(world.state.clock, None);

    world.seen.proof = Proof::Live { proxies: 3 };
    world.pass();
    let clock = world.state.clock.unwrap();
    assert_eq!((clock.started_ms, clock.baked_ms), (world.now_ms, 0));
}

#[test]
fn a_proxy_that_falls_behind_later_stops_clock_and_rise() {
    let mut world = World::at(three_steps(), "5%");
    world.seconds(9);
    world.seen.proof = Proof::Unknown { why: "no proxy was seen".to_owned() };
    let decision = world.seconds(60);
    assert_eq!(decision.reason, Reason::WaitingForProxies);
    assert_eq!(world.state.clock.unwrap().baked_ms, 9_000);
    world.seen.proof = Proof::Live { proxies: 4 };
    assert_eq!(world.pass().reason, Reason::Advanced);
}

#[test]
fn time_counts_only_while_every_gate_answers() {
    let cases = [
        // no data is an answer, though no pass
        (vec![("errors", Verdict::NoData), ("latency", Verdict::Pass)], Reason::NoData, 5_000),
        (vec![("errors", Verdict::Broken), ("latency", Verdict::Pass)], Reason::BrokenMetrics, 0),
        // a gate that was not read
        (vec![("errors", Verdict::Pass)], Reason::BrokenMetrics, 0),
        (vec![], Reason::BrokenMetrics, 0),
    ];
    for (verdicts, reason, baked_ms) in cases {
        let mut world = World::at(three_steps(), "5%");
        world.verdicts.clone_from(&verdicts);
        assert_eq!(world.seconds(5).reason, reason, "{verdicts:?}");
        assert_eq!(world.state.clock.unwrap().baked_ms, baked_ms, "{verdicts:?}");
        world.seconds(60);
        world.is(Phase::Progressing, "5%");
    }
}

#[test]
fn a_gap_between_passes_counts_up_to_the_longest() {
    let long = Step { length: Length::Bake(Duration::from_secs(20)), ..step("5%") };
    let mut world = World::at(plan(vec![long, step("50%")]), "5%");
    world.pass_after(Duration::from_hours(3));
    assert_eq!(world.state.clock.unwrap().baked_ms, 15_000);
    world.is(Phase::Progressing, "5%");
}

#[test]
fn readings_from_before_the_step_do_not_count() {
    let mut world = World::at(three_steps(), "5%");
    world.seconds(9);
    let mut seen = world.seen.clone();
    for reading in &mut seen.gates {
        reading.at_ms = world.state.clock.unwrap().started_ms - 1;
    }
    let now = Now { wall_ms: world.now_ms + 5_000, since_last_pass: Duration::from_secs(5) };
    let outcome = decide(&world.plan, &world.state, &seen, now);
    assert_eq!(outcome.decision.reason, Reason::NoData);
    for reading in &mut seen.gates {
        reading.at_ms += 1;
    }
    let outcome = decide(&world.plan, &world.state, &seen, now);
    assert_eq!(outcome.decision.reason, Reason::Advanced);
}

#[test]
fn without_gates_a_step_rests_on_time_and_requests() {
    let mut world =
        World::at(Plan { gates: Vec::new(), ..plan(vec![step("5%"), step("50%")]) }, "5%");
    world.verdicts.clear();
    assert_eq!(
        world.seconds(9).message,
        "holding 5% (step 1 of 2): 1000 of 100 requests, baked 9 s of 10 s"
    );
    assert_eq!(world.pass().reason, Reason::Advanced);
}

#[test]
fn a_manual_step_waits_for_a_person() {
    let mut world = World::at(plan(vec![manual("5%"), manual("50%")]), "5%");
    world.refused(
        Command::Approve,
        "does not wait for approval yet: 1000 of 100 requests, baked 1 s",
    );
    assert_eq!(world.seconds(60).reason, Reason::WaitingForApproval);
    assert_eq!(world.command(Command::Approve).reason, Reason::Approved);
    world.refused(Command::Approve, "approved already");
    assert_eq!(world.pass().reason, Reason::Advanced);
    // Who approves a moment too late has not approved the next step.
    world.refused(Command::Approve, "step 2 of 2) does not wait for approval yet");
    assert!(!world.state.approved);
}

#[test]
fn no_rise_without_a_way_back() {
    let mut world = World::at(plan(vec![step("5%"), step("100%")]), "5%");
    world.seen.stable = Endpoints::NotReady;
    assert_eq!(world.seconds(20).reason, Reason::WaitingForStable);
    world.seen.stable = Endpoints::Ready;
    world.pass();
    world.is(Phase::Progressing, "100%");
    // At the end nothing rises any more.
    world.seen.stable = Endpoints::NotReady;
    world.seconds(11);
    world.is(Phase::Succeeded, "100%");
}

#[test]
fn a_plan_that_ends_below_all_keeps_its_last_weight() {
    let world = World::after_the_last_step(plan(vec![step("5%"), step("50%")]));
    world.is(Phase::Succeeded, "50%");
}

#[test]
fn a_pause_stops_rises_until_resume() {
    let mut world = World::at(three_steps(), "5%");
    assert_eq!(world.command(Command::Pause).reason, Reason::Paused);
    let decision = world.seconds(60);
    assert_eq!(decision.reason, Reason::Paused);
    assert!(decision.message.contains("paused by a person until `serin resume`; 1000 of 100"));
    assert_eq!(world.command(Command::Resume).reason, Reason::Resumed);
    assert_eq!(world.pass().reason, Reason::Advanced);
    world.refused(Command::Resume, "it is not paused");
}

#[test]
fn a_share_of_requests_proves_a_weight_like_a_revision_and_another_share_holds() {
    let mut world = World::new(three_steps());
    world.pass();
    world.seen.proof = Proof::OtherShare { canary: 1, requests: 2_000 };
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::WaitingForProxies);
    let said = "the weight is not live: 1 of 2000 requests went to the canary";
    assert!(decision.message.contains(said), "{}", decision.message);
    assert_eq!(world.state.clock, None);
    world.seen.proof = Proof::Share { canary: 100, requests: 2_000 };
    assert_eq!(world.pass().reason, Reason::Baking);
    assert!(world.state.clock.is_some());
}
