//! Which rule of an `HTTPRoute` gets a request, whose hosts it is for, and what its parents' controllers
//! say of it.

use serde_json::{Value, json};
use serin_routes::{Acknowledged, Destination, Reference};

use super::conformance::{Subject, http_route};

/// What is told of the route after a change of its spec.
fn told(change: impl FnOnce(&mut Value)) -> Result<(), String> {
    let Subject { kind, reference, mut object, .. } = http_route();
    change(&mut object["spec"]);
    kind.router().read(&object, &reference).map(drop).map_err(|fault| fault.to_string())
}

#[test]
fn rules_for_marked_requests_are_the_more_specific_ones() {
    let less =
        "rule serin-canary: for each match of serin-rest it has the same one and besides asks";
    let prefix = |value: &str| json!({"path": {"type": "PathPrefix", "value": value}});
    let narrower = told(|spec| spec["rules"][1]["matches"] = json!([prefix("/checkout")]));
    assert!(narrower.unwrap_err().starts_with(less));
    let another = told(|spec| spec["rules"][1]["matches"] = json!([prefix("/"), prefix("/b")]));
    assert!(another.unwrap_err().starts_with(less));
    let method = told(|spec| spec["rules"][1]["matches"][0]["method"] = json!("GET"));
    assert!(method.unwrap_err().starts_with(less));
    // The same everywhere, in whatever order and case.
    told(|spec| {
        spec["rules"][1]["matches"][0]["headers"] = json!([{"name": "X-A", "value": "b"}]);
        for rule in [2, 3] {
            let mark = &mut spec["rules"][rule]["matches"][0]["headers"];
            mark[0]["name"] = json!("X-Serin-Variant");
            mark.as_array_mut().unwrap().push(json!({"name": "x-a", "value": "b"}));
        }
    })
    .unwrap();
    // Without a match a rule takes everything.
    told(|spec| drop(spec["rules"][1].as_object_mut().unwrap().remove("matches"))).unwrap();
}

#[test]
fn rules_for_marked_requests_ask_for_the_mark() {
    let asks = "rule serin-stable: every match of it asks for the mark, such as {headers: [{name: \
                x-serin-variant, value: stable}]}";
    let changes: [fn(&mut Value); 4] = [
        |rule| rule["matches"][0]["headers"] = json!([]),
        |rule| rule["matches"][0]["headers"][0]["value"] = json!("canary"),
        |rule| rule["matches"][0]["headers"][0]["type"] = json!("RegularExpression"),
        |rule| rule["matches"].as_array_mut().unwrap().push(json!({})),
    ];
    for change in changes {
        assert_eq!(told(|spec| change(&mut spec["rules"][3])).unwrap_err(), asks);
    }
}

#[test]
fn of_equal_matches_the_first_rule_counts() {
    let before = told(|spec| {
        spec["rules"][0]["matches"][0]["path"]["value"] = json!("/");
    });
    assert_eq!(
        before.unwrap_err(),
        "rule serin-rest: it stands after rules[0], which takes its requests; the first that fits \
         counts"
    );
    told(|spec| spec["rules"].as_array_mut().unwrap().rotate_left(1)).unwrap();
}

#[test]
fn services_go_by_their_names_in_the_cluster() {
    let Subject { kind, reference, mut object, .. } = http_route();
    let named = |host: &str| Destination { host: host.to_owned(), subset: None, port: Some(80) };
    let with = |canary: &str| Reference { canary: named(canary), ..reference.clone() };
    for name in ["web-canary", "web-canary.shop", "web-canary.shop.svc.cluster.local"] {
        assert!(kind.router().read(&object, &with(name)).is_ok(), "{name}");
    }
    for rule in [1, 2, 3] {
        object["spec"]["rules"][rule]["backendRefs"][1]["namespace"] = json!("other");
    }
    assert!(kind.router().read(&object, &with("web-canary.other.svc.cluster.local")).is_ok());
    assert!(kind.router().read(&object, &with("web-canary")).is_err());
}

#[test]
fn hosts_are_the_gateways_or_the_services_own() {
    let Subject { kind, mut object, .. } = http_route();
    let hosts = |object: &Value| kind.router().hosts(object);
    assert_eq!(hosts(&object), ["shop.example.com"]);
    object["spec"]["parentRefs"] = json!([
        {"name": "web", "kind": "Service", "group": ""},
        {"name": "api", "kind": "Service", "group": "", "namespace": "other"},
    ]);
    assert_eq!(hosts(&object), ["api.other.svc.cluster.local", "web"]);
    object["spec"]["parentRefs"] = json!([{"name": "gateway"}]);
    object["spec"].as_object_mut().unwrap().remove("hostnames");
    assert_eq!(hosts(&object), ["*"]);
}

/// What is made of these statuses of the one parent, at generation 4.
fn acknowledged(parents: &Value) -> Acknowledged {
    let Subject { kind, mut object, .. } = http_route();
    object["status"] = json!({ "parents": parents });
    kind.router().acknowledged(&object)
}

fn condition(kind: &str, status: &str, seen: Option<u64>) -> Value {
    json!({"type": kind, "status": status, "observedGeneration": seen, "reason": "R", "message": "m"})
}

fn parent(accepted: &Value, resolved: &Value) -> Value {
    json!([{"parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gateway"},
        "conditions": [accepted, resolved]}])
}

#[test]
fn a_route_is_taken_once_its_parents_say_so_of_this_version() {
    let good = |kind| condition(kind, "True", Some(4));
    let taken = acknowledged(&parent(&good("Accepted"), &good("ResolvedRefs")));
    assert_eq!(taken, Acknowledged::Taken);
    // Some leave out which version they speak of.
    let silent = |kind| condition(kind, "True", None);
    let taken = acknowledged(&parent(&silent("Accepted"), &silent("ResolvedRefs")));
    assert_eq!(taken, Acknowledged::Taken);
    let late =
        acknowledged(&parent(&condition("Accepted", "True", Some(3)), &good("ResolvedRefs")));
    let waits = "Gateway gateway: nobody has taken the route as it stands";
    assert_eq!(late, Acknowledged::NotYet(waits.to_owned()));
    assert_eq!(acknowledged(&json!([])), Acknowledged::NotYet(waits.to_owned()));
    let another = json!([{"parentRef": {"name": "other"}, "conditions": []}]);
    assert_eq!(acknowledged(&another), Acknowledged::NotYet(waits.to_owned()));
}

#[test]
fn a_route_that_is_refused_says_why() {
    let good = |kind| condition(kind, "True", Some(4));
    let refused = |parents| match acknowledged(&parents) {
        Acknowledged::Refused(why) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        refused(parent(&condition("Accepted", "False", Some(4)), &good("ResolvedRefs"))),
        "Gateway gateway: Accepted is not true: R: m"
    );
    assert_eq!(
        refused(parent(&good("Accepted"), &condition("ResolvedRefs", "False", None))),
        "Gateway gateway: ResolvedRefs is not true: R: m"
    );
}
