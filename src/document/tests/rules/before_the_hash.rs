//! What is decided before the hash is asked, in its order.

use proptest::prelude::*;
use serde_json::{Value, json};
use serin_assignment::Variant::{Canary, Stable};
use serin_assignment::{Salt, Variant, Weight};
use serin_document::{Compiled, Environment, Reason, UserHash, Write, parse};

use crate::support::{Headers, compiled, document, only, parsed, rollout};

fn hash(id: &str) -> String {
    UserHash::of(&Salt::new("team").unwrap(), id.as_bytes()).to_string()
}

/// A rollout with every rule.
fn all_rules() -> Value {
    json!({
        "exclude": [
            {"path": {"is": "/healthz"}},
            {"header": "user-agent", "prefix": "kube-probe/"},
        ],
        "eligible": {"any": [
            {"header": "x-region", "oneOf": ["eu", "us"]},
            {"cookie": "employee", "is": "yes"},
        ]},
        "testers": [{"header": "x-opt"}],
        "users": {"salt": "team", "canary": [hash("ann")], "stable": [hash("ben")]},
        "segments": [
            {"name": "employees", "when": {"cookie": "employee", "is": "yes"}, "variant": "canary"},
            {"name": "large", "when": {"header": "x-plan", "is": "large"}, "variant": "stable"},
            {"name": "late", "when": {"header": "x-plan", "present": true}, "variant": "canary"},
        ],
        "anonymous": "route",
    })
}

fn with(fields: &Value) -> Compiled {
    let mut all = all_rules();
    for (field, value) in fields.as_object().unwrap() {
        all[field] = value.clone();
    }
    compiled(all)
}

const EU: (&str, &str) = ("x-region", "eu");

fn user(id: &'static str) -> (&'static str, &'static str) {
    ("x-user-id", id)
}

/// A row of [`each_rule_goes_before_the_next`]: path, headers, side and reason.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], Option<Variant>, Reason);

#[test]
fn each_rule_goes_before_the_next() {
    let rows: &[Row<'_>] = &[
        ("/healthz", &[EU, user("ann"), ("x-opt", "canary")], Some(Stable), Reason::Excluded),
        ("/", &[EU, ("user-agent", "kube-probe/1.30")], Some(Stable), Reason::Excluded),
        ("/healthz", &[], Some(Stable), Reason::Excluded),
        ("/", &[user("ann"), ("x-opt", "canary")], Some(Stable), Reason::Ineligible),
        ("/", &[("x-region", "asia"), ("x-plan", "small")], Some(Stable), Reason::Ineligible),
        ("/", &[EU, user("ben"), ("x-opt", "canary")], Some(Canary), Reason::OptIn),
        ("/", &[EU, user("ann"), ("x-opt", "stable")], Some(Stable), Reason::OptOut),
        ("/", &[EU, user("ann"), ("x-plan", "large")], Some(Canary), Reason::Listed),
        ("/", &[user("ben"), ("cookie", "employee=yes")], Some(Stable), Reason::Listed),
        ("/", &[("cookie", "employee=yes"), ("x-plan", "large")], Some(Canary), Reason::Segment),
        ("/", &[EU, user("eve"), ("x-plan", "large")], Some(Stable), Reason::Segment),
        ("/", &[EU, ("x-plan", "")], Some(Canary), Reason::Segment),
        ("/", &[EU, user("eve")], Some(Canary), Reason::Hash),
        ("/", &[EU], None, Reason::Route),
    ];
    let compiled = with(&json!({"weight": "100%"}));
    for (path, headers, variant, reason) in rows {
        let request = Headers::new("shop.example.com", path, headers);
        let decision = compiled.decide(&request).first;
        assert_eq!((decision.variant, decision.reason), (*variant, *reason), "{headers:?}");
        assert_eq!(decision.write, variant.map_or(Write::Remove, Write::Set));
        assert_eq!(decision.is_evidence(), *reason == Reason::Hash, "{headers:?}");
        assert_eq!(decision.cohort.is_some(), *reason == Reason::Hash, "{headers:?}");
    }
}

#[test]
fn nothing_goes_before_what_closes_the_canary_or_a_mark_that_is_kept() {
    let ann = Headers::shop(&[EU, user("ann")]);
    let closed = with(&json!({"canaryServes": false}));
    assert_eq!(closed.decide(&ann).first.reason, Reason::NotServing);
    let future = with(&json!({"requires": ["future"]}));
    assert_eq!(future.decide(&ann).first.reason, Reason::Requires);
    let keep = with(&json!({"incoming": "keep"}));
    let marked = Headers::new("shop.example.com", "/healthz", &[("x-serin-variant", "canary")]);
    assert_eq!(keep.decide(&marked).first.reason, Reason::Incoming);
}

#[test]
fn an_id_that_is_too_long_is_on_no_list() {
    let id = "a".repeat(257);
    let lists = json!({"salt": "team", "canary": [hash(&id)]});
    let compiled = compiled(json!({"users": lists}));
    let request = Headers::shop(&[("x-user-id", &id)]);
    assert_eq!(compiled.decide(&request).first.reason, Reason::Oversized);
}

