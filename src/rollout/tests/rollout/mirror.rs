//! Requests are mirrored before anybody is on the canary.

use core::time::Duration;

use serin_rollout::{
    Alert, Capacity, Command, Endpoints, Mirror, MirrorFields, MirrorsSeen, OnNoData, Pause, Phase,
    Plan, Policy, Proof, Reason, RouteSeen, State, Verdict,
};

use crate::history::restored;
use crate::world::{START_MS, World, three_steps, version, weight};

/// 10 % of requests for 5 s, judged by `latency` alone.
fn mirroring() -> Plan {
    let mirror = Mirror {
        share: weight("10%"),
        time: Duration::from_secs(5),
        gates: vec!["latency".to_owned()],
    };
    Plan { mirror: Some(mirror), ..three_steps() }
}

fn somebodys() -> MirrorFields {
    [("serin-rest".to_owned(), r#"{"mirror":{"host":"recorder"}}"#.to_owned())].into()
}

fn world(plan: Plan) -> World {
    let mut world = World::new(plan);
    world.seen.route = RouteSeen::AsSet;
    world.seen.mirrors = MirrorsSeen::Others { fields: somebodys() };
    // Of users' requests nobody can tell anything yet.
    world.gate("errors", Verdict::NoComparison);
    world
}

/// Requests are mirrored, and proxies are proved to follow.
fn under_way() -> World {
    let mut world = world(mirroring());
    world.until(|world| world.state.mirrors());
    world.pass();
    world
}

impl World {
    #[track_caller]
    fn mirrors(&self, share: Option<&str>) {
        assert_eq!(self.state.traffic.mirror, share.map(weight), "{:?}", self.last);
        assert!(self.state.traffic.weight.is_zero() && !self.state.traffic.canary_serves);
    }
}

#[test]
fn requests_are_mirrored_first_and_nobody_is_on_the_canary() {
    let mut world = world(mirroring());
    let begun = world.pass();
    assert_eq!(begun.reason, Reason::Mirroring);
    world.is(Phase::Progressing, "0%");
    world.mirrors(Some("10%"));
    assert_eq!(world.state.kept_mirrors, Some(somebodys()));
    let holds = world.pass();
    assert_eq!(holds.reason, Reason::Mirroring);
    assert_eq!(
        holds.message,
        "10% of requests mirrored, nobody on the canary: watched for 0 s of 5 s; errors no \
         comparison: 1 of 200; latency pass: 1 of 200"
    );
    let ended = world.seconds(5);
    assert_eq!(ended.reason, Reason::Mirrored, "{}", ended.message);
    world.mirrors(None);
    assert!(world.state.exposed_since_ms.is_none(), "not in the same pass");
    // What was there is back by now, as the route shows.
    let first = world.pass();
    assert_eq!(first.reason, Reason::Advanced, "{}", first.message);
    world.is(Phase::Progressing, "5%");
    world.gate("errors", Verdict::Pass);
    world.until(|world| world.phase() == Phase::Succeeded);
    assert_eq!(world.state.kept_mirrors, Some(somebodys()));
    world.pass();
    assert_eq!(world.state.kept_mirrors, None, "it is there, and nobody's matter any more");
}

#[test]
fn nobody_is_exposed_before_the_route_has_what_was_there() {
    let mut world = under_way();
    world.until(|world| world.state.mirrored);
    let (away, unknown) = (world.seen.mirrors.clone(), RouteSeen::Unknown { why: "500".into() });
    for (route, mirrors) in [
        (unknown, away.clone()),
        (RouteSeen::Unusable { why: "gone".into() }, away.clone()),
        (RouteSeen::AsSet, MirrorsSeen::ToCanary),
        (RouteSeen::AsSet, MirrorsSeen::NotApplicable),
    ] {
        (world.seen.route, world.seen.mirrors) = (route, mirrors);
        world.seconds(20);
        world.mirrors(None);
    }
    (world.seen.route, world.seen.mirrors) = (RouteSeen::AsSet, away);
    // Nor before proxies follow.
    world.seen.proof = Proof::Behind { proxies: 3, behind: 1, smallest: 1 };
    world.seconds(20);
    world.mirrors(None);
    world.seen.proof = Proof::Live { proxies: 3 };
    assert_eq!(world.pass().reason, Reason::Advanced);
}

#[test]
fn harm_at_the_canary_takes_the_mirror_off_and_ends_the_rollout() {
    let mut world = under_way();
    // Its word is about users, of whom nobody is there.
    world.gate("errors", Verdict::Fail);
    world.pass();
    world.mirrors(Some("10%"));
    world.gate("latency", Verdict::Fail);
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::Harm);
    assert_eq!(
        decision.message,
        "back to stable from 10% of requests mirrored, nobody on the canary: latency fails: 1 of 200"
    );
    world.went_back();
    world.mirrors(None);
    assert_eq!(world.state.kept_mirrors, Some(somebodys()));
    world.empty_canary();
    world.until(|world| world.phase() == Phase::RolledBack);
    assert!(world.state.exposed_since_ms.is_none(), "nobody was exposed");
}

#[test]
fn a_stable_side_without_endpoints_keeps_no_mirror() {
    let mut world = under_way();
    world.seen.stable = Endpoints::NotReady;
    world.gate("latency", Verdict::Fail);
    assert_eq!(world.pass().reason, Reason::Harm, "it helps whoever is on the canary: nobody");
    world.mirrors(None);
}

#[test]
fn a_canary_that_dies_of_mirrored_requests_is_rolled_back() {
    let mut world = under_way();
    world.seen.canary = Endpoints::NotReady;
    let decision = world.seconds(12);
    assert_eq!(world.phase(), Phase::RollingBack, "{}", decision.message);
    world.mirrors(None);
}

#[test]
fn gates_that_cannot_tell_hold_and_roll_back_where_the_policy_says_so() {
    for verdict in [Verdict::NoData, Verdict::Broken, Verdict::Hold, Verdict::NoComparison] {
        let mut world = under_way();
        world.gate("latency", verdict);
        world.seconds(60);
        world.mirrors(Some("10%"));
        assert!(!world.state.mirrored, "{verdict:?}");
    }
    let limit = OnNoData::RollBackAfter(Duration::from_secs(20));
    let policy = Policy { on_no_data: limit, ..Policy::default() };
    let mut world = world(Plan { policy, ..mirroring() });
    world.gate("latency", Verdict::NoData);
    world.seconds(30);
    assert_eq!(world.phase(), Phase::RollingBack);
}

#[test]
fn a_pause_takes_the_mirror_off_and_resume_mirrors_anew() {
    let mut world = under_way();
    world.seconds(3);
    let paused = world.command(Command::Pause);
    assert_eq!(paused.reason, Reason::Paused);
    world.mirrors(None);
    world.seconds(30);
    world.mirrors(None);
    assert!(!world.state.mirrored);
    // What is mirrored by now is what comes back later.
    world.seen.mirrors = MirrorsSeen::Others { fields: MirrorFields::new() };
    world.command(Command::Resume);
    world.pass();
    world.mirrors(Some("10%"));
    assert_eq!(world.state.kept_mirrors, Some(MirrorFields::new()));
    world.seconds(4);
    world.mirrors(Some("10%"));
    world.until(|world| world.state.mirrored);
}

#[test]
fn a_mirror_that_a_person_takes_off_stays_off_until_resume() {
    let mut world = under_way();
    world.seen.route = RouteSeen::MirrorTaken;
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::LoweredByHand);
    assert_eq!(world.state.paused, Some(Pause::LoweredByHand));
    world.mirrors(None);
    world.seen.route = RouteSeen::AsSet;
    world.seconds(30);
    world.mirrors(None);
    world.command(Command::Resume);
    world.pass();
    world.mirrors(Some("10%"));
}

