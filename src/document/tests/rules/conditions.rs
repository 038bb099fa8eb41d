//! Conditions against a second, slow and obvious reading of their JSON.

use proptest::prelude::*;
use serde_json::{Value, json};
use serin_document::Reason;

use crate::support::{Headers, compiled, only, parsed, rollout};

/// A request by its parts.
#[derive(Clone, Debug)]
struct Parts {
    path: String,
    headers: Vec<(String, String)>,
    cookies: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

impl Parts {
    fn request(&self) -> Headers {
        let join = |pairs: &[(String, String)], separator: &str| {
            let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
            pairs.collect::<Vec<_>>().join(separator)
        };
        let target = format!("{}?{}", self.path, join(&self.query, "&"));
        let cookies = join(&self.cookies, "; ");
        let mut request = Headers::new("shop.example.com", &target, &[("cookie", &cookies)]);
        for (name, value) in &self.headers {
            request = request.with(name, value.as_bytes());
        }
        request
    }

    /// What a condition's JSON says of it.
    fn fulfil(&self, condition: &Value) -> bool {
        let object = condition.as_object().unwrap();
        if let Some(parts) = object.get("all") {
            return parts.as_array().unwrap().iter().all(|part| self.fulfil(part));
        }
        if let Some(parts) = object.get("any") {
            return parts.as_array().unwrap().iter().any(|part| self.fulfil(part));
        }
        if let Some(part) = object.get("not") {
            return !self.fulfil(part);
        }
        if let Some(test) = object.get("path") {
            return passes(test, Some(&self.path));
        }
        let first = |field: &str, pairs: &[(String, String)]| {
            let name = object.get(field)?.as_str().unwrap();
            pairs.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
        };
        let found = first("header", &self.headers)
            .or_else(|| first("cookie", &self.cookies))
            .or_else(|| first("query", &self.query));
        passes(condition, found.as_deref())
    }
}

fn passes(test: &Value, value: Option<&str>) -> bool {
    if let Some(wanted) = test.get("present") {
        return wanted.as_bool().unwrap() == value.is_some();
    }
    let Some(value) = value else { return false };
    let is = |text: &Value| text.as_str().unwrap() == value;
    let end = |field: &str| test.get(field).map(|text| text.as_str().unwrap());
    test.get("is").is_some_and(is)
        || test.get("oneOf").is_some_and(|texts| texts.as_array().unwrap().iter().any(is))
        || end("prefix").is_some_and(|text| value.starts_with(text))
        || end("suffix").is_some_and(|text| value.ends_with(text))
}

/// Few names and few short texts, so that conditions meet requests.
fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b"]).prop_map(str::to_owned)
}

fn text(least: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["x", "y", "Y"]), least..3)
        .prop_map(|letters| letters.concat())
}

fn path() -> impl Strategy<Value = String> {
    text(0).prop_map(|text| format!("/{text}"))
}

fn test(text: fn(usize) -> BoxedStrategy<String>) -> impl Strategy<Value = Value> {
    prop_oneof![
        text(0).prop_map(|text| json!({"is": text})),
        prop::collection::vec(text(0), 1..4).prop_map(|texts| json!({"oneOf": texts})),
        text(1).prop_map(|text| json!({"prefix": text})),
        text(1).prop_map(|text| json!({"suffix": text})),
    ]
}

fn leaf() -> impl Strategy<Value = Value> {
    let fields = prop::sample::select(vec!["header", "cookie", "query"]);
    let of_value = prop_oneof![
        4 => test(|least| text(least).boxed()),
        1 => any::<bool>().prop_map(|wanted| json!({"present": wanted})),
    ];
    let of_path = test(|least| prop_oneof![path(), text(least.max(1))].boxed());
    prop_oneof![
        4 => (fields, name(), of_value).prop_map(|(field, name, mut test)| {
            test[field] = json!(name);
            test
        }),
        1 => of_path.prop_map(|test| json!({"path": test})),
    ]
}

