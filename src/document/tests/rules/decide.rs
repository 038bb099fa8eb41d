//! The rules for one request, in their order.

use serde_json::{Value, json};
use serin_assignment::Variant::{Canary, Stable};
use serin_assignment::{Salt, Variant, assign};
use serin_document::{Compiled, Environment, Incoming, Overrides, Reason, Write};

use crate::support::{Headers, bucket, compiled, parsed, rollout, weights_around};

/// What a decision comes to.
type Answer = (Write, Option<Variant>, Reason);

fn decide(changes: Value, request: &Headers) -> Answer {
    let compiled = compiled(changes);
    let decision = compiled.decide(request).first;
    let hashed = decision.reason == Reason::Hash;
    assert_eq!(decision.cohort.is_some(), hashed, "only a user's id has a cohort");
    assert_eq!(decision.is_evidence(), hashed || decision.reason == Reason::Random);
    (decision.write, decision.variant, decision.reason)
}

const fn marked(variant: Variant, reason: Reason) -> Answer {
    (Write::Set(variant), Some(variant), reason)
}

const fn unmarked(reason: Reason) -> Answer {
    (Write::Remove, None, reason)
}

fn user(id: &str) -> Headers {
    Headers::shop(&[("x-user-id", id)])
}

#[test]
fn an_id_is_placed_by_its_hash() {
    for id in ["alice", "bob", "用户-7", "v2:4711"] {
        let (below, above) = weights_around(bucket(id.as_bytes()));
        assert_eq!(decide(json!({"weight": below}), &user(id)), marked(Stable, Reason::Hash));
        assert_eq!(decide(json!({"weight": above}), &user(id)), marked(Canary, Reason::Hash));
    }
}

#[test]
fn an_id_is_raw_bytes() {
    for id in [&b"\xff"[..], b"\xc3\x28", b"\x00\xff\x00", b" alice "] {
        let (below, above) = weights_around(bucket(id));
        let request = Headers::shop(&[]).with("x-user-id", id);
        assert_eq!(decide(json!({"weight": below}), &request), marked(Stable, Reason::Hash));
        assert_eq!(decide(json!({"weight": above}), &request), marked(Canary, Reason::Hash));
    }
}

#[test]
fn the_cohort_is_the_hashs() {
    let compiled = compiled(json!({}));
    let expected = assign(&Salt::new("checkout-2026-11").unwrap(), b"alice").cohort;
    assert_eq!(compiled.decide(&user("alice")).first.cohort, Some(expected));
}

#[test]
fn the_cohort_is_handed_over_where_a_user_has_one_and_removed_elsewhere() {
    let header = json!({"cohortHeader": "X-Cohort", "anonymous": "random"});
    let cohort = |changes: Value, request: &Headers| {
        let compiled = compiled(changes);
        compiled.decide(request).first.cohort_header.map(|(name, write)| (name.to_string(), write))
    };
    let own = |write| Some(("x-cohort".to_owned(), write));
    let placed = assign(&Salt::new("checkout-2026-11").unwrap(), b"alice").cohort;
    assert_eq!(cohort(header.clone(), &user("alice")), own(Write::Set(placed)));
    let drawn = Headers::shop(&[("x-request-id", "7f3a9c10-1111-4222-8333-444455556666")]);
    assert_eq!(cohort(header.clone(), &drawn), own(Write::Remove));
    assert_eq!(cohort(header.clone(), &Headers::shop(&[])), own(Write::Remove));
    assert_eq!(cohort(json!({}), &user("alice")), None);

    let keep = json!({"cohortHeader": "x-cohort", "incoming": "keep"});
    let decided = Headers::shop(&[("x-user-id", "alice"), ("x-serin-variant", "stable")]);
    assert_eq!(cohort(keep.clone(), &decided), own(Write::Leave));
    assert_eq!(cohort(keep.clone(), &user("alice")), own(Write::Set(placed)));
    assert_eq!(cohort(keep, &Headers::shop(&[])), own(Write::Remove));
    for (field, value) in [("canaryServes", json!(false)), ("requires", json!(["future"]))] {
        let mut closed = header.clone();
        closed[field] = value;
        assert_eq!(cohort(closed, &user("alice")), own(Write::Remove), "{field}");
    }
}

