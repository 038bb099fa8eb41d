//! Alerts are given once, after their time, and taken back when their cause has gone.

use core::time::Duration;

use serin_rollout::{
    Action, Alert, Ask, Before, Capacity, Command, Endpoints, Length, Plan, Proof, RouteSeen,
    Served, Step, Verdict,
};

use crate::world::{Happens, World, manual, plan, step, three_steps};

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

/// A rollout that asks another system before each rise.
fn asking() -> Plan {
    let board = Ask { name: "board".to_owned(), before: Before::Rise };
    Plan { asks: vec![board], ..three_steps() }
}

#[test]
fn what_should_come_by_itself_and_does_not_within_ten_minutes_is_told() {
    let causes: [(Plan, Happens); 7] = [
        (three_steps(), |world| {
            world.seen.capacity = Capacity::Short { why: "0 of 2 are ready".to_owned() };
        }),
        (three_steps(), |world| {
            world.seen.capacity = Capacity::Unknown { why: "503".to_owned() };
        }),
        (three_steps(), |world| {
            world.seen.route = RouteSeen::Unknown { why: "503".to_owned() };
        }),
        (three_steps(), |world| {
            world.seen.served = Served::Mismatch { why: "3 % of them".to_owned() };
        }),
        (three_steps(), |world| world.seen.stable = Endpoints::NotReady),
        // Nobody answers.
        (asking(), |_| {}),
        (asking(), |world| world.gate("board", Verdict::Broken)),
    ];
    for (number, (plan, cause)) in causes.into_iter().enumerate() {
        let mut world = World::at(plan, "5%");
        cause(&mut world);
        world.until(|world| world.state.held_ms > 0);
        world.seconds(599);
        assert_eq!(world.alerts(), [], "cause {number}");
        // What a command is answered says nothing of it.
        world.command(Command::Approve);
        assert_eq!(world.alerts(), [], "cause {number}");
        world.pass();
        assert_eq!(world.actions(), [Action::Raise(Alert::Held)], "cause {number}");
        world.command(Command::Pause);
        assert_eq!(world.actions(), [Action::Clear(Alert::Held)], "cause {number}");
    }
}

#[test]
fn one_such_hold_after_another_is_one_and_a_break_ends_it() {
    let mut world = World::at(three_steps(), "5%");
    world.seen.stable = Endpoints::NotReady;
    world.until(|world| world.state.held_ms > 0);
    world.seconds(300);
    world.seen.stable = Endpoints::Ready;
    world.seen.capacity = Capacity::Short { why: "0 of 2 are ready".to_owned() };
    world.seconds(300);
    assert_eq!(world.alerts(), [Alert::Held]);
    world.seen.capacity = Capacity::Enough;
    world.pass();
    assert_eq!((world.alerts(), world.state.held_ms), (vec![], 0));
}

#[test]
fn a_hold_that_somebody_planned_is_no_news_however_long() {
    let days = Duration::from_hours(30 * 24);
    let long = |length| plan(vec![Step { length, ..step("5%") }, step("100%")]);
    let holds: [(Plan, Happens); 7] = [
        (long(Length::Bake(days)), |_| {}),
        (long(Length::Detect { ratio: 2.0, at_most: days }), |_| {}),
        (three_steps(), |world| world.seen.canary_requests = Some(7)),
        (plan(vec![manual("5%"), step("100%")]), |_| {}),
        (three_steps(), |world| world.gate("errors", Verdict::Hold)),
        (three_steps(), |world| {
            world.command(Command::Pause);
        }),
        // A freeze of the calendar says no until it is over.
        (asking(), |world| world.gate("board", Verdict::Hold)),
    ];
    for (number, (plan, hold)) in holds.into_iter().enumerate() {
        let mut world = World::at(plan, "5%");
        hold(&mut world);
        for _ in 0..24 * 60 {
            world.pass_after(Duration::from_mins(1));
            assert_eq!(world.alerts(), [], "hold {number}");
        }
        assert_eq!(world.state.traffic.weight, crate::world::weight("5%"), "hold {number}");
    }
}
