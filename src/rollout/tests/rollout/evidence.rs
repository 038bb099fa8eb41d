//! Gates that hold or have nothing to compare with, steps that last until they can detect, and
//! marks that the wrong side serves.

use core::time::Duration;

use serin_rollout::{
    Action, Alert, Command, InvalidPlan, Length, Phase, Plan, Reason, Served, Step, Steps, Verdict,
};

use crate::world::{World, manual, plan, step, three_steps};

/// Lasts until it can see the double, at most two hours; then 50 %.
fn detecting(ratio: f64) -> Plan {
    let length = Length::Detect { ratio, at_most: Duration::from_hours(2) };
    plan(vec![Step { length, ..step("5%") }, step("50%")])
}

#[test]
fn a_gate_that_holds_stops_the_rise_and_rolls_nothing_back() {
    let mut world = World::at(three_steps(), "5%");
    world.gate("errors", Verdict::Hold);
    let decision = world.seconds(600);
    assert_eq!(decision.reason, Reason::Suspicion);
    assert!(decision.message.contains("baked 600 s of 10 s"), "{}", decision.message);
    assert!(decision.message.contains("errors hold: 1 of 200"), "{}", decision.message);
    world.is(Phase::Progressing, "5%");
    assert_eq!(world.alerts(), [], "it could tell, so that data is not missing");
    world.gate("errors", Verdict::Pass);
    assert_eq!(world.pass().reason, Reason::Advanced);
}

#[test]
fn a_gate_that_is_not_judged_yet_holds_and_nobody_is_called() {
    let mut world = World::at(three_steps(), "5%");
    world.gate("errors", Verdict::Skipped);
    let decision = world.seconds(600);
    assert_eq!(decision.reason, Reason::Skipped);
    assert!(decision.message.contains("errors skipped: 1 of 200"), "{}", decision.message);
    world.is(Phase::Progressing, "5%");
    assert_eq!(world.alerts(), []);
    world.gate("errors", Verdict::Hold);
    assert_eq!(world.pass().reason, Reason::Suspicion);
}

#[test]
fn with_nobody_to_compare_with_a_step_rests_on_time_and_requests() {
    let mut world = World::at(three_steps(), "100%");
    world.gate("errors", Verdict::NoComparison);
    world.gate("latency", Verdict::NoComparison);
    let decision = world.seconds(5);
    assert_eq!(decision.reason, Reason::Baking);
    assert!(decision.message.contains("errors no comparison: 1 of 200"), "{}", decision.message);
    world.seconds(5);
    world.is(Phase::Succeeded, "100%");
    assert_eq!(world.alerts(), []);
}

#[test]
fn a_rollout_with_a_part_of_the_users_has_nobody_to_compare_with_at_that_part() {
    let mut part = plan(vec![step("5%"), step("30%")]);
    part.steps = part.steps.within("30%".parse().unwrap()).unwrap();
    let mut world = World::at(part, "30%");
    world.gate("errors", Verdict::NoComparison);
    world.gate("latency", Verdict::Hold);
    assert_eq!(world.pass().reason, Reason::Suspicion);
    assert_eq!(world.actions(), [Action::Raise(Alert::SuspectAtFull)]);
    world.gate("latency", Verdict::NoComparison);
    world.seconds(10);
    world.is(Phase::Succeeded, "30%");
    assert_eq!(world.alerts(), []);
}

#[test]
fn below_full_weight_a_gate_that_did_not_compare_has_told_nothing() {
    let mut world = World::at(three_steps(), "50%");
    world.gate("errors", Verdict::NoComparison);
    assert_eq!(world.seconds(130).reason, Reason::NoData);
    world.is(Phase::Progressing, "50%");
    assert_eq!(world.alerts(), [Alert::NoData]);
}

#[test]
fn suspicion_at_full_weight_holds_and_calls_a_person_until_it_has_gone() {
    let mut world = World::at(three_steps(), "100%");
    world.gate("errors", Verdict::Hold);
    assert_eq!(world.pass().reason, Reason::Suspicion);
    assert_eq!(world.actions(), [Action::Raise(Alert::SuspectAtFull)]);
    world.seconds(60);
    world.is(Phase::Progressing, "100%");
    // Metrics that do not answer take it back no more than they raised it.
    world.gate("errors", Verdict::Broken);
    world.seconds(60);
    assert_eq!(world.alerts(), [Alert::SuspectAtFull]);
    world.gate("errors", Verdict::NoComparison);
    world.pass();
    assert_eq!(world.actions(), [Action::Clear(Alert::SuspectAtFull)]);
    world.is(Phase::Succeeded, "100%");
    // And after the end of the rollout as well, as nobody is on stable.
    world.gate("errors", Verdict::Hold);
    world.pass();
    assert_eq!(world.actions(), [Action::Raise(Alert::SuspectAtFull)]);
    world.is(Phase::Succeeded, "100%");
    world.command(Command::Abort);
    assert!(world.actions().contains(&Action::Clear(Alert::SuspectAtFull)));
}

#[test]
fn marks_that_the_other_side_serves_stop_the_rise_and_roll_nothing_back() {
    let mut world = World::at(three_steps(), "5%");
    let why = "120 of 800 requests marked canary were served by stable".to_owned();
    world.seen.served = Served::Mismatch { why: why.clone() };
    let decision = world.seconds(600);
    assert_eq!(decision.reason, Reason::SplitMismatch);
    assert!(decision.message.starts_with(&format!("holding 5% (step 1 of 3): {why}; ")));
    world.is(Phase::Progressing, "5%");
    world.seen.served = Served::Unknown;
    assert_eq!(world.pass().reason, Reason::Advanced);
}

