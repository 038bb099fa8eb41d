//! Several rollouts on the same host and path.

use proptest::prelude::*;
use serde_json::{Value, json};
use serin_assignment::Variant::{Canary, Stable};
use serin_assignment::{Variant, Weight};
use serin_document::{Compiled, Environment, MarkName, Overrides, Reason, Write};

use crate::support::{Headers, bucket, names, only, parsed, rollout};

fn shared(name: &str, mark: &str, weight: &str, buckets: [&str; 2]) -> Value {
    rollout(json!({"name": name, "mark": mark, "weight": weight, "buckets": buckets}))
}

fn compile(rollouts: &[Value]) -> Compiled {
    Compiled::compile(parsed(rollouts), None, &Environment::default())
}

fn user(id: &str) -> Headers {
    Headers::shop(&[("x-user-id", id)])
}

/// A user in each range: `from` to `to`, in basis points.
fn user_in(from: u16, to: u16) -> String {
    let mut ids = (0..).map(|n| format!("user-{n}"));
    ids.find(|id| (from..to).contains(&bucket(id.as_bytes()))).unwrap()
}

#[test]
fn each_rollout_marks_its_own_users_and_leaves_the_others_on_stable() {
    let compiled = compile(&[
        shared("search", "x-search", "10%", ["0%", "30%"]),
        shared("basket", "x-basket", "20%", ["30%", "60%"]),
    ]);
    assert_eq!(compiled.left_out(), []);
    let hash = |variant| (Some(variant), Reason::Hash);
    let other = (Some(Stable), Reason::OtherRange);
    for ((from, to), search, basket) in [
        ((0, 1_000), hash(Canary), other),
        ((1_000, 3_000), hash(Stable), other),
        ((3_000, 5_000), other, hash(Canary)),
        ((5_000, 6_000), other, hash(Stable)),
        ((6_000, 10_000), other, other),
    ] {
        let request = user(&user_in(from, to)).with("x-serin-variant", b"canary");
        let decisions = compiled.decide(&request);
        let found: Vec<_> = decisions.iter().map(|one| (one.variant, one.reason)).collect();
        assert_eq!(found, [search, basket], "{from} to {to}");
        for one in decisions.iter() {
            assert_eq!(one.is_evidence(), one.reason == Reason::Hash);
            assert_eq!(one.cohort.is_some(), one.reason == Reason::Hash);
            assert_eq!(one.write, Write::Set(one.variant.unwrap()));
        }
        let foreign: Vec<_> = decisions.foreign().map(MarkName::as_str).collect();
        assert_eq!(foreign, ["x-serin-variant"], "marks of both are written, none is removed");
    }
}

#[test]
fn who_is_drawn_by_the_request_id_is_drawn_in_one_range_only() {
    let one = |name, mark, buckets| {
        let mut one = shared(name, mark, "50%", buckets);
        one["anonymous"] = json!("random");
        one
    };
    let compiled = compile(&[one("a", "x-a", ["0%", "50%"]), one("b", "x-b", ["50%", "100%"])]);
    for number in 0..50 {
        let id = format!("7f3a9c10-1111-4222-8333-4444555566{number:02}");
        let decisions = compiled.decide(&Headers::shop(&[("x-request-id", &id)]));
        let mut reasons: Vec<_> = decisions.iter().map(|one| (one.reason, one.variant)).collect();
        reasons.sort();
        let expected = [(Reason::Random, Some(Canary)), (Reason::OtherRange, Some(Stable))];
        assert_eq!(reasons, expected);
    }
}

#[test]
fn a_pair_that_only_one_has_is_its_alone() {
    let mut basket = shared("basket", "x-basket", "30%", ["30%", "60%"]);
    basket["paths"] = json!(["/", "/basket"]);
    let compiled = compile(&[shared("search", "x-search", "30%", ["0%", "30%"]), basket]);
    let names = |path: &str| {
        let request = Headers::new("shop.example.com", path, &[]);
        let decisions = compiled.decide(&request);
        let name =
            |one: &serin_document::Decision<'_>| one.rollout.unwrap().rollout.name().to_string();
        decisions.iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names("/"), ["search", "basket"]);
    assert_eq!(names("/basket/1"), ["basket"]);
}

