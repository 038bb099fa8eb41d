use serin_judge::{Counts, SetAside};

use super::*;

const MINUTE: Stretch = Stretch { weight: 0.5, step: 0, start: 10, minutes: 1 };

fn interval(nc: f64, xc: f64, ns: f64, xs: f64) -> Interval {
    Interval { cohorts: Vec::new(), rest: Counts::try_new(nc, xc, ns, xs).unwrap() }
}

/// Looks at the same counts again and again; the number of the look that rolls back.
fn looks(rule: &mut impl Rule, interval: &Interval) -> Option<usize> {
    (1..=60).find(|_| rule.look(&MINUTE, interval))
}

#[test]
fn the_threshold_wants_five_looks_below_it() {
    assert_eq!(looks(&mut Threshold::default(), &interval(100.0, 1.0, 100.0, 0.0)), None);
    let mut rule = Threshold::default();
    assert_eq!(looks(&mut rule, &interval(100.0, 2.0, 100.0, 0.0)), Some(5));
    assert_eq!(looks(&mut Threshold::default(), &interval(0.0, 0.0, 100.0, 0.0)), None);
}

#[test]
fn the_z_test_has_its_textbook_limit() {
    // 60 of 1,000 against 40 of 1,000: z = 2.052; at the second look, on twice as many, 2.902.
    let even = interval(1000.0, 60.0, 1000.0, 40.0);
    assert_eq!(looks(&mut ZTest::default(), &even), Some(2));
    assert_eq!(looks(&mut ZTest::default(), &interval(1000.0, 40.0, 1000.0, 60.0)), None);
    assert_eq!(looks(&mut ZTest::default(), &interval(0.0, 0.0, 1000.0, 60.0)), None);
}

#[test]
fn safe_rollouts_wait_for_more_than_the_z_test() {
    let even = interval(1000.0, 60.0, 1000.0, 40.0);
    // By hand: difference .5, variance .0235 + .0540 / looks; rho^2 = (7.824 + ln 8.824) / 5000.
    assert_eq!(looks(&mut SafeRollouts::default(), &even), Some(5));
    assert_eq!(looks(&mut SafeRollouts::default(), &interval(1000.0, 60.0, 1000.0, 0.0)), None);
}

#[test]
fn the_first_two_minutes_are_skipped() {
    let harm = interval(10_000.0, 900.0, 10_000.0, 100.0);
    let at = |start| Stretch { start, ..MINUTE };
    let mut rule = SafeRollouts::default();
    assert_eq!([0, 1, 2].map(|start| rule.look(&at(start), &harm)), [false, false, true]);
    let mut rule = Serin::new(Setup::new(0, SetAside::None).unwrap());
    assert_eq!([0, 1, 2].map(|start| rule.look(&at(start), &harm)), [false, false, true]);
}

#[test]
fn gross_harm_is_seen_in_the_first_minute() {
    let broken = interval(1000.0, 900.0, 1000.0, 10.0);
    let mut rule = Serin::new(Setup::new(0, SetAside::None).unwrap());
    assert!(rule.look(&Stretch { start: 0, ..MINUTE }, &broken));
}
