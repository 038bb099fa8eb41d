use core::time::Duration;

use super::*;
use crate::{Alpha, Counts, Dispersion, Interval, Margin, SetAside, Share, Worse};

mod kept;
mod rules;

const START: u64 = 1_000_000;
/// From one scrape to the next, in milliseconds.
const SCRAPE: u64 = 10_000;

fn share(value: f64) -> Share {
    Share::try_new(value).unwrap()
}

fn gate(name: &str, measure: Measure, weight: f64) -> GateRules {
    GateRules {
        name: name.to_owned(),
        measure,
        margin: Margin::default_for(measure.worse()),
        weight,
        phi: Dispersion::NONE,
    }
}

fn errors() -> Measure {
    Measure::Errors { floor: Some(Share::DEFAULT_FLOOR), slo: None }
}

fn rules(gates: &[GateRules]) -> Rules {
    Rules {
        alpha: Alpha::default(),
        skip: Duration::ZERO,
        set_aside: SetAside::One,
        gates: gates.to_vec(),
    }
}

fn only_errors() -> Rules {
    rules(&[gate("errors", errors(), 1.0)])
}

fn counts(nc: f64, xc: f64, ns: f64, xs: f64) -> Counts {
    Counts::try_new(nc, xc, ns, xs).unwrap()
}

/// The same counts in every one of 16 cohorts.
fn even(nc: f64, xc: f64, ns: f64, xs: f64) -> Interval {
    let each = counts(nc / 16.0, xc / 16.0, ns / 16.0, xs / 16.0);
    Interval { cohorts: vec![each; 16], rest: Counts::ZERO }
}

fn counted(number: u64, gates: &[(&str, Vec<Interval>)]) -> Counted {
    Counted {
        from_ms: START + number * SCRAPE,
        to_ms: START + (number + 1) * SCRAPE,
        gates: gates.iter().map(|(name, streams)| ((*name).to_owned(), streams.clone())).collect(),
    }
}

const BOTH: Stage = Stage { traffic_since_ms: START, compared: true };

/// A panel after so many intervals of these counts at the first weight.
fn after(rules: &Rules, intervals: u64, gates: &[(&str, Vec<Interval>)]) -> Panel {
    let mut panel = Panel::new(START);
    for number in 0..intervals {
        panel.absorb(rules, BOTH, &counted(number, gates));
    }
    panel
}

fn outcome(panel: &Panel, rules: &Rules) -> Outcome {
    panel.findings(rules).gates[0].outcome.clone()
}

fn healthy() -> Interval {
    even(160.0, 0.8, 3040.0, 15.2)
}

fn failing() -> Interval {
    even(160.0, 16.0, 3040.0, 15.2)
}

#[test]
fn an_identical_canary_passes_and_a_failing_one_is_rolled_back_for_good() {
    let rules = only_errors();
    let mut panel = after(&rules, 30, &[("errors", vec![healthy()])]);
    let found = panel.findings(&rules);
    assert_eq!(found.gates[0].outcome, Outcome::Pass);
    assert!(!found.rollback && found.log_e < 0.0, "{found:?}");
    assert_eq!(found.intervals, 30);
    let mut needed = 0;
    while !panel.findings(&rules).rollback {
        panel.absorb(&rules, BOTH, &counted(30 + needed, &[("errors", vec![failing()])]));
        needed += 1;
        assert!(needed < 5, "{:?}", panel.findings(&rules));
    }
    assert_eq!(outcome(&panel, &rules), Outcome::Rollback(Why::Evidence));
    // Better days do not take it back.
    for number in 0..500 {
        let better = even(1600.0, 0.0, 3040.0, 15.2);
        panel.absorb(&rules, BOTH, &counted(40 + number, &[("errors", vec![better])]));
    }
    assert!(panel.findings(&rules).log_e < 1.0);
    assert_eq!(outcome(&panel, &rules), Outcome::Rollback(Why::Evidence));
}

#[test]
fn one_broken_client_condemns_nobody_and_is_named() {
    let rules = only_errors();
    let mut broken = healthy();
    broken.cohorts[7] = broken.cohorts[7].plus(counts(40.0, 40.0, 0.0, 0.0));
    let panel = after(&rules, 30, &[("errors", vec![broken])]);
    let found = panel.findings(&rules);
    let gate = &found.gates[0];
    assert!(gate.log_e > 100.0 && gate.log_e_worst < 1.0, "{gate:?}");
    assert_eq!((gate.set_aside.as_slice(), &gate.outcome), (&[7][..], &Outcome::Pass));
    assert!(!found.rollback);
}

#[test]
fn a_ratio_without_a_rate_above_the_floor_holds_and_is_no_harm() {
    let rules = only_errors();
    // Five times stable's rate, and still below 0.1 %.
    let small = even(16_000.0, 8.0, 304_000.0, 30.4);
    let found = after(&rules, 30, &[("errors", vec![small.clone()])]).findings(&rules);
    let gate = &found.gates[0];
    assert!(gate.log_e_worst > 5.0 && gate.log_floor.unwrap() < 1.0, "{gate:?}");
    assert!(gate.log_e_decisive <= 0.0 && !found.rollback, "{gate:?}");
    assert_eq!(gate.outcome, Outcome::Hold(Why::Suspicion));
    let mut without = only_errors();
    without.gates[0].measure = Measure::Errors { floor: None, slo: None };
    assert!(after(&without, 30, &[("errors", vec![small])]).findings(&without).rollback);
}

