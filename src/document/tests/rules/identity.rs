//! Ids from tokens, baggage, addresses and cookies of our own.

use proptest::prelude::*;
use serde_json::{Value, json};
use serin_assignment::Variant::{self, Canary, Stable};
use serin_assignment::{Salt, assign};
use serin_document::{Compiled, Environment, Reason};

use crate::support::{Headers, bucket, compiled, only, parsed, rollout, weights_around};

const CLAIM: &str = "metadata\0filter_metadata\0envoy.filters.http.jwt_authn\0payload\0";
const NEW: [u8; 16] = [0xa5; 16];
const NEW_ID: &str = "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5";

fn generated() -> Value {
    json!({"generated": {"cookie": "serin-id"}})
}

/// Checks that a request is placed by this id, or has none.
fn is_placed_by(source: &Value, request: &Headers, id: Option<&[u8]>) {
    let at = |weight: &str| {
        let compiled = compiled(json!({"identity": [source], "weight": weight}));
        let decision = compiled.decide(request).first;
        (decision.variant, decision.reason)
    };
    let Some(id) = id else {
        assert_eq!(at("100%"), (Some(Stable), Reason::Anonymous), "{request:?}");
        return;
    };
    let (below, above) = weights_around(bucket(id));
    assert_eq!(at(&below), (Some(Stable), Reason::Hash), "{request:?}");
    assert_eq!(at(&above), (Some(Canary), Reason::Hash), "{request:?}");
}

fn with_property(path: &str, value: &[u8]) -> Headers {
    let mut request = Headers::shop(&[]);
    request.properties.insert(path.to_owned(), value.to_vec());
    request
}

#[test]
fn a_claim_in_the_metadata_is_an_id() {
    let plain = json!({"jwt": {"claim": "sub", "metadata": "payload"}});
    let sub = |value: &[u8]| with_property(&format!("{CLAIM}sub"), value);
    is_placed_by(&plain, &sub(b"alice"), Some(b"alice"));
    is_placed_by(&plain, &sub(&4_711_f64.to_le_bytes()), Some(b"4711"));
    is_placed_by(&plain, &sub(&[1]), Some(b"true"));
    is_placed_by(&plain, &sub(b""), None);
    is_placed_by(&plain, &sub(b"\0\0\0\0"), None);
    is_placed_by(&plain, &Headers::shop(&[]), None);
    let nested = json!({"jwt": {"claim": ["user", "id"], "metadata": "payload"}});
    let request = with_property(&format!("{CLAIM}user\0id"), b"alice");
    is_placed_by(&nested, &request, Some(b"alice"));
    is_placed_by(&nested, &sub(b"alice"), None);
}

#[test]
fn a_claim_in_a_header_is_the_same_id() {
    let source = json!({"jwt": {"claim": ["user", "id"], "header": "X-Jwt-Payload"}});
    let sent = |payload: &str| Headers::shop(&[("x-jwt-payload", payload)]);
    // {"user":{"id":4711}}
    is_placed_by(&source, &sent("eyJ1c2VyIjp7ImlkIjo0NzExfX0"), Some(b"4711"));
    is_placed_by(&source, &sent("eyJ1c2VyIjp7ImlkIjo0NzExfX0="), Some(b"4711"));
    is_placed_by(&source, &sent("{\"user\": {\"id\": 4711}}"), None);
    is_placed_by(&source, &Headers::shop(&[]).with("x-jwt-payload", b"\xff"), None);
}

#[test]
fn a_member_of_the_baggage_is_an_id() {
    let source = json!({"baggage": "userId"});
    let sent = |value: &str| Headers::shop(&[("baggage", value)]);
    is_placed_by(&source, &sent("a=1, userId=Am%C3%A9lie;p=1"), Some("Amélie".as_bytes()));
    is_placed_by(&source, &sent("userId="), None);
    is_placed_by(&source, &sent("userid=alice"), None);
}

#[test]
fn an_address_is_an_id() {
    let told = |address: &[u8]| with_property("source\0address", address);
    let source = json!({"address": {}});
    is_placed_by(&source, &told(b"203.0.113.7:4711"), Some(b"203.0.113.7"));
    is_placed_by(&source, &told(b"[2001:db8::7]:4711"), Some(b"2001:db8::/64"));
    is_placed_by(&source, &told(b"[::ffff:203.0.113.7]:0"), Some(b"203.0.113.7"));
    is_placed_by(&source, &told(b"/run/envoy.sock"), None);
    is_placed_by(&source, &Headers::shop(&[]), None);
    let network = json!({"address": {"ipv4": 24, "ipv6": 56}});
    is_placed_by(&network, &told(b"203.0.113.7:4711"), Some(b"203.0.113.0/24"));
}

