//! How the ends of requests are counted, and what the application is told of the user's cohort.

use core::time::Duration;

use serin_assignment::{Salt, assign};

use super::{Worker, document_of, rollout};
use crate::fake::{FakeEnd, FakeRequest, Proxy};

const FIELDS: &str = r#", "anonymous": "random", "testers": [{"header": "x-test"}]"#;
const CLUSTERS: &str = r#", "clusters": {"stable": ["s1", "s2"], "canary": ["c"]}"#;
const BOUNDS: &str = r#", "latencyBounds": ["250ms", "1s"]"#;
const HEADER: &str = r#", "cohortHeader": "x-cohort""#;

struct Shop {
    proxy: Proxy,
    worker: Worker,
}

impl Shop {
    fn new(weight: &str, more: &[&str]) -> Self {
        let proxy = Proxy::new();
        let worker = Worker::start(&proxy, &config(weight, more));
        Self { proxy, worker }
    }

    fn reconfigure(&mut self, weight: &str, more: &[&str]) {
        self.worker.reconfigure(&config(weight, more));
    }

    fn send(&self, headers: &[(&str, &[u8])], end: &FakeEnd) {
        let request = request(headers);
        let begun = self.worker.begin(&request);
        self.worker.end(&begun, end);
    }

    /// What the proxy's counters say after a flush, without the rollout's tags, in order.
    fn counted(&mut self, metric: &str) -> Vec<(String, u64)> {
        self.proxy.pass(Duration::from_secs(1));
        self.worker.plugin.tick(&self.worker.host);
        let id = serin_document::RolloutName::new("shop").unwrap().metric_id();
        let own = format!("{metric}.id=.={id};.;rollout=.=shop;.;");
        let found = self.proxy.metrics(&[&own]).into_iter();
        let mut short: Vec<_> = found
            .map(|(name, n)| {
                (
                    name.replace(&own, "")
                        .replace("=.=", "=")
                        .replace(";.;", " ")
                        .trim()
                        .to_owned(),
                    n,
                )
            })
            .collect();
        short.sort();
        short
    }
}

fn config(weight: &str, more: &[&str]) -> String {
    document_of(5, &[&rollout("shop", 5, weight, &more.concat())])
}

fn request(headers: &[(&str, &[u8])]) -> FakeRequest {
    let host = [(":authority", b"shop.test".as_slice())];
    FakeRequest::new(&[&host, headers].concat())
}

fn user(id: &str) -> (&'static str, &[u8]) {
    ("x-user-id", id.as_bytes())
}

fn cohort(id: &str) -> u8 {
    assign(&Salt::new("shop").unwrap(), id.as_bytes()).cohort.get()
}

fn answered(code: u64) -> FakeEnd {
    FakeEnd { code: Some(code), ..FakeEnd::default() }
}

fn line(variant: &str, cohort: &str, class: &str) -> String {
    format!("variant={variant} cohort={cohort} class={class}")
}

fn owned(lines: &[(&str, u64)]) -> Vec<(String, u64)> {
    lines.iter().map(|(line, count)| ((*line).to_owned(), *count)).collect()
}

#[test]
fn evidence_is_counted_by_variant_cohort_and_class_and_nothing_else_is() {
    let mut shop = Shop::new("100%", &[FIELDS]);
    for _ in 0..3 {
        shop.send(&[user("alice")], &answered(200));
    }
    shop.send(&[user("alice")], &answered(503));
    shop.send(&[user("alice")], &FakeEnd { flags: 0x4000, ..FakeEnd::default() });
    let drawn = ("x-request-id", b"7f3a9c10-1111-4222-8333-444455556666".as_slice());
    shop.send(&[drawn], &answered(200));
    let end = answered(200);
    shop.send(&[], &end);
    for choice in [b"canary".as_slice(), b"stable"] {
        shop.send(&[user("alice"), ("x-test", choice)], &end);
    }
    assert_eq!(end.read(), [""; 0], "neither testers nor the anonymous cost a call");
    let alice = cohort("alice").to_string();
    let mut expected = vec![
        (line("canary", &alice, "error"), 1),
        (line("canary", &alice, "gone"), 1),
        (line("canary", &alice, "ok"), 3),
        (line("canary", "none", "ok"), 1),
    ];
    expected.sort();
    assert_eq!(shop.counted("serin_responses"), expected);
    // Flushed is flushed.
    assert_eq!(shop.counted("serin_responses"), expected);
    assert_eq!(shop.counted("serin_served"), []);
    shop.reconfigure("0%", &[FIELDS]);
    shop.send(&[user("alice")], &answered(404));
    expected.push((line("stable", &alice, "ok"), 1));
    expected.sort();
    assert_eq!(shop.counted("serin_responses"), expected);
}

