//! Other systems that have a say.

use core::time::Duration;

use serin_rollout::{
    Ask, Before, Capacity, Command, GateReading, Now, Observation, Phase, Plan, Reason, Verdict,
    decide,
};

use crate::world::{World, plan, step, three_steps, weight};

fn asking(before: Before) -> Plan {
    Plan { asks: vec![Ask { name: "board".to_owned(), before }], ..three_steps() }
}

fn asked(world: &World) -> Vec<String> {
    world.plan.asked(&world.state).map(|ask| ask.name.clone()).collect()
}

/// Passes until it waits for an answer, and says at which weight.
fn waiting(before: Before) -> World {
    let mut world = World::new(asking(before));
    world.until(|world| !asked(world).is_empty());
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::WaitingForAnswer);
    assert!(decision.message.contains("board has not answered yet"), "{}", decision.message);
    world
}

#[test]
fn each_is_asked_before_what_it_has_a_say_in() {
    for (before, phase, at) in [
        (Before::Start, Phase::Pending, "0%"),
        (Before::Exposure, Phase::Pending, "0%"),
        (Before::Rise, Phase::Progressing, "5%"),
        (Before::Weight(weight("5%")), Phase::Pending, "0%"),
        (Before::Weight(weight("100%")), Phase::Progressing, "50%"),
        (Before::End, Phase::Progressing, "100%"),
    ] {
        let mut world = waiting(before);
        world.is(phase, at);
        world.gate("board", Verdict::Pass);
        let decision = world.pass();
        assert_ne!(decision.reason, Reason::WaitingForAnswer, "{before:?}");
        assert!(asked(&world).is_empty(), "{before:?}");
    }
}

#[test]
fn nobody_is_asked_before_all_else_speaks_for_the_rise() {
    let mut world = World::at(asking(Before::Rise), "5%");
    assert_eq!(world.pass().reason, Reason::Baking);
    assert!(asked(&world).is_empty());
    world.gate("errors", Verdict::Hold);
    assert_eq!(world.seconds(60).reason, Reason::Suspicion);
    assert!(asked(&world).is_empty());
    world.gate("errors", Verdict::Pass);
    world.pass();
    assert_eq!(asked(&world), ["board"]);
}

#[test]
fn an_answer_that_is_no_yes_holds_and_says_why() {
    for verdict in [Verdict::Hold, Verdict::Broken, Verdict::NoData] {
        let mut world = waiting(Before::Rise);
        world.gate("board", verdict);
        let decision = world.seconds(30);
        assert_eq!(decision.reason, Reason::WaitingForAnswer);
        assert!(decision.message.contains("board: 1 of 200"), "{}", decision.message);
        world.is(Phase::Progressing, "5%");
    }
}

#[test]
fn a_no_that_calls_for_a_rollback_rolls_back() {
    let mut world = waiting(Before::Weight(weight("50%")));
    world.gate("board", Verdict::Fail);
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::Harm);
    assert!(decision.message.contains("board fails: 1 of 200"), "{}", decision.message);
    world.is(Phase::RollingBack, "0%");
}

#[test]
fn a_no_that_calls_for_a_rollback_ends_a_rollout_that_has_not_started() {
    for before in [Before::Start, Before::Exposure] {
        let mut world = waiting(before);
        world.gate("board", Verdict::Fail);
        let decision = world.pass();
        assert_eq!(decision.reason, Reason::Harm, "{before:?}");
        let why = "v1 will not start: board fails: 1 of 200; nobody was on the canary";
        assert!(decision.message.starts_with(why), "{}", decision.message);
        world.is(Phase::RolledBack, "0%");
        // One that says yes later was not asked again.
        world.gate("board", Verdict::Pass);
        assert_eq!(world.seconds(30).reason, Reason::RolledBack);
        world.is(Phase::RolledBack, "0%");
        world.verdicts.retain(|(gate, _)| *gate != "board");
        world.command(Command::Retry);
        world.until(|world| !asked(world).is_empty());
        world.is(Phase::Pending, "0%");
    }
}

#[test]
fn an_answer_to_another_question_is_none() {
    // It said yes, and no, before it was asked.
    for verdict in [Verdict::Pass, Verdict::Fail] {
        let mut world = World::at(asking(Before::End), "100%");
        world.gate("board", verdict);
        world.seconds(3);
        let earlier = world.now_ms;
        world.verdicts.retain(|(gate, _)| *gate != "board");
        world.until(|world| !asked(world).is_empty());
        world.is(Phase::Progressing, "100%");
        let late = |reading: &GateReading| GateReading {
            gate: "board".to_owned(),
            at_ms: earlier,
            verdict,
            ..reading.clone()
        };
        let late = late(&world.seen.gates[0]);
        let seen = Observation {
            gates: [world.seen.gates.clone(), vec![late]].concat(),
            ..world.seen.clone()
        };
        let now = Now { wall_ms: world.now_ms, since_last_pass: Duration::ZERO };
        let outcome = decide(&world.plan, &world.state, &seen, now);
        assert_eq!(outcome.decision.reason, Reason::WaitingForAnswer);
    }
}

