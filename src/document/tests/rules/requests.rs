//! Properties of decisions over many users and weights.

use proptest::prelude::*;
use serde_json::json;
use serin_assignment::{Variant, Weight};
use serin_document::{Compiled, Reason};

use crate::support::{Headers, compiled};

fn at(points: u16, anonymous: &str) -> Compiled {
    let weight = Weight::from_basis_points(points).unwrap().to_string();
    compiled(json!({"weight": weight, "anonymous": anonymous, "testers": [{"header": "x-opt"}]}))
}

proptest! {
    #[test]
    fn a_growing_weight_moves_users_to_the_canary_only(
        (low, high) in (0..=10_000_u16, 0..=10_000_u16).prop_map(|(a, b)| (a.min(b), a.max(b))),
        id in prop::collection::vec(any::<u8>(), 0..20),
        request_id in "[a-f0-9-]{0,36}",
        opt in prop::sample::select(vec!["", "canary", "stable", "x"]),
        anonymous in prop::sample::select(vec!["stable", "random", "route"]),
    ) {
        let request = Headers::shop(&[("x-request-id", &request_id), ("x-opt", opt)]).with("x-user-id", &id);
        let (low, high) = (at(low, anonymous), at(high, anonymous));
        let (before, after) = (low.decide(&request).first, high.decide(&request).first);
        prop_assert_eq!(before.reason, after.reason);
        prop_assert_eq!(before.cohort, after.cohort);
        match (before.variant, after.variant) {
            (Some(Variant::Canary), after) => prop_assert_eq!(after, Some(Variant::Canary)),
            (Some(Variant::Stable), after) => {
                let may_move = matches!(before.reason, Reason::Hash | Reason::Random);
                prop_assert!(after == Some(Variant::Stable) || (may_move && after.is_some()));
            }
            (None, after) => prop_assert_eq!(after, None),
        }
    }
}