#[test]
fn rollouts_that_would_get_in_each_others_way_are_left_out_with_the_rule() {
    let first = shared("first", "x-first", "30%", ["0%", "30%"]);
    for (field, value, says) in [
        ("buckets", json!(["29.99%", "60%"]), "those of first are 0% to 30%"),
        ("salt", json!("another"), "the same salt"),
        ("identity", json!([{"cookie": "uid"}]), "the same identity"),
        ("mark", json!("X-First"), "a mark of its own"),
        ("cohortHeader", json!("x-cohort"), "a cohort header of its own"),
    ] {
        let mut first = first.clone();
        first["cohortHeader"] = json!("x-cohort");
        let mut second = shared("second", "x-second", "30%", ["30%", "60%"]);
        second[field] = value;
        let compiled = compile(&[first, second]);
        assert_eq!(names(&compiled), ["first"], "{field}");
        let left_out = only(compiled.left_out());
        assert_eq!((left_out.rollout.as_str(), left_out.field.as_str()), ("second", field));
        assert!(left_out.rule.contains(says) && left_out.rule.contains("first"), "{left_out}");
    }
    let all = rollout(json!({"name": "second", "mark": "x-second"}));
    let compiled = compile(&[first.clone(), all]);
    let left_out = only(compiled.left_out());
    assert_eq!(left_out.field, "hosts");
    assert!(left_out.rule.contains("first") && left_out.rule.contains("disjoint"), "{left_out}");

    // One mark for all, as a plugin's own configuration may say, is none of one's own.
    let overrides = Overrides { mark: Some(MarkName::default()), ..Overrides::default() };
    let env = Environment { overrides, ..Environment::default() };
    let second = shared("second", "x-second", "30%", ["30%", "60%"]);
    let compiled = Compiled::compile(parsed(&[first, second]), None, &env);
    assert_eq!(only(compiled.left_out()).field, "mark");
}

#[test]
fn a_range_holds_its_weight() {
    for (weight, buckets, field) in [
        ("30.01%", json!(["0%", "30%"]), "weight"),
        ("100%", json!(["0%", "99.99%"]), "weight"),
        ("0%", json!(["30%", "30%"]), "buckets"),
        ("0%", json!(["30%", "20%"]), "buckets"),
        ("0%", json!(["30%"]), "buckets"),
        ("0%", json!(["0%", "30%", "60%"]), "buckets"),
        ("0%", json!(["0%", "101%"]), "buckets[1]"),
        ("0%", json!([0, 3_000]), "buckets[0]"),
    ] {
        let compiled = compile(&[rollout(json!({"weight": weight, "buckets": buckets}))]);
        let left_out = only(compiled.left_out());
        assert_eq!(left_out.field, format!("rollouts[0].{field}"), "{weight} of {buckets}");
    }
}

fn percent(points: u16) -> String {
    Weight::from_basis_points(points).unwrap().to_string()
}

prop_compose! {
    /// Two to five rollouts that share their users out, each with two weights within its range.
    fn split()(
        mut cuts in prop::collection::btree_set(0..=10_000_u16, 3..7).prop_map(Vec::from_iter),
        shares in prop::collection::vec((0.0..=1.0, 0.0..=1.0), 6),
    ) -> Vec<(u16, u16, u16, u16)> {
        cuts.sort_unstable();
        cuts.windows(2).zip(shares).map(|(ends, (one, two))| {
            let width = f64::from(ends[1] - ends[0]);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 10,000")]
            let points = |share: f64| (width * share) as u16;
            (ends[0], ends[1], points(one), points(two))
        }).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// One grows or shrinks, the others stand still: nobody of theirs moves, and nobody is ever in
    /// two canaries.
    #[test]
    fn one_rollouts_growth_never_moves_anothers_users(
        split in split(),
        moved in any::<prop::sample::Index>(),
        ids in prop::collection::vec("[a-z0-9]{1,12}", 1..40),
    ) {
        let moved = moved.index(split.len());
        let at = |grown: bool| {
            let rollouts = split.iter().enumerate().map(|(index, (from, to, before, after))| {
                let weight = if grown && index == moved { *after } else { *before };
                let buckets = [&*percent(*from), &*percent(*to)];
                shared(&format!("r{index}"), &format!("x-r{index}"), &percent(weight), buckets)
            });
            let compiled = compile(&rollouts.collect::<Vec<_>>());
            assert_eq!(compiled.left_out(), []);
            compiled
        };
        let (before, after) = (at(false), at(true));
        for id in ids {
            let request = user(&id);
            let sides = |compiled: &Compiled| -> Vec<(Option<Variant>, Reason)> {
                compiled.decide(&request).iter().map(|one| (one.variant, one.reason)).collect()
            };
            let (before, after) = (sides(&before), sides(&after));
            for (index, (before, after)) in before.iter().zip(&after).enumerate() {
                prop_assert!(index == moved || before == after, "{id} moved in r{index}");
                prop_assert_eq!(before.1, after.1);
            }
            for sides in [before, after] {
                prop_assert!(sides.iter().filter(|one| one.0 == Some(Canary)).count() <= 1);
                prop_assert!(sides.iter().filter(|one| one.1 == Reason::Hash).count() <= 1);
            }
        }
    }
}
