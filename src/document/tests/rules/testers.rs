//! Testers: what is asked of them, what is remembered, and what is taken off requests.

use std::time::Duration;

use serde_json::{Value, json};
use serin_assignment::Variant;
use serin_document::token::{Claims, Refusal, TesterKey};
use serin_document::{
    Audience, Compiled, Environment, KeyId, Reason, RolloutName, TesterKeys, Write,
};

use crate::support::{Headers, only, parsed, rollout};

const NOW: u64 = 1_000;

fn key() -> TesterKey {
    TesterKey::new(KeyId::new("k1").unwrap(), &[7; 32]).unwrap()
}

fn env() -> Environment {
    let list = json!([{"id": "k1", "key": key().secret_base64()}]).to_string();
    Environment {
        keys: TesterKeys::read(list.as_bytes(), "keys").unwrap(),
        ..Environment::default()
    }
}

/// A token for the rollout of the tests, with a field changed.
fn token(change: impl FnOnce(&mut Claims)) -> String {
    let mut claims = Claims {
        rollout: RolloutName::new("shop/checkout").unwrap(),
        variant: Variant::Canary,
        expires: NOW + 60,
        audience: Audience::new("shop").unwrap(),
    };
    change(&mut claims);
    claims.sign(&key())
}

fn compiled(changes: Value, env: &Environment) -> Compiled {
    let compiled = Compiled::compile(parsed(&[rollout(changes)]), None, env);
    assert_eq!(compiled.left_out(), []);
    compiled
}

/// Signed at three places, each remembered in one cookie.
fn signed() -> Compiled {
    let signed = json!({"audience": "shop"});
    let testers = json!([
        {"header": "x-try", "signed": signed, "remember": "kept"},
        {"cookie": "try", "signed": signed, "remember": "kept"},
        {"query": "try", "signed": signed, "remember": "kept"},
    ]);
    compiled(json!({"weight": "0%", "testers": testers}), &env())
}

/// The reason, the refused tokens and the cookies that are set.
fn decide(compiled: &Compiled, request: Headers) -> (Reason, Vec<(Refusal, u8)>, Vec<String>) {
    let request = Headers { now: Duration::from_secs(NOW), ..request };
    let decisions = compiled.decide(&request);
    let expected = match decisions.first.reason {
        Reason::OptIn => Variant::Canary,
        _ => Variant::Stable,
    };
    assert_eq!(decisions.first.write, Write::Set(expected));
    (decisions.first.reason, decisions.first.refused.iter().collect(), decisions.set_cookies)
}

fn by_header(value: &str) -> Headers {
    Headers::shop(&[("x-user-id", "alice"), ("x-try", value)])
}

#[test]
fn a_signed_token_opts_in_and_out_at_each_place() {
    let (canary, stable) = (token(|_| {}), token(|claims| claims.variant = Variant::Stable));
    let set = |token: &str| vec![format!("kept={token}; Path=/; HttpOnly; SameSite=Lax")];
    for (token, reason) in [(&canary, Reason::OptIn), (&stable, Reason::OptOut)] {
        for request in [
            by_header(token),
            Headers::shop(&[("cookie", &format!("a=b; try={token}"))]),
            Headers::new("shop.example.com", &format!("/?try={token}"), &[]),
            Headers::new("shop.example.com", &format!("/?try={}", token.replace('/', "%2F")), &[]),
        ] {
            assert_eq!(decide(&signed(), request), (reason, vec![], set(token)));
        }
    }
}

#[test]
fn a_refused_token_is_counted_by_reason_and_decides_nothing() {
    let good = token(|_| {});
    for (bad, reason) in [
        ("canary".to_owned(), Refusal::Malformed),
        ("forgotten".to_owned(), Refusal::Malformed),
        (format!("{good}~"), Refusal::Malformed),
        (good.replace("~k1~", "~k2~"), Refusal::UnknownKey),
        (good.replace("~canary~", "~stable~"), Refusal::BadSignature),
        (token(|claims| claims.expires = NOW), Refusal::Expired),
        (token(|claims| claims.audience = Audience::new("site").unwrap()), Refusal::OtherAudience),
        (token(|claims| claims.rollout = RolloutName::new("a/b").unwrap()), Refusal::OtherRollout),
    ] {
        let expected = (Reason::Hash, vec![(reason, 1)], vec![]);
        assert_eq!(decide(&signed(), by_header(&bad)), expected, "{bad}");
        // The next place is asked all the same.
        let request = by_header(&bad).with("cookie", format!("try={good}").as_bytes());
        let (decided, refused, _) = decide(&signed(), request);
        assert_eq!((decided, refused), (Reason::OptIn, vec![(reason, 1)]));
    }
    // A place that is empty says nothing, and a request may carry several that are refused.
    assert_eq!(decide(&signed(), by_header("")), (Reason::Hash, vec![], vec![]));
    let request = by_header("x").with("cookie", b"try=y; kept=z");
    let (_, refused, set) = decide(&signed(), request);
    assert_eq!((refused, set), (vec![(Refusal::Malformed, 3)], vec![]));
}