/// What becomes of a request with such a `cookie`: side, reason, and what the response sets.
fn visit(changes: Value, cookie: &str) -> (Option<Variant>, Reason, Vec<String>) {
    let compiled = compiled(changes);
    let mut request = Headers::shop(&[("cookie", cookie)]);
    request.random = NEW;
    let decisions = compiled.decide(&request);
    (decisions.first.variant, decisions.first.reason, decisions.set_cookies)
}

fn set(id: &str) -> Vec<String> {
    vec![format!("serin-id={id}; Max-Age=31536000; Path=/; HttpOnly; Secure; SameSite=Lax")]
}

#[test]
fn who_has_no_id_gets_one_and_goes_by_it_at_once() {
    let (below, above) = weights_around(bucket(NEW_ID.as_bytes()));
    for (weight, side) in [(below, Stable), (above, Canary)] {
        let changes = json!({"identity": [generated()], "weight": weight});
        let again = format!("serin-id={NEW_ID}");
        for cookie in ["", "serin-id=", "serin-id=alice", "other=x"] {
            let found = visit(changes.clone(), cookie);
            assert_eq!(found, (Some(side), Reason::NewId, set(NEW_ID)), "{cookie:?}");
        }
        assert_eq!(visit(changes, &again), (Some(side), Reason::Hash, vec![]));
    }
}

#[test]
fn a_new_id_is_a_draw_of_its_own_with_a_cohort_for_the_application() {
    let compiled = compiled(json!({"identity": [generated()], "cohortHeader": "x-cohort"}));
    let mut request = Headers::shop(&[]);
    request.random = NEW;
    let decision = compiled.decide(&request).first;
    let cohort = assign(&Salt::new("checkout-2026-11").unwrap(), NEW_ID.as_bytes()).cohort;
    assert!(decision.is_evidence());
    assert_eq!(decision.cohort, Some(cohort));
    assert_eq!(decision.evidence_cohort(), None);
    let again = request.with("cookie", format!("serin-id={NEW_ID}").as_bytes());
    assert_eq!(compiled.decide(&again).first.evidence_cohort(), Some(cohort));
}

#[test]
fn no_id_is_made_for_who_has_one_or_needs_none() {
    let identity = json!([{"cookie": "uid"}, generated()]);
    let with = |more: Value| {
        let mut changes = json!({"identity": identity, "testers": [{"cookie": "t"}]});
        changes.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        changes
    };
    let long = format!("uid={}", "x".repeat(257));
    for (changes, cookie, reason) in [
        (json!({}), "uid=alice", Reason::Hash),
        (json!({}), &*long, Reason::Oversized),
        (json!({}), "t=canary", Reason::OptIn),
        (json!({"canaryServes": false}), "", Reason::NotServing),
        (json!({"requires": ["x"]}), "", Reason::Requires),
        (json!({"exclude": [{"path": {"prefix": "/"}}]}), "", Reason::Excluded),
        (json!({"eligible": {"header": "x-region", "is": "eu"}}), "", Reason::Ineligible),
        (
            json!({"segments": [{"name": "all", "when": {"path": {"prefix": "/"}}, "variant": "canary"}]}),
            "",
            Reason::Segment,
        ),
    ] {
        let (_, found, set_cookies) = visit(with(changes), cookie);
        assert_eq!((found, set_cookies), (reason, vec![]), "{cookie}");
    }
    // An inner proxy that takes the mark over.
    let compiled = compiled(with(json!({"incoming": "keep"})));
    let decisions = compiled.decide(&Headers::shop(&[("x-serin-variant", "canary")]));
    assert_eq!((decisions.first.reason, decisions.set_cookies), (Reason::Incoming, vec![]));

    let (_, reason, set_cookies) = visit(with(json!({})), "uid=");
    assert_eq!((reason, set_cookies), (Reason::NewId, set(NEW_ID)));
}

#[test]
fn rollouts_that_share_a_request_share_its_new_id() {
    let one = |name: &str, buckets: [&str; 2]| {
        rollout(json!({
            "name": name, "mark": format!("x-{name}"), "weight": "10%", "buckets": buckets,
            "identity": [generated()],
        }))
    };
    let parsed = parsed(&[one("a", ["0%", "50%"]), one("b", ["50%", "100%"])]);
    let compiled = Compiled::compile(parsed, None, &Environment::default());
    let mut request = Headers::shop(&[]);
    request.random = NEW;
    let decisions = compiled.decide(&request);
    let mut reasons: Vec<_> = decisions.iter().map(|one| one.reason).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, [Reason::NewId, Reason::OtherRange]);
    assert_eq!(decisions.set_cookies, set(NEW_ID));
}