#[test]
fn the_first_source_that_is_not_empty_is_the_id() {
    let identity = json!([{"header": "x-user-id"}, {"cookie": "uid"}, {"query": "user"}]);
    let request =
        |header: &[(&str, &str)], path: &str| Headers::new("shop.example.com", path, header);
    for (request, id) in [
        (request(&[("x-user-id", "h"), ("cookie", "uid=c")], "/?user=q"), "h"),
        (request(&[("x-user-id", ""), ("cookie", "uid=c")], "/?user=q"), "c"),
        (request(&[("cookie", "uid=; uid=later")], "/?user=q"), "q"),
        (request(&[("cookie", "a=1; uid=c=d")], "/"), "c=d"),
        (request(&[], "/a/b?x=1&user=a%20b%2Bc+d"), "a b+c+d"),
        (request(&[("x-user-id", "first"), ("x-user-id", "second")], "/"), "first"),
        (request(&[("cookie", "uid=first"), ("cookie", "uid=second")], "/"), "first"),
    ] {
        let (below, above) = weights_around(bucket(id.as_bytes()));
        for (weight, side) in [(below, Stable), (above, Canary)] {
            let answer = decide(json!({"identity": identity, "weight": weight}), &request);
            assert_eq!(answer, marked(side, Reason::Hash), "{id}");
        }
    }
}

#[test]
fn an_id_over_256_bytes_is_dealt_with_as_anonymous() {
    let (fits, over) = ("a".repeat(256), "a".repeat(257));
    assert_eq!(decide(json!({"weight": "100%"}), &user(&fits)), marked(Canary, Reason::Hash));
    let identity = json!([{"header": "x-user-id"}, {"cookie": "uid"}]);
    let request =
        user(&over).with("cookie", b"uid=alice").with("x-request-id", b"0123456789abcdefgh");
    for (anonymous, answer) in [
        ("stable", marked(Stable, Reason::Oversized)),
        ("random", marked(Canary, Reason::Oversized)),
        ("route", unmarked(Reason::Oversized)),
    ] {
        let changes = json!({"weight": "100%", "identity": identity, "anonymous": anonymous});
        assert_eq!(decide(changes, &request), answer, "straight away, the cookie is not looked at");
    }
}

#[test]
fn a_request_without_an_id_goes_where_anonymous_says() {
    let empty = user("");
    for request in [Headers::shop(&[]), empty, Headers::shop(&[("cookie", "x-user-id=alice")])] {
        for (anonymous, answer) in [
            ("stable", marked(Stable, Reason::Anonymous)),
            ("route", unmarked(Reason::Route)),
            ("random", unmarked(Reason::NoRequestId)),
        ] {
            let changes = json!({"weight": "100%", "anonymous": anonymous});
            assert_eq!(decide(changes, &request), answer);
        }
    }
    let nobody = json!({"weight": "100%", "identity": []});
    assert_eq!(decide(nobody, &user("alice")), marked(Stable, Reason::Anonymous));
}

#[test]
fn random_draws_by_the_request_id_without_its_trace_decision() {
    let drawn = bucket(b"a1b2c3d4-e5f6-890-abcd-ef0123456789");
    let (below, above) = weights_around(drawn);
    for trace_decision in ["4", "9", "a", "b"] {
        let id = format!("a1b2c3d4-e5f6-{trace_decision}890-abcd-ef0123456789");
        let request = Headers::shop(&[("x-request-id", &id)]);
        for (weight, side) in [(&below, Stable), (&above, Canary)] {
            let changes = json!({"weight": weight, "anonymous": "random"});
            assert_eq!(decide(changes, &request), marked(side, Reason::Random));
        }
    }
    for (id, reason) in [
        ("", Reason::NoRequestId),
        ("0123456789abcd", Reason::NoRequestId),
        ("0123456789abcde", Reason::Random),
    ] {
        let request = Headers::shop(&[("x-request-id", id)]);
        assert_eq!(decide(json!({"anonymous": "random"}), &request).2, reason, "{id}");
    }
}

