//! What is a document, what is left out of it, and what the errors say.

use serde_json::{Value, json};
use serin_document::{Anonymous, FormatVersion, Incoming, PathPrefix, Refused, Revision, parse};

use crate::support::{document, only, parsed, rollout};

#[test]
fn absent_fields_have_their_defaults() {
    let parsed = parsed(&[rollout(json!({}))]);
    assert_eq!(parsed.left_out, []);
    assert_eq!(parsed.document.format_version, FormatVersion::CURRENT);
    assert_eq!(parsed.document.revision, Revision::new(7));
    let [rollout] = &*parsed.document.rollouts else { panic!("one rollout") };
    assert_eq!(rollout.paths.iter().map(PathPrefix::as_str).collect::<Vec<_>>(), ["/"]);
    assert!(rollout.bare_hosts.is_empty());
    assert_eq!(rollout.anonymous, Anonymous::Stable);
    assert_eq!(rollout.incoming, Incoming::Replace);
    assert_eq!(rollout.testers, []);
    assert!(rollout.count);
    assert_eq!(rollout.mark.as_str(), "x-serin-variant");
    assert_eq!((&rollout.cohort_header, &rollout.clusters), (&None, &None));
    assert_eq!(rollout.latency_bounds, None);
    assert!(rollout.requires.is_empty());
}

#[test]
fn the_example_of_the_reference_is_read_whole() {
    let json = r#"{"formatVersion": "1.0", "revision": 1795445683700, "rollouts": [
        {"name": "shop/checkout", "revision": 1795445683700, "hosts": ["shop.example.com"], "paths": ["/checkout"], "salt": "shop/checkout/5d4f8c", "weight": "5%", "canaryServes": true,
         "identity": [{"header": "x-user-id"}, {"cookie": "uid"}, {"query": "user"}], "anonymous": "stable", "testers": [{"header": "x-serin-opt-in"}], "incoming": "replace", "count": true}]}"#;
    let parsed = parse(json.as_bytes()).unwrap();
    assert_eq!(parsed.left_out, []);
    assert_eq!(parsed.document.rollouts[0].identity.len(), 3);
    assert_eq!(parsed.document.rollouts[0].weight.basis_points(), 500);
}