#[test]
fn a_source_that_breaks_a_rule_is_named() {
    let generated = |field: &str, value: Value| {
        let mut cookie = json!({"cookie": "v"});
        cookie[field] = value;
        json!({"generated": cookie})
    };
    for (source, field, value, rule) in [
        (json!({"jwt": "sub"}), ".jwt", "\"sub\"", "object"),
        (json!({"jwt": {"metadata": "payload"}}), ".jwt.claim", "missing", "such as \"sub\""),
        (json!({"jwt": {"claim": "sub"}}), ".jwt.metadata", "missing", "either"),
        (
            json!({"jwt": {"claim": "sub", "metadata": "payload", "header": "x"}}),
            ".jwt.header",
            "\"x\"",
            "either",
        ),
        (json!({"jwt": {"claim": [], "metadata": "m"}}), ".jwt.claim", "[]", "1 to 8 names"),
        (json!({"jwt": {"claim": [1], "metadata": "m"}}), ".jwt.claim", "[1]", "list of texts"),
        (json!({"jwt": {"claim": "a\u{0}b", "metadata": "m"}}), ".jwt.claim", "", "control"),
        (json!({"jwt": {"claim": "sub", "metadata": ""}}), ".jwt.metadata", "\"\"", "payload_in"),
        (
            json!({"jwt": {"claim": "sub", "issuer": "x"}}),
            ".jwt.issuer",
            "\"x\"",
            "claim, metadata",
        ),
        (json!({"baggage": "a,b"}), ".baggage", "\"a,b\"", "userId"),
        (json!({"address": {"ipv4": 33}}), ".address.ipv4", "33", "1 to 32"),
        (json!({"address": {"ipv6": 0}}), ".address.ipv6", "0", "1 to 128"),
        (json!({"address": {"ipv6": "64"}}), ".address.ipv6", "\"64\"", "whole number"),
        (json!({"generated": {}}), ".generated.cookie", "missing", "serin-id"),
        (generated("cookie", json!("a;b")), ".generated.cookie", "\"a;b\"", "letters"),
        (generated("maxAge", json!("500d")), ".generated.maxAge", "\"500d\"", "400d"),
        (generated("domain", json!("a.b\r\nx: y")), ".generated.domain", "", "host name"),
        (generated("path", json!("/a; Domain=evil")), ".generated.path", "", "without ';'"),
        (generated("sameSite", json!("Lax")), ".generated.sameSite", "\"Lax\"", "\"lax\""),
        (generated("secure", json!("yes")), ".generated.secure", "\"yes\"", "true or false"),
        (generated("httpOnly", json!(false)), ".generated.httpOnly", "false", "no such field"),
    ] {
        let parsed = parsed(&[rollout(json!({"identity": [source]}))]);
        let fault = only(&parsed.left_out);
        assert_eq!(fault.field, format!("rollouts[0].identity[0]{field}"), "{source}");
        assert!(fault.rule.contains(rule), "{source}: {fault}");
        assert!(value.is_empty() || fault.value == value, "{source}: {fault}");
    }
}

#[test]
fn an_id_is_made_last_and_for_users_only() {
    let own = generated();
    let left_out = |changes: Value| {
        let parsed = parsed(&[rollout(changes)]);
        let fault = only(&parsed.left_out);
        (fault.field.clone(), fault.value.clone())
    };
    assert_eq!(
        left_out(json!({"identity": [{"cookie": "uid"}, own, {"header": "x-user-id"}]})),
        ("rollouts[0].identity[1].generated".to_owned(), "1 after it".to_owned())
    );
    let (field, _) = left_out(json!({"testers": [own]}));
    assert_eq!(field, "rollouts[0].testers[0].generated", "it says nothing of what he wants");
}

#[test]
fn a_remembered_choice_has_a_cookie_of_its_own() {
    let testers = json!([{"query": "try", "remember": "serin-id"}]);
    let parsed = parsed(&[rollout(json!({"identity": [generated()], "testers": testers}))]);
    let compiled = Compiled::compile(parsed, None, &Environment::default());
    assert_eq!(only(compiled.left_out()).field, "testers[0].remember");
}