#[test]
fn the_weighted_mean_of_the_gates_decides_and_the_largest_part_is_named() {
    let gates = [gate("errors", errors(), 0.5), gate("slow", Measure::Slow, 0.5)];
    let rules = rules(&gates);
    let bounds = vec![failing(), healthy(), healthy()];
    let mut panel = Panel::new(START);
    let mut number = 0;
    while !panel.findings(&rules).rollback {
        let both = [("errors", vec![healthy()]), ("slow", bounds.clone())];
        panel.absorb(&rules, BOTH, &counted(number, &both));
        number += 1;
        assert!(number < 20);
    }
    let found = panel.findings(&rules);
    let outcomes: Vec<_> = found.gates.iter().map(|gate| gate.outcome.clone()).collect();
    assert_eq!(outcomes, [Outcome::Pass, Outcome::Rollback(Why::Evidence)]);
    let slow = &found.gates[1];
    // A third of one bound's evidence, half of one gate's.
    let expected = slow.streams[0].log_e_worst - 6_f64.ln();
    assert!((found.log_e - expected).abs() < 0.01, "{} and {expected}", found.log_e);
    assert_eq!(slow.set_aside, slow.streams[0].set_aside);
}

#[test]
fn evidence_on_its_way_holds() {
    let rules = only_errors();
    let mut panel = Panel::new(START);
    for number in 0..200 {
        panel.absorb(
            &rules,
            BOTH,
            &counted(number, &[("errors", vec![even(160.0, 2.4, 3040.0, 15.2)])]),
        );
        let found = panel.findings(&rules);
        let held = found.gates[0].outcome == Outcome::Hold(Why::Suspicion);
        assert_eq!(held, found.gates[0].log_e_worst >= 10_f64.ln() && !found.rollback, "{found:?}");
        if held {
            return;
        }
    }
    panic!("never suspicious");
}

#[test]
fn both_sides_above_the_objective_hold_as_it_is_not_the_canary() {
    let mut rules = only_errors();
    rules.gates[0].measure = Measure::Errors { floor: None, slo: Some(share(0.02)) };
    let mut panel = after(&rules, 10, &[("errors", vec![healthy()])]);
    assert_eq!(outcome(&panel, &rules), Outcome::Pass);
    for number in 10..20 {
        let bad = even(160.0, 16.0, 3040.0, 304.0);
        panel.absorb(&rules, BOTH, &counted(number, &[("errors", vec![bad])]));
    }
    assert!(
        matches!(outcome(&panel, &rules), Outcome::Hold(Why::SloBroken { .. })),
        "{:?}",
        outcome(&panel, &rules)
    );
    for number in 20..50 {
        panel.absorb(&rules, BOTH, &counted(number, &[("errors", vec![healthy()])]));
    }
    assert_eq!(outcome(&panel, &rules), Outcome::Pass);
}

#[test]
fn a_side_without_requests_tells_nothing() {
    let rules = only_errors();
    assert_eq!(outcome(&Panel::new(START), &rules), Outcome::NoData(Why::NotRead));
    for (interval, why) in [
        (even(0.0, 0.0, 3040.0, 15.2), Why::NoCanaryRequests),
        (even(160.0, 0.8, 0.0, 0.0), Why::NoStableRequests),
    ] {
        let panel = after(&rules, 3, &[("errors", vec![interval])]);
        assert_eq!(outcome(&panel, &rules), Outcome::NoData(why));
    }
    // Requests of the step before are none of this one.
    let mut panel = after(&rules, 3, &[("errors", vec![healthy()])]);
    panel.enter(Stage { traffic_since_ms: START + 3 * SCRAPE, compared: true });
    assert_eq!(outcome(&panel, &rules), Outcome::NoData(Why::NoCanaryRequests));
}

#[test]
fn what_is_detectable_comes_nearer_the_longer_a_step_lasts() {
    let rules = only_errors();
    let mut before = f64::INFINITY;
    for intervals in [5, 20, 100] {
        let panel = after(&rules, intervals, &[("errors", vec![healthy()])]);
        let now = panel.findings(&rules).gates[0].detectable.unwrap();
        assert!(1.1 < now && now < before, "{now} after {before}");
        before = now;
    }
    let conversions = Measure::Conversions { lag: Duration::ZERO };
    let rules = super::tests::rules(&[gate("orders", conversions, 1.0)]);
    let orders = even(1600.0, 160.0, 30_400.0, 3040.0);
    let panel = after(&rules, 20, &[("orders", vec![orders])]);
    let now = panel.findings(&rules).gates[0].detectable.unwrap();
    assert!((0.3..0.95).contains(&now), "{now}");
    assert_eq!(Measure::Conversions { lag: Duration::ZERO }.worse(), Worse::Lower);
}

#[test]
fn no_counts_at_all_are_no_finding_out_of_range() {
    let rules = only_errors();
    let panel = after(&rules, 3, &[("errors", vec![Interval::whole(Counts::ZERO)])]);
    let found = panel.findings(&rules);
    assert!(found.log_e.abs() < 1e-9 && found.gates[0].ratio.is_none(), "{found:?}");
    assert_eq!(found.gates[0].detectable, None);
    let cuts: Vec<_> = panel.cuts().collect();
    assert_eq!(cuts, [("errors", START + 3 * SCRAPE)]);
}
