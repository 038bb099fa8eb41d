//! Of arbitrary objects nothing but the six integers changes.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use serin_assignment::Weight;
use serin_routes::Wanted;

use super::{marked, reference, virtual_service};

/// Any JSON, a few levels deep.
pub(super) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z/ :.*]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,8}", inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Fields that nobody here knows.
fn extra() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map("x-[a-z]{1,8}", any_json(), 0..3)
        .prop_map(|fields| fields.into_iter().collect())
}

fn with(mut object: Value, extra: Map<String, Value>) -> Value {
    object.as_object_mut().unwrap().extend(extra);
    object
}

/// A weight as anybody may have left it.
fn any_weight() -> impl Strategy<Value = Option<Value>> {
    prop_oneof![
        Just(None),
        (0_i64..=10_000).prop_map(|weight| Some(json!(weight))),
        (0_i32..=100).prop_map(|weight| Some(json!(f64::from(weight)))),
        any_json().prop_map(Some),
    ]
}

fn destination() -> impl Strategy<Value = (Option<Value>, Map<String, Value>, bool)> {
    (any_weight(), extra(), any::<bool>())
}

/// An entry's destinations, in either order.
fn any_route() -> impl Strategy<Value = Value> {
    (destination(), destination(), any::<bool>()).prop_map(|(stable, canary, turned)| {
        let one = |subset: &str, (weight, extra, port): (Option<Value>, _, bool)| {
            let mut one = json!({"destination": {"host": "web", "subset": subset}});
            if port {
                one["destination"]["port"] = json!({"number": 80});
            }
            if let Some(weight) = weight {
                one["weight"] = weight;
            }
            with(one, extra)
        };
        let mut route = vec![one("stable", stable), one("canary", canary)];
        if turned {
            route.reverse();
        }
        Value::from(route)
    })
}

/// An entry that is somebody else's.
fn other_entry() -> impl Strategy<Value = Value> {
    (prop::option::of("[a-z]{1,6}"), extra(), any_json()).prop_map(|(name, extra, route)| {
        let mut entry = json!({"match": [{"uri": {"prefix": "/x"}}], "route": route});
        if let Some(name) = name {
            entry["name"] = json!(name);
        }
        with(entry, extra)
    })
}

fn any_object() -> impl Strategy<Value = Value> {
    let ours = (any_route(), any_route(), any_route(), extra());
    let others = prop::collection::vec((other_entry(), 0_usize..=3), 0..4);
    (ours, others, extra(), extra()).prop_map(|(ours, others, of_spec, of_object)| {
        let (canary, stable, rest, extra) = ours;
        let mut http = vec![
            marked("serin-canary", "canary", 0, 0),
            marked("serin-stable", "stable", 0, 0),
            with(json!({"name": "serin-rest"}), extra),
        ];
        for (entry, route) in http.iter_mut().zip([canary, stable, rest]) {
            entry["route"] = route;
        }
        for (other, place) in others {
            http.insert(place.min(http.len()), other);
        }
        let spec = with(json!({"hosts": ["web"], "http": http}), of_spec);
        with(json!({"kind": "VirtualService", "spec": spec}), of_object)
    })
}

fn any_wanted() -> impl Strategy<Value = Wanted> {
    let weight = (0_u16..=10_000).prop_map(|parts| Weight::from_basis_points(parts).unwrap());
    prop_oneof![
        1 => Just(Wanted::Nobody),
        4 => weight.prop_map(Wanted::Share),
        1 => Just(Wanted::Everyone),
    ]
}

/// The object without the weights that are ours.
fn without_weights(object: &Value) -> Value {
    let mut rest = object.clone();
    for entry in rest["spec"]["http"].as_array_mut().unwrap() {
        let ours = entry["name"].as_str().is_some_and(|name| name.starts_with("serin-"));
        for destination in entry["route"].as_array_mut().into_iter().flatten() {
            if ours {
                destination.as_object_mut().unwrap().remove("weight");
            }
        }
    }
    rest
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn nothing_else_changes(mut object in any_object(), wanted in any_wanted()) {
        let before = object.clone();
        let changed = virtual_service().write(&mut object, &reference(), &wanted).unwrap();
        prop_assert_eq!(changed, object != before);
        // As text, so that numbers keep their spelling too.
        prop_assert_eq!(without_weights(&object).to_string(), without_weights(&before).to_string());
    }

    #[test]
    fn what_is_written_is_read(mut object in any_object(), wanted in any_wanted()) {
        virtual_service().write(&mut object, &reference(), &wanted).unwrap();
        let found = virtual_service().read(&object, &reference()).unwrap();
        prop_assert!(found.is_like(&wanted.integers()));
        let weight = wanted.weight();
        prop_assert_eq!(found.weight(), Some(weight));
    }

    #[test]
    fn a_second_write_changes_nothing(mut object in any_object(), wanted in any_wanted()) {
        virtual_service().write(&mut object, &reference(), &wanted).unwrap();
        let once = object.to_string();
        prop_assert!(!virtual_service().write(&mut object, &reference(), &wanted).unwrap());
        prop_assert_eq!(object.to_string(), once);
    }

    #[test]
    fn no_object_is_too_odd(mut object in any_json(), wanted in any_wanted()) {
        let before = object.clone();
        prop_assert!(virtual_service().read(&object, &reference()).is_err());
        prop_assert!(virtual_service().write(&mut object, &reference(), &wanted).is_err());
        prop_assert_eq!(object, before);
    }
}
