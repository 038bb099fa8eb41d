//! What is judged when: the skipped start, steps, 100 %, another set of rules.

use super::*;

#[test]
fn the_start_is_not_judged_and_holds() {
    let mut rules = only_errors();
    rules.skip = Duration::from_secs(30);
    let mut panel = after(&rules, 3, &[("errors", vec![even(160.0, 3.2, 3040.0, 15.2)])]);
    let until_ms = START + 30_000;
    let found = panel.findings(&rules);
    assert_eq!(found.gates[0].outcome, Outcome::Hold(Why::Skipped { until_ms }));
    assert!(found.log_e.abs() < 1e-9 && found.intervals == 3, "{found:?}");
    panel.absorb(&rules, BOTH, &counted(3, &[("errors", vec![healthy()])]));
    assert_eq!(outcome(&panel, &rules), Outcome::Pass);
    assert!(panel.findings(&rules).log_e != 0.0);
}

#[test]
fn gross_harm_is_seen_within_the_start() {
    let mut rules = only_errors();
    rules.skip = Duration::from_mins(2);
    let fivefold = even(160.0, 4.0, 3040.0, 15.2);
    assert!(!after(&rules, 12, &[("errors", vec![fivefold])]).findings(&rules).rollback);
    let all = even(160.0, 144.0, 3040.0, 15.2);
    let panel = after(&rules, 3, &[("errors", vec![all])]);
    assert!(
        matches!(outcome(&panel, &rules), Outcome::Rollback(Why::GrossHarm { log_e }) if log_e > 6.9)
    );
    // One broken client is no gross harm.
    let mut broken = healthy();
    broken.cohorts[3] = broken.cohorts[3].plus(counts(400.0, 400.0, 0.0, 0.0));
    assert!(!after(&rules, 12, &[("errors", vec![broken])]).findings(&rules).rollback);
}

#[test]
fn conversions_wait_for_three_lags_after_every_step() {
    let lag = Duration::from_secs(10);
    let rules = super::rules(&[gate("orders", Measure::Conversions { lag }, 1.0)]);
    let orders = [("orders", vec![even(160.0, 16.0, 3040.0, 304.0)])];
    let mut panel = after(&rules, 4, &orders);
    assert_eq!(outcome(&panel, &rules), Outcome::Pass);
    let risen = Stage { traffic_since_ms: START + 4 * SCRAPE, compared: true };
    // The events of the users before stand beside the requests of many new ones.
    for number in 4..7 {
        let few = [("orders", vec![even(1600.0, 16.0, 1600.0, 304.0)])];
        panel.absorb(&rules, risen, &counted(number, &few));
        let until_ms = START + 7 * SCRAPE;
        assert_eq!(outcome(&panel, &rules), Outcome::Hold(Why::Skipped { until_ms }));
    }
    panel.absorb(&rules, risen, &counted(7, &orders));
    assert_eq!(outcome(&panel, &rules), Outcome::Pass);
}

#[test]
fn an_interval_that_comes_late_belongs_to_the_step_that_it_is_from() {
    let rules = only_errors();
    let mut panel = after(&rules, 4, &[("errors", vec![healthy()])]);
    let full = Stage { traffic_since_ms: START + 6 * SCRAPE, compared: false };
    panel.enter(full);
    // It was counted while both sides served.
    panel.absorb(&rules, full, &counted(4, &[("errors", vec![failing()])]));
    let found = panel.findings(&rules);
    assert!(found.log_e > 1.0, "{found:?}");
    assert_eq!(found.gates[0].step_counts, Counts::ZERO);
}

#[test]
fn at_full_weight_errors_are_tested_against_what_stable_had() {
    let gates = [gate("errors", errors(), 0.5), gate("slow", Measure::Slow, 0.5)];
    let rules = super::rules(&gates);
    let one = [("errors", vec![healthy()]), ("slow", vec![healthy()])];
    let full = Stage { traffic_since_ms: START + 10 * SCRAPE, compared: false };
    for (errors, suspect) in [(16.0, false), (96.0, true)] {
        let mut panel = after(&rules, 10, &one);
        panel.enter(full);
        for number in 10..30 {
            let alone = even(3200.0, errors, 0.0, 0.0);
            let gates = [("errors", vec![alone.clone()]), ("slow", vec![alone])];
            panel.absorb(&rules, full, &counted(number, &gates));
        }
        let found = panel.findings(&rules);
        assert_eq!(found.gates[1].outcome, Outcome::NoComparison);
        assert!(!found.rollback, "at 100 % nothing is rolled back by a ratio");
        match (&found.gates[0].outcome, suspect) {
            (Outcome::NoComparison, false) => {}
            (Outcome::Hold(Why::AboveStable { rate, counts, .. }), true) => {
                // Stable's half a percent, and what chance can have hidden of it.
                assert!((1.1 * 0.005..1.1 * 0.0065).contains(rate), "{rate}");
                assert!(counts.canary_requests() > 60_000.0);
            }
            (other, _) => panic!("{errors}: {other:?}"),
        }
    }
}