#[test]
fn what_changes_before_it_could_be_replaced_is_kept_anew() {
    let mut world = world(mirroring());
    world.pass();
    // The write was refused, for a person was there first.
    world.seen.route = RouteSeen::Unknown { why: "it has changed since it was kept".to_owned() };
    world.seen.mirrors = MirrorsSeen::Others { fields: MirrorFields::new() };
    assert_eq!(world.pass().reason, Reason::RouteUnknown);
    world.mirrors(None);
    world.seen.route = RouteSeen::AsSet;
    world.pass();
    world.mirrors(Some("10%"));
    assert_eq!(world.state.kept_mirrors, Some(MirrorFields::new()));
}

#[test]
fn an_abort_or_another_version_ends_it() {
    let mut world = under_way();
    assert_eq!(world.command(Command::Abort).reason, Reason::Aborted);
    world.went_back();
    world.mirrors(None);
    let mut world = under_way();
    world.seen.version = version("v2");
    assert_eq!(world.pass().reason, Reason::NewVersion);
    world.went_back();
    world.empty_canary();
    world.until(|world| world.phase() == Phase::Pending);
    assert_eq!(world.state.kept_mirrors, Some(somebodys()), "it may not be back yet");
    world.until(|world| world.state.mirrors());
    assert_eq!(world.state.version, version("v2"));
}

