//! Rollouts beside each other, before each other, and in their proxy.

use serde_json::{Value, json};
use serin_assignment::Variant;
use serin_document::{
    Compiled, Environment, Incoming, MarkName, Overrides, Parsed, Reason, Revision, Write, parse,
};

use crate::support::{Headers, compiled, document, names, only, parsed, rollout};

fn compile(rollouts: &[Value]) -> Compiled {
    Compiled::compile(parsed(rollouts), None, &Environment::default())
}

fn at(revision: u64, rollouts: &[Value]) -> Parsed {
    parse(document(revision, rollouts).as_bytes()).unwrap()
}

fn env(incoming: Option<Incoming>, count: Option<bool>, mark: Option<&str>) -> Environment {
    let mark = mark.map(|name| MarkName::new(name).unwrap());
    Environment {
        overrides: Overrides { incoming, count, mark, filter_state: false },
        ..Environment::default()
    }
}

#[test]
fn a_host_with_a_path_belongs_to_the_earlier_rollout() {
    let first = rollout(
        json!({"name": "first", "hosts": ["a.example", "b.example"], "paths": ["/x", "/y"]}),
    );
    for (changes, conflicts) in [
        (json!({"hosts": ["b.example"], "paths": ["/y"]}), true),
        (json!({"hosts": ["B.Example."], "paths": ["/z", "/y/"]}), true),
        (json!({"hosts": ["b.example"], "paths": ["/y/z"]}), false),
        (json!({"hosts": ["b.example"], "paths": ["/"]}), false),
        (json!({"hosts": ["*.example"], "paths": ["/y"]}), false),
        (json!({"hosts": ["c.example"], "paths": ["/y"]}), false),
    ] {
        let compiled = compile(&[first.clone(), rollout(changes.clone())]);
        assert_eq!(compiled.rollouts().len(), if conflicts { 1 } else { 2 }, "{changes}");
        if conflicts {
            let left_out = only(compiled.left_out());
            assert_eq!((&*left_out.rollout, &*left_out.field), ("shop/checkout", "hosts"));
            assert!(left_out.value.contains("\"b.example\" with path \"/y\""), "{left_out}");
            assert!(left_out.rule.contains("first"), "{left_out}");
        }
    }
}

#[test]
fn a_rollout_that_is_left_out_takes_no_hosts() {
    let compiled = compile(&[
        rollout(json!({"name": "a", "hosts": ["a.example"]})),
        rollout(json!({"name": "b", "hosts": ["b.example", "a.example"]})),
        rollout(json!({"name": "c", "hosts": ["b.example"]})),
    ]);
    assert_eq!(names(&compiled), ["a", "c"]);
    let decision = compiled.decide(&Headers::new("b.example", "/", &[]));
    let found = decision.first.rollout.unwrap();
    assert_eq!((found.index, found.rollout.name().as_str()), (1, "c"));
}

#[test]
fn a_pair_repeated_within_a_rollout_does_no_harm() {
    let compiled = compiled(json!({"hosts": ["a.example", "A.example."], "paths": ["/x", "/x/"]}));
    assert!(compiled.decide(&Headers::new("a.example", "/x", &[])).first.rollout.is_some());
}

#[test]
fn short_hosts_hold_in_their_namespace_only() {
    let rollouts = [
        rollout(json!({"name": "a", "bareHosts": {"shop": ["web"]}, "hosts": ["web.shop"]})),
        rollout(json!({"name": "b", "bareHosts": {"blog": ["web"]}, "hosts": null})),
    ];
    for (namespace, owner) in
        [(Some("shop"), Some("a")), (Some("blog"), Some("b")), (Some("x"), None), (None, None)]
    {
        let env = Environment { namespace: namespace.map(str::to_owned), ..Environment::default() };
        let compiled = Compiled::compile(parsed(&rollouts), None, &env);
        assert_eq!(compiled.left_out(), [], "no conflict between namespaces");
        let decision = compiled.decide(&Headers::new("web:8080", "/", &[]));
        assert_eq!(
            decision.first.rollout.map(|r| r.rollout.name().as_str()),
            owner,
            "{namespace:?}"
        );
        assert!(compiled.decide(&Headers::new("web.shop", "/", &[])).first.rollout.is_some());
    }
}

#[test]
fn an_older_rollout_gives_way_to_the_one_that_is_there() {
    let env = Environment::default();
    let weights = |compiled: &Compiled| {
        let weight = |r: &serin_document::CompiledRollout| r.weight().basis_points();
        compiled.rollouts().iter().map(weight).collect::<Vec<_>>()
    };
    let revised =
        |revision: u64, weight: &str| rollout(json!({"revision": revision, "weight": weight}));
    let first = Compiled::compile(at(10, &[revised(10, "25%")]), None, &env);
    let older = Compiled::compile(at(11, &[revised(9, "5%")]), Some(&first), &env);
    assert_eq!(weights(&older), [2500]);
    assert_eq!(older.revision(), Some(Revision::new(11)));
    assert_eq!(older.rollouts()[0].revision(), Revision::new(10));
    let same = Compiled::compile(at(12, &[revised(10, "30%")]), Some(&older), &env);
    assert_eq!(weights(&same), [3000]);
    let newer = Compiled::compile(at(13, &[revised(12, "5%")]), Some(&same), &env);
    assert_eq!(weights(&newer), [500]);
    let gone = Compiled::compile(at(14, &[]), Some(&newer), &env);
    assert!(gone.rollouts().is_empty());
}

