//! What is done to requests, and how they are counted.

use core::time::Duration;

use serin_assignment::Salt;
use serin_document::UserHash;

use super::{Worker, document_of, rollout};
use crate::fake::{FakeEnd, FakeRequest, Proxy};

fn worker(more: &str) -> Worker {
    let shop = rollout("shop", 5, "100%", more);
    let news = rollout("news", 5, "0%", r#", "mark": "x-news-variant""#);
    Worker::start(&Proxy::new(), &document_of(5, &[&shop, &news]))
}

fn writes(worker: &Worker, headers: &[(&str, &[u8])]) -> Vec<String> {
    let request = FakeRequest::new(headers);
    worker.mark_request(&request);
    request.writes()
}

/// Headers of a request, and what is written to them.
type Case<'a> = (&'a [(&'a str, &'a [u8])], &'a [&'a str]);

#[test]
fn the_mark_is_written_once_or_not_at_all() {
    fn mark(value: &[u8]) -> (&str, &[u8]) {
        ("x-serin-variant", value)
    }
    let worker = worker("");
    let shop = (":authority", b"SHOP.test.:443".as_slice());
    let user = ("x-user-id", b"alice".as_slice());
    let cases: [Case<'_>; 8] = [
        (&[shop, user], &["x-serin-variant=canary"]),
        (&[shop, user, mark(b"stable")], &["x-serin-variant=canary"]),
        (&[shop, user, mark(b"canary"), mark(b"canary")], &["x-serin-variant=canary"]),
        (&[shop, user, mark(b"Canary")], &["x-serin-variant=canary"]),
        (&[shop, user, mark(b"canary")], &[]),
        (&[shop], &["x-serin-variant=stable"]),
        (&[(":authority", b"elsewhere.test"), user], &[]),
        (&[user, mark(b"canary"), mark(b"canary")], &["-x-serin-variant"]),
    ];
    for (headers, expected) in cases {
        assert_eq!(writes(&worker, headers), expected, "{headers:?}");
    }
}

