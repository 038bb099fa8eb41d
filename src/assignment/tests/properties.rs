//! What holds for every salt, id and weight.
#![cfg(test)]

use proptest::prelude::*;
use serin_assignment::{Bucket, Cohort, Salt, Variant, Weight, assign};

fn salt() -> impl Strategy<Value = Salt> {
    "[!-9;-~]{1,128}".prop_map(|text| Salt::new(&text).unwrap())
}

fn id() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..300)
}

fn weight() -> impl Strategy<Value = Weight> {
    (0..=10_000_u16).prop_map(|points| Weight::from_basis_points(points).unwrap())
}

proptest! {
    #[test]
    fn the_answer_is_always_the_same(salt in salt(), id in id()) {
        let first = assign(&salt, &id);
        let again = assign(&Salt::new(salt.as_str()).unwrap(), &id.clone());
        prop_assert_eq!(first, again);
        prop_assert!(first.bucket.get() < Bucket::COUNT);
        prop_assert!(first.cohort.get() < Cohort::COUNT);
    }

    #[test]
    fn raising_the_weight_only_adds_and_lowering_only_removes(
        salt in salt(),
        ids in prop::collection::vec(id(), 1..50),
        from in weight(),
        to in weight(),
    ) {
        for id in ids {
            let user = assign(&salt, &id);
            match (user.variant(from), user.variant(to)) {
                (Variant::Stable, Variant::Canary) => prop_assert!(to > from),
                (Variant::Canary, Variant::Stable) => prop_assert!(to < from),
                _ => {}
            }
        }
    }

    #[test]
    fn the_canary_is_the_buckets_below_the_weight(salt in salt(), id in id(), weight in weight()) {
        let user = assign(&salt, &id);
        let canary = user.bucket.get() < weight.basis_points();
        prop_assert_eq!(user.variant(weight) == Variant::Canary, canary);
        prop_assert_eq!(user.variant(Weight::ZERO), Variant::Stable);
        prop_assert_eq!(user.variant(Weight::FULL), Variant::Canary);
    }
}