#[test]
fn the_rollout_that_stays_follows_new_overrides() {
    let before = Compiled::compile(
        at(10, &[rollout(json!({"revision": 10}))]),
        None,
        &Environment::default(),
    );
    let changed = env(Some(Incoming::Keep), Some(false), Some("x-side"));
    let after =
        Compiled::compile(at(11, &[rollout(json!({"revision": 9}))]), Some(&before), &changed);
    let rollout = &after.rollouts()[0];
    assert_eq!(rollout.revision(), Revision::new(10));
    assert_eq!((rollout.incoming(), rollout.count()), (Incoming::Keep, false));
    assert_eq!(rollout.mark().as_str(), "x-side");
}

#[test]
fn only_a_higher_revision_is_newer() {
    let compiled = Compiled::compile(at(10, &[]), None, &Environment::default());
    let newer = [9, 10, 11].map(|revision| compiled.is_newer(Revision::new(revision)));
    assert_eq!(newer, [false, false, true]);
    assert!(Compiled::empty(&Environment::default()).is_newer(Revision::new(0)));
}

#[test]
fn the_mark_is_neither_an_id_nor_a_testers_choice() {
    for field in ["identity", "testers"] {
        let own = rollout(json!({field: [{"header": "X-Serin-Variant"}]}));
        let left_out = only(compile(&[own]).left_out()).clone();
        assert_eq!((&*left_out.field, &*left_out.value), ("mark", "\"x-serin-variant\""));

        let other = rollout(json!({field: [{"header": "x-side"}]}));
        let overridden = env(None, None, Some("x-side"));
        let compiled = Compiled::compile(parsed(std::slice::from_ref(&other)), None, &overridden);
        assert_eq!(only(compiled.left_out()).value, "\"x-side\"");
        assert_eq!(compile(&[other]).left_out(), []);
    }
    compiled(json!({"testers": [{"cookie": "x-serin-variant"}]}));
}

#[test]
fn a_document_has_sixteen_marks_at_most() {
    let rollouts: Vec<Value> = (0..18)
        .map(|i| {
            let mark = format!("x-side-{}", i.min(16));
            rollout(
                json!({"name": format!("r{i}"), "hosts": [format!("h{i}.example")], "mark": mark}),
            )
        })
        .collect();
    let compiled = compile(&rollouts);
    assert_eq!(compiled.rollouts().len(), 16);
    let left_out: Vec<&str> = compiled.left_out().iter().map(|l| &*l.rollout).collect();
    assert_eq!(left_out, ["r16", "r17"]);
    assert!(compiled.left_out()[0].rule.contains("at most 16 marks"));
}

#[test]
fn a_header_that_is_written_means_one_thing() {
    let with = |mark: &str, changes: Value| {
        let env = env(None, None, Some(mark).filter(|mark| !mark.is_empty()));
        let other = rollout(json!({"name": "other", "hosts": ["b.example"], "mark": "x-other"}));
        let rollouts = [other, rollout(changes)];
        Compiled::compile(parsed(&rollouts), None, &env)
    };
    for (mark, cohort, good) in [
        ("", "x-cohort", true),
        ("", "x-serin-variant", false),
        ("", "x-other", false),
        ("", "x-user-id", false),
        ("x-lane", "x-lane", false),
        ("x-lane", "x-serin-variant", true),
    ] {
        let compiled = with(mark, json!({"cohortHeader": cohort}));
        assert_eq!(compiled.left_out().is_empty(), good, "{mark} {cohort}");
        if !good {
            assert_eq!(only(compiled.left_out()).field, "cohortHeader", "{mark} {cohort}");
        }
    }
    // One rollout's mark is no other's cohort, whichever comes first.
    let compiled = compile(&[
        rollout(json!({"name": "a", "hosts": ["a.example"], "cohortHeader": "x-a"})),
        rollout(json!({"name": "b", "hosts": ["b.example"], "mark": "x-a"})),
    ]);
    assert_eq!(names(&compiled), ["a"]);
    assert_eq!(only(compiled.left_out()).field, "mark");
}