#[test]
fn faulty_rules_are_left_out_with_their_place() {
    let when = json!({"path": {"is": "/"}});
    let segment = json!({"name": "s", "when": when, "variant": "canary"});
    let changed = |field: &str, value: Value| {
        let mut segment = segment.clone();
        segment[field] = value;
        json!({"segments": [segment]})
    };
    let users = |canary: Value, stable: Value| json!({"users": {"salt": "team", "canary": canary, "stable": stable}});
    for (fields, field, words) in [
        (json!({"exclude": {}}), "exclude", "a list"),
        (json!({"exclude": vec![when.clone(); 33]}), "exclude", "at most 32"),
        (json!({"exclude": [when, {"header": "a"}]}), "exclude[1]", "exactly one of is"),
        (json!({"eligible": []}), "eligible", "in { }"),
        (json!({"segments": [segment, segment]}), "segments[1].name", "stands once"),
        (json!({"segments": [{"name": "s", "variant": "canary"}]}), "segments[0].when", "whose"),
        (changed("name", json!("a b")), "segments[0].name", "letters, digits"),
        (changed("name", json!("a".repeat(65))), "segments[0].name", "1 to 64"),
        (changed("variant", json!("Canary")), "segments[0].variant", "\"canary\" or \"stable\""),
        (changed("variant", json!(true)), "segments[0].variant", "text, in quotes"),
        (changed("weight", json!("5%")), "segments[0].weight", "no such field"),
        (json!({"users": {"canary": [hash("a")]}}), "users.salt", "salted"),
        (json!({"users": {"salt": "a:b", "canary": [hash("a")]}}), "users.salt", "':'"),
        (users(json!([]), json!([])), "users", "at least one user"),
        (users(json!(["ann"]), json!([])), "users.canary[0]", "serin users"),
        (users(json!([hash("a")]), json!([hash("b"), hash("a")])), "users", "on both"),
        (users(json!(vec![hash("a"); 10_001]), json!([])), "users.canary", "at most 10000"),
    ] {
        let parsed = parsed(&[rollout(fields.clone())]);
        let left_out = only(&parsed.left_out);
        assert_eq!(left_out.field, format!("rollouts[0].{field}"));
        assert!(left_out.rule.contains(words), "{left_out}");
    }
}

#[test]
fn what_keeps_somebody_out_has_to_be_required() {
    let narrowed = |fields: Value| {
        let parsed = parsed(&[rollout(fields)]);
        assert_eq!(parsed.left_out, []);
        parsed.document.rollouts[0].narrowed_by()
    };
    let segment =
        |variant: &str| json!([{"name": "s", "when": {"path": {"is": "/"}}, "variant": variant}]);
    assert_eq!(narrowed(json!({})), [""; 0]);
    assert_eq!(narrowed(json!({"segments": segment("canary")})), [""; 0]);
    let canary_only = json!({"salt": "team", "canary": [hash("a")]});
    assert_eq!(narrowed(json!({"users": canary_only})), [""; 0]);
    let mut all = all_rules();
    all["buckets"] = json!(["0%", "50%"]);
    let names = narrowed(all);
    assert_eq!(names, ["buckets", "eligible", "exclude", "segments", "users"]);
    let known = compiled(json!({"requires": names}));
    assert!(!known.rollouts()[0].requires_unknown(), "this module knows what it asks of others");
}

#[test]
fn rules_are_written_as_they_were_read() {
    let rollout = rollout(all_rules());
    let parsed = parse(document(7, std::slice::from_ref(&rollout)).as_bytes()).unwrap();
    let written: Value = serde_json::from_str(&parsed.document.to_json()).unwrap();
    for field in ["exclude", "eligible", "users", "segments"] {
        assert_eq!(written["rollouts"][0][field], rollout[field], "{field}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever the weight, a rule's word stands; and without rules the hash says what it said.
    #[test]
    fn a_weight_moves_nobody_whom_a_rule_has_placed(
        id in prop::option::of("[a-z]{1,3}"),
        headers in prop::collection::vec(prop::sample::select(vec![
            ("x-region", "eu"), ("x-region", "asia"), ("x-plan", "large"), ("x-plan", "x"),
            ("cookie", "employee=yes"), ("x-opt", "canary"), ("x-opt", "stable"),
            ("user-agent", "kube-probe/1"),
        ]), 0..4),
        points in (0..=10_000_u16, 0..=10_000_u16),
    ) {
        let mut request = Headers::new("shop.example.com", "/", &headers);
        if let Some(id) = &id {
            request = request.with("x-user-id", id.as_bytes());
        }
        let at = |points: u16| {
            let weight = Weight::from_basis_points(points).unwrap().to_string();
            let decision = |compiled: Compiled| {
                let first = compiled.decide(&request).first;
                (first.variant, first.reason)
            };
            let plain = rollout(json!({"weight": weight, "anonymous": "route"}));
            let plain = Compiled::compile(parsed(&[plain]), None, &Environment::default());
            (decision(with(&json!({"weight": weight}))), decision(plain))
        };
        let ((one, plain_one), (two, plain_two)) = (at(points.0), at(points.1));
        prop_assert_eq!(one.1, two.1);
        for (ruled, plain) in [(one, plain_one), (two, plain_two)] {
            if matches!(ruled.1, Reason::Hash | Reason::Route) {
                prop_assert_eq!(ruled, plain);
            } else {
                prop_assert_eq!(one.0, two.0, "{:?}", one.1);
            }
        }
    }
}
