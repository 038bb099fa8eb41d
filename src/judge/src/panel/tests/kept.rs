//! What must not depend on chance: the order of gates, a repetition, a restart.

use super::*;

fn many() -> (Rules, Vec<Counted>) {
    let gates = [
        gate("errors", errors(), 0.5),
        gate("slow", Measure::Slow, 0.3),
        gate("orders", Measure::Conversions { lag: Duration::from_secs(5) }, 0.2),
    ];
    let mut rules = rules(&gates);
    rules.skip = Duration::from_secs(25);
    let counts = |number: u64| {
        let third = f64::from(u32::try_from(number % 3).unwrap());
        let one = even(163.0 + third, 1.7 + third, 3041.3, 15.9 + third);
        let orders = even(163.0, 11.0 - third, 3041.3, 310.1);
        counted(
            number,
            &[
                ("errors", vec![one.clone()]),
                ("slow", vec![one.clone(), one]),
                ("orders", vec![orders]),
            ],
        )
    };
    (rules, (0..20).map(counts).collect())
}

/// Two steps, then everyone.
fn stage(number: usize) -> Stage {
    let begun = match number {
        0..8 => 0,
        8..14 => 8,
        _ => 14,
    };
    Stage { traffic_since_ms: START + begun * SCRAPE, compared: begun < 14 }
}

#[test]
fn a_restart_after_any_interval_changes_no_bit() {
    let (rules, counted) = many();
    let mut panel = Panel::new(START);
    let mut restarted = panel.clone();
    for (number, counted) in counted.iter().enumerate() {
        panel.absorb(&rules, stage(number), counted);
        restarted.absorb(&rules, stage(number), counted);
        let stored = serde_json::to_string(&restarted).unwrap();
        restarted = serde_json::from_str(&stored).unwrap();
        assert_eq!(restarted, panel, "interval {number}");
        assert_eq!(serde_json::to_string(&panel).unwrap(), stored);
    }
    assert_eq!(restarted.findings(&rules), panel.findings(&rules));
}

#[test]
fn the_order_of_the_gates_changes_no_bit() {
    let (rules, counted) = many();
    let mut turned = rules.clone();
    turned.gates.reverse();
    let (mut one, mut other) = (Panel::new(START), Panel::new(START));
    for (number, counted) in counted.iter().enumerate() {
        one.absorb(&rules, stage(number), counted);
        other.absorb(&turned, stage(number), counted);
    }
    assert_eq!(one, other);
    let (found, mut turned) = (one.findings(&rules), other.findings(&turned));
    turned.gates.reverse();
    assert_eq!(found, turned);
}

#[test]
fn what_was_absorbed_before_changes_nothing() {
    let (rules, counted) = many();
    let mut once = Panel::new(START);
    let mut often = Panel::new(START);
    for (number, one) in counted.iter().enumerate() {
        once.absorb(&rules, stage(number), one);
        for again in &counted[..=number] {
            often.absorb(&rules, stage(number), again);
        }
    }
    assert_eq!(once, often);
    // Nor does what overlaps with it, or lies before the start.
    let mut early = counted[0].clone();
    early.from_ms = START - SCRAPE;
    let mut fresh = Panel::new(START);
    fresh.absorb(&rules, stage(0), &early);
    assert_eq!(fresh.cut_ms("errors"), START);
}

#[test]
fn gates_may_be_cut_at_different_times() {
    let (rules, counted) = many();
    let mut panel = Panel::new(START);
    let mut part = counted[0].clone();
    part.gates.retain(|name, _| name == "slow");
    panel.absorb(&rules, stage(0), &part);
    assert_eq!((panel.cut_ms("slow"), panel.cut_ms("errors")), (START + SCRAPE, START));
    panel.absorb(&rules, stage(0), &counted[1]);
    assert_eq!(
        (panel.cut_ms("slow"), panel.cut_ms("errors")),
        (START + 2 * SCRAPE, START + 2 * SCRAPE)
    );
    // Whoever computes a gate's evidence again needs its own number of intervals.
    let found = panel.findings(&rules);
    let intervals: Vec<_> = found.gates.iter().map(|gate| gate.intervals).collect();
    assert_eq!((found.intervals, intervals), (2, vec![1, 2, 1]));
}

#[test]
fn a_clock_that_was_set_back_hides_nothing() {
    let (rules, counted) = many();
    let mut panel = Panel::new(START + 100 * SCRAPE);
    panel.absorb(&rules, stage(0), &counted[0]);
    assert_eq!(panel.findings(&rules).intervals, 0);
    panel.forget_the_future(START);
    panel.absorb(&rules, stage(0), &counted[0]);
    assert_eq!(panel.findings(&rules).intervals, 1);
}

#[test]
fn cohorts_are_learnt_from_the_first_counts() {
    let rules = only_errors();
    let empty = Interval::whole(Counts::ZERO);
    let mut learnt = after(&rules, 3, &[("errors", vec![empty])]);
    let mut known = after(&rules, 3, &[("errors", vec![even(0.0, 0.0, 0.0, 0.0)])]);
    for number in 3..6 {
        let one = [("errors", vec![failing()])];
        learnt.absorb(&rules, BOTH, &counted(number, &one));
        known.absorb(&rules, BOTH, &counted(number, &one));
    }
    let (learnt, known) = (learnt.findings(&rules), known.findings(&rules));
    assert_eq!(learnt, known);
    assert!(learnt.gates[0].cohorts);
}
