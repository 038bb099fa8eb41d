//! What somebody else made of the weights.

use serin_routes::{Drift, Found, Marked, Shares, drift};

use super::wanted;

fn shares((stable, canary): (i64, i64)) -> Shares {
    Shares { stable, canary }
}

/// At 40 %: how these weights differ.
fn at_40(canary: (i64, i64), stable: (i64, i64), rest: (i64, i64)) -> Drift {
    let found = Found {
        marked: Some(Marked { canary: shares(canary), stable: shares(stable) }),
        rest: shares(rest),
    };
    drift(&found, &wanted("40%", true))
}

fn lowered(weight: &str) -> Drift {
    Drift::Lowered(weight.parse().unwrap())
}

#[test]
fn the_same_shares_are_no_drift() {
    assert_eq!(at_40((0, 100), (100, 0), (60, 40)), Drift::None);
    assert_eq!(at_40((0, 1), (7, 0), (3, 2)), Drift::None);
}

#[test]
fn less_for_the_canary_is_a_persons_word() {
    assert_eq!(at_40((0, 100), (100, 0), (70, 30)), lowered("30%"));
    assert_eq!(at_40((0, 100), (100, 0), (100, 0)), lowered("0%"));
    // Only one of the two numbers was changed: what counts is what is sent.
    assert_eq!(at_40((0, 100), (100, 0), (60, 0)), lowered("0%"));
    assert_eq!(at_40((0, 100), (100, 0), (2, 1)), lowered("33.33%"));
}

#[test]
fn taking_those_who_are_marked_off_the_canary_is_one_too() {
    assert_eq!(at_40((100, 0), (100, 0), (100, 0)), lowered("0%"));
    assert_eq!(at_40((100, 0), (100, 0), (60, 40)), lowered("0%"));
    assert_eq!(at_40((50, 50), (100, 0), (60, 40)), lowered("20%"));
    assert_eq!(at_40((50, 50), (100, 0), (90, 10)), lowered("10%"));
}

#[test]
fn anything_else_is_told_entry_by_entry() {
    let Drift::Other(told) = at_40((0, 100), (90, 10), (60, 40)) else { panic!() };
    assert_eq!(told, "marked stable: 90/10 where 100/0 was written");
    // More for the canary anywhere, whatever the rest says.
    assert!(matches!(at_40((0, 100), (90, 10), (90, 10)), Drift::Other(_)));
    assert!(matches!(at_40((0, 100), (100, 0), (59, 41)), Drift::Other(_)));
    // No share of anything.
    assert!(matches!(at_40((0, 100), (100, 0), (0, 0)), Drift::Other(_)));
    assert!(matches!(at_40((0, 100), (100, 0), (104, -4)), Drift::Other(_)));
    assert!(matches!(at_40((0, 100), (100, 0), (i64::MIN, i64::MIN)), Drift::Other(_)));
}

#[test]
fn less_than_everyone_is_lowered_too() {
    let found = |canary, stable, rest| Found {
        marked: Some(Marked { canary: shares(canary), stable: shares(stable) }),
        rest: shares(rest),
    };
    let all = (0, 100);
    let of = |found| drift(&found, &serin_routes::Wanted::Everyone);
    assert_eq!(of(found(all, all, all)), Drift::None);
    assert_eq!(of(found(all, all, (40, 60))), lowered("60%"));
    // Those marked stable alone are no part of the weight.
    assert_eq!(of(found(all, (100, 0), all)), lowered("100%"));
}

#[test]
fn where_nobody_may_be_on_the_canary_nothing_can_be_lowered() {
    let found = wanted("40%", true).integers();
    assert!(matches!(drift(&found, &wanted("40%", false)), Drift::Other(_)));
    let none = wanted("40%", false).integers();
    assert_eq!(drift(&none, &wanted("10%", false)), Drift::None);
}

#[test]
fn where_nothing_marks_requests_the_one_entry_says_it_all() {
    let of = |rest| drift(&Found { marked: None, rest: shares(rest) }, &wanted("40%", true));
    assert_eq!(of((6, 4)), Drift::None);
    assert_eq!(of((70, 30)), lowered("30%"));
    let Drift::Other(told) = of((50, 50)) else { panic!() };
    assert_eq!(told, "all: 50/50 where 60/40 was written");
}