#[test]
fn forged_cohorts_are_foreign_where_they_are_not_set() {
    let host = |name: &str, cohort: &str, incoming: &str| {
        let hosts = [format!("{name}.example")];
        rollout(json!({"name": name, "hosts": hosts, "cohortHeader": cohort, "incoming": incoming}))
    };
    let compiled = compile(&[
        host("a", "x-a", "replace"),
        host("b", "x-b", "replace"),
        host("kept", "x-kept", "keep"),
    ]);
    for (host, foreign) in [
        ("a.example", &["x-b"][..]),
        ("kept.example", &["x-a", "x-b"]),
        ("elsewhere.example", &["x-a", "x-b"]),
    ] {
        let decision = compiled.decide(&Headers::new(host, "/", &[]));
        assert_eq!(decision.foreign().map(MarkName::as_str).collect::<Vec<_>>(), foreign, "{host}");
    }
    let unmarked = compiled.unmarked();
    let decision = unmarked.decide(&Headers::new("a.example", "/", &[]));
    assert_eq!(decision.foreign().map(MarkName::as_str).collect::<Vec<_>>(), ["x-a", "x-b"]);
}

#[test]
fn two_rollouts_with_one_metric_id_are_not_mixed_up() {
    let mut seen = std::collections::HashMap::new();
    let (one, other) = (0..)
        .find_map(|i| {
            let name = format!("shop/release-{i}");
            let id = serin_document::RolloutName::new(&name).unwrap().metric_id();
            seen.insert(id, name.clone()).map(|earlier| (earlier, name))
        })
        .unwrap();
    let compiled = compile(&[
        rollout(json!({"name": one, "hosts": ["a.example"]})),
        rollout(json!({"name": other, "hosts": ["b.example"]})),
    ]);
    assert_eq!(names(&compiled), [&*one]);
    assert!(only(compiled.left_out()).rule.contains(&one));
}

#[test]
fn hosts_times_paths_is_limited() {
    let hosts = |i: usize| (0..256).map(|h| format!("h{h}.r{i}.example")).collect::<Vec<_>>();
    let paths: Vec<String> = (0..64).map(|p| format!("/{p}")).collect();
    let rollouts: Vec<Value> = (0..7)
        .map(|i| rollout(json!({"name": format!("r{i}"), "hosts": hosts(i), "paths": paths})))
        .chain([rollout(json!({}))])
        .collect();
    let compiled = compile(&rollouts);
    assert_eq!(names(&compiled), ["r0", "r1", "r2", "r3", "r4", "r5", "shop/checkout"]);
    assert!(only(compiled.left_out()).rule.contains("at most 100000 pairs"));
}

#[test]
fn before_the_first_answer_nothing_is_marked_and_forged_marks_go() {
    let forged = Headers::shop(&[("x-user-id", "alice"), ("x-serin-variant", "canary")]);
    let empty = Compiled::empty(&Environment::default());
    assert_eq!(empty.revision(), None);
    let decision = empty.decide(&forged);
    let first = &decision.first;
    assert_eq!((first.write, first.reason), (Write::Remove, Reason::NoRollout));
    assert_eq!(first.mark.as_str(), "x-serin-variant");
    assert_eq!(decision.foreign().count(), 0);

    let keep = Compiled::empty(&env(Some(Incoming::Keep), None, Some("x-side")));
    let decision = keep.decide(&forged);
    assert_eq!((decision.first.write, decision.first.mark.as_str()), (Write::Leave, "x-side"));
}

#[test]
fn an_unmarked_document_still_removes_the_marks_of_its_rollouts() {
    let marked = compiled(json!({"mark": "x-side", "weight": "100%"}));
    let request = Headers::shop(&[("x-user-id", "alice")]);
    assert_eq!(marked.decide(&request).first.write, Write::Set(Variant::Canary));
    let unmarked = marked.unmarked();
    let decision = unmarked.decide(&request);
    let first = &decision.first;
    assert_eq!((first.write, first.reason), (Write::Remove, Reason::NoRollout));
    assert_eq!(decision.foreign().map(MarkName::as_str).collect::<Vec<_>>(), ["x-side"]);
    assert_eq!(unmarked.revision(), marked.revision());
}

#[test]
fn marks_of_others_are_foreign_unless_all_who_use_them_keep_them() {
    let host = |name: &str, mark: &str, incoming: &str| {
        let hosts = [format!("{name}.example")];
        rollout(json!({"name": name, "hosts": hosts, "mark": mark, "incoming": incoming}))
    };
    let compiled = compile(&[
        host("a", "x-a", "replace"),
        host("b", "x-b", "replace"),
        host("kept", "x-kept", "keep"),
        host("mixed-1", "x-mixed", "keep"),
        host("mixed-2", "x-mixed", "replace"),
    ]);
    for (host, own, foreign) in [
        ("a.example", "x-a", &["x-b", "x-mixed", "x-serin-variant"][..]),
        ("kept.example", "x-kept", &["x-a", "x-b", "x-mixed", "x-serin-variant"]),
        ("mixed-1.example", "x-mixed", &["x-a", "x-b", "x-serin-variant"]),
        ("elsewhere.example", "x-serin-variant", &["x-a", "x-b", "x-mixed"]),
    ] {
        let decision = compiled.decide(&Headers::new(host, "/", &[]));
        assert_eq!(decision.first.mark.as_str(), own, "{host}");
        assert_eq!(decision.foreign().map(MarkName::as_str).collect::<Vec<_>>(), foreign, "{host}");
    }
}
