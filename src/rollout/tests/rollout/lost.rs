//! The stored state was lost while the canary had weight.

use serin_rollout::{Action, Alert, Command, Pause, Phase, Reason, State, Verdict};

use crate::world::{START_MS, World, three_steps, version, weight};

fn lost_at(text: &str) -> World {
    let plan = three_steps();
    let state = State::state_lost(version("v1"), weight(text), &plan.steps, START_MS);
    World::from(plan, state)
}

#[test]
fn the_weight_in_force_is_kept_and_nothing_rises() {
    let mut world = lost_at("50%");
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::Paused);
    assert!(decision.message.contains("the stored state was lost"), "{}", decision.message);
    assert_eq!(world.actions(), [Action::Raise(Alert::StateLost)]);
    assert!(world.state.traffic.canary_serves);
    world.seconds(600);
    world.is(Phase::Progressing, "50%");
    assert_eq!(world.state.step, 1);
}

#[test]
fn a_person_resumes() {
    let mut world = lost_at("50%");
    world.seconds(60);
    assert_eq!(world.command(Command::Resume).reason, Reason::Resumed);
    assert_eq!(world.actions(), [Action::Clear(Alert::StateLost)]);
    world.pass();
    world.is(Phase::Progressing, "100%");
}

#[test]
fn harm_still_rolls_back_and_ends_the_loss() {
    let mut world = lost_at("50%");
    world.seconds(5);
    world.gate("errors", Verdict::Fail);
    world.pass();
    world.went_back();
    world.empty_canary();
    world.pass();
    assert_eq!(world.actions(), [Action::Clear(Alert::StateLost)]);
    assert_eq!(world.state.paused, None);
}

#[test]
fn a_weight_between_two_steps_rises_to_the_next_one() {
    for (in_force, step, next) in [("2%", 0, "5%"), ("20%", 0, "50%"), ("70%", 1, "100%")] {
        let mut world = lost_at(in_force);
        assert_eq!(world.state.step, step, "{in_force}");
        world.command(Command::Resume);
        world.seconds(9);
        world.is(Phase::Progressing, in_force);
        world.pass();
        world.is(Phase::Progressing, next);
    }
}

#[test]
fn where_nobody_is_on_the_canary_the_start_waits_for_a_person() {
    let mut world = lost_at("0%");
    world.seconds(60);
    world.is(Phase::Pending, "0%");
    assert!(!world.state.traffic.canary_serves);
    assert_eq!(world.state.paused, Some(Pause::StateLost));
    world.command(Command::Resume);
    world.pass();
    world.is(Phase::Progressing, "5%");
}
