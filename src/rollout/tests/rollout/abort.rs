//! A person's way back, phase by phase.

use serin_rollout::{Action, Alert, Command, Endpoints, Phase, Reason};

use crate::world::{World, three_steps, three_steps_and_promotion};

#[test]
fn abort_while_progressing_goes_back_at_once() {
    let mut world = World::at(three_steps(), "50%");
    world.command(Command::Pause);
    let decision = world.command(Command::Abort);
    assert_eq!(decision.reason, Reason::Aborted);
    assert_eq!(decision.message, "back to stable from 50% (step 2 of 3): a person asked for it");
    world.went_back();
    world.refused(Command::Abort, "everyone is being sent back to stable already");
    world.empty_canary();
    world.pass();
    world.is(Phase::RolledBack, "0%");
    world.refused(Command::Abort, "everyone is on stable already");
}

#[test]
fn abort_without_a_stable_side_freezes_first_and_goes_when_asked_again() {
    let mut world = World::at(three_steps(), "50%");
    world.seen.stable = Endpoints::NotReady;
    let decision = world.command(Command::Abort);
    assert_eq!(decision.reason, Reason::Frozen);
    assert!(decision.message.contains("`serin abort` goes all the same"), "{}", decision.message);
    world.is(Phase::Progressing, "50%");
    assert_eq!(world.actions(), [Action::Raise(Alert::Frozen)]);
    assert_eq!(world.command(Command::Abort).reason, Reason::Aborted);
    world.went_back();
}

#[test]
fn abort_before_the_start_ends_the_rollout() {
    let mut world = World::new(three_steps());
    world.seen.canary = Endpoints::NotReady;
    world.pass();
    assert_eq!(world.command(Command::Abort).reason, Reason::Aborted);
    assert_eq!(world.actions(), [], "nobody was on the canary");
    world.seen.canary = Endpoints::Ready;
    world.seconds(60);
    world.is(Phase::RolledBack, "0%");
}

#[test]
fn abort_after_the_last_step_needs_a_stable_side_with_the_earlier_version() {
    for plan in [three_steps(), three_steps_and_promotion()] {
        let mut world = World::after_the_last_step(plan);
        world.seen.stable = Endpoints::NotReady;
        world.refused(Command::Abort, "stable has no ready endpoint");
        world.seen.stable = Endpoints::Ready;
        world.command(Command::Abort);
        world.went_back();
        assert!(world.state.clock.is_none());
    }
}

#[test]
fn abort_is_refused_once_stable_serves_the_new_version() {
    let mut world = World::after_the_last_step(three_steps_and_promotion());
    // Frozen, so that nothing goes on by itself.
    world.seen.canary = Endpoints::NotReady;
    world.seconds(12);
    world.command(Command::Approve);
    world.refused(Command::Abort, "release the earlier one as a new one");
    world.empty_canary();
    world.pass();
    world.is(Phase::Succeeded, "0%");
    world.refused(Command::Abort, "release the earlier one as a new one");
}