/// Who is somewhere by a rule differs from the rest, so nobody is compared with them.
#[test]
fn what_a_rule_decides_is_counted_by_its_reason_and_is_no_evidence() {
    /// `printf '%s' 'team:ann' | sha256sum | cut -c-32`.
    const RULES: &str = r#", "exclude": [{"header": "x-rule", "is": "exclude"}],
        "eligible": {"not": {"header": "x-rule", "is": "eligible"}},
        "users": {"salt": "team", "canary": ["341e32d8f475874806c7951619c431e3"]},
        "segments": [{"name": "few", "when": {"header": "x-rule", "is": "segment"}, "variant": "canary"}],
        "buckets": ["50%", "100%"]"#;
    let of_part = |it: bool| {
        let bucket = |id: &str| assign(&Salt::new("shop").unwrap(), id.as_bytes()).bucket.get();
        (0..100).map(|number| number.to_string()).find(|id| (bucket(id) >= 5_000) == it).unwrap()
    };
    let (inside, outside) = (of_part(true), of_part(false));
    let mut shop = Shop::new("50%", &[RULES]);
    let rule = |rule: &'static str| ("x-rule", rule.as_bytes());
    let end = answered(500);
    for (headers, reason) in [
        ([user(&inside), rule("exclude")], "variant=stable reason=excluded"),
        ([user(&inside), rule("eligible")], "variant=stable reason=ineligible"),
        ([user("ann"), rule("none")], "variant=canary reason=listed"),
        ([user(&inside), rule("segment")], "variant=canary reason=segment"),
        ([user(&outside), rule("none")], "variant=stable reason=other-range"),
    ] {
        shop.send(&headers, &end);
        let counted = shop.counted("serin_assignments");
        assert!(counted.contains(&(reason.to_owned(), 1)), "{reason}: {counted:?}");
        assert_eq!(shop.counted("serin_responses"), [], "{reason}");
    }
    assert_eq!(end.read(), [""; 0], "nor do they cost a call");
    // So that it is these rules which keep the others out.
    shop.send(&[user(&inside), rule("none")], &end);
    let expected = line("canary", &cohort(&inside).to_string(), "error");
    assert_eq!(shop.counted("serin_responses"), [(expected, 1)]);
}