/// A document that lists alice on a side.
fn listing_alice(revision: u64, side: &str) -> String {
    let alice = UserHash::of(&Salt::new("team").unwrap(), b"alice");
    let more = format!(r#", "users": {{"salt": "team", "{side}": ["{alice}"]}}"#);
    document_of(revision, &[&rollout("shop", revision, "50%", &more)])
}

#[test]
fn a_list_is_asked_anew_with_each_document() {
    let mut worker = Worker::start(&Proxy::new(), &listing_alice(5, "canary"));
    for _ in 0..2 {
        assert_eq!(worker.mark("shop.test", "alice"), ["canary"]);
    }
    worker.reconfigure(&listing_alice(6, "stable"));
    assert_eq!(worker.mark("shop.test", "alice"), ["stable"]);
}

#[test]
fn a_stream_that_outlives_its_document_holds_nothing_of_what_its_lists_have_said() {
    let mut worker = Worker::start(&Proxy::new(), &listing_alice(5, "canary"));
    let request = FakeRequest::new(&[(":authority", b"shop.test"), ("x-user-id", b"alice")]);
    let open = worker.begin(&request);
    assert!(!open.serving.listed().is_empty());
    worker.reconfigure(&listing_alice(6, "canary"));
    assert!(open.serving.listed().is_empty());
}

#[test]
fn a_replaced_configuration_that_still_has_a_stream_holds_nothing_of_what_its_lists_have_said() {
    let proxy = Proxy::new();
    let mut worker = Worker::start(&proxy, &listing_alice(5, "canary"));
    let request = FakeRequest::new(&[(":authority", b"shop.test"), ("x-user-id", b"alice")]);
    let open = worker.begin(&request);
    let mut old = worker.replace(&listing_alice(6, "canary"));
    let mut beat = || {
        proxy.pass(Duration::from_secs(1));
        worker.plugin.tick(&worker.host);
    };
    beat();
    assert!(!open.serving.listed().is_empty(), "it has decided a request since the last beat");
    beat();
    assert!(open.serving.listed().is_empty());
    old.done(&worker.host);
}

#[test]
fn a_mark_that_is_taken_over_has_one_value() {
    let worker = worker(r#", "incoming": "keep""#);
    let shop = (":authority", b"shop.test".as_slice());
    let (canary, stable) =
        (("x-serin-variant", b"canary".as_slice()), ("x-serin-variant", b"stable".as_slice()));
    let cases: [Case<'_>; 3] = [
        (&[shop, canary], &[]),
        (&[shop, canary, stable], &["x-serin-variant=canary"]),
        (&[shop, stable, canary], &["x-serin-variant=stable"]),
    ];
    for (headers, expected) in cases {
        assert_eq!(writes(&worker, headers), expected, "{headers:?}");
    }
}

#[test]
fn marks_of_other_rollouts_are_removed() {
    let worker = worker("");
    let forged = [
        (":authority", b"shop.test".as_slice()),
        ("x-news-variant", b"canary"),
        ("x-serin-variant", b"canary"),
        ("x-user-id", b"alice"),
    ];
    assert_eq!(writes(&worker, &forged), ["-x-news-variant"]);
    let forged = [
        (":authority", b"news.test".as_slice()),
        ("x-news-variant", b"canary"),
        ("x-serin-variant", b"canary"),
    ];
    assert_eq!(writes(&worker, &forged), ["x-news-variant=stable", "-x-serin-variant"]);
    let forged = [("x-news-variant", b"canary".as_slice()), ("x-serin-variant", b"canary")];
    assert_eq!(writes(&worker, &forged), ["-x-serin-variant", "-x-news-variant"]);
}

#[test]
fn hostile_values_are_values() {
    let worker = worker(r#", "anonymous": "route""#);
    let long = [b'x'; 257];
    let ids: [(&[u8], &[&str]); 5] = [
        (b"\xff\xfe\x00", &["x-serin-variant=canary"]),
        (b"a\r\nx-serin-variant: stable", &["x-serin-variant=canary"]),
        (b"", &[]),
        (&long, &[]),
        (&long[1..], &["x-serin-variant=canary"]),
    ];
    for (id, expected) in ids {
        let headers = [(":authority", b"shop.test".as_slice()), ("x-user-id", id)];
        assert_eq!(writes(&worker, &headers), expected, "{id:?}");
    }
}

#[test]
fn assignments_are_counted_by_side_and_reason_once_a_second() {
    let mut worker = worker(r#", "testers": [{"header": "x-test"}]"#);
    let proxy = Proxy::new();
    let host = proxy.vm();
    let shop = (":authority", b"shop.test".as_slice());
    worker.host = host;
    worker.plugin.tick(&worker.host);
    for _ in 0..3 {
        writes(&worker, &[shop, ("x-user-id", b"alice")]);
        writes(&worker, &[shop, ("x-test", b"stable")]);
    }
    writes(&worker, &[shop]);
    writes(&worker, &[(":authority", b"elsewhere.test")]);
    let counted = || {
        let mut all = proxy.metrics(&["serin_assignments"]);
        all.sort();
        all
    };
    worker.plugin.tick(&worker.host);
    assert_eq!(counted(), []);
    let old = worker.replace(r#"{"formatVersion": "1.0", "rollouts": []}"#);
    drop(old);
    proxy.pass(Duration::from_secs(1));
    worker.plugin.tick(&worker.host);
    let id = serin_document::RolloutName::new("shop").unwrap().metric_id();
    let name = |side: &str, reason: &str| {
        format!(
            "serin_assignments.id=.={id};.;rollout=.=shop;.;variant=.={side};.;reason=.={reason};.;"
        )
    };
    let expected = [
        (name("canary", "hash"), 3),
        (name("stable", "anonymous"), 1),
        (name("stable", "opt-out"), 3),
    ];
    assert_eq!(counted(), expected);
    proxy.pass(Duration::from_secs(2));
    worker.plugin.tick(&worker.host);
    assert_eq!(counted(), expected);
}

#[test]
fn the_ordinary_request_asks_the_proxy_for_its_headers_alone() {
    let worker = worker(r#", "anonymous": "random", "testers": [{"cookie": "test"}]"#);
    let shop = (":authority", b"shop.test".as_slice());
    for headers in [&[shop, ("x-user-id", b"alice")][..], &[shop], &[]] {
        let request = FakeRequest::new(headers);
        let begun = worker.begin(&request);
        assert_eq!(request.asked(), [""; 0], "{headers:?}");
        assert_eq!(begun.respond(), [""; 0], "{headers:?}");
    }
}

#[test]
fn nothing_is_logged_for_requests() {
    let worker = worker("");
    writes(&worker, &[(":authority", b"shop.test"), ("x-user-id", b"\xff")]);
    writes(&worker, &[(":authority", b"\xff"), ("x-serin-variant", b"\xff")]);
    // A proxy of its own stands behind the worker, so its log is all there is.
    assert_eq!(worker.host.lines(), [""; 0]);
}

#[test]
fn rollouts_that_share_requests_are_marked_and_counted_each_by_itself() {
    let one = |name: &str, weight: &str, buckets: &str| {
        let more = format!(r#", "mark": "x-{name}", "buckets": {buckets}"#);
        rollout("shop", 5, weight, &more).replacen(
            r#""name": "shop""#,
            &format!(r#""name": "{name}""#),
            1,
        )
    };
    let proxy = Proxy::new();
    let (left, right) =
        (one("left", "50%", r#"["0%", "50%"]"#), one("right", "50%", r#"["50%", "100%"]"#));
    let mut worker = Worker::start(&proxy, &document_of(5, &[&left, &right]));
    let shop = (":authority", b"shop.test".as_slice());
    for number in 0..40 {
        let id = format!("user-{number}");
        let request = FakeRequest::new(&[shop, ("x-user-id", id.as_bytes())]);
        let begun = worker.begin(&request);
        let mut marks = [request.values("x-left"), request.values("x-right")].concat();
        marks.sort();
        assert_eq!(marks, ["canary", "stable"], "{id} is in one of the two canaries");
        worker.end(&begun, &FakeEnd { code: Some(500), ..FakeEnd::default() });
    }
    proxy.pass(Duration::from_secs(1));
    worker.plugin.tick(&worker.host);
    let counted = |metric: &str, tags: &[&str]| -> u64 {
        let all = proxy.metrics(&[metric]);
        let ours = all.iter().filter(|(name, _)| tags.iter().all(|tag| name.contains(tag)));
        ours.map(|(_, count)| count).sum()
    };
    let canaries = ["left", "right"].map(|name| {
        let rollout = format!("rollout=.={name};");
        let hashed = counted("serin_assignments", &[&rollout, "canary", "reason=.=hash;"]);
        let others = counted("serin_assignments", &[&rollout, "stable", "=other-range;"]);
        assert_eq!(hashed + others, 40, "{name}");
        let errors = counted("serin_responses", &[&rollout, "canary", "class=.=error;"]);
        assert_eq!(errors, hashed, "who is outside the range is no evidence");
        assert_eq!(counted("serin_responses", &[&rollout]), hashed);
        hashed
    });
    assert_eq!(canaries.iter().sum::<u64>(), 40);
}

#[test]
fn logs_are_told_what_was_decided_where_they_ask() {
    let shop = rollout("shop", 5, "100%", r#", "testers": [{"header": "x-opt"}]"#);
    let document = document_of(5, &[&shop]);
    let asked = document.replacen('{', r#"{"filterState": true, "#, 1);
    let told = |document: &str, headers: &[(&str, &[u8])]| {
        let worker = Worker::start(&Proxy::new(), document);
        let request = FakeRequest::new(headers);
        worker.mark_request(&request);
        request.told()
    };
    let host = (":authority", b"shop.test".as_slice());
    let user = ("x-user-id", b"alice".as_slice());
    assert_eq!(
        told(&asked, &[host, user]),
        ["serin: rollout=shop variant=canary reason=hash cohort=2"]
    );
    let tester = ("x-opt", b"stable".as_slice());
    assert_eq!(
        told(&asked, &[host, user, tester]),
        ["serin: rollout=shop variant=stable reason=opt-out"]
    );
    assert_eq!(told(&asked, &[(":authority", b"elsewhere.test"), user]), [""; 0]);
    assert_eq!(told(&document, &[host, user]), [""; 0]);
}
