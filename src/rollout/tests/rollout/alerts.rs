//! Alerts are given once, after their time, and taken back when their cause has gone.

use serin_rollout::{Action, Alert, Command, Proof, Verdict};

use crate::world::{World, three_steps};

/// Passes of one second until the alert is raised, and then the world for its cause to go.
#[track_caller]
fn raised_once_after(seconds: u64, alert: Alert, world: &mut World) {
    let mut raised_at = None;
    for second in 1..=seconds + 60 {
        world.pass();
        if world.actions().contains(&Action::Raise(alert)) {
            assert_eq!(raised_at, None, "raised again after {second} s");
            raised_at = Some(second);
        }
    }
    // The pass that first sees the cause does not count.
    assert_eq!(raised_at, Some(seconds + 1));
    assert_eq!(world.alerts(), [alert]);
}

#[test]
fn gates_without_data() {
    for verdict in [Verdict::NoData, Verdict::Broken] {
        let mut world = World::at(three_steps(), "5%");
        world.gate("errors", verdict);
        raised_once_after(120, Alert::NoData, &mut world);
        world.gate("errors", Verdict::Pass);
        world.pass();
        assert!(world.actions().contains(&Action::Clear(Alert::NoData)));
    }
}

#[test]
fn a_weight_that_is_not_taken() {
    let mut world = World::at(three_steps(), "5%");
    world.seen.proof = Proof::Behind { proxies: 3, behind: 1, smallest: 7 };
    raised_once_after(120, Alert::NotLive, &mut world);
    world.seen.proof = Proof::Live { proxies: 3 };
    world.pass();
    assert_eq!(world.actions(), [Action::Clear(Alert::NotLive)]);
}

#[test]
fn a_rollback_without_effect_goes_on_for_ever() {
    let mut world = World::at(three_steps(), "5%");
    world.command(Command::Abort);
    raised_once_after(90, Alert::RollbackNotEffective, &mut world);
    world.seconds(10_000);
    world.empty_canary();
    world.pass();
    assert_eq!(world.actions(), [Action::Clear(Alert::RollbackNotEffective)]);
}

#[test]
fn alerts_of_the_way_up_end_with_it() {
    let mut world = World::at(three_steps(), "5%");
    world.gate("errors", Verdict::Broken);
    world.seen.proof = Proof::Unknown { why: "Prometheus does not answer".to_owned() };
    world.seconds(130);
    assert_eq!(world.alerts(), [Alert::NoData, Alert::NotLive]);
    world.command(Command::Abort);
    assert_eq!(world.alerts(), []);
}
