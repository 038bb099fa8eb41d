//! Testers' tokens: their keys, and that none goes upstream.

use core::time::Duration;

use serin_assignment::Variant;
use serin_document::token::{Claims, TesterKey};
use serin_document::{Audience, KeyId, RolloutName};

use super::{TICK, Worker, document_of, rollout};
use crate::fake::{FakeRequest, Proxy};

/// 32 bytes 7.
const SECRET: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
pub(super) const TESTERS: &str = r#", "testers": [
    {"header": "x-try", "signed": {"audience": "shop"}},
    {"cookie": "try", "signed": {"audience": "shop"}},
    {"query": "try", "signed": {"audience": "shop"}, "remember": "kept"}]"#;

pub(super) fn keys() -> String {
    format!(r#"[{{"id": "k1", "key": "{SECRET}"}}]"#)
}

pub(super) fn token() -> String {
    let key = TesterKey::new(KeyId::new("k1").unwrap(), &[7; 32]).unwrap();
    assert_eq!(key.secret_base64(), SECRET);
    let claims = Claims {
        rollout: RolloutName::new("shop").unwrap(),
        variant: Variant::Canary,
        expires: 1,
        audience: Audience::new("shop").unwrap(),
    };
    claims.sign(&key)
}

/// A configuration with the document, and these fields beside it.
fn config(more: &str) -> String {
    let documents =
        document_of(5, &[&rollout("shop", 5, "0%", TESTERS), &rollout("news", 5, "0%", "")]);
    documents.replacen('{', &format!("{{{more}"), 1)
}

fn with_keys() -> String {
    config(&format!(r#""testerKeys": {}, "#, keys()))
}

#[test]
fn a_token_is_taken_off_and_nothing_else_is_touched() {
    let worker = Worker::start(&Proxy::new(), &with_keys());
    let token = token();
    let (cookies, path) = (format!("a=1; try={token}; b=2"), format!("/x?a=1&try={token}#f"));
    for host in [b"shop.test".as_slice(), b"news.test", b"elsewhere.test"] {
        let request = FakeRequest::new(&[
            (":authority", host),
            (":path", path.as_bytes()),
            ("x-try", token.as_bytes()),
            ("x-other", token.as_bytes()),
            ("cookie", cookies.as_bytes()),
            ("cookie", b"kept=serin1~; c=3"),
        ]);
        let begun = worker.begin(&request);
        assert_eq!(request.values("x-try"), [""; 0]);
        assert_eq!(request.values("x-other"), [token.as_str()]);
        assert_eq!(request.values("cookie"), ["a=1; b=2; c=3"]);
        assert_eq!(request.values(":path"), ["/x?a=1#f"]);
        let is_shop = host == b"shop.test";
        let mark: &[&str] = match host {
            b"shop.test" => &["canary"],
            b"news.test" => &["stable"],
            _ => &[],
        };
        assert_eq!(request.values("x-serin-variant"), mark);
        assert_eq!(request.asked(), if is_shop { &["time-of-day"][..] } else { &[] });
        // The header came first, and it isn't remembered.
        assert_eq!(begun.respond(), [""; 0]);
    }
    let request = FakeRequest::new(&[(":authority", b"shop.test"), (":path", path.as_bytes())]);
    let added = worker.begin(&request).respond();
    assert_eq!(added, [format!("set-cookie: kept={token}; Path=/; HttpOnly; SameSite=Lax")]);
}

#[test]
fn refused_tokens_are_taken_off_too_and_counted_by_reason() {
    let proxy = Proxy::new();
    let mut worker = Worker::start(&proxy, &with_keys());
    let forged = token().replace("~canary~", "~stable~");
    for sent in [forged.as_bytes(), b"canary", b"\xff"] {
        let request = FakeRequest::new(&[(":authority", b"shop.test"), ("x-try", sent)]);
        worker.mark_request(&request);
        assert_eq!(request.values("x-try"), [""; 0]);
        assert_eq!(request.values("x-serin-variant"), ["stable"]);
    }
    proxy.pass(Duration::from_secs(1));
    worker.plugin.tick(&worker.host);
    let id = RolloutName::new("shop").unwrap().metric_id();
    let name = |reason: &str| {
        format!("serin_tokens_refused.id=.={id};.;rollout=.=shop;.;reason=.={reason};.;")
    };
    let mut counted = proxy.metrics(&["serin_tokens_refused"]);
    counted.sort();
    assert_eq!(counted, [(name("bad-signature"), 1), (name("malformed"), 2)]);
}

#[test]
fn who_carries_no_token_pays_for_none() {
    let worker = Worker::start(&Proxy::new(), &with_keys());
    let request = FakeRequest::new(&[
        (":authority", b"shop.test"),
        (":path", b"/?a=1&b=2"),
        ("cookie", b"a=1; b=2"),
        ("x-user-id", b"alice"),
    ]);
    worker.mark_request(&request);
    assert_eq!(request.writes(), ["x-serin-variant=stable"]);
    assert_eq!(request.asked(), [""; 0]);
}

#[test]
fn what_deciding_does_not_look_at_is_taken_off_all_the_same() {
    let far = r#", "testers": [{"header": "x-far", "signed": {"audience": "shop"}}]"#;
    let shop = rollout("shop", 5, "0%", TESTERS);
    let (plain, far) = (rollout("news", 5, "0%", ""), rollout("news", 5, "0%", far));
    let token = token();
    let second = format!("try={token}");
    for (other, name, sent, left) in [
        (&far, "x-far", &[&*token][..], &[][..]),
        (&plain, "cookie", &["a=1", &second], &["a=1"]),
        (&plain, "cookie", &["a=1", "b=2", "kept=serin1~"], &["a=1; b=2"]),
        (&plain, "cookie", &["a=1; kept="], &["a=1"]),
        (&plain, "x-try", &[""], &[]),
        (&plain, ":path", &["/?a=1&try="], &["/?a=1"]),
        (&plain, ":path", &["/?t%72y"], &["/"]),
    ] {
        let keys = format!(r#"{{"testerKeys": {}, "#, keys());
        let config = document_of(5, &[&shop, other]).replacen('{', &keys, 1);
        let headers = sent.iter().map(|value| (name, value.as_bytes()));
        let host = (":authority", b"shop.test".as_slice());
        let request = FakeRequest::new(&[host].into_iter().chain(headers).collect::<Vec<_>>());
        Worker::start(&Proxy::new(), &config).mark_request(&request);
        assert_eq!(request.values(name), left, "{name}: {sent:?}");
    }
}

/// The side of a request with the token.
fn side(worker: &Worker) -> Vec<String> {
    let token = token();
    let request = FakeRequest::new(&[(":authority", b"shop.test"), ("x-try", token.as_bytes())]);
    worker.mark_request(&request);
    request.values("x-serin-variant")
}

#[test]
fn keys_come_from_the_environment_where_the_configuration_has_none() {
    let proxy = Proxy::new();
    proxy.set_variable("SERIN_TESTER_KEYS", &keys());
    assert_eq!(side(&Worker::start(&proxy, &config(""))), ["canary"]);
    let own =
        r#""testerKeys": [{"id": "k1", "key": "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg="}], "#;
    assert_eq!(side(&Worker::start(&proxy, &config(own))), ["stable"]);
}

#[test]
fn a_lack_of_keys_names_so_many_rollouts_and_counts_the_others() {
    let proxy = Proxy::new();
    let all: Vec<String> =
        (0..23).map(|n| rollout(&format!("shop-{n}"), 5, "0%", TESTERS)).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let mut worker = Worker::start(&proxy, &document_of(5, &all));
    for _ in 0..2 {
        worker.plugin.tick(&worker.host);
        proxy.pass(TICK);
    }
    let log = proxy.log();
    assert_eq!(log.len(), 1, "{log:?}");
    assert!(log[0].contains(", shop-19, 3 others: set testerKeys"), "{log:?}");
}

#[test]
fn a_lack_of_keys_is_said_once_and_no_key_ever() {
    let proxy = Proxy::new();
    proxy.set_variable("SERIN_TESTER_KEYS", &keys().replace('B', "*"));
    let mut workers: Vec<Worker> = (0..3).map(|_| Worker::start(&proxy, &config(""))).collect();
    for _ in 0..3 {
        for worker in &mut workers {
            assert_eq!(side(worker), ["stable"]);
            worker.plugin.tick(&worker.host);
        }
        proxy.pass(TICK);
    }
    let log = proxy.log();
    assert_eq!(log.len(), 2, "{log:?}");
    assert!(log[0].contains("SERIN_TESTER_KEYS[0].key: (not shown): a key is"), "{log:?}");
    assert!(log[1].contains("so nobody can opt in with one to shop: set testerKeys"), "{log:?}");
    for worker in &mut workers {
        worker.reconfigure(&with_keys());
        assert_eq!(side(worker), ["canary"]);
        worker.plugin.tick(&worker.host);
    }
    assert_eq!(proxy.log().len(), 2);
    // Without keys once more, which is said again.
    let first = &mut workers[0];
    first.reconfigure(&config(""));
    first.plugin.tick(&first.host);
    assert_eq!(proxy.log().len(), 4, "{:?}", proxy.log());
    for line in proxy.log().iter().chain(&proxy.keys()) {
        assert!(!line.contains(&SECRET[1..20]), "{line}");
    }
}