#[test]
fn a_stable_that_never_failed_is_something_to_compare_with_at_full_weight() {
    let mut rules = only_errors();
    rules.gates[0].measure = Measure::Errors { floor: None, slo: None };
    let clean = even(160.0, 0.0, 3040.0, 0.0);
    let full = Stage { traffic_since_ms: START + 10 * SCRAPE, compared: false };
    for (errors, suspect) in [(0.0, false), (1600.0, true)] {
        let mut panel = after(&rules, 10, &[("errors", vec![clean.clone()])]);
        panel.enter(full);
        for number in 10..20 {
            let alone = even(3200.0, errors, 0.0, 0.0);
            panel.absorb(&rules, full, &counted(number, &[("errors", vec![alone])]));
        }
        let found = outcome(&panel, &rules);
        assert_eq!(matches!(found, Outcome::Hold(Why::AboveStable { .. })), suspect, "{found:?}");
    }
}

#[test]
fn a_stable_that_had_few_errors_by_chance_holds_nobody_up_at_full_weight() {
    let rules = only_errors();
    let full = Stage { traffic_since_ms: START + SCRAPE, compared: false };
    // Both fail two in a hundred; of stable half of what was to be expected was seen.
    for (errors, suspect) in [(64.0, false), (320.0, true)] {
        let mut panel = after(&rules, 1, &[("errors", vec![even(1600.0, 32.0, 600.0, 6.0)])]);
        panel.enter(full);
        for number in 1..20 {
            let alone = even(3200.0, errors, 0.0, 0.0);
            panel.absorb(&rules, full, &counted(number, &[("errors", vec![alone])]));
        }
        let found = outcome(&panel, &rules);
        assert_eq!(matches!(found, Outcome::Hold(Why::AboveStable { .. })), suspect, "{found:?}");
    }
}

#[test]
fn without_a_former_step_there_is_nothing_at_full_weight() {
    let rules = only_errors();
    let full = Stage { traffic_since_ms: START, compared: false };
    let mut panel = Panel::new(START);
    panel.enter(full);
    for number in 0..10 {
        let bad = even(3200.0, 320.0, 0.0, 0.0);
        panel.absorb(&rules, full, &counted(number, &[("errors", vec![bad])]));
    }
    assert_eq!(outcome(&panel, &rules), Outcome::NoComparison);
}

#[test]
fn other_rules_forget_only_the_evidence_of_other_tests() {
    let gates = [gate("errors", errors(), 0.5), gate("slow", Measure::Slow, 0.5)];
    let rules = super::rules(&gates);
    let bad = even(160.0, 4.8, 3040.0, 15.2);
    let panel = after(&rules, 6, &[("errors", vec![bad.clone()]), ("slow", vec![bad])]);
    let log_e = |rules: &Rules| -> Vec<f64> {
        let mut panel = panel.clone();
        panel.fit(rules);
        panel.findings(rules).gates.iter().map(|gate| gate.log_e).collect()
    };
    let before = log_e(&rules);
    assert!(before.iter().all(|log_e| *log_e > 1.0), "{before:?}");
    let mut other = rules.clone();
    other.gates[0].weight = 0.9;
    other.gates[0].measure =
        Measure::Errors { floor: Some(Share::DEFAULT_FLOOR), slo: Some(share(0.1)) };
    assert_eq!(log_e(&other), before);
    other.gates[0].margin = Margin::try_new(1.5).unwrap();
    assert_eq!(log_e(&other), [0.0, before[1]]);
    other.gates.remove(1);
    assert_eq!(log_e(&other), [0.0]);
    let mut forgetful = panel.clone();
    forgetful.forget(&rules, "slow");
    assert_eq!(forgetful.cut_ms("slow"), panel.cut_ms("slow"));
    assert_eq!(forgetful.findings(&rules).gates[1].outcome, Outcome::NoData(Why::NotRead));
}

#[test]
fn a_gate_added_later_starts_with_no_evidence_and_without_a_past() {
    let rules = only_errors();
    let mut panel = after(&rules, 6, &[("errors", vec![healthy()])]);
    let gates = [gate("errors", errors(), 0.5), gate("slow", Measure::Slow, 0.5)];
    let more = super::rules(&gates);
    let both = [("errors", vec![healthy()]), ("slow", vec![failing()])];
    panel.absorb(&more, BOTH, &counted(6, &both));
    let found = panel.findings(&more);
    assert_eq!(found.gates[1].counts, failing().total());
}
