use axum::http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use serde_json::json;
use serin_document::Environment;

use super::*;

fn compiled(rollout: &serde_json::Value) -> Compiled {
    let mut whole = json!({
        "name": "shop/web", "revision": 7, "hosts": ["shop.example.com"], "paths": ["/checkout"],
        "salt": "s", "weight": "50%", "canaryServes": true, "identity": [{"header": "x-user-id"}],
    });
    let (Some(fields), Some(more)) = (whole.as_object_mut(), rollout.as_object()) else {
        unreachable!("both are objects")
    };
    fields.extend(more.clone());
    let document = json!({"formatVersion": "1.0", "revision": 7, "rollouts": [whole]}).to_string();
    let parsed = serin_document::parse(document.as_bytes()).unwrap();
    let compiled = Compiled::compile(parsed, None, &Environment::default());
    assert!(compiled.left_out().is_empty(), "{:?}", compiled.left_out());
    compiled
}

fn sent(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    };
    pairs.iter().map(pair).collect()
}

fn answer(compiled: &Compiled, pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = sent(&[("x-original-url", "http://shop.example.com/checkout?user=q")]);
    headers.extend(sent(pairs));
    decide(compiled, &headers, Told::Original, Duration::ZERO, &Figures::default())
}

fn mark(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-serin-variant").map(|mark| mark.to_str().unwrap())
}

#[test]
fn every_user_gets_the_side_of_the_hash() {
    let compiled = compiled(&json!({}));
    let salt = "s".parse().unwrap();
    let weight = "50%".parse().unwrap();
    for number in 0..1_000 {
        let user = format!("user-{number}");
        let placed = serin_assignment::assign(&salt, user.as_bytes());
        let answer = answer(&compiled, &[("x-user-id", &user)]);
        assert_eq!(mark(&answer), Some(placed.variant(weight).as_str()), "{user}");
    }
}

#[test]
fn a_mark_that_the_client_sent_is_never_answered_unless_it_is_kept() {
    let forged = [("x-serin-variant", "canary"), ("x-serin-cohort", "3")];
    let cohort = json!({"cohortHeader": "x-serin-cohort"});
    assert_eq!(mark(&answer(&compiled(&cohort), &forged)), Some("stable"), "anonymous");
    let elsewhere =
        sent(&[("x-original-url", "http://a.example.com/"), ("x-serin-variant", "canary")]);
    let figures = Figures::default();
    let of_nobody =
        decide(&compiled(&cohort), &elsewhere, Told::Original, Duration::ZERO, &figures);
    assert_eq!(mark(&of_nobody), None);
    let keep = compiled(&json!({"cohortHeader": "x-serin-cohort", "incoming": "keep"}));
    let kept = answer(&keep, &forged);
    assert_eq!(mark(&kept), Some("canary"));
    assert_eq!(kept.get("x-serin-cohort").unwrap(), "3");
    let nonsense = answer(&keep, &[("x-serin-variant", "canary"), ("x-serin-cohort", "16")]);
    assert_eq!(nonsense.get("x-serin-cohort"), None);
}

#[test]
fn a_new_id_is_answered_as_a_cookie_once() {
    let own = compiled(&json!({"identity": [{"generated": {"cookie": "serin-id"}}]}));
    let first = answer(&own, &[]);
    let cookie = first.get("set-cookie").unwrap().to_str().unwrap();
    let (pair, _) = cookie.split_once(';').unwrap();
    let again = answer(&own, &[("cookie", pair)]);
    assert_eq!(again.get("set-cookie"), None);
    assert_eq!(mark(&again), mark(&first));
}

#[test]
fn the_callers_address_may_be_the_id() {
    let by_address = compiled(&json!({"identity": [{"address": {}}]}));
    let salt = "s".parse().unwrap();
    let expected = serin_assignment::assign(&salt, b"203.0.113.7").variant("50%".parse().unwrap());
    let answer = answer(&by_address, &[("x-real-ip", "203.0.113.7")]);
    assert_eq!(mark(&answer), Some(expected.as_str()));
}

#[test]
fn decisions_are_counted_as_filters_count_them() {
    let compiled = compiled(&json!({"weight": "100%"}));
    let figures = Figures::default();
    let headers =
        sent(&[("x-original-url", "http://shop.example.com/checkout"), ("x-user-id", "alice")]);
    assert!(!figures.was_asked("shop/web"));
    decide(&compiled, &headers, Told::Original, Duration::ZERO, &figures);
    assert!(figures.was_asked("shop/web"));
    let mut text = String::new();
    let rollouts = compiled.rollouts().iter().map(|one| (one.name(), one.revision(), one.weight()));
    figures.write(&mut text, rollouts, None).unwrap();
    let id = compiled.rollouts()[0].metric_id();
    for line in [
        format!(
            "serin_assignments{{id=\"{id}\",rollout=\"shop/web\",variant=\"canary\",reason=\"hash\"}} 1"
        ),
        format!(
            "serin_served{{id=\"{id}\",rollout=\"shop/web\",variant=\"canary\",served=\"canary\"}} 1"
        ),
        format!("serin_rollout_revision{{id=\"{id}\",rollout=\"shop/web\"}} 7"),
        format!("serin_rollout_weight{{id=\"{id}\",rollout=\"shop/web\"}} 10000"),
    ] {
        assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
    }
}

proptest! {
    #[test]
    fn nothing_in_a_subrequest_makes_a_decision_fail(
        pairs in prop::collection::vec(
            (
                prop::sample::select(vec![
                    "host", "cookie", "x-user-id", "x-original-url", "x-original-uri", "x-real-ip",
                    "x-forwarded-host", "x-forwarded-uri", "x-forwarded-for", "x-forwarded-proto",
                    "x-serin-variant", "baggage",
                ]),
                prop::collection::vec(any::<u8>(), 0..60),
            ),
            0..12,
        ),
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(HeaderName::from_static(name), value);
            }
        }
        let figures = Figures::default();
        let compiled = compiled(&json!({
            "hosts": ["*"], "paths": ["/"],
            "identity": [{"cookie": "uid"}, {"query": "user"}, {"address": {}}, {"baggage": "u"}],
        }));
        for told in [Told::Forwarded, Told::Original] {
            let answer = decide(&compiled, &headers, told, Duration::ZERO, &figures);
            let mark = mark(&answer);
            prop_assert!(mark.is_none() || mark == Some("canary") || mark == Some("stable"));
        }
    }
}
