//! Proxies show a later revision than the stored state: it was restored from an older copy.

use serin_rollout::{
    Action, Alert, Command, Pause, Phase, Proof, Reason, StableRuns, StableWanted, Verdict,
};

use crate::world::{START_MS, World, three_steps};

/// Long after all that the world's clock reaches.
const LATER: u64 = START_MS + 1_000_000_000;

fn restored_at(text: &str) -> World {
    let mut world = World::at(three_steps(), text);
    world.seen.proof = Proof::Ahead { proxies: 3, largest: LATER };
    world
}

#[test]
fn nothing_rises_and_nothing_is_published() {
    let mut world = restored_at("5%");
    let before = world.state.traffic;
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::StateOutdated);
    assert!(decision.message.contains(&LATER.to_string()), "{}", decision.message);
    assert_eq!(world.actions(), [Action::Raise(Alert::StateLost)]);
    assert_eq!(world.seconds(600).reason, Reason::Paused);
    assert_eq!(world.state.traffic, before);
}

#[test]
fn a_person_puts_the_stored_weight_in_force() {
    let mut world = restored_at("50%");
    world.pass();
    assert_eq!(world.command(Command::Resume).reason, Reason::Resumed);
    world.is(Phase::Progressing, "50%");
    assert_eq!(world.state.traffic.revision, LATER + 1);
    assert_eq!(world.state.clock, None);
    assert_eq!(world.actions().first(), Some(&Action::Publish(world.state.traffic)));
}

#[test]
fn harm_goes_back_above_what_proxies_have() {
    let mut world = restored_at("50%");
    world.gate("errors", Verdict::Fail);
    world.pass();
    world.went_back();
    // The wall clock is behind that of whoever published the later revision.
    assert!(world.state.traffic.revision < LATER);
    assert_eq!(world.pass().reason, Reason::RollingBack);
    world.went_back();
    assert_eq!(world.state.traffic.revision, LATER + 1);

    // Until the proxies follow, a canary that is quiet just now proves nothing.
    world.empty_canary();
    world.seen.proof = Proof::Ahead { proxies: 3, largest: LATER + 2 };
    world.pass();
    assert_eq!(world.phase(), Phase::RollingBack);
    world.seen.proof = Proof::Live { proxies: 3 };
    world.pass();
    assert_eq!((world.phase(), world.state.paused), (Phase::RolledBack, None));
}

#[test]
fn a_pause_by_a_person_stays_one_and_ends_alike() {
    let mut world = World::at(three_steps(), "5%");
    world.command(Command::Pause);
    world.seen.proof = Proof::Ahead { proxies: 3, largest: LATER };
    world.pass();
    assert_eq!(world.state.paused, Some(Pause::Person));
    world.command(Command::Resume);
    assert_eq!(world.state.traffic.revision, LATER + 1);
}

#[test]
fn a_promotion_goes_on_by_a_person_only() {
    let mut world = World::promoting_by_itself(StableRuns::Between);
    world.seen.proof = Proof::Ahead { proxies: 3, largest: LATER };
    assert_eq!(world.pass().reason, Reason::StateOutdated);
    assert_eq!(world.state.stable_wanted(), StableWanted::AsItIs);
    world.seen.stable_runs = StableRuns::New;
    let decision = world.seconds(60);
    assert_eq!(decision.reason, Reason::Paused);
    assert!(decision.message.starts_with("canary serves 100%: paused until"), "{decision:?}");
    world.is(Phase::Promoting, "100%");
    world.command(Command::Resume);
    world.seen.proof = Proof::Live { proxies: 3 };
    world.pass();
    world.is(Phase::Promoting, "0%");
}