#[test]
fn harm_does_not_wait_for_an_answer() {
    let mut world = waiting(Before::Rise);
    world.gate("errors", Verdict::Fail);
    assert_eq!(world.pass().reason, Reason::Harm);
    world.is(Phase::RollingBack, "0%");
}

#[test]
fn a_step_that_a_person_skips_waits_for_the_answer_all_the_same() {
    let mut world = World::at(asking(Before::Rise), "5%");
    let decision = world.command(Command::SkipStep);
    assert!(decision.message.contains("board has not answered yet"), "{}", decision.message);
    world.is(Phase::Progressing, "5%");
    world.gate("board", Verdict::Pass);
    world.pass();
    world.is(Phase::Progressing, "50%");
}

/// A test of the canary's pods finds some; who is asked before the start is asked before there are any.
#[test]
fn before_anybody_is_exposed_replicas_come_first_and_before_the_start_the_answer() {
    let short = Capacity::Short { why: "0 of 2 are ready".to_owned() };
    let mut world = World::new(asking(Before::Start));
    world.seen.capacity = short.clone();
    assert_eq!(world.seconds(3).reason, Reason::WaitingForAnswer);
    assert_eq!(world.state.capacity_for, None);

    let mut world = World::new(asking(Before::Exposure));
    world.seen.capacity = short.clone();
    assert_eq!(world.seconds(3).reason, Reason::Capacity);
    assert!(asked(&world).is_empty());
    world.seen.capacity = Capacity::Enough;
    assert_eq!(world.pass().reason, Reason::WaitingForAnswer);
    assert_eq!(asked(&world), ["board"]);
    world.is(Phase::Pending, "0%");
    world.gate("board", Verdict::Pass);
    world.pass();
    world.is(Phase::Progressing, "5%");
    assert_eq!(world.state.ready_since_ms, None);
}

#[test]
fn replicas_that_go_while_it_is_paused_take_what_was_said_of_them_along() {
    for gone in [true, false] {
        let mut world = waiting(Before::Exposure);
        world.seen.capacity = Capacity::Enough;
        world.command(Command::Pause);
        world.gate("board", Verdict::Pass);
        world.pass();
        if gone {
            world.seen.capacity = Capacity::Short { why: "1 of 2 is ready".to_owned() };
            world.pass();
        }
        world.verdicts.retain(|(gate, _)| *gate != "board");
        world.seen.capacity = Capacity::Enough;
        assert_eq!(world.state.ready_since_ms.is_none(), gone);
    }
}

#[test]
fn who_cannot_say_whether_replicas_suffice_takes_no_answer_away() {
    let mut world = waiting(Before::Exposure);
    world.seen.capacity = Capacity::Unknown { why: "503".to_owned() };
    let since = world.state.ready_since_ms;
    assert_eq!(world.pass().reason, Reason::Capacity);
    assert_eq!(world.state.ready_since_ms, since);
}

#[test]
fn what_was_said_of_replicas_that_have_gone_is_no_answer_about_others() {
    let mut world = World::new(asking(Before::Exposure));
    world.seen.capacity = Capacity::Enough;
    assert_eq!(world.pass().reason, Reason::WaitingForAnswer);
    let earlier = world.now_ms;
    world.seen.capacity = Capacity::Short { why: "1 of 2 is ready".to_owned() };
    world.pass();
    assert_eq!(world.state.ready_since_ms, None);
    let yes = GateReading {
        gate: "board".to_owned(),
        at_ms: earlier,
        verdict: Verdict::Pass,
        detail: String::new(),
    };
    let gates = [world.seen.gates.clone(), vec![yes]].concat();
    let seen = Observation { gates, capacity: Capacity::Enough, ..world.seen.clone() };
    let now = Now { wall_ms: world.now_ms + 1, since_last_pass: Duration::ZERO };
    let outcome = decide(&world.plan, &world.state, &seen, now);
    assert_eq!(outcome.decision.reason, Reason::WaitingForAnswer);
}

#[test]
fn each_rise_is_asked_about_anew() {
    let mut world = World::new(Plan {
        asks: vec![Ask { name: "board".to_owned(), before: Before::Rise }],
        ..plan(vec![step("5%"), step("50%"), step("100%")])
    });
    world.until(|world| !asked(world).is_empty());
    let first = world.state.asking_since_ms;
    world.gate("board", Verdict::Pass);
    world.pass();
    world.is(Phase::Progressing, "50%");
    assert_eq!(world.state.asking_since_ms, None);
    world.verdicts.retain(|(gate, _)| *gate != "board");
    world.until(|world| !asked(world).is_empty());
    world.is(Phase::Progressing, "50%");
    assert!(world.state.asking_since_ms > first);
}
