//! Objects that cannot carry a rollout's weights.

use serde_json::{Value, json};
use serin_routes::Fault;

use super::{marked, reference, route, virtual_service, wanted, web};

/// What is told of the object after a change, and whether weights can be written all the same.
fn fault(change: impl FnOnce(&mut Value)) -> (String, bool) {
    let mut object = web();
    change(&mut object["spec"]);
    let before = object.clone();
    let told = virtual_service().read(&object, &reference()).unwrap_err().to_string();
    let written = virtual_service().write(&mut object, &reference(), &wanted("50%", true));
    if written.is_err() {
        assert_eq!(object, before, "a fault leaves everything as it was");
    }
    (told, written.is_ok())
}

#[test]
fn the_place_and_the_rule_are_named() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 9] = [
        (|spec| spec["http"] = json!({}), "spec.http: no list of entries"),
        (
            |spec| spec["http"][3]["name"] = json!("rest"),
            "http entry serin-rest: missing; entries go by `name`, and there are static, \
             serin-canary, serin-stable, rest",
        ),
        (
            |spec| spec["http"][0]["name"] = json!("serin-rest"),
            "http entry serin-rest: 2 entries have this name",
        ),
        (
            |spec| spec["http"][3] = json!({"name": "serin-rest", "redirect": {"uri": "/"}}),
            "http entry serin-rest: it has no `route`",
        ),
        (
            |spec| spec["http"][3]["route"][1]["destination"]["subset"] = json!("v2"),
            "http entry serin-rest: destination web subset canary port 80: missing; there are web \
             subset stable, web subset v2",
        ),
        (
            |spec| spec["http"][3]["route"][1]["destination"]["port"] = json!({"number": 81}),
            "destination web subset canary port 80: missing",
        ),
        (
            |spec| spec["http"][1]["route"][0]["destination"]["subset"] = json!("canary"),
            "http entry serin-canary: destination web subset stable port 80: missing",
        ),
        (
            |spec| {
                let twice = spec["http"][2]["route"][1].clone();
                spec["http"][2]["route"].as_array_mut().unwrap().push(twice);
            },
            "http entry serin-stable: destination web subset canary port 80: it is there 2 times",
        ),
        (
            |spec| {
                let third = json!({"destination": {"host": "web", "subset": "v3"}, "weight": 0});
                spec["http"][3]["route"].as_array_mut().unwrap().push(third);
            },
            "http entry serin-rest: destination web subset v3: an entry has the two sides",
        ),
    ];
    for (change, expected) in cases {
        let (told, written) = fault(change);
        assert!(told.contains(expected), "{told}\nnot: {expected}");
        assert!(!written, "{expected}");
    }
}

#[test]
fn the_order_is_asked_for_and_weights_are_written_all_the_same() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 6] = [
        (
            |spec| spec["http"].as_array_mut().unwrap().swap(1, 3),
            "http entry serin-canary: it stands after serin-rest",
        ),
        (
            |spec| {
                spec["http"][0].as_object_mut().unwrap().remove("match");
            },
            "http entry serin-rest: it stands after static",
        ),
        (
            |spec| spec["http"][0] = json!({"match": [{"uri": {"prefix": "/a"}}, {}]}),
            "http entry serin-rest: it stands after http[0]",
        ),
        (
            |spec| spec["http"][1]["match"][0]["headers"] = json!({}),
            "http entry serin-canary: every match of it asks for the mark, such as {headers: \
             {x-serin-variant: {exact: canary}}}",
        ),
        (
            |spec| spec["http"][2] = marked("serin-stable", "canary", 100, 0),
            "http entry serin-stable: every match of it asks for the mark",
        ),
        (
            |spec| {
                let open = json!({"uri": {"prefix": "/"}});
                spec["http"][1]["match"].as_array_mut().unwrap().push(open);
            },
            "http entry serin-canary: every match of it asks for the mark",
        ),
    ];
    for (change, expected) in cases {
        let (told, written) = fault(change);
        assert!(told.contains(expected), "{told}\nnot: {expected}");
        assert!(written, "{expected}");
    }
}

#[test]
fn a_weight_is_a_whole_number() {
    let (told, written) = fault(|spec| spec["http"][3]["route"][1]["weight"] = json!("5"));
    assert!(told.ends_with("web subset canary port 80: its weight is no whole number"), "{told}");
    assert!(written);
}

#[test]
fn entries_may_ask_for_more_than_the_mark() {
    let mut object = web();
    object["spec"]["http"][1]["match"] = json!([
        {"headers": {"X-Serin-Variant": {"exact": "canary"}}, "uri": {"prefix": "/a"}},
        {"headers": {"x-serin-variant": {"exact": "canary"}, "x-a": {"exact": "b"}}},
    ]);
    object["spec"]["http"][3]["match"] = json!([{"uri": {"prefix": "/a"}}]);
    assert!(virtual_service().read(&object, &reference()).is_ok());
}

#[test]
fn a_host_without_subsets_is_a_destination_too() {
    let mut names = reference();
    for side in [&mut names.stable, &mut names.canary] {
        side.host = format!("web-{}", side.subset.take().unwrap());
    }
    let mut object = web();
    for place in 1..=3 {
        object["spec"]["http"][place]["route"] = json!([
            {"destination": {"host": "web-canary", "port": {"number": 80}}, "weight": 0},
            {"destination": {"host": "web-stable"}, "weight": 100},
        ]);
    }
    assert!(virtual_service().write(&mut object, &names, &wanted("50%", true)).unwrap());
    let found = virtual_service().read(&object, &names).unwrap();
    assert!(found.is_like(&wanted("50%", true).integers()));
    object["spec"]["http"][1]["route"] = route(0, 100);
    let told = virtual_service().read(&object, &names).unwrap_err();
    assert!(matches!(told, Fault::DestinationMissing { .. }));
}