/// A change that breaks a rule, the field that the error names, the value that it repeats, and a
/// word of the rule.
type Broken = (Value, &'static str, &'static str, &'static str);

fn broken_tripwires() -> Vec<Broken> {
    vec![
        (json!({"tripwire": true}), "tripwire", "true", "in { }"),
        (json!({"tripwire": {"alpha": 0.0001}}), "tripwire.alpha", "0.0001", "in quotes"),
        (json!({"tripwire": {"alpha": "0.5"}}), "tripwire.alpha", "\"0.5\"", "to 0.01"),
        (json!({"tripwire": {"floor": "0%"}}), "tripwire.floor", "\"0%\"", "from 0.1%"),
        (json!({"tripwire": {"slow": "2h"}}), "tripwire.slow", "\"2h\"", "from 1ms to 1h"),
        (json!({"tripwire": {"lasts": "0s"}}), "tripwire.lasts", "\"0s\"", "from 1s to"),
        (json!({"tripwire": {"for": "1m"}}), "tripwire.for", "\"1m\"", "alpha, floor, slow, lasts"),
    ]
}

fn broken_sources() -> Vec<Broken> {
    let ids = |n: usize| (0..n).map(|i| json!({"cookie": format!("c{i}")})).collect::<Vec<_>>();
    vec![
        (json!({"identity": null}), "identity", "missing", "x-user-id"),
        (json!({"identity": {}}), "identity", "{}", "list"),
        (json!({"identity": [{}]}), "identity[0]", "no source", "exactly one"),
        (
            json!({"identity": [{"header": "a", "cookie": "b"}]}),
            "identity[0]",
            "several",
            "exactly one",
        ),
        (json!({"identity": [{"header": ":path"}]}), "identity[0].header", "\":path\"", "header"),
        (json!({"identity": [{"cookie": "a;b"}]}), "identity[0].cookie", "\"a;b\"", "cookie"),
        (json!({"identity": [{"query": ""}]}), "identity[0].query", "\"\"", "parameter"),
        (json!({"identity": [{"oidc": "sub"}]}), "identity[0].oidc", "\"sub\"", "no such field"),
        (json!({"identity": ids(9)}), "identity", "9 entries", "at most 8"),
        (json!({"testers": ids(9)}), "testers", "9 entries", "at most 8"),
    ]
}

fn broken() -> Vec<Broken> {
    let many = |n: usize| (0..n).map(|i| format!("h{i}.example")).collect::<Vec<_>>();
    vec![
        (json!({"name": null}), "name", "missing", "such as"),
        (json!({"name": "a b"}), "name", "\"a b\"", "letters"),
        (json!({"name": 7}), "name", "7", "in quotes"),
        (json!({"revision": null}), "revision", "missing", "rises"),
        (json!({"revision": -1}), "revision", "-1", "whole number"),
        (json!({"revision": 1.5}), "revision", "1.5", "whole number"),
        (json!({"revision": "7"}), "revision", "\"7\"", "whole number"),
        (json!({"revision": 1_u64 << 53}), "revision", "9007199254740992", "9007199254740991"),
        (json!({"hosts": null}), "hosts", "missing", "at least one host"),
        (json!({"hosts": []}), "hosts", "no host", "at least one host"),
        (json!({"hosts": "a"}), "hosts", "\"a\"", "list"),
        (json!({"hosts": ["a", "b:80"]}), "hosts[1]", "\"b:80\"", "without port"),
        (json!({"hosts": many(257)}), "hosts", "257 entries", "at most 256"),
        (json!({"bareHosts": ["web"]}), "bareHosts", "[\"web\"]", "object"),
        (json!({"bareHosts": {"shop": ["*"]}}), "bareHosts.shop[0]", "\"*\"", "host"),
        (json!({"paths": []}), "paths", "[]", "at least one path"),
        (json!({"paths": ["a"]}), "paths[0]", "\"a\"", "starts with '/'"),
        (json!({"paths": vec!["/a"; 65]}), "paths", "65 entries", "at most 64"),
        (json!({"salt": null}), "salt", "missing", "such as"),
        (json!({"salt": "a:b"}), "salt", "\"a:b\"", "':'"),
        (json!({"salt": ""}), "salt", "\"\"", "at least one character"),
        (json!({"weight": null}), "weight", "missing", "5%"),
        (json!({"weight": "5"}), "weight", "\"5\"", "percentage"),
        (json!({"weight": 5}), "weight", "5", "in quotes"),
        (json!({"weight": "100.01%"}), "weight", "\"100.01%\"", "0% to 100%"),
        (json!({"canaryServes": null}), "canaryServes", "missing", "true or false"),
        (json!({"canaryServes": "true"}), "canaryServes", "\"true\"", "without quotes"),
        (json!({"anonymous": "canary"}), "anonymous", "\"canary\"", "\"random\""),
        (json!({"incoming": "trust"}), "incoming", "\"trust\"", "\"keep\""),
        (json!({"count": 1}), "count", "1", "true or false"),
        (json!({"mark": "host"}), "mark", "\"host\"", "of its own"),
        (json!({"cohortHeader": "cookie"}), "cohortHeader", "\"cookie\"", "of its own"),
        (json!({"cohortHeader": true}), "cohortHeader", "true", "in quotes"),
        (json!({"clusters": ["a"]}), "clusters", "[\"a\"]", "object"),
        (json!({"clusters": {"stable": ["a"]}}), "clusters.canary", "missing", "shop-stable"),
        (
            json!({"clusters": {"stable": [], "canary": ["b"]}}),
            "clusters.stable",
            "[]",
            "at least one",
        ),
        (
            json!({"clusters": {"stable": ["a b"], "canary": ["b"]}}),
            "clusters.stable[0]",
            "\"a b\"",
            "printable",
        ),
        (
            json!({"clusters": {"stable": ["a", "b"], "canary": ["c", "b"]}}),
            "clusters",
            "\"b\" twice",
            "one side",
        ),
        (
            json!({"clusters": {"stable": ["a"], "canary": ["b"], "old": ["c"]}}),
            "clusters.old",
            "[\"c\"]",
            "no such field",
        ),
        (json!({"latencyBounds": "1s"}), "latencyBounds", "\"1s\"", "list"),
        (json!({"latencyBounds": []}), "latencyBounds", "[]", "1 to 3"),
        (json!({"latencyBounds": [1]}), "latencyBounds[0]", "1", "in quotes"),
        (json!({"latencyBounds": ["1x"]}), "latencyBounds[0]", "\"1x\"", "with a unit"),
        (json!({"latencyBounds": ["0s"]}), "latencyBounds", "[\"0s\"]", "from 1ms"),
        (json!({"latencyBounds": ["2h"]}), "latencyBounds", "[\"2h\"]", "to 1h"),
        (
            json!({"latencyBounds": ["1s", "1000ms"]}),
            "latencyBounds",
            "[\"1s\",\"1s\"]",
            "longer than the one before",
        ),
        (
            json!({"latencyBounds": ["1s", "2s", "3s", "4s"]}),
            "latencyBounds",
            "4 entries",
            "at most 3",
        ),
        (json!({"requires": "buckets"}), "requires", "\"buckets\"", "list"),
        (json!({"requires": [1]}), "requires[0]", "1", "in quotes"),
        (json!({"wieght": "5%"}), "wieght", "\"5%\"", "no such field"),
    ]
}

#[test]
fn a_rollout_that_breaks_a_rule_is_left_out_and_the_others_hold() {
    let all = broken().into_iter().chain(broken_sources()).chain(broken_tripwires());
    for (change, field, value, word) in all {
        let good = rollout(json!({"name": "other", "hosts": ["other.example.com"]}));
        let parsed = parsed(&[good.clone(), rollout(change.clone()), good]);
        let names = parsed.document.rollouts.iter().map(|r| r.name.as_str());
        assert_eq!(names.collect::<Vec<_>>(), ["other"], "{change}");
        let [left_out, _repeated] = &*parsed.left_out else { panic!("{:?}", parsed.left_out) };
        let label = if field == "name" { "rollouts[1]" } else { "shop/checkout" };
        assert_eq!(left_out.rollout, label, "{change}");
        assert_eq!(left_out.field, format!("rollouts[1].{field}"), "{change}");
        assert_eq!(left_out.value, value, "{change}");
        assert!(left_out.rule.contains(word), "{change}: {left_out}");
    }
}

#[test]
fn a_rollout_that_is_no_object_is_named_by_its_place() {
    let parsed = parsed(&[json!(3), rollout(json!({}))]);
    assert_eq!(
        only(&parsed.left_out).to_string(),
        "rollout rollouts[0] left out: rollouts[0]: 3: this is an object, in { }"
    );
}

#[test]
fn the_later_of_two_rollouts_with_one_name_is_left_out() {
    let parsed = parsed(&[rollout(json!({})), rollout(json!({"hosts": ["b.example.com"]}))]);
    assert_eq!(parsed.document.rollouts[0].hosts[0].to_string(), "shop.example.com");
    assert_eq!(only(&parsed.left_out).field, "rollouts[1].name");
}

#[test]
fn a_field_that_stands_twice_is_an_error() {
    let twice = rollout(json!({})).to_string().replacen('{', r#"{"weight": "90%", "#, 1);
    let json = format!(r#"{{"formatVersion": "1.0", "revision": 7, "rollouts": [{twice}]}}"#);
    let parsed = parse(json.as_bytes()).unwrap();
    assert_eq!(only(&parsed.left_out).field, "rollouts[0].weight");
    assert!(parsed.document.rollouts.is_empty());

    let json = r#"{"formatVersion": "1.0", "revision": 7, "revision": 8, "rollouts": []}"#;
    let refused = parse(json.as_bytes()).unwrap_err();
    assert!(matches!(&refused, Refused::Field(fault) if fault.field == "revision"), "{refused}");
}

#[test]
fn what_is_no_document_is_refused_by_name() {
    for (json, words) in [
        ("", "not JSON"),
        ("weights: 5", "not JSON"),
        ("[]", "no assignment document: []: "),
        ("{}", "no formatVersion"),
        (r#"{"revision": 1, "rollouts": []}"#, "no formatVersion"),
        (r#"{"formatVersion": 1.0, "revision": 1, "rollouts": []}"#, "formatVersion: 1.0: "),
        (r#"{"formatVersion": "1", "revision": 1, "rollouts": []}"#, "formatVersion: \"1\": "),
        (r#"{"formatVersion": "2.0", "everything": "else"}"#, "formatVersion: \"2.0\": "),
        (r#"{"formatVersion": "1.0", "rollouts": []}"#, "revision: missing: "),
        (r#"{"formatVersion": "1.0", "revision": 1}"#, "rollouts: missing: "),
        (r#"{"formatVersion": "1.0", "revision": 1, "rollouts": {}}"#, "rollouts: {}: "),
        (
            r#"{"formatVersion": "1.0", "revision": 1, "rollouts": [], "x": 1}"#,
            "x: 1: no such field",
        ),
    ] {
        let refused = parse(json.as_bytes()).unwrap_err();
        assert!(refused.to_string().contains(words), "{json}: {refused}");
        assert_eq!(refused.is_json(), words != "not JSON", "{json}");
    }
}

#[test]
fn unknown_fields_of_a_newer_minor_version_are_ignored() {
    let more =
        rollout(json!({"futureField": [0, 5], "identity": [{"header": "x-user-id", "case": 1}]}));
    let json = json!({"formatVersion": "1.7", "revision": 7, "rollouts": [more], "new": {"x": 1}});
    let newer = parse(json.to_string().as_bytes()).unwrap();
    assert_eq!(newer.left_out, []);
    assert_eq!(newer.document.rollouts, parsed(&[rollout(json!({}))]).document.rollouts);

    let unknown_kind = rollout(json!({"identity": [{"oidc": "sub"}]}));
    let json = json!({"formatVersion": "1.7", "revision": 7, "rollouts": [unknown_kind]});
    let newer = parse(json.to_string().as_bytes()).unwrap();
    assert_eq!(only(&newer.left_out).field, "rollouts[0].identity[0]", "ids must not change");
}

#[test]
fn a_long_value_is_shortened_in_errors() {
    let parsed = parsed(&[rollout(json!({"weight": "9".repeat(10_000)}))]);
    assert!(only(&parsed.left_out).value.chars().count() <= 61);
    assert!(only(&parsed.left_out).rule.len() < 300, "the rule repeats no more of it");
}

#[test]
fn a_document_of_too_many_rollouts_is_refused() {
    let of = |count: usize| {
        let rollouts = vec!["0"; count].join(",");
        parse(
            format!(r#"{{"formatVersion":"1.0","revision":1,"rollouts":[{rollouts}]}}"#).as_bytes(),
        )
    };
    assert_eq!(of(20_000).unwrap().left_out.len(), 20_000);
    let Err(Refused::Field(fault)) = of(20_001) else { panic!("accepted") };
    assert_eq!((fault.field.as_str(), fault.value.as_str()), ("rollouts", "20001 entries"));
}

#[test]
fn a_document_may_be_empty() {
    let parsed = parse(document(0, &[]).as_bytes()).unwrap();
    assert!(parsed.document.rollouts.is_empty());
    assert_eq!(parsed.document.revision, Revision::new(0));
}
