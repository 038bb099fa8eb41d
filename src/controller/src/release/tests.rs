mod file;
mod gates;
mod rules;
mod sources;

use core::time::Duration;
use std::path::Path;

use serin_rollout::{Approval, Length, OnNoData, OnSuccess, Policy};

use super::*;
use crate::prometheus::Authentication;

const SHOP: &str = r#"apiVersion: serin.dev/v1alpha1
kind: CanaryRelease
metadata: {name: shop, namespace: demo}
spec:
  version: v2
  traffic:
    hosts: [Shop.example.com, "*.example.org"]
    stable: {cluster: shop-stable}
    canary: {cluster: shop-canary}
  assignment:
    identity: [{header: x-user-id}, {cookie: uid}]
    testers: [{header: x-serin-opt-in}]
  metrics:
    prometheus: {address: "http://127.0.0.1:9090", scrapeInterval: 5s}
  steps:
    - {weight: 5%, bake: 10m, minRequests: 500}
    - {weight: 100%, bake: 10m, approval: manual}
  gates:
    - {name: errors, kind: errorRate, slo: 2%}
    - {name: latency, kind: latency, bounds: [250ms, 1s], weight: 2}
    - name: orders
      kind: conversion
      lag: 1m
      counts: {opportunities: {metric: shop_sessions_total}, events: {metric: shop_orders_total, labels: {status: paid}}}
  policy: {notReadyAfter: 20s}
"#;

fn parse(text: &str) -> Result<Release, LoadError> {
    Release::parse(text, Path::new("folder/shop.yaml"))
}

fn release(from: &str, to: &str) -> Release {
    assert!(SHOP.contains(from), "{from}");
    parse(&SHOP.replace(from, to)).unwrap()
}

fn fault(from: &str, to: &str) -> String {
    assert!(SHOP.contains(from), "{from}");
    parse(&SHOP.replace(from, to)).unwrap_err().to_string()
}

fn prometheus(release: &Release) -> &crate::prometheus::Settings {
    match &release.metrics {
        MetricsSettings::Prometheus(settings) => settings,
        MetricsSettings::Targets(targets) => panic!("{targets:?}"),
    }
}

#[test]
fn a_file_is_read_whole() {
    let release = parse(SHOP).unwrap();
    assert_eq!(release.key(), "demo/shop");
    assert_eq!(release.traffic.hosts.len(), 2);
    assert_eq!(release.traffic.paths, [PathPrefix::root()]);
    let first = release.plan.steps.get(0).unwrap();
    assert_eq!((first.length, first.min_requests), (Length::Bake(Duration::from_mins(10)), 500));
    assert_eq!(release.plan.steps.get(1).unwrap().approval, Approval::Manual);
    assert_eq!(release.plan.on_success, OnSuccess::Keep);
    let policy = Policy { not_ready_after: Duration::from_secs(20), ..Policy::default() };
    assert_eq!(release.plan.policy, policy);
    assert_eq!(release.plan.gates, ["errors", "latency", "orders"]);
    assert_eq!(prometheus(&release).authentication, Authentication::None);
    assert!(release.warnings().is_empty(), "{:?}", release.warnings());
}

#[test]
fn the_document_takes_what_a_release_says() {
    let traffic = Traffic::new("5%".parse().unwrap(), true, 1_795_445_683_700);
    let rollout = release("testers:", "cohortHeader: x-cohort\n    testers:")
        .rollout(&traffic, &BTreeMap::new());
    assert_eq!(rollout.cohort_header.as_ref().map(MarkName::as_str), Some("x-cohort"));
    let clusters = rollout.clusters.clone().unwrap();
    assert_eq!(clusters.canary[0].as_str(), "shop-canary");
    let bounds = rollout.latency_bounds.clone().unwrap();
    assert_eq!(bounds.as_slice(), [Duration::from_millis(250), Duration::from_secs(1)]);
    assert_eq!(rollout.tripwire, None);
    let document = serin_document::Document::new(rollout.revision, vec![rollout.clone()]);
    let parsed = serin_document::parse(document.to_json().as_bytes()).unwrap();
    assert_eq!(parsed.document.rollouts, [rollout]);
    assert!(parsed.left_out.is_empty());
}

