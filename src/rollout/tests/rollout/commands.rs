//! Commands where they do not fit, and where they meet something of more weight.

use serin_rollout::{Command, Pause, Phase, Reason, Verdict};

use crate::world::{Reach, World, three_steps, three_steps_and_promotion, version};

fn rolling_back() -> World {
    let mut world = World::at(three_steps(), "50%");
    world.command(Command::Abort);
    world
}

fn rolled_back() -> World {
    let mut world = rolling_back();
    world.empty_canary();
    world.pass();
    world
}

#[test]
fn a_command_that_does_not_fit_is_refused_with_the_reason() {
    use Command::{Approve, Pause, Resume, Retry};
    let cases: [(&str, Reach, Command, &str); 14] = [
        ("pending", || World::new(three_steps()), Approve, "nothing waits for approval"),
        ("pending", || World::new(three_steps()), Retry, "it was not rolled back"),
        ("pending", || World::new(three_steps()), Resume, "it is not paused"),
        ("at 5%", || World::at(three_steps(), "5%"), Approve, "5% (step 1 of 3) needs no approval"),
        ("at 5%", || World::at(three_steps(), "5%"), Retry, "it was not rolled back"),
        ("rolling back", rolling_back, Pause, "no rise is to come"),
        ("rolling back", rolling_back, Approve, "nothing waits for approval"),
        ("rolling back", rolling_back, Retry, "the rollback has not ended"),
        ("rolled back", rolled_back, Pause, "no rise is to come"),
        ("rolled back", rolled_back, Resume, "it is not paused"),
        ("succeeded", || World::after_the_last_step(three_steps()), Pause, "no rise is to come"),
        ("succeeded", || World::after_the_last_step(three_steps()), Retry, "v1 has succeeded"),
        ("succeeded", || World::after_the_last_step(three_steps()), Approve, "nothing waits"),
        (
            "promoting",
            || World::after_the_last_step(three_steps_and_promotion()),
            Retry,
            "it was not rolled back",
        ),
    ];
    for (at, reach, command, why) in cases {
        println!("{command:?} when {at}");
        reach().refused(command, why);
    }
}

#[test]
fn a_refusal_names_command_and_phase() {
    assert_eq!(
        rolled_back().command(Command::Pause).message,
        "pause does not fit (RolledBack): no rise is to come"
    );
}

#[test]
fn harm_comes_before_any_command() {
    for command in [Command::Resume, Command::Approve, Command::Retry, Command::Pause] {
        let mut world = World::at(three_steps(), "50%");
        world.gate("errors", Verdict::Fail);
        assert_eq!(world.command(command).reason, Reason::Harm, "{command:?}");
        world.went_back();
    }
}

#[test]
fn a_pause_is_not_lost_to_something_of_more_weight() {
    let mut world = World::at(three_steps(), "50%");
    world.seen.version = version("v2");
    assert_eq!(world.command(Command::Pause).reason, Reason::NewVersion);
    world.empty_canary();
    world.seconds(60);
    world.is(Phase::Pending, "0%");
    assert_eq!(world.state.paused, Some(Pause::Person));
    world.command(Command::Resume);
    world.pass();
    world.is(Phase::Progressing, "5%");
}

#[test]
fn retry_does_not_end_a_pause() {
    let mut world = World::at(three_steps(), "50%");
    world.command(Command::Pause);
    world.command(Command::Abort);
    world.empty_canary();
    world.pass();
    world.command(Command::Retry);
    assert_eq!(world.seconds(60).reason, Reason::Paused);
    world.is(Phase::Pending, "0%");
}

#[test]
fn pausing_twice_is_pausing() {
    let mut world = World::new(three_steps());
    assert_eq!(world.command(Command::Pause).reason, Reason::Paused);
    assert_eq!(world.command(Command::Pause).reason, Reason::Paused);
    assert_eq!(world.pass().message, "v1 has not started: paused by a person until `serin resume`");
}