#[test]
fn testers_choose_by_exactly_canary_or_stable() {
    let testers = json!([{"header": "x-opt"}, {"cookie": "opt"}, {"query": "opt"}]);
    let request = |headers: &[(&str, &str)], path: &str| {
        Headers::new("shop.example.com", path, headers).with("x-user-id", b"alice")
    };
    for (request, answer) in [
        (request(&[("x-opt", "canary")], "/"), marked(Canary, Reason::OptIn)),
        (request(&[("cookie", "opt=canary")], "/"), marked(Canary, Reason::OptIn)),
        (request(&[], "/?opt=c%61nary"), marked(Canary, Reason::OptIn)),
        (request(&[("x-opt", "stable")], "/"), marked(Stable, Reason::OptOut)),
        (request(&[("x-opt", "stable")], "/?opt=canary"), marked(Stable, Reason::OptOut)),
        (request(&[("x-opt", "on")], "/?opt=canary"), marked(Canary, Reason::OptIn)),
        (request(&[("x-opt", "")], "/?opt=canary"), marked(Canary, Reason::OptIn)),
        (request(&[("x-opt", "Canary")], "/"), marked(Stable, Reason::Hash)),
        (request(&[("x-opt", "canary ")], "/"), marked(Stable, Reason::Hash)),
        (request(&[("x-opt", "true")], "/"), marked(Stable, Reason::Hash)),
        (request(&[], "/?opt"), marked(Stable, Reason::Hash)),
    ] {
        let changes = json!({"weight": "0%", "testers": testers});
        assert_eq!(decide(changes, &request), answer, "{request:?}");
    }
    let out = request(&[("x-opt", "stable")], "/");
    let everybody = json!({"weight": "100%", "testers": testers});
    assert_eq!(decide(everybody, &out), marked(Stable, Reason::OptOut));
}

#[test]
fn what_a_client_forged_changes_nothing() {
    for (id, side) in [("alice", Canary), ("", Stable)] {
        for forged in ["canary", "stable", "nonsense", ""] {
            let request = user(id).with("x-serin-variant", forged.as_bytes());
            assert_eq!(decide(json!({"weight": "100%"}), &request).0, Write::Set(side));
        }
    }
    let request = Headers::shop(&[("x-serin-variant", "canary")]);
    assert_eq!(decide(json!({"anonymous": "route"}), &request), unmarked(Reason::Route));
}

#[test]
fn keep_takes_over_a_mark_that_says_a_side() {
    let keep = |weight: &str| json!({"incoming": "keep", "weight": weight, "testers": [{"header": "x-opt"}]});
    for (mark, side) in [("canary", Canary), ("stable", Stable)] {
        let request =
            user("alice").with("x-serin-variant", mark.as_bytes()).with("x-opt", b"stable");
        let kept = marked(side, Reason::Incoming);
        assert_eq!(decide(keep("0%"), &request), kept);
        assert_eq!(decide(keep("100%"), &request), kept);
    }
    for other in ["", "Canary", "canary,stable", "canary ", "1"] {
        let request = user("alice").with("x-serin-variant", other.as_bytes());
        assert_eq!(decide(keep("100%"), &request), marked(Canary, Reason::Hash), "{other:?}");
    }
    assert_eq!(decide(keep("100%"), &user("alice")), marked(Canary, Reason::Hash));
    let nobody = Headers::shop(&[("x-serin-variant", "nonsense")]);
    assert_eq!(
        decide(json!({"incoming": "keep", "anonymous": "route"}), &nobody),
        unmarked(Reason::Route)
    );
}