#[test]
fn where_this_tier_does_not_count_it_counts_no_responses() {
    let mut shop = Shop::new("100%", &[CLUSTERS, r#", "count": false"#]);
    let end = answered(200);
    shop.send(&[user("alice")], &end);
    assert_eq!(end.read(), [""; 0]);
    assert_eq!(shop.counted("serin_responses"), []);
    assert_eq!(shop.counted("serin_served"), []);
}

#[test]
fn all_requests_of_the_rollout_are_compared_with_what_served_them() {
    let mut shop = Shop::new("100%", &[CLUSTERS, r#", "anonymous": "route""#]);
    for (id, cluster) in [
        (true, Some("c")),
        (true, Some("s2")),
        (true, Some("other")),
        (true, None),
        (false, Some("s1")),
    ] {
        let headers: &[_] = if id { &[user("alice")] } else { &[] };
        shop.send(headers, &FakeEnd { cluster, ..answered(200) });
    }
    let expected = [
        ("variant=canary served=canary", 1),
        ("variant=canary served=none", 2),
        ("variant=canary served=stable", 1),
        ("variant=none served=stable", 1),
    ];
    assert_eq!(shop.counted("serin_served"), owned(&expected));
}

#[test]
fn counts_survive_a_new_configuration_and_bounds_are_not_mixed() {
    let mut shop = Shop::new("100%", &[BOUNDS]);
    let slow = |millis| FakeEnd { duration: Some(Duration::from_millis(millis)), ..answered(200) };
    shop.send(&[user("alice")], &slow(300));
    let before = shop.worker.begin(&request(&[user("alice")]));
    shop.reconfigure("100%", &[r#", "latencyBounds": ["500ms"]"#]);
    shop.send(&[user("alice")], &slow(300));
    shop.send(&[user("alice")], &slow(2000));
    // A stream that began before goes by what it began with.
    shop.worker.end(&before, &slow(2000));
    let alice = cohort("alice").to_string();
    let mut expected = vec![
        (line("canary", &alice, "ok"), 1),
        (line("canary", &alice, "over_250ms"), 1),
        (line("canary", &alice, "over_1s"), 1),
        (line("canary", &alice, "over_500ms"), 1),
    ];
    expected.sort();
    assert_eq!(shop.counted("serin_responses"), expected);
}

#[test]
fn a_request_that_ends_after_its_rollout_is_gone_counts() {
    let mut shop = Shop::new("100%", &[]);
    let begun = shop.worker.begin(&request(&[user("alice")]));
    shop.worker.reconfigure(r#"{"formatVersion": "1.0", "rollouts": []}"#);
    shop.worker.end(&begun, &answered(500));
    let expected = line("canary", &cohort("alice").to_string(), "error");
    assert_eq!(shop.counted("serin_responses"), [(expected, 1)]);
}

#[test]
fn the_last_counts_of_a_vm_are_not_lost() {
    let mut shop = Shop::new("100%", &[]);
    shop.send(&[user("alice")], &answered(200));
    shop.worker.plugin.done(&shop.worker.host);
    assert_eq!(shop.proxy.metrics(&["serin_responses"]).len(), 1);
}

#[test]
fn where_names_run_out_the_rollout_says_so() {
    let all = 25_000;
    let rollouts: Vec<String> = (0..800).map(|i| rollout(&format!("r{i}"), 5, "50%", "")).collect();
    let rollouts: Vec<&str> = rollouts.iter().map(String::as_str).collect();
    let proxy = Proxy::new();
    let mut worker = Worker::start(&proxy, &document_of(5, &rollouts));
    let capped = || proxy.metrics(&["serin_evidence_capped"]);
    let known = || proxy.metrics(&["serin_responses"]).len();
    for name in 0..800 {
        for id in 0..100 {
            let host = format!("r{name}.test");
            let id = id.to_string();
            let request =
                FakeRequest::new(&[(":authority", host.as_bytes()), ("x-user-id", id.as_bytes())]);
            worker.end(&worker.begin(&request), &answered(if name % 2 == 0 { 200 } else { 500 }));
        }
    }
    assert_eq!(capped(), []);
    proxy.pass(Duration::from_secs(1));
    worker.plugin.tick(&worker.host);
    assert!(known() < all && known() > all * 9 / 10, "{}", known());
    let capped = capped();
    assert!(!capped.is_empty() && capped.iter().all(|(_, value)| *value == 1), "{capped:?}");
    assert!(capped[0].0.contains("rollout=.=r"), "{capped:?}");
    assert_eq!(proxy.metrics(&["serin_evidence_capped", "rollout=.=r0;"]), []);
    assert_eq!(proxy.metrics(&["serin_rollout_revision"]).len(), 800, "the proof has its room");
}

/// Headers of a request beside its host, and what is written to them.
type Case<'a> = (&'a [(&'a str, &'a [u8])], &'a [&'a str]);

#[test]
fn the_cohort_reaches_the_application_and_none_that_is_forged_does() {
    let shop = Shop::new("0%", &[FIELDS, HEADER]);
    let own = format!("x-cohort={}", cohort("alice"));
    let right = cohort("alice").to_string();
    let mark = ("x-serin-variant", b"stable".as_slice());
    let alice = user("alice");
    let cases: [Case<'_>; 6] = [
        (&[mark, alice], &[&own]),
        (&[mark, alice, ("x-cohort", b"99")], &[&own]),
        (&[mark, alice, ("x-cohort", right.as_bytes())], &[]),
        (&[mark], &["-x-serin-variant"]),
        (&[mark, alice, ("x-test", b"stable"), ("x-cohort", b"3")], &["-x-cohort"]),
        (
            &[mark, ("x-request-id", b"7f3a9c10-1111-4222-8333-444455556666"), ("x-cohort", b"3")],
            &["-x-cohort"],
        ),
    ];
    for (headers, expected) in cases {
        let request = request(headers);
        shop.worker.mark_request(&request);
        assert_eq!(request.writes(), expected, "{headers:?}");
    }
    let elsewhere = FakeRequest::new(&[(":authority", b"elsewhere.test"), ("x-cohort", b"3")]);
    shop.worker.mark_request(&elsewhere);
    assert_eq!(elsewhere.writes(), ["-x-cohort"]);
}
