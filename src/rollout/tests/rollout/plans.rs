//! A plan that was changed under a stored state: never a rise by surprise.

use core::time::Duration;

use serin_rollout::{Command, Length, Phase, Step};

use crate::world::{World, manual, plan, step};

/// Old weights, where the rollout is, new weights, the step it is at then, where it rises to.
type Case =
    (&'static [&'static str], &'static str, &'static [&'static str], usize, Option<&'static str>);

const CASES: [Case; 6] = [
    (&["5%", "50%", "100%"], "50%", &["5%", "20%", "50%", "100%"], 2, Some("100%")),
    (&["5%", "50%", "100%"], "50%", &["5%", "20%"], 1, None),
    (&["5%", "50%", "100%"], "100%", &["5%"], 0, None),
    (&["5%", "50%", "100%"], "50%", &["60%", "100%"], 0, Some("60%")),
    (&["5%", "50%", "100%"], "50%", &["10%", "40%", "60%"], 1, Some("60%")),
    (&["5%", "50%", "100%"], "5%", &["1%", "2%", "100%"], 1, Some("100%")),
];

#[test]
fn the_weight_stays_and_the_step_is_the_one_it_reaches() {
    for (old, at, new, step_then, next) in CASES {
        let case = format!("{old:?} at {at}, then {new:?}");
        let mut world = World::at(plan(old.iter().map(|weight| step(weight)).collect()), at);
        world.seconds(5);
        world.plan = plan(new.iter().map(|weight| step(weight)).collect());
        let step_before = world.state.step;
        world.pass();
        assert_eq!(world.state.traffic.weight.to_string(), at, "{case}");
        assert_eq!(world.state.step, step_then, "{case}");
        if step_before != step_then {
            let baked = world.state.clock.map(|clock| clock.baked_ms);
            assert_eq!(baked, Some(0), "{case}: another step begins anew");
        }
        world.seconds(10);
        match next {
            Some(next) => assert_eq!(world.state.traffic.weight.to_string(), next, "{case}"),
            None => world.is(Phase::Succeeded, at),
        }
    }
}

#[test]
fn an_approval_holds_for_the_step_that_a_person_saw() {
    let mut world = World::at(plan(vec![step("5%"), manual("50%"), step("100%")]), "50%");
    world.seconds(20);
    world.seen.canary_requests = None;
    world.command(Command::Approve);
    world.seen.canary_requests = Some(1_000);
    world.plan = plan(vec![manual("50%"), step("100%")]);
    world.seconds(60);
    world.is(Phase::Progressing, "50%");
}

#[test]
fn a_longer_time_holds_for_the_present_step() {
    let mut world = World::at(plan(vec![step("5%"), step("50%")]), "5%");
    world.seconds(9);
    world.plan = plan(vec![
        Step { length: Length::Bake(Duration::from_mins(1)), ..step("5%") },
        step("50%"),
    ]);
    world.seconds(50);
    world.is(Phase::Progressing, "5%");
    world.pass();
    world.is(Phase::Progressing, "50%");
}