#[test]
fn a_step_lasts_until_it_can_detect_what_is_asked() {
    let mut world = World::at(detecting(2.0), "5%");
    let decision = world.seconds(4);
    assert_eq!(decision.reason, Reason::Detecting);
    assert_eq!(
        decision.message,
        "holding 5% (step 1 of 2): 1000 of 100 requests, detects nothing yet, 2x wanted, baked 4 s \
         of at most 7200 s; errors pass: 1 of 200; latency pass: 1 of 200"
    );
    world.seen.detectable = Some(2.34);
    let decision = world.seconds(600);
    assert_eq!(decision.reason, Reason::Detecting);
    assert!(
        decision.message.contains("detects 2.4x with 90 %, 2x wanted, baked 604 s of at most"),
        "{}",
        decision.message
    );
    // Conversions say nothing about errors.
    world.seen.detectable = Some(0.9);
    assert_eq!(world.pass().reason, Reason::Detecting);
    world.seen.detectable = Some(2.0);
    assert_eq!(world.pass().reason, Reason::Advanced);
}

#[test]
fn a_ratio_below_one_is_detected_from_the_other_side() {
    let mut world = World::at(detecting(0.9), "5%");
    for (detectable, reason) in [(0.8, Reason::Detecting), (2.0, Reason::Detecting)] {
        world.seen.detectable = Some(detectable);
        assert_eq!(world.pass().reason, reason, "{detectable}");
    }
    world.seen.detectable = Some(0.91);
    assert_eq!(world.pass().reason, Reason::Advanced);
}

#[test]
fn a_step_that_cannot_detect_in_time_ends_and_says_so() {
    let mut world = World::at(detecting(2.0), "5%");
    world.seen.detectable = Some(3.02);
    let decision = world.seconds(7_199);
    assert_eq!(decision.reason, Reason::Detecting);
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::Advanced);
    assert!(
        decision.message.contains("could not detect 2x in time, only 3.1x with 90 %"),
        "{}",
        decision.message
    );
    let mut world = World::at(detecting(2.0), "5%");
    let decision = world.seconds(7_200);
    assert!(decision.message.contains("could not detect 2x in time, baked"), "{decision:?}");
}

#[test]
fn time_without_answers_is_no_time_to_detect() {
    let mut world = World::at(detecting(2.0), "5%");
    world.gate("errors", Verdict::Broken);
    world.seconds(8_000);
    assert_eq!(world.state.clock.unwrap().baked_ms, 0);
    world.gate("errors", Verdict::Pass);
    assert_eq!(world.seconds(60).reason, Reason::Detecting);
}

#[test]
fn what_was_detectable_before_the_clock_started_is_not_of_this_step() {
    let mut world = World::new(detecting(2.0));
    world.seen.detectable = Some(1.3);
    world.pass();
    assert_eq!(world.pass().reason, Reason::Detecting, "the pass that proves the weight live");
    assert_eq!(world.pass().reason, Reason::Advanced);
}

#[test]
fn a_step_with_a_bake_time_says_what_it_can_detect() {
    let mut world = World::at(three_steps(), "5%");
    world.seen.detectable = Some(3.0);
    let message = world.pass().message;
    assert!(message.contains("baked 1 s of 10 s, detects 3x with 90 %; "), "{message}");
}

#[test]
fn a_manual_step_waits_for_its_approval_until_it_detects() {
    let length = Length::Detect { ratio: 2.0, at_most: Duration::from_hours(2) };
    let mut world = World::at(plan(vec![Step { length, ..manual("5%") }, step("50%")]), "5%");
    world.refused(Command::Approve, "does not wait for approval yet");
    world.seen.detectable = Some(1.9);
    assert_eq!(world.pass().reason, Reason::WaitingForApproval);
    assert_eq!(world.command(Command::Approve).reason, Reason::Approved);
    assert_eq!(world.pass().reason, Reason::Advanced);
}

#[test]
fn no_difference_is_nothing_to_detect() {
    for ratio in [1.0, 0.0, -2.0, f64::NAN, f64::INFINITY] {
        let length = Length::Detect { ratio, at_most: Duration::from_secs(1) };
        let steps = Steps::try_new(vec![Step { length, ..step("5%") }]);
        assert!(
            matches!(steps, Err(InvalidPlan::NoDifference { step: 1, .. })),
            "{ratio}: {steps:?}"
        );
    }
}

#[test]
fn the_inputs_of_a_decision_can_be_written_down() {
    let mut world = World::at(three_steps(), "5%");
    world.seen.served = Served::Mismatch { why: "half".to_owned() };
    world.seen.detectable = Some(0.1 + 0.2);
    world.pass();
    let text = serde_json::to_string(&world.seen).unwrap();
    assert_eq!(serde_json::from_str::<serin_rollout::Observation>(&text).unwrap(), world.seen);
    let now = serin_rollout::Now { wall_ms: 7, since_last_pass: Duration::from_millis(1_234) };
    let text = serde_json::to_string(&now).unwrap();
    assert_eq!(text, r#"{"wallMs":7,"sinceLastPassMs":1234}"#);
    assert_eq!(serde_json::from_str::<serin_rollout::Now>(&text).unwrap(), now);
}
