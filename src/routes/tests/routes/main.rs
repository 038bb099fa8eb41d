//! Reading and changing weights, on objects as people write them and on arbitrary ones.

#![cfg(test)]

mod conformance;
mod drifts;
mod faults;
mod http_routes;
mod mirrors;
mod properties;
mod texts;

use serde_json::{Value, json};
use serin_routes::{Destination, Entries, Kind, Marked, Reference, Router, Shares, Wanted};

fn virtual_service() -> &'static dyn Router {
    Kind::VirtualService.router()
}

fn reference() -> Reference {
    let side = |subset: &str| Destination {
        host: "web".to_owned(),
        subset: Some(subset.to_owned()),
        port: Some(80),
    };
    Reference {
        entries: Entries::default(),
        mark: "x-serin-variant".to_owned(),
        stable: side("stable"),
        canary: side("canary"),
    }
}

fn marked(name: &str, mark: &str, stable: i64, canary: i64) -> Value {
    json!({
        "name": name,
        "match": [{"headers": {"x-serin-variant": {"exact": mark}}}],
        "route": route(stable, canary),
    })
}

fn route(stable: i64, canary: i64) -> Value {
    json!([
        {"destination": {"host": "web", "subset": "stable"}, "weight": stable},
        {"destination": {"host": "web", "subset": "canary"}, "weight": canary},
    ])
}

/// A `VirtualService` at 5 %.
fn web() -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "web", "namespace": "shop", "resourceVersion": "7"},
        "spec": {
            "hosts": ["web", "shop.example.com"],
            "http": [
                {"name": "static", "match": [{"uri": {"prefix": "/static"}}],
                 "route": [{"destination": {"host": "files"}}]},
                marked("serin-canary", "canary", 0, 100),
                marked("serin-stable", "stable", 100, 0),
                {"name": "serin-rest", "timeout": "3s", "route": route(95, 5)},
            ],
        },
    })
}

fn wanted(weight: &str, canary_serves: bool) -> Wanted {
    if canary_serves { Wanted::Share(weight.parse().unwrap()) } else { Wanted::Nobody }
}

/// The six integers: stable and canary of each entry in order.
fn six(object: &Value) -> [i64; 6] {
    let found = virtual_service().read(object, &reference()).unwrap();
    let of = |shares: Shares| [shares.stable, shares.canary];
    let Marked { canary, stable } = found.marked.unwrap();
    [of(canary), of(stable), of(found.rest)].concat().try_into().unwrap()
}

#[test]
fn weights_are_found_by_name() {
    assert_eq!(six(&web()), [0, 100, 100, 0, 95, 5]);
    let hosts = |object: &Value| virtual_service().hosts(object);
    assert_eq!(hosts(&web()), ["web", "shop.example.com"]);
    assert!(hosts(&json!({"spec": {"hosts": "web"}})).is_empty());
}

#[test]
fn six_integers_say_what_is_wanted() {
    for (weight, canary_serves, expected) in [
        ("5%", true, [0, 100, 100, 0, 95, 5]),
        ("0.25%", true, [0, 100, 100, 0, 9_975, 25]),
        ("33.3%", true, [0, 100, 100, 0, 6_670, 3_330]),
        ("100%", true, [0, 100, 100, 0, 0, 100]),
        // The first step's weight is still 0, and testers may look.
        ("0%", true, [0, 100, 100, 0, 100, 0]),
        ("5%", false, [100, 0, 100, 0, 100, 0]),
    ] {
        let mut object = web();
        let wanted = wanted(weight, canary_serves);
        virtual_service().write(&mut object, &reference(), &wanted).unwrap();
        assert_eq!(six(&object), expected, "{weight} {canary_serves}");
        let found = virtual_service().read(&object, &reference()).unwrap();
        assert!(found.is_like(&wanted.integers()));
        assert_eq!(found.weight(), Some(wanted.weight()));
    }
}

#[test]
fn everyone_may_be_sent_to_the_canary_whatever_their_mark() {
    let mut object = web();
    assert!(virtual_service().write(&mut object, &reference(), &Wanted::Everyone).unwrap());
    assert_eq!(six(&object), [0, 100, 0, 100, 0, 100]);
    // The same integers send nobody to the canary once the roles are swapped.
    let swapped = reference().swapped();
    assert!(!virtual_service().write(&mut object, &swapped, &Wanted::Nobody).unwrap());
    let found = virtual_service().read(&object, &swapped).unwrap();
    assert!(found.is_like(&Wanted::Nobody.integers()));
}

#[test]
fn what_sends_the_same_stays_as_it_is_spelt() {
    let mut object = web();
    object["spec"]["http"][3]["route"][0]["weight"] = json!(9_500);
    object["spec"]["http"][3]["route"][1]["weight"] = json!(500.0);
    // A weight that is absent is 0.
    object["spec"]["http"][1]["route"][0].as_object_mut().unwrap().remove("weight");
    let before = object.to_string();
    assert!(!virtual_service().write(&mut object, &reference(), &wanted("5%", true)).unwrap());
    assert_eq!(object.to_string(), before);
    // And none is spelt out that needs not be.
    assert!(virtual_service().write(&mut object, &reference(), &wanted("6%", true)).unwrap());
    assert_eq!(object["spec"]["http"][1]["route"][0].get("weight"), None);
    assert!(virtual_service().write(&mut object, &reference(), &wanted("6%", false)).unwrap());
    assert_eq!(six(&object), [100, 0, 100, 0, 100, 0]);
}

#[test]
fn whatever_stands_as_a_weight_is_written_over() {
    for nonsense in [json!(-4), json!("many"), json!(5.5), json!(1e300), json!(null), json!([])] {
        let mut object = web();
        object["spec"]["http"][3]["route"][1]["weight"] = nonsense.clone();
        assert!(virtual_service().write(&mut object, &reference(), &wanted("5%", true)).unwrap());
        assert_eq!(six(&object), [0, 100, 100, 0, 95, 5], "{nonsense}");
    }
}