#[test]
fn a_cookie_that_does_not_come_back_is_refused() {
    let own = |field: &str, value: &str| {
        let mut cookie = json!({"cookie": "v"});
        cookie[field] = json!(value);
        json!([{"header": "x-user-id"}, {"generated": cookie}])
    };
    for (field, value, changes, holds) in [
        ("domain", "example.com", json!({"hosts": ["shop.example.com", "*.example.com"]}), true),
        ("domain", "example.com", json!({"hosts": ["example.com"]}), true),
        ("domain", "example.com", json!({"hosts": ["*"]}), true),
        ("domain", "example.com", json!({"hosts": ["shop.example.com", "example.org"]}), false),
        ("domain", "example.com", json!({"hosts": ["badexample.com"]}), false),
        ("domain", "shop.example.com", json!({"hosts": ["*.example.com"]}), false),
        ("path", "/", json!({"paths": ["/", "/checkout"]}), true),
        ("path", "/shop", json!({"paths": ["/shop", "/shop/checkout"]}), true),
        ("path", "/shop/", json!({"paths": ["/shop/checkout"]}), true),
        ("path", "/shop", json!({"paths": ["/shop", "/shopping"]}), false),
        ("path", "/shop/", json!({"paths": ["/shop"]}), false),
        ("path", "/shop", json!({}), false),
    ] {
        let mut changes = changes;
        changes["identity"] = own(field, value);
        let parsed = parsed(&[rollout(changes.clone())]);
        let compiled = Compiled::compile(parsed, None, &Environment::default());
        let fields: Vec<&str> = compiled.left_out().iter().map(|one| one.field.as_str()).collect();
        let place = format!("identity[1].generated.{field}");
        let expected: &[&str] = if holds { &[] } else { &[&place] };
        assert_eq!(fields, expected, "{changes}");
    }
}

#[test]
fn a_source_is_told_in_words() {
    let sources = json!([
        {"query": "user"}, {"jwt": {"claim": ["user", "id"], "metadata": "payload"}},
        {"jwt": {"claim": "sub", "header": "x-p"}}, {"baggage": "userId"}, {"address": {}}, generated(),
    ]);
    let parsed = parsed(&[rollout(json!({"identity": sources}))]);
    let told: Vec<String> =
        parsed.document.rollouts[0].identity.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "query user",
            "JWT claim user.id in metadata payload",
            "JWT claim sub in header x-p",
            "baggage userId",
            "address /32, IPv6 /64",
            "an id made here, in cookie serin-id",
        ]
    );
}

#[test]
fn a_header_that_is_written_says_nothing_about_the_user() {
    for source in [
        json!({"jwt": {"claim": "sub", "header": "x-serin-variant"}}),
        json!({"header": "x-serin-variant"}),
    ] {
        let parsed = parsed(&[rollout(json!({"identity": [source]}))]);
        let compiled = Compiled::compile(parsed, None, &Environment::default());
        assert_eq!(only(compiled.left_out()).field, "mark");
    }
}

proptest! {
    /// The cookie that a first visit sets leads the second one to the same side, at every weight.
    #[test]
    fn a_new_visitor_stays(random: [u8; 16], points in 0..=10_000_u16) {
        let weight = serin_assignment::Weight::from_basis_points(points).unwrap().to_string();
        let compiled = compiled(json!({"identity": [generated()], "weight": weight}));
        let mut first = Headers::shop(&[]);
        first.random = random;
        let decisions = compiled.decide(&first);
        let cookie = decisions.set_cookies[0].split(';').next().unwrap().to_owned();
        let second = Headers::shop(&[("cookie", &format!("theme=dark; {cookie}"))]);
        let again = compiled.decide(&second);
        prop_assert_eq!(again.first.variant, decisions.first.variant);
        prop_assert_eq!(again.first.reason, Reason::Hash);
        prop_assert!(again.set_cookies.is_empty());
    }

    #[test]
    fn hostile_cookies_and_tokens_are_decided_without_a_panic(
        cookie in prop::collection::vec(any::<u8>(), 0..60),
        baggage in prop::collection::vec(any::<u8>(), 0..60),
        payload in prop::collection::vec(any::<u8>(), 0..60),
        address in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let compiled = compiled(json!({"identity": [
            {"jwt": {"claim": "sub", "header": "x-payload"}}, {"baggage": "u"}, {"address": {}},
            {"generated": {"cookie": "serin-id"}},
        ]}));
        let mut request = Headers::shop(&[]).with("cookie", &cookie).with("baggage", &baggage);
        request = request.with("x-payload", &payload);
        request.properties.insert("source\0address".to_owned(), address);
        for set_cookie in compiled.decide(&request).set_cookies {
            prop_assert!(set_cookie.bytes().all(|b| b.is_ascii_graphic() || b == b' '));
        }
    }
}
