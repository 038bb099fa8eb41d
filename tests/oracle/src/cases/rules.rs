//! Rules before the hash.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

fn test() -> BoxedStrategy<Value> {
    let text = select(vec!["a", "alice", "canary", "/a", "/a/b", "1", "203.0.113.0/24"]);
    prop_oneof![
        text.clone().prop_map(|text| json!({"is": text})),
        vec(text, 1..3).prop_map(|texts| json!({"oneOf": texts})),
        select(vec!["a", "/a", "ali"]).prop_map(|text| json!({"prefix": text})),
        select(vec!["b", "e", "/b", "0"]).prop_map(|text| json!({"suffix": text})),
        any::<bool>().prop_map(|present| json!({"present": present})),
    ]
    .boxed()
}

fn condition() -> BoxedStrategy<Value> {
    let of_source = (super::source(), test()).prop_map(|(source, test)| {
        let mut both = source;
        if let (Some(fields), Some(test)) = (both.as_object_mut(), test.as_object()) {
            fields.extend(test.clone());
        }
        both
    });
    // A path is always there, so that it is not asked whether it is.
    let of_path = test().prop_filter_map("present", |test| {
        test.get("present").is_none().then(|| json!({"path": test}))
    });
    let leaf = prop_oneof![4 => of_source, 1 => of_path];
    leaf.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..3).prop_map(|all| json!({"all": all})),
            vec(inner.clone(), 1..3).prop_map(|any| json!({"any": any})),
            inner.prop_map(|not| json!({"not": not})),
        ]
    })
    .boxed()
}

/// The lists hold `alice` and `bob`.
fn users() -> Value {
    json!({
        "salt": "shop-team",
        "canary": ["8ef0a83dd7f131c3056c4757d873b7b9"],
        "stable": ["4c5febd81cc0ede04df1ff49af7dbd70"],
    })
}

/// Fields of a rollout.
pub(super) fn fields() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let segment = (condition(), select(vec!["canary", "stable"]));
    (
        option::weighted(0.15, vec(condition(), 1..3)),
        option::weighted(0.15, condition()),
        prop::bool::weighted(0.3),
        option::weighted(0.3, vec(segment, 1..3)),
    )
        .prop_map(|(exclude, eligible, listed, segments)| {
            let segments = segments.map(|segments| {
                let named = segments.iter().enumerate().map(|(number, (when, variant))| {
                    json!({"name": format!("s{number}"), "when": when, "variant": variant})
                });
                named.collect::<Value>()
            });
            let fields = [
                ("exclude", exclude.map(|conditions| json!(conditions))),
                ("eligible", eligible),
                ("users", listed.then(users)),
                ("segments", segments),
            ];
            fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
        })
}