#[test]
fn a_mirror_that_the_plan_gets_or_changes_under_way_is_followed_while_nobody_is_exposed() {
    let mut world = under_way();
    if let Some(mirror) = &mut world.plan.mirror {
        mirror.share = weight("20%");
    }
    assert_eq!(world.pass().reason, Reason::Mirrored);
    world.mirrors(None);
    world.pass();
    world.mirrors(Some("20%"));
    world.plan.mirror = None;
    assert_eq!(world.pass().reason, Reason::Mirrored);
    world.pass();
    world.is(Phase::Progressing, "5%");
    // It is too late by now.
    world.plan = mirroring();
    world.gate("errors", Verdict::Pass);
    world.until(|world| world.state.traffic.weight > weight("5%"));
    let state = world.state.clone();
    assert_eq!(world.plan.next_share(&state), Some(weight("100%")));
}

#[test]
fn neither_approval_nor_a_skipped_step_fits_before_anybody_is_on_the_canary() {
    for command in [Command::Approve, Command::SkipStep] {
        under_way().refused(command, "nobody is on the canary yet");
    }
}

#[test]
fn the_canary_has_its_pods_before_anything_is_mirrored() {
    let mut world = world(mirroring());
    let fresh = world.state.clone();
    assert_eq!(world.plan.next_share(&fresh), Some(weight("10%")));
    world.seen.canary = Endpoints::NotReady;
    world.seen.capacity = Capacity::Short { why: "0 of 1 are ready".to_owned() };
    let decision = world.seconds(5);
    assert_eq!(decision.reason, Reason::Capacity, "{}", decision.message);
    assert_eq!(world.state.capacity_for, Some(weight("10%")));
    world.mirrors(None);
    world.seen.capacity = Capacity::Enough;
    world.pass();
    world.mirrors(None);
    world.seen.canary = Endpoints::Ready;
    world.pass();
    world.mirrors(Some("10%"));
    let state = world.state.clone();
    assert_eq!(world.plan.next_share(&state), Some(weight("5%")));
}

#[test]
fn a_mirror_that_a_lost_state_has_left_is_taken_off_first() {
    let mut world = world(mirroring());
    world.seen.mirrors = MirrorsSeen::ToCanary;
    let decision = world.pass();
    assert_eq!(decision.reason, Reason::RouteUnknown);
    assert!(decision.message.contains("taken off first"), "{}", decision.message);
    assert_eq!(world.state.kept_mirrors, Some(MirrorFields::new()));
    world.mirrors(None);
    // Also where nothing goes on before a person decides.
    let lost = State::state_lost(version("v1"), weight("0%"), &three_steps().steps, START_MS);
    let mut world = World::from(mirroring(), lost);
    world.seen.mirrors = MirrorsSeen::ToCanary;
    world.seconds(3);
    assert_eq!(world.state.kept_mirrors, Some(MirrorFields::new()));
    world.mirrors(None);
}

#[test]
fn a_restart_goes_on_mirroring() {
    let mut world = under_way();
    world.seconds(2);
    let baked = world.state.clock.unwrap().baked_ms;
    world.state = restored(&world.state);
    world.pass_after(Duration::ZERO);
    world.mirrors(Some("10%"));
    assert_eq!(world.state.clock.unwrap().baked_ms, baked, "no sooner, and not from the start");
    assert_eq!(world.state.kept_mirrors, Some(somebodys()));
}

#[test]
fn proxies_that_do_not_follow_are_told() {
    let mut world = world(mirroring());
    world.pass();
    world.seen.proof = Proof::Unknown { why: "no proxy was seen".to_owned() };
    world.seconds(200);
    world.mirrors(Some("10%"));
    assert!(world.alerts().contains(&Alert::NotLive));
}
