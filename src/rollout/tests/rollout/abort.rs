//! A person's way back, phase by phase.

use serin_rollout::{
    Action, Alert, Command, Endpoints, Phase, Reason, StableRuns, StableWanted, Verdict,
};

use crate::world::{World, three_steps, three_steps_and_promotion, version};

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

#[test]
fn abort_while_stable_is_being_changed_puts_its_earlier_version_back_first() {
    for runs in [StableRuns::Between, StableRuns::New, StableRuns::Unknown, StableRuns::Earlier] {
        let mut world = World::promoting_by_itself(runs);
        world.seen.stable = Endpoints::NotReady;
        let decision = world.command(Command::Abort);
        assert_eq!(decision.reason, Reason::Restoring, "{runs:?}");
        assert_eq!(
            decision.message,
            "the canary keeps 100% until stable runs its earlier version again: a person asked for \
             it"
        );
        assert_eq!(world.actions(), [], "traffic stays");
        assert_eq!(world.state.stable_wanted(), StableWanted::Earlier);

        for (runs, stable, waits) in [
            (StableRuns::New, Endpoints::Ready, "stable is being brought back"),
            (StableRuns::Between, Endpoints::Ready, "stable is being brought back"),
            (StableRuns::Unknown, Endpoints::Ready, "nobody can tell what stable runs"),
            (StableRuns::Earlier, Endpoints::NotReady, "has no ready endpoint yet"),
        ] {
            (world.seen.stable_runs, world.seen.stable) = (runs, stable);
            let decision = world.seconds(60);
            assert_eq!(decision.reason, Reason::Restoring);
            assert!(decision.message.contains(waits), "{}", decision.message);
            world.is(Phase::Promoting, "100%");
        }
        world.refused(Command::Abort, "is being put back already");
        world.refused(Command::Approve, "is being put back");
        world.refused(Command::Resume, "it is not paused");
        world.seen.stable = Endpoints::Ready;
        let decision = world.pass();
        assert_eq!(
            decision.message,
            "back to stable from 100% (step 3 of 3): stable runs its earlier version again"
        );
        world.went_back();
        assert_eq!(world.state.stable_wanted(), StableWanted::AsItIs);
        world.empty_canary();
        world.pass();
        world.is(Phase::RolledBack, "0%");
    }
}

#[test]
fn what_was_seen_before_the_abort_does_not_say_that_stable_runs_its_earlier_version() {
    // The change of stable may be under way by now.
    let mut world = World::promoting_by_itself(StableRuns::Earlier);
    world.command(Command::Abort);
    world.is(Phase::Promoting, "100%");
    world.pass();
    world.went_back();
}

#[test]
fn harm_on_the_way_back_freezes_nothing() {
    let mut world = World::promoting_by_itself(StableRuns::Between);
    world.gate("errors", Verdict::Fail);
    assert_eq!(world.pass().reason, Reason::Frozen);
    assert_eq!(world.command(Command::Abort).reason, Reason::Restoring);
    assert_eq!(world.actions(), [Action::Clear(Alert::Frozen)]);
    assert_eq!(world.seconds(60).reason, Reason::Restoring);
    world.seen.stable_runs = StableRuns::Earlier;
    world.pass();
    world.went_back();
}

#[test]
fn a_new_version_on_the_way_back_starts_after_it() {
    let mut world = World::promoting_by_itself(StableRuns::Between);
    world.command(Command::Abort);
    world.seen.version = version("v2");
    assert_eq!(world.seconds(60).reason, Reason::Restoring);
    world.seen.stable_runs = StableRuns::Earlier;
    world.pass();
    world.went_back();
    world.empty_canary();
    assert_eq!(world.pass().reason, Reason::NewVersion);
    world.is(Phase::Pending, "0%");
}

#[test]
fn a_stable_that_does_not_come_back_is_told() {
    let mut world = World::promoting_by_itself(StableRuns::Between);
    world.gate("errors", Verdict::Fail);
    world.pass();
    assert_eq!(world.alerts(), [Alert::Frozen]);
    world.command(Command::Abort);
    assert_eq!(world.alerts(), []);
    world.seconds(90);
    assert_eq!(world.alerts(), []);
    world.pass();
    assert_eq!(world.actions(), [Action::Raise(Alert::RollbackNotEffective)]);
    world.seen.stable_runs = StableRuns::Earlier;
    world.pass();
    world.went_back();
}