/// A request with everything that speaks for the canary.
fn eager() -> (Value, Headers) {
    let changes = json!({"weight": "100%", "incoming": "keep", "testers": [{"header": "x-opt"}]});
    let request = user("alice").with("x-opt", b"canary").with("x-serin-variant", b"canary");
    (changes, request)
}

#[test]
fn nobody_gets_a_canary_that_does_not_serve() {
    let (mut changes, request) = eager();
    changes["canaryServes"] = json!(false);
    for anonymous in ["stable", "random", "route"] {
        changes["anonymous"] = json!(anonymous);
        for request in [&request, &Headers::shop(&[]), &user(&"a".repeat(300))] {
            assert_eq!(decide(changes.clone(), request), marked(Stable, Reason::NotServing));
        }
    }
}

#[test]
fn a_requirement_that_is_not_known_here_sends_everybody_to_stable() {
    let (mut changes, request) = eager();
    changes["requires"] = json!(["future"]);
    for serves in [true, false] {
        changes["canaryServes"] = json!(serves);
        for request in [&request, &Headers::shop(&[])] {
            assert_eq!(decide(changes.clone(), request), marked(Stable, Reason::Requires));
        }
    }
    assert!(compiled(changes).rollouts()[0].requires_unknown());
}

#[test]
fn without_a_rollout_the_mark_goes_or_stays_by_the_plugins_own_word() {
    let elsewhere = Headers::new("other.example.com", "/", &[("x-serin-variant", "canary")]);
    let plain = compiled(json!({"incoming": "keep"}));
    let decision = plain.decide(&elsewhere).first;
    assert!(decision.rollout.is_none());
    assert_eq!((decision.write, decision.variant), (Write::Remove, None));
    assert_eq!(decision.reason, Reason::NoRollout);

    let overrides = Overrides { incoming: Some(Incoming::Keep), ..Overrides::default() };
    let env = Environment { overrides, ..Environment::default() };
    let keeping = Compiled::compile(parsed(&[rollout(json!({}))]), None, &env);
    assert_eq!(keeping.decide(&elsewhere).first.write, Write::Leave);
    let inside = user("bob").with("x-serin-variant", b"canary");
    assert_eq!(
        keeping.decide(&inside).first.reason,
        Reason::Incoming,
        "the override wins in rollouts too"
    );
}

#[test]
fn the_mark_goes_into_the_rollouts_own_header() {
    let compiled = compiled(json!({"mark": "X-Side"}));
    assert_eq!(compiled.decide(&user("alice")).first.mark.as_str(), "x-side");
}

#[test]
fn reasons_are_numbered_in_order_and_named_apart() {
    for (number, reason) in Reason::ALL.into_iter().enumerate() {
        assert_eq!(reason as usize, number);
    }
    let names: std::collections::BTreeSet<_> = Reason::ALL.iter().map(|r| r.as_str()).collect();
    assert_eq!(names.len(), Reason::ALL.len());
    assert!(names.iter().all(|n| n.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')));
}

#[test]
fn while_its_tripwire_is_tripped_everyone_is_on_stable_and_is_no_evidence() {
    let fields = json!({"weight": "100%", "testers": [{"header": "x-test"}], "tripwire": {}});
    let compiled = compiled(fields);
    let tester = Headers::shop(&[("x-test", "canary")]);
    for tripped in [false, true] {
        let answer = |request: &Headers| {
            let decision = compiled.decide_unless(request, |index| index == 0 && tripped).first;
            assert_eq!(decision.is_evidence(), decision.reason == Reason::Hash);
            (decision.write, decision.variant, decision.reason)
        };
        let expected = |reason| {
            if tripped { marked(Stable, Reason::Tripped) } else { marked(Canary, reason) }
        };
        assert_eq!(answer(&user("alice")), expected(Reason::Hash));
        assert_eq!(answer(&tester), expected(Reason::OptIn));
    }
}