#[test]
fn without_keys_no_token_opens_anything() {
    let testers = json!([{"header": "x-try", "signed": {"audience": "shop"}}]);
    let without = compiled(json!({"testers": testers, "weight": "0%"}), &Environment::default());
    let decided = decide(&without, by_header(&token(|_| {})));
    assert_eq!(decided, (Reason::Hash, vec![(Refusal::UnknownKey, 1)], vec![]));
    assert!(without.rollouts()[0].lacks_keys());
    assert!(!signed().rollouts()[0].lacks_keys());
    let plain = json!({"testers": [{"header": "x-try"}]});
    assert!(!compiled(plain, &Environment::default()).rollouts()[0].lacks_keys());
}

#[test]
fn what_is_remembered_counts_until_something_is_said() {
    let (canary, stable) = (token(|_| {}), token(|claims| claims.variant = Variant::Stable));
    let kept = |token: &str| Headers::shop(&[("cookie", &format!("kept={token}"))]);
    assert_eq!(decide(&signed(), kept(&canary)), (Reason::OptIn, vec![], vec![]));
    // Saying the same again sets nothing; saying something else sets that.
    let again = kept(&canary).with("x-try", canary.as_bytes());
    assert_eq!(decide(&signed(), again), (Reason::OptIn, vec![], vec![]));
    let out = kept(&canary).with("x-try", stable.as_bytes());
    let set = vec![format!("kept={stable}; Path=/; HttpOnly; SameSite=Lax")];
    assert_eq!(decide(&signed(), out), (Reason::OptOut, vec![], set));
    // Forgetting needs no token, and leaves the hash to decide.
    let forget = vec!["kept=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax".to_owned()];
    let forgetting = kept(&canary).with("x-try", b"forget");
    assert_eq!(decide(&signed(), forgetting), (Reason::Anonymous, vec![], forget.clone()));
    assert_eq!(decide(&signed(), by_header("forget")), (Reason::Hash, vec![], vec![]));
    // What has ended is forgotten; what may hold elsewhere is not.
    let ended = token(|claims| claims.expires = NOW - 1);
    let expired = vec![(Refusal::Expired, 1)];
    assert_eq!(decide(&signed(), kept(&ended)), (Reason::Anonymous, expired, forget));
    let other = token(|claims| claims.rollout = RolloutName::new("a/b").unwrap());
    let refused = vec![(Refusal::OtherRollout, 1)];
    assert_eq!(decide(&signed(), kept(&other)), (Reason::Anonymous, refused, vec![]));
    // A plain word in the cookie is forged.
    let refused = vec![(Refusal::Malformed, 1)];
    assert_eq!(decide(&signed(), kept("canary")), (Reason::Anonymous, refused, vec![]));
}

#[test]
fn a_plain_word_is_remembered_as_it_is() {
    let testers = json!([{"query": "try", "remember": "kept"}, {"header": "x-try"}]);
    let plain = compiled(json!({"weight": "0%", "testers": testers}), &Environment::default());
    let by_query = |word: &str| Headers::new("shop.example.com", &format!("/?try={word}"), &[]);
    let set = |word: &str| vec![format!("kept={word}; Path=/; HttpOnly; SameSite=Lax")];
    assert_eq!(decide(&plain, by_query("c%61nary")), (Reason::OptIn, vec![], set("canary")));
    let https = by_query("canary").with(":scheme", b"https");
    let secure = vec!["kept=canary; Path=/; HttpOnly; SameSite=Lax; Secure".to_owned()];
    assert_eq!(decide(&plain, https), (Reason::OptIn, vec![], secure));
    assert_eq!(decide(&plain, by_query("stable")), (Reason::OptOut, vec![], set("stable")));
    assert_eq!(decide(&plain, by_query("other")), (Reason::Anonymous, vec![], vec![]));
    let kept = by_query("").with("cookie", b"kept=canary");
    assert_eq!(decide(&plain, kept), (Reason::OptIn, vec![], vec![]));
    // This place is not remembered.
    assert_eq!(decide(&plain, by_header("canary")), (Reason::OptIn, vec![], vec![]));
    assert!(plain.decide(&by_query("canary")).take_off().is_none());
}

