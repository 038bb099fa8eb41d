//! Copies of requests that the canary gets before anybody is on it.

use super::*;

fn mirroring(spec: &mut Value) {
    let query = r#"sum(rate(istio_requests_total{reporter="destination"}[{{window}}]))"#;
    let gate = json!({"name": "canary-errors", "kind": "threshold", "query": query, "max": 1});
    spec["gates"].as_array_mut().unwrap().push(gate);
    spec["mirror"] = json!({"share": "10%", "for": "5m", "gates": ["canary-errors"]});
}

fn faulty(change: impl FnOnce(&mut Value)) -> String {
    fault(|spec| {
        mirroring(spec);
        change(spec);
    })
}

#[test]
fn a_mirror_is_read_whole_and_there_is_none_by_itself() {
    let expected = serin_rollout::Mirror {
        share: "10%".parse().unwrap(),
        time: core::time::Duration::from_mins(5),
        gates: vec!["canary-errors".to_owned()],
    };
    assert_eq!(release(mirroring).plan.mirror, Some(expected));
    assert_eq!(release(|_| ()).plan.mirror, None);
    // What the rollout goes through is not renamed by it.
    let steps_name = |release: Release| release.plan.steps_name;
    assert_eq!(steps_name(release(mirroring)), steps_name(release(|_| ())));
}

#[test]
fn a_router_that_cannot_mirror_is_told() {
    let told = faulty(|spec| {
        let sides = json!({"host": "web", "port": 80});
        spec["traffic"] = json!({"traefikService": "web", "hosts": ["shop.example.com"],
            "stable": sides, "canary": {"host": "web-canary", "port": 80}});
    });
    let rule = "spec.mirror: \"…\": only a VirtualService and an HTTPRoute mirror requests";
    assert!(told.contains(rule), "{told}");
    let told = file(|spec| {
        mirroring(spec);
        spec.as_object_mut().unwrap().remove("target");
        spec["version"] = json!("v2");
        spec["assignment"].as_object_mut().unwrap().remove("plugin");
        spec["traffic"] = json!({"hosts": ["shop.example.com"],
            "stable": {"cluster": "a"}, "canary": {"cluster": "b"}});
    });
    assert!(told.unwrap_err().contains(rule));
}

#[test]
fn every_slip_in_it_is_told_with_its_rule() {
    for (field, value, rule) in [
        ("share", json!("0%"), "spec.mirror.share: \"0%\": a share of requests above 0%"),
        ("share", json!("101%"), "spec.mirror.share: \"101%\": "),
        ("for", json!("soon"), "spec.mirror.for: \"soon\": "),
        ("for", json!("0s"), "spec.mirror.for: \"0s\": from 1s to 7d"),
        ("gates", json!([]), "spec.mirror.gates: missing: the names of the gates"),
        ("gates", json!(["nobody"]), "spec.mirror.gates[0]: \"nobody\": the name of one of"),
        ("gates", json!(["errors"]), "spec.mirror.gates[0]: \"errors\": users are not split"),
    ] {
        let told = faulty(|spec| spec["mirror"][field] = value.clone());
        assert!(told.contains(rule), "{told}\nnot: {rule}");
    }
    let told = faulty(|spec| {
        spec["gates"][1]["query"] = json!("sum(serin_responses{class=\"error\"})");
    });
    assert!(told.contains("gates[0]: \"canary-errors\": the filter never sees"), "{told}");
}

#[test]
fn an_object_that_cannot_be_read_whole_still_names_its_route() {
    let mut object = web();
    mirroring(&mut object["spec"]);
    object["spec"]["mirror"]["share"] = json!("much");
    assert!(objects_of(&object).is_some());
}