#[test]
fn a_tripwire_is_off_until_it_is_named_and_each_field_has_a_default() {
    let tripwire =
        |text: &str| release("  steps:", &format!("  tripwire: {text}\n  steps:")).tripwire;
    assert_eq!(tripwire("{}"), Some(Tripwire::default()));
    let stated = tripwire("{alpha: 0.001, floor: 5%, slow: 2s, lasts: 1m}").unwrap();
    assert_eq!((stated.alpha.to_string(), stated.floor.to_string()), ("0.001".into(), "5%".into()));
    assert_eq!(stated.slow, Some(Duration::from_secs(2)));
    assert_eq!(stated.lasts, Duration::from_mins(1));
    let traffic = Traffic::new("5%".parse().unwrap(), true, 1);
    let with = release("  steps:", "  tripwire: {}\n  steps:");
    assert_eq!(with.rollout(&traffic, &BTreeMap::new()).tripwire, with.tripwire);
    for (field, told) in [
        ("alpha: 0.5", "spec.tripwire.alpha: \"0.5\": a tripwire's alpha"),
        ("floor: 60%", "spec.tripwire.floor: \"60%\": a tripwire's floor"),
        ("slow: 2h", "spec.tripwire.slow: \"2h\": from 1ms to 1h"),
        ("lasts: 10ms", "spec.tripwire.lasts: \"10ms\": from 1s to"),
    ] {
        let error = fault("  steps:", &format!("  tripwire: {{{field}}}\n  steps:"));
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn the_salt_is_fixed_within_a_version_and_another_in_the_next() {
    let salt = |release: &Release| release.assignment.salt.clone();
    let (v2, again) = (parse(SHOP).unwrap(), release("hosts: [Shop", "hosts: [Store"));
    assert_eq!(salt(&v2), salt(&again));
    assert!(salt(&v2).as_str().starts_with("demo/shop/"));
    assert_ne!(salt(&v2), salt(&release("version: v2", "version: v3")));
    let stated = release("assignment:\n", "assignment:\n    salt: black-friday\n");
    assert_eq!(salt(&stated).as_str(), "black-friday");
}

#[test]
fn the_longest_names_need_a_stated_salt() {
    let long = format!("name: {}, namespace: {}", "a".repeat(63), "b".repeat(63));
    let error = fault("name: shop, namespace: demo", &long);
    assert!(error.contains("spec.assignment.salt") && error.contains("at most 128"), "{error}");
}

#[test]
fn files_are_relative_to_the_release_file() {
    let release = release("scrapeInterval: 5s", "bearerTokenFile: token, caFile: /etc/ca.pem");
    let token = "folder/token".into();
    assert_eq!(prometheus(&release).authentication, Authentication::BearerTokenFile(token));
    assert_eq!(prometheus(&release).ca_file, Some("/etc/ca.pem".into()));
}

#[test]
fn a_policy_may_roll_back_without_data() {
    let release = release("notReadyAfter: 20s", "onNoData: rollBack, noDataRollBackAfter: 10m");
    let after = Duration::from_mins(10);
    assert_eq!(release.plan.policy.on_no_data, OnNoData::RollBackAfter(after));
}

#[test]
fn lists_have_an_end() {
    let paths = format!("paths: [{}]", vec!["/a"; 101].join(", "));
    let error = fault("    stable: {", &format!("    {paths}\n    stable: {{"));
    assert!(error.contains("spec.traffic.paths: \"101 of them\": at most 100"), "{error}");
    let step = "    - {weight: 5%, bake: 10m}\n";
    let error = fault("  gates:\n", &format!("{}  gates:\n", step.repeat(99)));
    assert!(error.contains("spec.steps: \"101 of them\": a release has at most 100"), "{error}");
}

#[test]
fn faults_name_place_field_value_and_rule() {
    for (from, to, expected) in [
        ("weight: 5%", "weight: 5", "16:16: spec.steps[0].weight: \"5\": a weight is a percentage"),
        (
            "100%, bake",
            "5%, bake",
            "17:16: spec.steps[1].weight: \"5%\": step 2 has a weight of 5%",
        ),
        ("bake: 10m, min", "bake: 10, min", "16:26: spec.steps[0].bake: \"10\": a duration is"),
        ("bake: 10m, min", "bake: 1000h, min", "\"1000h\": from 0s to 28d"),
        (
            "minRequests: 500",
            "minRequests: -1",
            "spec.steps[0].minRequests: \"-1\": a whole number",
        ),
        (
            "minRequests",
            "minRequest",
            "spec.steps[0].minRequest: no such field, did you mean `minRequests`?",
        ),
        (
            "kind: Canary",
            "colour: blue\nkind: Canary",
            "2:1: colour: no such field; there are apiVersion",
        ),
        ("  version: v2\n", "", "5:3: spec.version: missing"),
        ("v1alpha1", "v2", "1:13: apiVersion: \"serin.dev/v2\": this is read: serin.dev/v1alpha1"),
        ("CanaryRelease", "Canary", "kind: \"Canary\": a release file is a CanaryRelease"),
        ("name: shop,", "name: Shop,", "metadata.name: \"Shop\": a name is 1 to 63"),
        (
            "shop-canary",
            "shop-stable",
            "spec.traffic.canary.cluster: \"shop-stable\": the canary's",
        ),
        (
            "[Shop.example.com, ",
            "[\"shop:80\", ",
            "spec.traffic.hosts[0]: \"shop:80\": a host pattern is",
        ),
        (
            "[Shop.example.com, \"*.example.org\"]",
            "[]",
            "spec.traffic.hosts: missing: a release takes",
        ),
        (
            "{cookie: uid}",
            "{cookie: uid, query: u}",
            "spec.assignment.identity[1]: \"several\": one of",
        ),
        ("{cookie: uid}", "{}", "spec.assignment.identity[1]: missing: one of header"),
        ("identity: [{header: x-user-id}, {cookie: uid}]", "anonymous: stable", "nobody would get"),
        ("testers:", "anonymous: canary\n    testers:", "spec.assignment.anonymous: \"canary\": "),
        (
            "x-serin-opt-in",
            "x-serin-variant",
            "spec.assignment.mark: \"x-serin-variant\": this header",
        ),
        ("scrapeInterval: 5s", "scrapeInterval: 1ms", "scrapeInterval: \"1ms\": from 100ms to 2m"),
        (
            "scrapeInterval: 5s",
            "clientCertFile: a",
            "prometheus.clientKeyFile: missing: clientCert",
        ),
        ("scrapeInterval: 5s", "headers: {Host: a}", "prometheus.headers.Host: \"host\": a header"),
        ("name: latency", "name: errors", "spec.gates[1].name: \"errors\": each gate has a name"),
        ("notReadyAfter: 20s", "onNoData: rollBack", "policy.noDataRollBackAfter: missing: `onNo"),
        ("notReadyAfter: 20s", "onNoData: fail", "spec.policy.onNoData: \"fail\": gates without"),
        (
            "  policy:",
            "  onSuccess: stop\n  policy:",
            "spec.onSuccess: \"stop\": after the last step",
        ),
    ] {
        let error = fault(from, to);
        assert!(error.contains(expected), "{expected}\n{error}");
        assert!(error.starts_with("folder/shop.yaml:"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_the_file() {
    let text = SHOP.replace("5%, bake: 10m", "5, bake: 10").replace("shop, name", "Shop, name");
    let error = parse(&text).unwrap_err().to_string();
    let places: Vec<&str> = error.lines().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(
        places,
        ["folder/shop.yaml:3:18", "folder/shop.yaml:16:16", "folder/shop.yaml:16:25"]
    );
}

const TARGETS: &str = "targets: {urls: ['http://127.0.0.1:9901/stats/prometheus'], \
                       dns: [{name: envoy.shop.svc, port: 9901}]}";
const PROMETHEUS: &str = "prometheus: {address: \"http://127.0.0.1:9090\", scrapeInterval: 5s}";

#[test]
fn targets_take_the_place_of_prometheus() {
    let targets = |text: &str| match release(PROMETHEUS, text).metrics {
        MetricsSettings::Targets(targets) => targets,
        MetricsSettings::Prometheus(settings) => panic!("{settings:?}"),
    };
    let read = targets(TARGETS);
    let shown: Vec<String> = read
        .pages
        .iter()
        .map(ToString::to_string)
        .chain(read.names.iter().map(ToString::to_string))
        .collect();
    assert_eq!(
        shown,
        ["http://127.0.0.1:9901/stats/prometheus", "dns envoy.shop.svc:9901/stats/prometheus"]
    );
    assert_eq!((read.interval, read.timeout), (Duration::from_secs(1), Duration::from_secs(2)));
    let stated = TARGETS.replace("dns: [", "interval: 250ms, timeout: 1s, dns: [");
    let read = targets(&stated);
    assert_eq!((read.interval, read.timeout), (Duration::from_millis(250), Duration::from_secs(1)));
}

#[test]
fn targets_are_checked_too() {
    for (text, expected) in [
        ("{}", "spec.metrics: missing: where metrics come from: prometheus, or targets"),
        ("{targets: {}}", "spec.metrics.targets: missing: at least one of urls, such as"),
        (
            "{prometheus: {address: 'http://a'}, targets: {urls: ['http://b/']}}",
            "spec.metrics.targets: \"…\": either this or prometheus",
        ),
        (
            "{targets: {urls: ['http://u:secret@a/']}}",
            "spec.metrics.targets.urls[0]: \"…\": the address of a page holds no user",
        ),
        (
            "{targets: {urls: ['http://a/x', 'http://a:80/y']}}",
            "spec.metrics.targets.urls[1]: \"http://a:80/y\": one page a host and port",
        ),
        (
            "{targets: {dns: [{name: 'a b', port: 1}]}}",
            "spec.metrics.targets.dns[0]: \"a b:1/stats/prometheus\": a DNS target is a name",
        ),
        (
            "{targets: {urls: ['http://a/'], interval: 10ms}}",
            "spec.metrics.targets.interval: \"10ms\": from 100ms to 2m",
        ),
        (
            "{targets: {urls: ['http://a/'], timeout: 2m}}",
            "spec.metrics.targets.timeout: \"2m\": from 100ms to 1m",
        ),
    ] {
        let error = fault(&format!("metrics:\n    {PROMETHEUS}"), &format!("metrics: {text}"));
        assert!(error.contains(expected), "{expected}\n{error}");
        assert!(error.starts_with("folder/shop.yaml:"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn a_threshold_needs_prometheus() {
    let text = SHOP.replace(PROMETHEUS, TARGETS);
    let gate =
        "gates:\n    - {name: cpu, kind: threshold, query: 'cpu{v=\"{{variant}}\"}', max: 1}";
    let error = parse(&text.replace("gates:", gate)).unwrap_err().to_string();
    assert!(
        error.contains("spec.gates[0].kind: \"threshold\": a threshold gate asks Prometheus"),
        "{error}"
    );
}

#[test]
fn an_address_with_a_password_is_not_repeated() {
    let error = fault("http://127.0.0.1:9090", "http://admin:hunter2@metrics");
    assert!(error.contains("prometheus.address: \"…\": an address holds no user"), "{error}");
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn a_long_value_is_shortened() {
    let error = fault("version: v2", &format!("version: {}", "v".repeat(300)));
    assert!(
        error.contains(&format!("spec.version: \"{}…\": a version is", "v".repeat(60))),
        "{error}"
    );
}

#[test]
fn what_is_no_yaml_is_refused_with_its_place() {
    for text in ["", "a: [b", "a: 1\na: 2\n", "--- 1\n--- 2\n", "\0", "- 1", "&a [*a]"] {
        let error = parse(text).unwrap_err().to_string();
        assert!(error.starts_with("folder/shop.yaml"), "{text:?}: {error}");
    }
    let twice = fault("version: v2", "version: v2\n  version: v3");
    assert!(twice.contains(":6:3: duplicate mapping key `version`"), "{twice}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Release::load(Path::new("no/such/file.yaml")).unwrap_err().to_string();
    assert!(error.starts_with("no/such/file.yaml: "), "{error}");
}

#[test]
fn testers_are_read_whole_and_their_faults_told() {
    let testers = "testers: [{header: x-serin-opt-in}]";
    let more = "testers: [{query: try, signed: {audience: shop}, remember: kept}, {header: x-try}]";
    let read = release(testers, more).assignment.testers;
    let signed = Some(serin_document::Signed { audience: "shop".parse().unwrap() });
    let header = IdentitySource::Header("x-try".parse().unwrap());
    let [first, second] = read.as_slice() else { panic!("{read:?}") };
    assert_eq!((&first.signed, &first.remember), (&signed, &Some("kept".parse().unwrap())));
    assert_eq!(*second, header.into());
    for (to, expected) in [
        (
            "[{header: x-try, signed: {audience: a b}}]",
            "testers[0].signed.audience: \"a b\": an audience is",
        ),
        ("[{header: x-try, remember: a;b}]", "testers[0].remember: \"a;b\": a cookie's name"),
        ("[{signed: {audience: shop}}]", "testers[0]: missing: one of header, cookie and query"),
        ("[{header: a, cookie: b}]", "testers[0]: \"several\": one of header"),
        (
            "[{header: cookie, signed: {audience: shop}}]",
            "testers[0].header: \"cookie\": a token has a header",
        ),
        ("[{header: x-try, remember: uid}]", "testers[0].remember: where an id stands: a token"),
        (
            "[{header: x-try, signed: {audience: shop, key: k}}]",
            "testers[0].signed.key: no such field; there are audience",
        ),
    ] {
        let told = fault(testers, &format!("testers: {to}"));
        assert!(told.contains(expected), "{told}");
    }
}