#[test]
fn rollouts_that_share_a_request_remember_once() {
    let testers = json!([{"query": "try", "remember": "kept"}]);
    let one = json!({"buckets": ["0%", "50%"], "testers": testers});
    let mut two = json!({"name": "shop/other", "mark": "x-other", "buckets": ["50%", "100%"]});
    two["testers"] = testers;
    let rollouts = [rollout(one), rollout(two)];
    let document = Compiled::compile(parsed(&rollouts), None, &Environment::default());
    assert_eq!(document.left_out(), []);
    let decisions = document.decide(&Headers::new("shop.example.com", "/?try=canary", &[]));
    assert!(decisions.iter().all(|decision| decision.reason == Reason::OptIn));
    assert_eq!(decisions.set_cookies, ["kept=canary; Path=/; HttpOnly; SameSite=Lax"]);
}

#[test]
fn tokens_are_taken_off_whatever_becomes_of_the_request() {
    let good = token(|_| {});
    for changes in [
        json!({}),
        json!({"canaryServes": false}),
        json!({"requires": ["telepathy"]}),
        json!({"incoming": "keep"}),
        json!({"exclude": [{"path": {"prefix": "/"}}]}),
        json!({"eligible": {"header": "x-none", "present": true}}),
    ] {
        let mut all = json!({"testers": [{"header": "x-try", "signed": {"audience": "shop"}}]});
        all.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let document = compiled(all, &env());
        let request = by_header(&good).with("x-serin-variant", b"stable");
        for document in [&document, &document.unmarked()] {
            let take_off = document.decide(&request).take_off().unwrap();
            assert_eq!(take_off.headers().collect::<Vec<_>>(), ["x-try"]);
            assert!(take_off.header_goes("x-try", good.as_bytes()));
        }
        assert!(document.decide(&request).take_off().unwrap().header_goes("x-try", b"canary"));
        let elsewhere = Headers::new("other.example.com", "/", &[("x-try", &good)]);
        let take_off = document.decide(&elsewhere).take_off().unwrap();
        assert!(take_off.header_goes("x-try", good.as_bytes()));
        assert!(!take_off.header_goes("x-try", b"canary"));
    }
}

#[test]
fn what_testers_may_not_be_is_told() {
    let signed = json!({"audience": "shop"});
    for (testers, field, value) in [
        (json!([{"header": "x", "signed": true}]), "rollouts[0].testers[0].signed", "true"),
        (
            json!([{"header": "x", "signed": {}}]),
            "rollouts[0].testers[0].signed.audience",
            "missing",
        ),
        (
            json!([{"header": "x", "signed": {"audience": "a b"}}]),
            "rollouts[0].testers[0].signed.audience",
            "\"a b\"",
        ),
        (
            json!([{"header": "x", "signed": {"audience": "a", "key": "secret"}}]),
            "rollouts[0].testers[0].signed.key",
            "(not shown)",
        ),
        (json!([{"header": "x", "remember": "a;b"}]), "rollouts[0].testers[0].remember", "\"a;b\""),
        (json!([{"header": "x", "maxAge": 1}]), "rollouts[0].testers[0].maxAge", "1"),
        (json!([{"remember": "a"}]), "rollouts[0].testers[0]", "none of the three"),
        (
            json!([{"header": "Cookie", "signed": signed}]),
            "rollouts[0].testers[0].header",
            "\"cookie\"",
        ),
        (
            json!([{"header": "x", "signed": signed, "remember": "c"}, {"query": "q", "remember": "c"}]),
            "rollouts[0].testers[1].remember",
            "\"c\"",
        ),
        (
            json!([{"header": "x-user-id", "signed": signed}]),
            "testers[0].signed",
            "where an id stands",
        ),
        (json!([{"header": "x", "remember": "uid"}]), "testers[0].remember", "where an id stands"),
    ] {
        let identity = json!([{"header": "x-user-id"}, {"cookie": "uid"}]);
        let rollout = rollout(json!({"testers": testers, "identity": identity}));
        let compiled = Compiled::compile(parsed(&[rollout]), None, &env());
        let left_out = only(compiled.left_out());
        assert_eq!(
            (left_out.field.as_str(), left_out.value.as_str()),
            (field, value),
            "{left_out}"
        );
    }
}

#[test]
fn a_document_has_a_bounded_number_of_places_for_tokens() {
    let rollouts: Vec<Value> = (0..40)
        .map(|number| {
            let testers = json!([{"cookie": format!("c{number}"), "signed": {"audience": "a"}}]);
            let host = format!("{number}.example.com");
            rollout(json!({"name": format!("r{number}"), "hosts": [host], "testers": testers}))
        })
        .collect();
    let compiled = Compiled::compile(parsed(&rollouts), None, &env());
    assert_eq!(compiled.rollouts().len(), 32);
    assert!(compiled.left_out().iter().all(|left_out| left_out.field == "testers"));
}