pub(crate) fn condition() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        let parts = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            parts.clone().prop_map(|parts| json!({"all": parts})),
            parts.prop_map(|parts| json!({"any": parts})),
            inner.prop_map(|part| json!({"not": part})),
        ]
    })
}

prop_compose! {
    fn request()(
        path in path(),
        headers in prop::collection::vec((name(), text(0)), 0..3),
        cookies in prop::collection::vec((name(), text(0)), 0..3),
        query in prop::collection::vec((name(), text(0)), 0..3),
    ) -> Parts {
        Parts { path, headers, cookies, query }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn conditions_hold_as_they_read(
        condition in condition(),
        requests in prop::collection::vec(request(), 1..30),
    ) {
        let eligible = compiled(json!({"eligible": condition}));
        let exclude = compiled(json!({"exclude": [{"header": "none", "present": true}, condition]}));
        for parts in requests {
            let request = parts.request();
            let expected = parts.fulfil(&condition);
            let reason = eligible.decide(&request).first.reason;
            prop_assert_eq!(reason != Reason::Ineligible, expected, "{:?}", parts);
            let reason = exclude.decide(&request).first.reason;
            prop_assert_eq!(reason == Reason::Excluded, expected, "{:?}", parts);
        }
    }
}

fn holds(condition: &Value, request: &Headers) -> bool {
    let compiled = compiled(json!({"exclude": [condition]}));
    compiled.decide(request).first.reason == Reason::Excluded
}

#[test]
fn values_are_bytes_as_sent_and_the_first_of_a_name_counts() {
    let is = |text: &str| json!({"header": "X-Plan", "is": text});
    let twice = Headers::shop(&[("x-plan", "gold"), ("x-plan", "free")]);
    assert!(holds(&is("gold"), &twice) && !holds(&is("free"), &twice));
    assert!(!holds(&is("Gold"), &twice), "cases are told apart");
    let raw = Headers::shop(&[]).with("x-plan", b"gold\xff");
    assert!(holds(&json!({"header": "x-plan", "prefix": "gold"}), &raw));
    assert!(!holds(&is("gold"), &raw) && !holds(&is("gold\u{fffd}"), &raw));
    let umlaut = Headers::shop(&[("x-plan", "größe")]);
    assert!(holds(&json!({"header": "x-plan", "suffix": "ße"}), &umlaut));
}

#[test]
fn the_path_is_as_sent_without_its_query() {
    let at = |target: &str| Headers::new("shop.example.com", target, &[]);
    let under = json!({"path": {"prefix": "/health"}});
    for target in ["/health", "/healthz?x=1", "/health/live#x"] {
        assert!(holds(&under, &at(target)), "{target}");
    }
    for target in ["/Health", "/x/health", "/%68ealth", "/?/health"] {
        assert!(!holds(&under, &at(target)), "{target}");
    }
    assert!(holds(&json!({"path": {"is": "/a"}}), &at("/a?b")));
    assert!(holds(&json!({"query": "q", "is": "a b"}), &at("/?q=a%20b")), "decoded");
}

#[test]
fn what_the_proxy_knows_is_a_subject_too_but_an_id_made_here_is_none() {
    let staff = json!({"jwt": {"claim": ["realm", "role"], "metadata": "payload"}, "is": "staff"});
    let office = json!({"address": {"ipv4": 24}, "is": "192.0.2.0/24"});
    let member = json!({"baggage": "tier", "prefix": "gold"});
    let mut request = Headers::shop(&[("baggage", "a=b,tier=gold%20plus")]);
    assert!(holds(&member, &request));
    assert!(!holds(&staff, &request) && !holds(&office, &request));
    let claim = "metadata\0filter_metadata\0envoy.filters.http.jwt_authn\0payload\0realm\0role";
    request.properties.insert(claim.to_owned(), b"staff".to_vec());
    request.properties.insert("source\0address".to_owned(), b"192.0.2.77:4711".to_vec());
    assert!(holds(&staff, &request) && holds(&office, &request));

    let own = json!({"generated": {"cookie": "serin-id"}, "present": true});
    let parsed = parsed(&[rollout(json!({"exclude": [own]}))]);
    assert_eq!(only(&parsed.left_out).field, "rollouts[0].exclude[0].generated");
}

#[test]
fn a_faulty_condition_is_left_out_with_its_place_and_rule() {
    let deep = (0..8).fold(json!({"path": {"is": "/"}}), |inner, _| json!({"not": inner}));
    let many: Vec<Value> = (0..32).map(|_| json!({"header": "a", "is": ""})).collect();
    let crowd = json!({"any": vec![json!({"any": many}); 8]});
    let long = "x".repeat(257);
    for (condition, field, words) in [
        (json!("x"), "", "in { }"),
        (json!({}), "", "a condition is"),
        (json!({"is": "x"}), "", "a condition is"),
        (json!({"header": "a", "cookie": "b", "is": "x"}), "", "a condition is"),
        (json!({"header": "a"}), "", "exactly one of is, oneOf"),
        (json!({"header": "a", "is": "x", "prefix": "y"}), "", "exactly one of is, oneOf"),
        (json!({"header": "a", "equals": "x", "is": "x"}), ".equals", "no such field"),
        (json!({"header": "a b", "is": "x"}), ".header", "a header's name"),
        (json!({"header": "a", "is": 5}), ".is", "text, in quotes"),
        (json!({"header": "a", "is": long}), ".is", "at most 256 bytes"),
        (json!({"header": "a", "prefix": format!("\n{long}")}), ".prefix", "at most 256 bytes"),
        (json!({"header": "a", "present": "yes"}), ".present", "true or false"),
        (json!({"header": "a", "prefix": ""}), ".prefix", "at least one character"),
        (json!({"header": "a", "suffix": ""}), ".suffix", "at least one character"),
        (json!({"header": "a", "oneOf": []}), ".oneOf", "at least one text"),
        (json!({"header": "a", "oneOf": vec!["x"; 257]}), ".oneOf", "at most 256"),
        (json!({"path": {"present": true}}), ".path.present", "always there"),
        (json!({"path": "/x"}), ".path", "in { }"),
        (json!({"path": {"is": "/"}, "not": {}}), ".not", "a condition is"),
        (json!({"all": []}), ".all", "at least one condition"),
        (json!({"all": [{"any": [{"not": 1}]}]}), ".all[0].any[0].not", "in { }"),
        (json!({"all": [{"path": {"is": "/"}}], "is": "x"}), ".is", "one of all, any, not"),
        (deep, ".not.not.not.not.not.not.not.not", "at most 8 deep"),
        (crowd, "", "at most 256 together"),
    ] {
        let parsed = parsed(&[rollout(json!({"eligible": condition}))]);
        let left_out = only(&parsed.left_out);
        assert_eq!(left_out.field, format!("rollouts[0].eligible{field}"), "{condition}");
        assert!(left_out.rule.contains(words), "{condition}: {left_out}");
        assert!(!left_out.to_string().contains('\n'), "{condition}: one line in a log");
    }
}

#[test]
fn the_marks_own_headers_are_nothing_to_go_by() {
    for (field, header) in [("mark", "x-side"), ("cohortHeader", "x-cohort")] {
        let mut fields = json!({"segments": [{"name": "s", "variant": "canary",
            "when": {"not": {"any": [{"header": header, "present": true}]}}}]});
        fields[field] = json!(header);
        let parsed = parsed(&[rollout(fields)]);
        let env = serin_document::Environment::default();
        let compiled = serin_document::Compiled::compile(parsed, None, &env);
        assert_eq!(only(compiled.left_out()).field, field);
    }
}
